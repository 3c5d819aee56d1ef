import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefuse.config.load import Checked, check_file, load_site, render
from edgefuse.config.paths import anchored
from edgefuse.core.errors import ConfigError

GOOD = """
    device: {id: hall, area: hall}
    sources:
      mic: {type: microphone}
      cam: {type: camera, url_file: secrets/cam.url}
    detectors:
      voice: {type: voice, on: [mic]}
    things:
      hall_light: {kind: light, set: a/set}
    beliefs:
      hall.loud: {prior: 0.1, evidence: [{from: voice, label: turn_on, if_true: 0.9, if_false: 0.1}]}
    rules:
      - {name: obey, when: {said: {}}, then: [{command: "{target}"}]}
"""


def lines(checked: Checked) -> list[str]:
    """Problems without the name of the file."""
    return [str(problem).removeprefix("home.yaml:") for problem in checked.problems]


def test_a_good_file_becomes_a_site(check: Callable[..., Checked]) -> None:
    """Entries of the sections of plug-ins become instances of their Configs."""
    checked = check(GOOD)

    assert checked.problems == ()
    assert checked.site is not None
    assert checked.site.sources["mic"].type == "microphone"
    assert checked.site.beliefs["hall.loud"].evidence[0].from_ == "voice"
    assert checked.site.rules[0].name == "obey"


def test_without_publishers_there_is_one_of_type_mqtt(check: Callable[..., Checked]) -> None:
    """The default publisher speaks MQTT."""
    site = check("device: {id: a}").site

    assert site is not None
    assert {name: part.type for name, part in site.publishers.items()} == {"mqtt": "mqtt"}


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("{box: {type: speaker}}", {"mqtt": "mqtt", "box": "speaker"}),
        ("{mqtt: {type: speaker}}", {"mqtt.default": "mqtt", "mqtt": "speaker"}),
        ("{out: {type: mqtt}, box: {type: speaker}}", {"out": "mqtt", "box": "speaker"}),
    ],
)
def test_a_speaker_does_not_replace_mqtt(check: Callable[..., Checked], text: str, types: dict[str, str]) -> None:
    """Beside publishers that serve this device alone the default one stays: a voice costs no alert."""
    site = check(f"device: {{id: a}}\npublishers: {text}").site

    assert site is not None
    assert {name: part.type for name, part in site.publishers.items()} == types


@pytest.mark.parametrize("url", ["tcp://a:1", "tcp://127.0.0.1:10300", "tcp://[::1]:10300", "tcp://my-host.lan:65535"])
def test_addresses_of_services(check: Callable[..., Checked], url: str) -> None:
    """Host names, IPv4 and IPv6 in brackets."""
    site = check(f'device: {{id: a}}\nwyoming: {{listen: "{url}"}}').site

    assert site is not None
    assert site.wyoming is not None
    assert site.wyoming.listen == url


@pytest.mark.parametrize("url", ["a:1", "http://a:1", "tcp://a", "tcp://:1", "tcp://a:0", "tcp://u@a:1", "tcp://a:1/x"])
def test_what_is_no_address_of_a_service(check: Callable[..., Checked], url: str) -> None:
    """The mistake says what is expected."""
    (problem,) = check(f'device: {{id: a}}\nwyoming: {{listen: "{url}"}}').problems

    assert "wyoming.listen: expected tcp://host:port, got " in str(problem)


def test_an_empty_section_is_no_section(check: Callable[..., Checked]) -> None:
    """`sources:` with nothing after it is allowed."""
    site = check("device: {id: a}\nsources:\nrules:\n").site

    assert site is not None
    assert site.sources == {}


