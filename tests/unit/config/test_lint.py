# ruff: noqa: E501  a table of messages reads best with one row a line
from collections.abc import Callable

import pytest

from edgefuse.config.load import Checked

SITE = """
device: {id: hall, area: hall}
sources:
  mic: {type: microphone}
  cam: {type: camera, zones: {door: [[0.1, 0.2], [0.3, 0.2], [0.3, 0.9]]}}
  air: {type: mqtt, topic: a}
  gate_cam: {type: camera, area: gate}
detectors:
  ears: {type: voice, on: [mic]}
  eyes: {type: objects, on: [cam, gate_cam]}
  weather: {type: climate, on: [air]}
things:
  lamp: {kind: light, set: lamp/set}
  gauge: {kind: sensor}
beliefs:
  hall.used:
    prior: 0.1
    evidence:
      - {from: eyes, label: person, if_true: 0.9, if_false: 0.1}
      - {from: air, label: co2, above: 800, if_true: 0.9, if_false: 0.1}
"""


@pytest.fixture
def rule(check: Callable[..., Checked]) -> Callable[..., tuple[list[str], list[str]]]:
    """Messages of mistakes and of warnings about one rule with this condition and action."""

    def messages(condition: str, action: str = "{alert: x}") -> tuple[list[str], list[str]]:
        checked = check(f"{SITE}\nrules:\n  - {{name: r, when: {condition}, then: [{action}]}}\n")
        return [p.message for p in checked.problems], [w.message for w in checked.warnings]

    return messages


Messages = Callable[..., tuple[list[str], list[str]]]


