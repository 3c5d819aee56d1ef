from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from edgefuse.core.types import Decision, HealthChange, Observation
from edgefuse.rules.conditions import Truth, all_of, any_of, opposite

Drive = Callable[..., Any]
Read = Callable[..., Observation]
Believe = Callable[..., Decision]
Say = Callable[..., Observation]
Health = Callable[..., HealthChange]
Frame = Callable[..., list[Observation]]
TRUTHS: tuple[Truth, ...] = (True, False, None)
WARM = {"reading": {"of": "climate", "quantity": "temperature", "above": 30}}
DAMP = {"reading": {"of": "climate", "quantity": "humidity", "above": 60}}


@pytest.mark.parametrize(("a", "b"), list(product(TRUTHS, TRUTHS)))
def test_truth_tables(a: Truth, b: Truth) -> None:
    """Kleene: min, max and negation on False < unknown < True."""
    rank = {False: 0, None: 1, True: 2}
    truth: dict[int, Truth] = {0: False, 1: None, 2: True}

    assert all_of([a, b]) is truth[min(rank[a], rank[b])]
    assert any_of([a, b]) is truth[max(rank[a], rank[b])]
    assert opposite(a) is truth[2 - rank[a]]


@pytest.mark.parametrize("value", TRUTHS)
def test_unknown_never_fires(drive: Drive, read: Read, value: Truth) -> None:
    """`not` of an unknown reading does not fire, of a false one does."""
    driver = drive({"when": {"not": WARM}})
    facts = [] if value is None else [read("climate", "temperature", 40 if value else 20, 1)]

    assert len(driver.step(1, *facts)) == (value is False)


def test_any_fires_beside_unknown(drive: Drive, read: Read) -> None:
    """One true branch suffices, whatever the others are."""
    driver = drive({"when": {"any": [DAMP, WARM]}}, {"when": {"all": [DAMP, WARM]}})

    assert [action.rule for action in driver.step(1, read("climate", "temperature", 40, 1))] == ["r0"]
    assert [action.rule for action in driver.step(2, read("climate", "humidity", 70, 2))] == ["r1"]


def test_unknown_does_not_rearm(drive: Drive, read: Read) -> None:
    """True, unknown, true again is one event; true, false, true is two."""
    driver = drive({"when": WARM})
    driver.step(1, read("climate", "temperature", 40, 1))
    driver.run(100)

    assert driver.step(101, read("climate", "temperature", 41, 101)) == []
    driver.step(102, read("climate", "temperature", 20, 102))
    assert len(driver.step(103, read("climate", "temperature", 41, 103))) == 1


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ({"above": 30}, 30.1, 1),
        ({"above": 30}, 30, 0),
        ({"below": 30}, 29, 1),
        ({"above": 20, "below": 30}, 25, 1),
        ({"above": 20, "below": 30}, 31, 0),
        ({"equals": True}, True, 1),
        ({"equals": True}, False, 0),
        ({"equals": "open"}, "open", 1),
        ({"above": 30}, "hot", 0),
        ({"above": 0}, True, 0),
    ],
)
def test_reading_bounds(drive: Drive, read: Read, test: dict[str, Any], value: Any, expected: int) -> None:
    """Bounds are open, and a text or a switch is no number."""
    driver = drive({"when": {"reading": {"of": "other", "quantity": "x", **test}}})

    assert len(driver.step(1, read("other", "x", value, 1))) == expected


def test_reading_hysteresis(drive: Drive, read: Read) -> None:
    """Once true it stays true until the value is that far back."""
    driver = drive({"when": {"reading": {"of": "other", "quantity": "x", "above": 30, "hysteresis": 2}}})
    fired = [len(driver.step(t, read("other", "x", x, t))) for t, x in enumerate([31, 29, 31, 28, 29, 31], 1)]

    assert fired == [1, 0, 0, 0, 0, 1]


def test_reading_ages(drive: Drive, read: Read) -> None:
    """After `within_s`, or the source's `stale_s`, the value is unknown: `not` of it neither holds nor fires."""
    short = {"reading": {**WARM["reading"], "within_s": 5}}
    driver = drive({"when": {"not": short}, "cooldown_s": 0}, {"when": {"not": {"not": WARM}}, "cooldown_s": 0})
    driver.step(1, read("climate", "temperature", 40, 1))

    assert driver.engine.next_due(driver.state, 0) == 6_000_000_000
    driver.step(6)
    assert driver.engine.next_due(driver.state, 0) == 61_000_000_000
    assert driver.run(70) == []