def test_relative_paths_start_at_the_folder_of_the_file(check: Callable[..., Checked], tmp_path: Path) -> None:
    """Paths in plug-ins and in the built-in sections are absolute after loading; `~` is the home folder."""
    text = (
        GOOD
        + "    mqtt: {ca_file: ca.pem, key_file: ~/key.pem, password_file: /etc/pw}\n    models: {dir: ~x_nobody/m}\n"
    )
    site = check(text, tmp_path).site

    assert site is not None
    assert site.sources["cam"].url_file == tmp_path / "secrets/cam.url"
    assert site.mqtt.ca_file == tmp_path / "ca.pem"
    assert site.mqtt.key_file == Path.home() / "key.pem"
    assert site.mqtt.password_file == Path("/etc/pw")
    assert site.models.dir == tmp_path / "~x_nobody/m"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("clip.mp4", "/f/clip.mp4"), ("/v.mp4", "/v.mp4"), ("rtsp://c/1", "rtsp://c/1"), ("0", "0"), (0, 0)],
)
def test_a_file_among_urls_starts_at_the_folder_too(value: object, expected: object) -> None:
    """Where a URL, a number or a file may stand, only the file is made absolute."""
    assert anchored(value, int | str | Path | None, Path("/f")) == expected


NO_CONDITION = "expected a condition with one of all, any, not, belief, said, seen, reading, time, health, got "
NO_ACTION = "expected an action with one of command, alert, publish, say, got "
STATES = "'starting', 'ok', 'degraded', 'stale', 'failed' or 'ended'"
NAME = "expected letters, digits, '_', '.' and '-', at most 64 of them, got "


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("sorces: {}", "1: sorces: expected no key of this name; did you mean 'sources'?"),
        ("sources: []", "10: sources: expected a mapping, got an empty list"),
        ("sources: {a b: {type: microphone}}", f"11: sources.a b: {NAME}'a b'"),
        ("sources: {a: 5}", "14: sources.a: expected a mapping, got 5"),
        (
            "sources: {a: {area: x}}",
            "14: sources.a.type: expected 'type', got nothing (known: microphone, camera, mqtt)",
        ),
        (
            "sources: {a: {type: [x]}}",
            "21: sources.a.type: expected 'type', got a list of 1 (known: microphone, camera, mqtt)",
        ),
        (
            "sources: {a: {type: cam}}",
            "21: sources.a.type: unknown source type 'cam' (known: microphone, camera, mqtt)",
        ),
        ("sources: {a: {type: camera, fps: 100}}", "34: sources.a.fps: expected at most 60, got 100"),
        ("sources: {a: {type: camera, fps: fast}}", "34: sources.a.fps: expected a number, got 'fast'"),
        (
            "sources: {a: {type: camera, zones: {z: [[0.1]]}}}",
            "41: sources.a.zones.z[0]: expected more than 1 item, got 1",
        ),
        (
            "sources: {a: {type: microphone, device: {}}}",
            "41: sources.a.device: expected a whole number or text, got an empty mapping",
        ),
        ("detectors: {a: {type: voice, on: mic}}", "34: detectors.a.on: expected a list, got 'mic'; write [mic]"),
        ("detectors: {a: {type: voice, on: []}}", "34: detectors.a.on: expected at least 1 item, got an empty list"),
        (
            "detectors: {a: {type: objects, on: [c], publish: 7}}",
            "50: detectors.a.publish: expected true or false, got 7",
        ),
        (
            "detectors: {a: {type: objects, on: [c], classes: [cat]}}",
            "51: detectors.a.classes[0]: expected 'person', 'vehicle' or 'animal', got 'cat'",
        ),
        ("things: {a: {kind: '', seen: {c: [0, 2]}}}", "20: things.a.kind: expected at least 1 character, got ''"),
        ("beliefs: {b: {fuser: x}}", "22: beliefs.b.fuser: unknown fuser type 'x' (known: bayes)"),
        ("beliefs: {b: {evidence: []}}", "14: beliefs.b.prior: expected 'prior', got nothing"),
        ("mqtt: {url: 'x'}", "13: mqtt.url: expected mqtt://host:port, mqtts://host:port or embedded, got 'x'"),
        ("mqtt: {keepalive_s: 7.5}", "21: mqtt.keepalive_s: expected a whole number, got 7.5"),
        ("limits: {outbox_mb: 0}", "21: limits.outbox_mb: expected more than 0, got 0"),
        ("models: {pull: maybe}", "16: models.pull: expected 'auto' or 'never', got 'maybe'"),
        ("rules: {}", "8: rules: expected a list, got an empty mapping"),
        ("rules: [{name: a, then: [{say: x}]}]", "9: rules[0].when: expected 'when', got nothing"),
    ],
)
def test_mistakes_are_told_in_plain_words(check: Callable[..., Checked], section: str, expected: str) -> None:
    """Each kind of mistake has its line, column, path, what was expected and what we got."""
    assert f"2:{expected}" in lines(check(f"device: {{id: a}}\n{section}"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{beleif: x}", f"25: rules[0].when: {NO_CONDITION}beleif; did you mean 'belief'?"),
        ("{}", f"25: rules[0].when: {NO_CONDITION}an empty mapping"),
        ("7", f"25: rules[0].when: {NO_CONDITION}7"),
        (
            "{said: {}, belief: x}",
            f"25: rules[0].when: {NO_CONDITION}belief and said together; put them in a list under 'all' or 'any'",
        ),
        ("{belief: x, abov: 1}", "37: rules[0].when.abov: expected no key of this name; did you mean 'above'?"),
        (
            "{all: [{said: {abov: 1}}]}",
            "40: rules[0].when.all[0].said.abov: expected no key of this name; did you mean 'above'?",
        ),
        ("{not: {any: []}}", "37: rules[0].when.not.any: expected at least 1 item, got an empty list"),
        (
            "{time: {after: 25:00}}",
            "40: rules[0].when.time.after: expected a time of day such as \"22:30\", got '25:00'",
        ),
        ("{reading: {of: a, quantity: b}}", "35: rules[0].when.reading: expected at least one of above, below, equals"),
        ("{health: {of: a, state: dead}}", f"49: rules[0].when.health.state: expected a list or {STATES}, got 'dead'"),
        ("{health: {of: a, state: [dead]}}", f"50: rules[0].when.health.state[0]: expected {STATES}, got 'dead'"),
        ("{said: {intent: [1]}}", "42: rules[0].when.said.intent[0]: expected text, got 1"),
        ("{seen: {}}", "32: rules[0].when.seen.label: expected 'label', got nothing"),
    ],
)
def test_a_wrong_condition_is_one_mistake(check: Callable[..., Checked], condition: str, expected: str) -> None:
    """Of the many kinds of conditions only the one that was meant is spoken of."""
    checked = check(f"device: {{id: a}}\nrules: [{{name: a, when: {condition}, then: [{{say: x}}]}}]")

    assert lines(checked) == [f"2:{expected}"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("{comand: x}", f"{NO_ACTION}comand; did you mean 'command'?"),
        ("{say: x, alert: y}", f"{NO_ACTION}alert and say together; make each a list item of its own"),
        ("x", f"{NO_ACTION}'x'"),
    ],
)
def test_a_wrong_action_is_one_mistake(check: Callable[..., Checked], action: str, expected: str) -> None:
    """Of the kinds of actions only the one that was meant is spoken of."""
    [problem] = check(
        f"device: {{id: a}}\nrules: [{{name: a, when: {{health: {{of: broker}}}}, then: [{action}]}}]"
    ).problems

    assert (problem.path, problem.message) == ("rules[0].then[0]", expected)