@pytest.mark.parametrize(
    ("part", "path", "message"),
    [
        (
            "sources: {broker: {type: microphone}}",
            "sources.broker",
            "expected a name of its own, got 'broker', which is taken by edgefuse itself",
        ),
        (
            "sources: {a: {type: microphone}}\ndetectors: {a: {type: voice, on: [a]}}",
            "detectors.a",
            "expected a name of its own, got 'a', which is taken by a source",
        ),
        (
            "sources: {c: {type: camera}}\ndetectors: {a: {type: voice, on: [c]}}",
            "detectors.a.on[0]",
            "expected a source of audio for a detector of type voice, got 'c' (vision)",
        ),
        (
            "sources: {c: {type: camera}}\ndetectors: {a: {type: objects, on: [c, d]}}",
            "detectors.a.on[1]",
            "expected the name of a source, got 'd' (known: c)",
        ),
        (
            "sources: {c: {type: camera}}\ndetectors: {a: {type: objects, on: [c, c]}}",
            "detectors.a.on[1]",
            "expected each source once, got 'c' again",
        ),
        (
            "sources: {c: {type: camera, masks: {m: [[0, 0], [1, 0], [1.5, 1]]}}}",
            "sources.c.masks.m",
            "expected points in the picture (fractions 0 to 1), got [1.5, 1]",
        ),
        (
            "sources: {c: {type: camera, zones: {z: [[0, 0], [1, 0], [0, 0]]}}}",
            "sources.c.zones.z",
            "expected at least 3 different points, got 2",
        ),
        (
            "sources: {c: {type: camera, zones: {z: [[0, 0], [0.5, 0.5], [1, 1]]}}}",
            "sources.c.zones.z",
            "expected an area, got points on one line",
        ),
        (
            "mqtt: {url: 'mqtt://me:pw@x'}",
            "mqtt.url",
            "expected no password here, as files are copied and shown; use password_file",
        ),
        ("mqtt: {url: 'mqtt://me@x'}", "mqtt.url", "expected no user here; use username_file"),
        (
            "mqtt: {url: 'mqtt://x:99999'}",
            "mqtt.url",
            "expected a host, and a port from 1 to 65535, got 'mqtt://x:99999'",
        ),
        ("mqtt: {url: 'mqtts://[::1'}", "mqtt.url", "expected a host, and a port from 1 to 65535, got 'mqtts://[::1'"),
        ("mqtt: {url: 'embedded:0'}", "mqtt.url", "expected a host, and a port from 1 to 65535, got 'embedded:0'"),
        ("things: {c: {kind: light, set: a/+}}", "things.c.set", "expected a topic without '+' and '#', got 'a/+'"),
        ("things: {c: {kind: light, state: a/#}}", "things.c.state", "expected a topic without '+' and '#', got 'a/#'"),
        (
            "rules: [{name: r, when: {time: {after: '06:00', before: '07:00'}}, then: [{publish: /#}]}]",
            "rules[0].then[0].publish",
            "expected a topic without '+' and '#', got '/#'",
        ),
        (
            "things: {a_b: {kind: light}, c: {kind: light, names: [x, 'A  b']}}",
            "things.c.names[1]",
            "expected a spoken name of its own, got 'a b', which a_b has too",
        ),
        (
            "things: {c: {kind: light, names: [a b]}, a_b: {kind: light}}",
            "things.a_b",
            "expected a spoken name of its own, got 'a b', which c has too",
        ),
        (
            "things: {c: {kind: light, seen: {cam: [0, 0]}}}",
            "things.c.seen.cam",
            "expected the name of a source, got 'cam'",
        ),
        (
            "beliefs: {b: {prior: 0.1, evidence: [{from: x, label: y, if_true: 0.9, if_false: 0.1}]}}",
            "beliefs.b.evidence[0].from",
            "expected the name of a source or detector, got 'x'",
        ),
        (
            "sources: {c: {type: camera}}\ndetectors: {a: {type: objects, on: [c]}}\nbeliefs: {b: {prior: 0.1, evidence: [{from: a, label: person, zone: z, if_true: 0.9, if_false: 0.1}]}}",
            "beliefs.b.evidence[0].zone",
            "expected a zone of c, got 'z'",
        ),
        (
            "rules: [{name: a, when: {health: {of: broker}}, then: [{alert: x}]}, {name: a, when: {health: {of: broker}}, then: [{alert: x}]}]",
            "rules[1].name",
            "expected a name of its own, got 'a' again (rules[0])",
        ),
        (
            "sources: {c: {type: camera}}\ndetectors: {a: {type: objects, on: [c]}}\nbeliefs: {b: {prior: 0.1, evidence: [{from: a, label: cat, if_true: 0.9, if_false: 0.1}]}}",
            "beliefs.b.evidence[0].label",
            "expected what a looks for (person), got 'cat'",
        ),
    ],
)
def test_parts_that_do_not_fit(check: Callable[..., Checked], part: str, path: str, message: str) -> None:
    """What the types allow and still is a mistake is told once, at its place."""
    [problem] = check(f"device: {{id: a}}\n{part}").problems

    assert (problem.path, problem.message) == (path, message)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("(make|brew [me] a coffee", "expected brackets in pairs, got '(' without its closing one"),
        ("make] a coffee", "expected brackets in pairs, got ']' without its opening one"),
        ("(make] a coffee", "expected brackets in pairs, got ']' without its opening one"),
    ],
)
def test_templates_of_sentences_have_their_brackets(check: Callable[..., Checked], sentence: str, message: str) -> None:
    """A sentence that cannot be understood is told where it stands."""
    [problem] = check(f"device: {{id: a}}\nintents: {{brew: {{sentences: ['{sentence}']}}}}").problems

    assert (problem.path, problem.message) == ("intents.brew.sentences[0]", message)


def test_a_slot_that_no_sentence_has_is_a_warning(check: Callable[..., Checked]) -> None:
    """It would never be filled."""
    text = "intents: {brew: {sentences: ['make a {size} coffee'], slots: {size: [big], cup: [mug]}}}"
    [warning] = check(f"device: {{id: a}}\n{text}").warnings

    assert (warning.path, warning.message) == ("intents.brew.slots.cup", "no sentence has {cup}")


