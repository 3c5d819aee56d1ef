from typing import Any

import pytest

from edgefuse.core.types import SECOND
from edgefuse.demo.expect import (
    Check,
    Heard,
    accounts,
    alerted,
    check,
    heard_sound,
    missing,
    needs_both,
    not_understood,
    ordered,
    promised,
    stays_below,
)
from edgefuse.demo.timeline import Received

BASE = "edgefuse/demo"
ZERO = 5 * SECOND
INTRUSION = {
    "p": 0.85,
    "contributions": {"sensor": 3.4, "vision": 1.2},
    "without": {"sensor": 0.15, "vision": 0.62},
    "missing": [],
}


def heard(*messages: tuple[float, str, Any]) -> Heard:
    received = [Received(ZERO + int(at_s * SECOND), f"{BASE}/{topic}", payload) for at_s, topic, payload in messages]
    return Heard(received, BASE, ZERO)


def outcome(expectation: Check, *messages: tuple[float, str, Any]) -> tuple[bool, str]:
    (one,) = check({"it": expectation}, heard(*messages))
    return one.met, one.came


def order(intent: str, target: str) -> dict[str, Any]:
    return {"intent": intent, "target": target}


def test_order_in_time_meets_the_expectation() -> None:
    """The right order within its span is met, and its time is told."""
    expectation = ordered("turn_on", "hall_light", 4, 12)

    assert outcome(expectation, (5.2, "intent", order("turn_on", "hall_light"))) == (True, "turn on at 0:05")


def test_order_that_is_late_wrong_or_double_does_not() -> None:
    """An order outside its span, of another thing, or given twice is a failure."""
    expectation = ordered("turn_on", "hall_light", 4, 12)
    right = order("turn_on", "hall_light")

    assert outcome(expectation) == (False, "no such order")
    assert not outcome(expectation, (13, "intent", right))[0]
    assert not outcome(expectation, (5, "intent", order("turn_on", "hall_fan")))[0]
    assert not outcome(expectation, (5, "intent", right), (6, "intent", right))[0]


def test_not_understood_must_be_heard_and_not_obeyed() -> None:
    """Silence is a failure, and so is an order made of small talk."""
    expectation = not_understood(13, 21)
    talk = (15, "intent", {"intent": "not_understood", "said": "a lovely evening", "commanded": False})

    assert outcome(expectation, talk) == (True, "heard “a lovely evening”")
    assert outcome(expectation) == (False, "nothing was heard")
    assert not outcome(expectation, talk, (15, "intent", order("turn_on", "hall_light")))[0]


def test_decoy_must_move_the_belief_and_raise_nothing() -> None:
    """A belief below the threshold is met; an alert, a belief above it or none at all is not."""
    expectation = stays_below("hall/intrusion", 0.75, 20, 30)
    low = (22, "belief/hall/intrusion", {"p": 0.2})

    assert outcome(expectation, low) == (True, "at most 20 %")
    assert not outcome(expectation)[0]
    assert not outcome(expectation, low, (23, "belief/hall/intrusion", {"p": 0.8}))[0]
    assert not outcome(expectation, low, (23, "alert/intrusion", {}))[0]


def test_alert_must_come_once() -> None:
    """One alert of that name in its span, not none and not two; an update of it is no second one."""
    expectation = alerted("intrusion", 40, 50)
    new, update = {"msgType": "Alert"}, {"msgType": "Update"}

    assert outcome(expectation, (42, "alert/intrusion", new)) == (True, "alert at 0:42")
    assert outcome(expectation, (42, "alert/intrusion", new), (43, "alert/intrusion", update))[0]
    assert not outcome(expectation, (42, "alert/intrusion", new), (44, "alert/intrusion", new))[0]
    assert not outcome(expectation)[0]
    assert not outcome(expectation, (42, "alert/intrusion_test", {}))[0]