@pytest.mark.parametrize("part", ["air", "other"])
def test_reading_of_a_dead_part_is_unknown(drive: Drive, read: Read, health: Health, part: str) -> None:
    """The last value of a detector says nothing once it, or every source it listens to, is dead."""
    cold = {"not": {"reading": {"of": "air", "quantity": "temperature", "above": 30}}}
    driver = drive({"when": {"all": [cold, {"reading": {"of": "climate", "quantity": "go", "equals": 1}}]}})
    driver.step(1, read("air", "temperature", 20, 1))
    driver.step(2, health(part, "failed", 2))

    assert driver.step(3, read("climate", "go", 1, 3)) == []
    assert len(driver.step(4, health(part, "ok", 4))) == 1


def test_late_reading_does_not_overwrite(drive: Drive, read: Read) -> None:
    """Of two readings the one measured later counts."""
    driver = drive({"when": {"reading": {"of": "other", "quantity": "x", "above": 30}}})
    driver.step(5, read("other", "x", 20, 5))

    assert driver.step(6, read("other", "x", 40, 4)) == []


def test_belief(drive: Drive, believe: Believe) -> None:
    """Without bounds its state counts, with bounds its probability."""
    driver = drive({"when": {"belief": "a.x"}}, {"when": {"belief": "a.x", "above": 0.9}})

    assert [action.rule for action in driver.step(1, believe("a.x", 0.7, 1))] == ["r0"]
    assert [action.rule for action in driver.step(2, believe("a.x", 0.95, 2))] == ["r1"]


def test_belief_of_which_nobody_knows_is_unknown(drive: Drive, believe: Believe) -> None:
    """With every modality missing p is a mere prior: neither yes nor no."""
    driver = drive({"when": {"not": {"belief": "a.x"}}})

    assert driver.step(1, believe("a.x", 0.1, 1, missing=("vision",))) == []
    assert len(driver.step(2, believe("a.x", 0.1, 2))) == 1


def test_for_s_fires_at_the_moment(drive: Drive, believe: Believe) -> None:
    """A hold of 3 s fires 3 s after the condition became true, without another fact."""
    driver = drive({"when": {"belief": "a.x", "above": 0.9, "for_s": 3}})
    driver.step(1.5, believe("a.x", 0.95, 1))
    driver.step(2, believe("a.x", 0.99, 2))

    assert driver.run(10) == [(4.0, "r0")]


def test_for_s_starts_anew_after_a_break(drive: Drive, believe: Believe) -> None:
    """Any moment of not holding ends the wait."""
    driver = drive({"when": {"belief": "a.x", "above": 0.9, "for_s": 3}})
    driver.step(1, believe("a.x", 0.95, 1))
    driver.step(3, believe("a.x", 0.8, 3))
    driver.step(3.5, believe("a.x", 0.95, 3.5))

    assert driver.run(10) == [(6.5, "r0")]


def test_for_s_of_a_group_counts_from_the_last_one(drive: Drive, read: Read) -> None:
    """`all` holds since its last member holds."""
    driver = drive({"when": {"all": [WARM, DAMP], "for_s": 5}})
    driver.step(1, read("climate", "temperature", 40, 1))
    driver.step(4, read("climate", "humidity", 70, 4))

    assert driver.run(20) == [(9.0, "r0")]


def test_due_is_judged_at_its_time(drive: Drive, read: Read) -> None:
    """A step that comes late looks at what was due first, at the time it was due."""
    driver = drive({"when": {**WARM, "for_s": 3}})
    driver.step(1, read("climate", "temperature", 40, 1))
    late = driver.step(8, read("climate", "temperature", 20, 7))

    assert [action.t for action in late] == [4_000_000_000]


def test_late_facts_may_still_end_a_hold(drive: Drive, believe: Believe) -> None:
    """Beliefs that waited for a slow camera arrive together: the later of them counts before the hold is judged."""
    driver = drive({"when": {"belief": "a.x", "above": 0.9, "for_s": 0.5}})
    driver.step(9.9)

    assert driver.step(10, believe("a.x", 0.95, 9), believe("a.x", 0.1, 9.2)) == []
    assert len(driver.step(11, believe("a.x", 0.95, 10), believe("a.x", 0.1, 10.6))) == 1