def test_one_spoken_name_in_two_areas_is_fine(check: Callable[..., Checked]) -> None:
    """Which light is meant is then told by the place."""
    things = "things: {a: {kind: light, area: x, names: [light]}, b: {kind: light, area: y, names: [light]}}"

    assert check(f"device: {{id: a}}\n{things}").problems == ()


def test_a_password_in_a_url_is_a_warning(check: Callable[..., Checked]) -> None:
    """The warning names the key to use instead."""
    [warning] = check("device: {id: a}\nsources: {c: {type: camera, url: 'rtsp://me:pw@x/1'}}").warnings

    assert (warning.line, warning.column) == (2, 34)
    assert warning.message.endswith("put it in a file and name that with url_file")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("{belief: hall.uset}", "expected the name of a belief, got 'hall.uset'; did you mean 'hall.used'?"),
        (
            "{reading: {of: aer, quantity: co2, above: 1}}",
            "expected the name of a source or detector, got 'aer'; did you mean 'air'?",
        ),
        (
            "{health: {of: brokr}}",
            "expected the name of a source, a detector or broker, got 'brokr'; did you mean 'broker'?",
        ),
        ("{said: {intent: turn_onn}}", "expected the name of an intent, got 'turn_onn'; did you mean 'turn_on'?"),
        ("{said: {intent: [turn_off, opn]}}", "expected the name of an intent, got 'opn'; did you mean 'open'?"),
        ("{said: {area: hal}}", "expected an area of some part, got 'hal'; did you mean 'hall'?"),
        ("{seen: {label: person, by: eye}}", "expected the name of a detector, got 'eye'; did you mean 'eyes'?"),
        ("{seen: {label: person, zone: dor}}", "expected a zone of cam or gate_cam, got 'dor'; did you mean 'door'?"),
        (
            "{not: {any: [{seen: {label: person, zone: dor}}]}}",
            "expected a zone of cam or gate_cam, got 'dor'; did you mean 'door'?",
        ),
    ],
)
def test_conditions_that_refer_to_nothing(rule: Messages, condition: str, message: str) -> None:
    """A name in a condition must exist; the nearest one is offered."""
    assert rule(condition)[0] == [message]


@pytest.mark.parametrize(
    ("condition", "action", "message"),
    [
        ("{health: {of: cam}}", "{say: '{hue}'}", "expected a placeholder that the condition can fill, got '{hue}'"),
        (
            "{said: {}}",
            "{command: lmp, intent: turn_on}",
            "expected the name of a thing or '{target}', got 'lmp'; did you mean 'lamp'?",
        ),
        (
            "{said: {}}",
            "{command: lamp, intent: turnon}",
            "expected the name of an intent, got 'turnon'; did you mean 'turn_on'?",
        ),
        (
            "{said: {}}",
            "{command: gauge}",
            "expected a thing that can be commanded, but things.gauge has no `set` topic",
        ),
        ("{said: {}}", "{command: lamp, intent: lock}", "expected something lamp can do, but it has no payload `lock`"),
        (
            "{health: {of: cam}}",
            "{command: '{target}'}",
            "expected the name of a thing, got '{target}' in a rule without `said`",
        ),
        (
            "{health: {of: cam}}",
            "{command: lamp}",
            "expected an `intent` beside it, such as turn_on, as nothing is `said` here",
        ),
        (
            "{health: {of: cam}}",
            "{say: hello, area: hal}",
            "expected an area of some part, got 'hal'; did you mean 'hall'?",
        ),
    ],
)
def test_actions_that_cannot_work(rule: Messages, condition: str, action: str, message: str) -> None:
    """A command needs a thing that can take it."""
    assert rule(condition, action)[0] == [message]


