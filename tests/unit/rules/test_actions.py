from collections.abc import Callable
from typing import Any

import pytest

from edgefuse.config.rules import Rule
from edgefuse.core.types import Action, Decision, HealthChange, Observation
from edgefuse.rules.actions import unknown_placeholders

Drive = Callable[..., Any]
Read = Callable[..., Observation]
Believe = Callable[..., Decision]
Say = Callable[..., Observation]
Health = Callable[..., HealthChange]
Frame = Callable[..., list[Observation]]
FIRE = {"belief": "hall.fire", "above": 0.5}


def test_command_of_what_was_said(drive: Drive, say: Say) -> None:
    """Target, intent and slots come from the utterance; one action per thing."""
    driver = drive({"when": {"said": {}}, "then": [{"command": "{target}", "slots": {"speed": "{slots.speed}"}}]})
    heard = say("set_level", 1, target="lamp", targets=["lamp", "hall_light"], slots={"value": 40, "speed": 3})
    actions = driver.step(1, heard)

    assert [(action.kind, action.name) for action in actions] == [("command", "lamp"), ("command", "hall_light")]
    assert actions[0].data == {
        "intent": "set_level",
        "slots": {"value": 40, "speed": 3},
        "target": "lamp",
        "area": "attic",
        "p": 0.9,
        "text": "please set_level",
        "question": None,
    }
    assert actions[0].because == ("'please set_level' was said",)
    assert actions[0].evidence == (heard.id,)


def test_command_without_a_target_is_left_out(drive: Drive, say: Say) -> None:
    """And the rule has not fired: no cooldown begins."""
    driver = drive({"when": {"said": {}}, "then": [{"command": "{target}"}], "cooldown_s": 60})

    assert driver.step(1, say("turn_on", 1)) == []
    assert [action.name for action in driver.step(2, say("turn_on", 2, target="lamp"))] == ["lamp"]


def test_unsure_command_asks_back(drive: Drive, say: Say) -> None:
    """A question is passed on with no target, whatever the candidates were."""
    driver = drive({"when": {"said": {}}, "then": [{"command": "{target}"}]})
    actions = driver.step(1, say("turn_on", 1, question="which lamp?", targets=["lamp", "hall_light"]))

    assert [(action.name, action.data["target"], action.data["question"]) for action in actions] == [
        ("", None, "which lamp?")
    ]


def test_fixed_command(drive: Drive, believe: Believe, say: Say) -> None:
    """A named thing with its own intent needs no speech; without one it takes the intent that was said."""
    driver = drive(
        {"when": FIRE, "then": [{"command": "lamp", "intent": "turn_on", "slots": {"n": 1}}]},
        {"when": {"said": {}}, "then": [{"command": "lamp"}]},
    )

    fixed = driver.step(1, believe("hall.fire", 0.8, 1))[0]
    assert (fixed.name, fixed.data["intent"], fixed.data["slots"], fixed.data["p"]) == (
        "lamp",
        "turn_on",
        {"n": 1},
        0.8,
    )
    assert driver.step(2, say("toggle", 2))[0].data["intent"] == "toggle"


def test_alert_has_all_cap_fields(drive: Drive, believe: Believe) -> None:
    """Severity, urgency and the rest as configured, certainty from p, headline in plain words."""
    alert = {"alert": "smoke_fire", "severity": "Extreme", "urgency": "Immediate", "category": "Fire", "ack": True}
    driver = drive({"when": FIRE, "then": [{**alert, "expires_s": 60, "instruction": "Leave {area}"}]})
    action = driver.step(1, believe("hall.fire", 0.93, 1))[0]

    assert action.data == {
        "event": "smoke_fire",
        "headline": "Smoke fire in hall",
        "instruction": "Leave hall",
        "severity": "Extreme",
        "urgency": "Immediate",
        "certainty": "Observed",
        "category": "Fire",
        "area": "hall",
        "p": 0.93,
        "expires_s": 60,
        "ack": True,
        "msgType": "Alert",
        "references": [],
    }
    assert action.because == ("hall.fire is 93 % likely (above 50 %)", "people sees person: speaks for it")
    assert action.evidence == ("belief:hall.fire", "e1")


@pytest.mark.parametrize(
    ("when", "p", "certainty"),
    [
        ({"belief": "hall.fire", "above": 0.3}, 0.4, "Possible"),
        ({"belief": "hall.fire", "above": 0.3}, 0.6, "Likely"),
        ({"belief": "hall.fire", "above": 0.3}, 0.91, "Observed"),
        ({"belief": "hall.fire", "below": 0.2}, 0.02, "Observed"),
        ({"not": {"belief": "hall.fire", "above": 0.3}}, 0.2, "Likely"),
        ({"not": {"belief": "hall.fire"}}, 0.2, "Likely"),
    ],
)
def test_certainty_follows_p(drive: Drive, believe: Believe, when: dict[str, Any], p: float, certainty: str) -> None:
    """Likely above one half, Observed above .9; of a denied belief it is the opposite that is certain."""
    driver = drive({"when": when, "then": [{"alert": "x"}]})

    assert driver.step(1, believe("hall.fire", p, 1))[0].data["certainty"] == certainty