def test_all_mistakes_are_told_at_once_in_order_of_lines(check: Callable[..., Checked]) -> None:
    """YAML, types and lint speak in one go, each about its own place."""
    checked = check("""
        device: {id: a, id: b}
        sources:
          mic: {type: microphone, zone: 1}
          cam: {type: camera}
        detectors:
          ears: {type: voice, on: [mic, can]}
        rules:
          - {name: one, when: {belief: x}, then: []}
          - {name: two, when: {belief: hall.fire}, then: [{say: x}]}
    """)

    assert [problem.line for problem in checked.problems] == [1, 3, 6, 8, 9]
    assert (
        lines(checked)[2] == "6:33: detectors.ears.on[1]: expected the name of a source, got 'can'; did you mean 'cam'?"
    )
    assert checked.site is None


def test_a_reference_to_a_broken_part_is_no_second_mistake(check: Callable[..., Checked]) -> None:
    """A part with a mistake is still known by its name, and nothing is concluded from it."""
    checked = check("""
        device: {id: a}
        sources: {mic: {type: microphone, zone: 1}}
        detectors: {ears: {type: voice, on: [mic]}}
        beliefs: {b: {prior: 2, evidence: [{from: ears, label: x, if_true: 0.6, if_false: 0.5}]}}
        rules:
          - {name: one, when: {all: [{belief: b, above: 0.99}, {said: {}}, {seen: {label: person}}]}, then: [{say: x}]}
    """)

    assert [problem.path for problem in checked.problems] == ["sources.mic.zone", "beliefs.b.prior"]