@pytest.mark.parametrize(
    "condition",
    [
        "{any: [{said: {}}, {health: {of: cam}}]}",
        "{all: [{said: {}}, {time: {after: '22:00', before: '06:00'}}]}",
    ],
)
def test_target_may_come_from_any_branch(rule: Messages, condition: str) -> None:
    """`{target}` is fine where something is said inside all or any."""
    assert rule(condition, "{command: '{target}'}")[0] == []


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("{belief: hall.used, above: 0.95}", "hall.used gets to 0.9 at most, not above 0.95"),
        ("{belief: hall.used, below: 0.001}", "hall.used gets down to 0.00137, not below 0.001"),
        ("{belief: hall.used, above: 1}", "hall.used gets to 0.9 at most, not above 1"),
        ("{belief: hall.used, above: 0.5, below: 0.4}", "hall.used cannot be above 0.5 and below 0.4"),
        ("{reading: {of: air, quantity: t, above: 3, below: 3}}", "t of air cannot be above 3 and below 3"),
        (
            "{reading: {of: air, quantity: t, equals: 3, below: 3}}",
            "t of air cannot be 3 and outside of its own bounds",
        ),
        (
            "{all: [{reading: {of: air, quantity: t, equals: 3}}, {reading: {of: air, quantity: t, equals: 4}}]}",
            "t of air cannot be 3.0 and 4.0",
        ),
        (
            "{all: [{belief: hall.used, above: 0.6}, {all: [{belief: hall.used, below: 0.5}]}]}",
            "hall.used cannot be above 0.6 and below 0.5",
        ),
        (
            "{all: [{said: {intent: open}}, {said: {intent: [close, lock]}}]}",
            "two different things cannot be said at the same moment",
        ),
        (
            "{all: [{health: {of: cam}}, {not: {health: {of: cam}}}]}",
            "a condition and its opposite cannot hold together",
        ),
        (
            "{all: [{time: {after: '08:00', before: '09:00'}}, {time: {after: '09:00', before: '10:00'}}]}",
            "no moment of the week lies in all of its time spans",
        ),
        (
            "{all: [{time: {days: [sat, sun]}}, {time: {days: [mon]}}]}",
            "no moment of the week lies in all of its time spans",
        ),
        ("{all: [{said: {}}], for_s: 2}", "what is said lasts no 2 s (for_s)"),
        (
            "{any: [{said: {}}, {all: [{said: {}}, {health: {of: cam}}]}], for_s: 2}",
            "what is said lasts no 2 s (for_s)",
        ),
        ("{seen: {label: person, zone: door, area: gate}}", "no detector looks for person in zone door in gate"),
        ("{seen: {label: person, by: ears}}", "no detector looks for person"),
        ("{seen: {label: cat}}", "no detector looks for cat"),
        ("{not: {time: {after: '00:00', before: '00:00'}}}", "what it denies is always true"),
    ],
)
def test_rules_that_cannot_fire(rule: Messages, condition: str, why: str) -> None:
    """Whatever happens, the condition stays false or unknown; the reason is given."""
    assert rule(condition)[0] == [f"rule r cannot fire: {why}"]


@pytest.mark.parametrize(
    "condition",
    [
        "{all: [{time: {after: '22:00', before: '06:00', days: [sun]}}, {time: {after: '05:00', before: '07:00', days: [mon]}}]}",
        "{all: [{said: {intent: open}}, {said: {area: hall}}]}",
        "{any: [{health: {of: cam}}, {said: {}}], for_s: 2}",
        "{belief: hall.used, above: 0.1, below: 0.5}",
        "{not: {belief: hall.used, above: 0.5}}",
        "{health: {of: cam, state: failed}, for_s: 10}",
        "{not: {health: {of: cam}}}",
    ],
)
def test_rules_that_can_fire(rule: Messages, condition: str) -> None:
    """Nothing is said about a rule that is right."""
    assert rule(condition)[0] == []