def test_certainty_is_that_of_the_weakest_belief(drive: Drive, believe: Believe, read: Read) -> None:
    """All of them must be true; what is configured wins, what is measured is observed."""
    both = {"all": [FIRE, {"belief": "hall.x", "above": 0.5}]}
    warm = {"reading": {"of": "other", "quantity": "t", "above": 0}}
    driver = drive(
        {"when": both, "then": [{"alert": "a"}, {"alert": "b", "certainty": "Unlikely"}]},
        {"when": warm, "then": [{"alert": "c"}]},
    )
    facts = [believe("hall.fire", 0.95, 1), believe("hall.x", 0.6, 1), read("other", "t", 5, 1)]

    certainties = {action.name: action.data["certainty"] for action in driver.step(1, *facts)}
    assert certainties == {"a": "Likely", "b": "Unlikely", "c": "Observed"}


def test_placeholders(drive: Drive, believe: Believe, read: Read) -> None:
    """In text as people write, alone in a payload as the value itself; unknown ones stay."""
    warm = {"reading": {"of": "other", "quantity": "temperature", "above": 30}}
    payload = {"p": "{p}", "v": ["{value}", "{value} {unit}"], "n": 1, "x": "{nothing}", "on": "{device} {rule} {time}"}
    then: list[dict[str, Any]] = [
        {"say": "{belief} at {p}, {value} {unit} in {area} {nothing}"},
        {"publish": "log/{area}", "payload": payload, "retain": True},
    ]
    driver = drive({"when": {"all": [FIRE, warm]}, "then": then})
    say, publish = driver.step(1, believe("hall.fire", 0.934, 1), read("other", "temperature", 31.25, 1))

    assert (say.name, say.data) == (
        "hall",
        {"text": "hall.fire at 93 %, 31.25 degC in hall {nothing}", "language": "en"},
    )
    assert publish.name == "log/hall"
    assert publish.data["payload"] == {
        "p": 0.934,
        "v": [31.25, "31.25 degC"],
        "n": 1,
        "x": "{nothing}",
        "on": "box r0 12:00",
    }
    assert publish.data["retain"]


def test_say_where_it_was_said(drive: Drive, say: Say) -> None:
    """The answer comes where the question was asked, unless the rule names a place."""
    driver = drive(
        {"when": {"said": {}}, "then": [{"say": "{text}: {intent} {target} {slots.n}"}, {"say": "hm", "area": "attic"}]}
    )
    first, second = driver.step(1, say("open", 1, area="kitchen", target="lamp", slots={"n": True}))

    assert (first.name, first.data["text"]) == ("kitchen", "please open: open lamp yes")
    assert second.name == "attic"


def test_reasons_of_every_kind(drive: Drive, believe: Believe, read: Read, frame: Frame, health: Health) -> None:
    """A sentence per condition that made it fire, true branches only, denied ones as they are."""
    when = {
        "all": [
            {"any": [FIRE, {"belief": "hall.other"}]},
            {"not": {"all": [{"reading": {"of": "other", "quantity": "t", "above": 5}}, {"belief": "hall.fire"}]}},
            {"not": {"any": [{"seen": {"label": "dog", "zone": "mat"}}, {"said": {}}]}},
            {"seen": {"label": "person"}},
            {"health": {"of": "hall_cam", "state": "ok"}},
            {"time": {}},
        ]
    }
    driver = drive({"when": when, "then": [{"publish": "{label} {count} {state} {zone}"}]})
    facts: list[Any] = [believe("hall.fire", 0.6, 1), read("other", "t", 4, 1), *frame(1, ("person", 0.91))]
    actions: list[Action] = driver.step(1, *facts, health("hall_cam", "ok", 1))

    assert actions[0].because == (
        "hall.fire is 60 % likely (above 50 %)",
        "people sees person: speaks for it",
        "t of other is 4 degC",
        "no dog is seen in mat",
        "nothing of the kind was said",
        "people sees person (91 % sure)",
        "hall_cam is ok",
        "it is 12:00",
    )
    assert actions[0].name == "person 1 ok {zone}"


def test_reason_names_both_bounds_and_the_hold(drive: Drive, believe: Believe) -> None:
    """A belief between two bounds for some time."""
    driver = drive({"when": {"belief": "hall.x", "above": 0.2, "below": 0.6, "for_s": 2}})
    driver.step(1, believe("hall.x", 0.5, 1))
    driver.run(5)

    assert driver.actions[0].because[0] == "hall.x is 50 % likely (above 20 % and below 60 %) for 2 s"


def test_unknown_placeholders() -> None:
    """What no condition can fill is told, once each and sorted."""
    then = [
        {"say": "{p} {value} {slots.n} {zone}"},
        {"alert": "x", "headline": "{area} {nonsense}", "instruction": "{value}"},
        {"publish": "a/{device}", "payload": {"k": ["{other}"]}},
        {"command": "{target}", "slots": {"a": "{count}"}},
    ]
    belief = Rule.model_validate({"name": "r", "when": {"not": {"belief": "a.b"}}, "then": then})
    spoken = Rule.model_validate({"name": "r", "when": {"any": [{"said": {}}, {"time": {}}]}, "then": then[:1]})

    assert unknown_placeholders(belief) == ["count", "nonsense", "other", "slots.n", "value", "zone"]
    assert unknown_placeholders(spoken) == ["value", "zone"]