@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {password: hunter2}",
        "mqtt: {url: 'mqtt://me:hunter2@x/y'}",
        "mqtt: {url: 'mqtt://me:hunter2@host'}",
        "mqtt: {url: 'http://hunter2@host'}",
        "sources: {c: {type: camera, url: 'rtsp://me:hunter2@cam/1', fps: 0}}",
        "sources: {c: {type: camera, password: hunter2, token: hunter2}}",
        "sources: {c: {type: 'rtsp://a:hunter2@cam'}}",
        "publishers: {p: {type: mqtt, api_key: hunter2}}",
        "models: {pull: 'x://u:hunter2@y'}",
    ],
)
def test_secrets_are_never_repeated(check: Callable[..., Checked], text: str) -> None:
    """A password in the wrong place does not show up in what is printed."""
    checked = check(f"device: {{id: a}}\n{text}")

    assert checked.problems or checked.warnings
    assert "hunter2" not in render(checked)


def test_files_are_read_with_their_name(tmp_path: Path, config_of: Any) -> None:
    """Messages begin with the path as given; a file that cannot be read is a mistake as well."""
    file = tmp_path / "site.yaml"
    file.write_text("device: {id: a b}\n")
    with pytest.raises(ConfigError) as caught:
        load_site(file, config_of)

    assert caught.value.problems == (f"{file}:1:14: device.id: {NAME}'a b'",)
    missing = check_file(tmp_path / "none.yaml", config_of)
    assert (
        str(missing.problems[0])
        == f"{tmp_path}/none.yaml:1:1: expected a readable file, got: No such file or directory"
    )


def test_load_site_gives_the_site(tmp_path: Path, config_of: Any) -> None:
    """Without mistakes the Site comes back."""
    file = tmp_path / "site.yaml"
    file.write_text("device: {id: a}\n")

    assert load_site(file, config_of).device.id == "a"


def test_render_sums_up(check: Callable[..., Checked]) -> None:
    """The last line counts mistakes and warnings, and for a good file what it holds."""
    good = check(GOOD)
    bad = check("device: {id: a b}")

    assert render(good).splitlines()[-1] == (
        "home.yaml: good, no mistakes, 1 warning (2 sources, 1 detector, 1 thing, 1 belief, 1 rule)"
    )
    assert render(good).splitlines()[0].endswith("(warning)")
    assert render(bad).splitlines()[-1] == "home.yaml: 1 mistake, no warnings"


def test_results_are_json_ready(check: Callable[..., Checked]) -> None:
    """`to_json` carries file, line, column, path and message."""
    result = json.loads(json.dumps(check("device: {id: a b}").to_json()))

    assert result["ok"] is False
    assert result["problems"] == [
        {"file": "home.yaml", "line": 1, "column": 14, "path": "device.id", "message": f"{NAME}'a b'"}
    ]