@pytest.mark.parametrize(
    ("condition", "warnings"),
    [
        ("{belief: hall.used, above: 0.4}", {}),
        ("{said: {}}", {"mic": "no voice detector is there to hear what is said"}),
        ("{seen: {label: person, zone: door}}", {"cam": "no detector looks for person in zone door"}),
        ("{seen: {label: person}}", {}),
        ("{reading: {of: weather, quantity: dew_point, above: 3}}", {"air": "dew_point of weather is unknown"}),
        ("{not: {reading: {of: air, quantity: t, above: 3}}}", {"air": "t of air is unknown"}),
        ("{any: [{said: {}}, {reading: {of: air, quantity: t, above: 3}}]}", {}),
        ("{health: {of: cam, state: ok}}", {"cam": "cam is down"}),
        ("{health: {of: cam}}", {}),
        ("{belief: hall.used}", {"air": "hall.used turns on at 0.55 and gets to 0.5 at most"}),
        ("{belief: hall.used, above: 0.6}", {"air": "hall.used gets to 0.5 at most, not above 0.6"}),
    ],
)
def test_rules_that_cannot_fire_while_one_source_is_down(
    rule: Messages, condition: str, warnings: dict[str, str]
) -> None:
    """One warning for each source that the rule cannot do without."""
    expected = [f"rule r cannot fire when {name} is down: {why}" for name, why in warnings.items()]

    assert rule(condition) == ([], expected)


def test_a_source_that_is_switched_off_counts_as_down(check: Callable[..., Checked]) -> None:
    """A rule about it is a mistake, not a warning."""
    text = SITE.replace("topic: a}", "topic: a, enabled: false}")
    condition = "{reading: {of: air, quantity: t, above: 3}}"
    [problem] = check(f"{text}\nrules: [{{name: r, when: {condition}, then: [{{alert: x}}]}}]").problems

    assert problem.message == "rule r cannot fire: t of air is unknown"


def test_a_rule_that_is_off_needs_not_fire(check: Callable[..., Checked]) -> None:
    """`enabled: false` stops the questions."""
    rule = "{name: r, enabled: false, when: {belief: hall.used, above: 0.99}, then: [{alert: x}]}"

    assert check(f"{SITE}\nrules: [{rule}]").problems == ()


def test_what_is_said_needs_a_voice_detector(check: Callable[..., Checked]) -> None:
    """A `said` rule without one cannot fire."""
    [problem] = check("device: {id: a}\nrules: [{name: r, when: {said: {}}, then: [{alert: x}]}]").problems

    assert problem.message == "rule r cannot fire: no voice detector is there to hear what is said"


@pytest.mark.parametrize(
    ("models", "path", "message"),
    [
        (
            "engine: tensort",
            "models.engine",
            "expected an engine that is installed, got 'tensort'; did you mean 'tensorrt'?",
        ),
        (
            "engine: abacus",
            "models.engine",
            "expected an engine that is installed, got 'abacus' (known: auto, cpu, tensorrt)",
        ),
        (
            "per_model: {nanodet: {engine: cpuu}}",
            "models.per_model.nanodet.engine",
            "expected an engine that is installed, got 'cpuu'; did you mean 'cpu'?",
        ),
        (
            "per_model: {nanodett: {precision: int8}}",
            "models.per_model.nanodett",
            "expected a model of the catalogue, got 'nanodett'; did you mean 'nanodet'?",
        ),
    ],
)
def test_engines_and_models_that_are_not_here(
    check: Callable[..., Checked], models: str, path: str, message: str
) -> None:
    """`models` names only engines that are installed and models of the catalogue."""
    checked = check(f"device: {{id: a}}\nmodels: {{{models}}}")
    assert [(p.path, p.message) for p in checked.problems] == [(path, message)]


def test_engines_and_models_that_are_here(check: Callable[..., Checked]) -> None:
    """Every installed engine may be asked for, for all models and for single ones."""
    text = (
        "device: {id: a}\nmodels: {engine: tensorrt, per_model: {nanodet: {engine: cpu}, silero-vad: {engine: auto}}}"
    )
    assert check(text).problems == ()