def test_two_modalities_must_both_be_needed() -> None:
    """A belief that one modality alone carries above the threshold is a failure."""
    expectation = needs_both("hall/intrusion", 0.75, 40, 50)
    alone = {**INTRUSION, "without": {"sensor": 0.15, "vision": 0.8}}

    assert outcome(expectation, (42, "belief/hall/intrusion", INTRUSION)) == (
        True,
        "85 %; 15 % without sensor, 62 % without vision",
    )
    assert not outcome(expectation, (42, "belief/hall/intrusion", alone))[0]
    assert not outcome(expectation)[0]


def test_missing_modality_must_be_named() -> None:
    """A belief that does not name the dead camera as missing is a failure."""
    expectation = missing("hall/intrusion", "vision", 76, 90)

    assert outcome(expectation, (77, "belief/hall/intrusion", {"p": 0.6, "missing": ["vision"]})) == (
        True,
        "60 %, vision missing",
    )
    assert not outcome(expectation, (77, "belief/hall/intrusion", {"p": 0.6, "missing": []}))[0]


def sound(label: str, *, onset: bool = True) -> dict[str, Any]:
    return {"kind": "sound", "label": label, "score": 0.96, "data": {"onset": onset}}


def test_sound_must_begin_once() -> None:
    """One onset in its span is met; repeats of the same sound do not count, a second onset or another sound fails."""
    expectation = heard_sound("glass", 36, 40)
    right = (38, "observation/sounds", sound("glass"))

    assert outcome(expectation, right) == (True, "96 % sure at 0:38")
    assert outcome(expectation, right, (39, "observation/sounds", sound("glass", onset=False)))[0]
    assert outcome(expectation) == (False, "not heard")
    assert not outcome(expectation, right, (39, "observation/sounds", sound("glass")))[0]
    assert not outcome(expectation, (38, "observation/sounds", sound("alarm")))[0]


BREAK_IN = {
    "p": 0.7311,
    "prior": -3.0,
    "contributions": {"audio": 2.0, "vision": 1.5, "sensor": 0.5},
    "missing": [],
    "expected": {"precision": 0.9, "recall": 0.77, "threshold": 0.4},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"p": 0.5, "prior": -4.0, "contributions": {"audio": 2.0, "vision": 1.5, "sensor": 0.5}},
        {"contributions": {"audio": 2.5, "vision": 2.0, "sensor": -0.5}},
        {"contributions": {"audio": 2.0, "vision": 1.5, "sensor": 0.9}},
    ],
    ids=["too low", "one speaks against it", "they do not add up"],
)
def test_modalities_must_account_for_the_belief(wrong: dict[str, Any]) -> None:
    """At its height each speaks for it, and prior and contributions add up to the log-odds of p."""
    expectation = accounts("hall/break_in", 0.6, ("audio", "vision", "sensor"), 40, 50)
    topic = "belief/hall/break_in"

    assert outcome(expectation, (45, topic, BREAK_IN)) == (True, "73 %; audio +2.0, vision +1.5, sensor +0.5")
    assert not outcome(expectation, (45, topic, {**BREAK_IN, **wrong}))[0]
    assert not outcome(expectation)[0]


def test_missing_modality_changes_what_is_promised() -> None:
    """The rates with and without the camera are both told, and differ."""
    expectation = promised("hall/break_in", "vision", 40, 60)
    topic = "belief/hall/break_in"
    rates = {"precision": 0.8, "recall": 0.7, "threshold": 0.4}
    blind = {**BREAK_IN, "missing": ["vision"], "expected": rates}

    assert outcome(expectation, (45, topic, BREAK_IN), (52, topic, blind)) == (
        True,
        "precision 90 %, recall 77 % with vision; precision 80 %, recall 70 % without vision",
    )
    assert not outcome(expectation, (45, topic, BREAK_IN))[0]
    assert not outcome(expectation, (45, topic, BREAK_IN), (52, topic, {**blind, "expected": BREAK_IN["expected"]}))[0]
    assert outcome(expectation, (52, topic, {**blind, "expected": None})) == (False, "not said")