def test_said(drive: Drive, say: Say) -> None:
    """Only at the moment it is said, each time anew, and only what fits."""
    body = {"intent": ["turn_on", "turn_off"], "slots": {"color": ["Red", "blue"]}, "area": "hall", "above": 0.6}
    driver = drive({"when": {"said": body}})

    assert driver.step(1, say("open", 1, slots={"color": "red"})) == []
    assert driver.step(2, say("turn_on", 2, slots={"color": "green"})) == []
    assert driver.step(3, say("turn_on", 3, slots={"color": "red"}, area="attic")) == []
    assert driver.step(4, say("turn_on", 4, 0.5, slots={"color": "red"})) == []
    assert driver.step(5, say("turn_on", 5)) == []
    assert len(driver.step(6, say("turn_on", 6, slots={"color": "red"}))) == 1
    assert len(driver.step(7, say("turn_off", 7, slots={"color": "blue"}))) == 1


def test_said_without_intent_takes_what_was_understood(drive: Drive, say: Say) -> None:
    """`not_understood` must be named to match."""
    driver = drive({"when": {"said": {}}}, {"when": {"said": {"intent": "not_understood"}}})

    assert [action.rule for action in driver.step(1, say("not_understood", 1))] == ["r1"]
    assert [action.rule for action in driver.step(2, say("open", 2))] == ["r0"]


def test_said_beside_a_lasting_condition(drive: Drive, say: Say, read: Read) -> None:
    """In `any`, saying it fires again although the other branch has long been true."""
    driver = drive({"when": {"any": [{"said": {"intent": "open"}}, WARM]}})

    assert len(driver.step(1, read("climate", "temperature", 40, 1))) == 1
    assert len(driver.step(2, say("open", 2))) == 1
    assert driver.step(3, read("climate", "temperature", 41, 3)) == []


def test_seen(drive: Drive, frame: Frame) -> None:
    """Label, score, zone and number must fit within one picture."""
    body = {"label": "person", "zone": "door", "at_least": 2, "above": 0.6}
    driver = drive({"when": {"seen": body}})

    assert driver.step(1, *frame(1, ("person", 0.9, "door"), ("person", 0.9), ("dog", 0.9, "door"))) == []
    assert driver.step(2, *frame(2, ("person", 0.9, "door"), ("person", 0.5, "door"))) == []
    assert driver.step(3, *frame(3, ("person", 0.9, "door")), *frame(3.1, ("person", 0.9, "door"))) == []
    assert len(driver.step(4, *frame(4, ("person", 0.9, "door"), ("person", 0.7, "door", "mat")))) == 1


def test_sighting_counts_for_within_s(drive: Drive, frame: Frame) -> None:
    """A missed frame is no leaving; after `within_s` of looking in vain it is; without looking it is unknown."""
    gone = {"not": {"seen": {"label": "person", "within_s": 2}}}
    driver = drive({"when": gone})
    driver.step(1, *frame(1, ("person", 0.9)))

    assert driver.step(2, *frame(2)) == []
    assert driver.run(3) == [(3.0, "r0")]
    driver.step(3.5, *frame(3.5, ("person", 0.9)))
    assert driver.run(20) == []


def test_seen_by_one_of_several(drive: Drive, frame: Frame) -> None:
    """`by` names the detector; the others do not count, not even as having looked."""
    driver = drive(
        {"when": {"seen": {"label": "person", "by": "people"}}}, {"when": {"not": {"seen": {"label": "person"}}}}
    )

    assert [action.rule for action in driver.step(1, *frame(1, detector="yard"))] == ["r1"]
    assert driver.step(2, *frame(2, ("person", 0.9), detector="yard")) == []
    late = frame(1.5, ("person", 0.9))
    assert [action.rule for action in driver.step(3, *frame(2.5), *late)] == []


def test_health(drive: Drive, health: Health) -> None:
    """States fit by name; a part that is still starting is unknown unless that is asked for."""
    driver = drive(
        {"when": {"health": {"of": "hall_cam"}, "for_s": 10}},
        {"when": {"not": {"health": {"of": "hall_cam"}}}},
        {"when": {"health": {"of": "hall_cam", "state": "starting"}}},
    )

    assert [action.rule for action in driver.step(1, health("hall_cam", "starting", 1))] == ["r2"]
    assert [action.rule for action in driver.step(2, health("hall_cam", "ok", 2))] == ["r1"]
    driver.step(3, health("hall_cam", "failed", 3, "unplugged"))
    assert driver.run(20) == [(13.0, "r0")]
    assert driver.actions[-1].because == ("hall_cam is failed: unplugged",)
