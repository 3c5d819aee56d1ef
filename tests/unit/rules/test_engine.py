from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from edgefuse.core.types import Action, Decision, HealthChange, Observation

Drive = Callable[..., Any]
Read = Callable[..., Observation]
Believe = Callable[..., Decision]
Say = Callable[..., Observation]
Health = Callable[..., HealthChange]
WARM = {"reading": {"of": "other", "quantity": "temperature", "above": 30}}
FIRE = {"belief": "a.fire"}


def messages(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.data["msgType"], action.data["certainty"]) for action in actions]


def test_edge_fires_once(drive: Drive, read: Read) -> None:
    """While the condition lasts the rule has said it."""
    driver = drive({"when": WARM})
    fired = [len(driver.step(t, read("other", "temperature", x, t))) for t, x in enumerate([20, 40, 41, 20, 40])]

    assert fired == [0, 1, 0, 0, 1]


def test_state_is_the_same_when_nothing_worth_storing_happened(drive: Drive, read: Read) -> None:
    """Equal states need not be stored; a firing makes them differ."""
    driver = drive({"when": WARM})
    driver.step(1, read("other", "temperature", 20, 1))
    before = driver.state
    driver.step(2, read("other", "temperature", 21, 2))

    assert driver.state == before
    assert driver.state.memory is before.memory
    driver.step(3, read("other", "temperature", 41, 3))
    assert driver.state != before


def test_step_does_not_change_the_state_it_is_given(drive: Drive, read: Read) -> None:
    """The same step twice gives the same twice."""
    driver = drive({"when": WARM, "cooldown_s": 5})
    driver.step(1, read("other", "temperature", 20, 1))
    before = driver.state
    first = driver.step(2, read("other", "temperature", 41, 2))
    after, driver.state = driver.state, before

    assert driver.step(2, read("other", "temperature", 41, 2)) == first
    assert driver.state == after


def test_cooldown_is_silent_then_speaks_if_it_still_holds(drive: Drive, read: Read) -> None:
    """What turned true while cooling down is told when that ends, if it is still so."""
    driver = drive({"when": WARM, "cooldown_s": 60})
    for t, x in [(1, 40), (2, 20), (3, 40)]:
        driver.step(t, read("other", "temperature", x, t))

    assert len(driver.actions) == 1
    assert driver.run(200) == [(61.0, "r0")]


def test_what_passed_during_cooldown_is_not_told(drive: Drive, read: Read) -> None:
    """What ended before the cooldown did is over."""
    driver = drive({"when": WARM, "cooldown_s": 60})
    for t, x in [(1, 40), (2, 20), (3, 40), (4, 20)]:
        driver.step(t, read("other", "temperature", x, t))

    assert len(driver.actions) == 1
    assert driver.run(200) == []


def test_command_in_cooldown_is_lost(drive: Drive, say: Say) -> None:
    """What was said is said; it does not come later."""
    driver = drive({"when": {"said": {}}, "cooldown_s": 60})
    driver.step(1, say("open", 1))
    driver.step(2, say("open", 2))

    assert driver.run(200) == []
    assert len(driver.actions) == 1


def test_worse_event_breaks_the_cooldown(drive: Drive, believe: Believe) -> None:
    """p crossing into a higher class of certainty fires an Update that refers to the earlier message."""
    driver = drive({"when": FIRE, "then": [{"alert": "fire", "severity": "Severe"}], "cooldown_s": 600})
    first = driver.step(1, believe("a.fire", 0.7, 1))
    driver.step(2, believe("a.fire", 0.2, 2))
    driver.step(3, believe("a.fire", 0.8, 3))
    worse = driver.step(4, believe("a.fire", 0.95, 4))
    driver.step(5, believe("a.fire", 0.8, 5))
    driver.step(6, believe("a.fire", 0.95, 6))

    assert messages(driver.actions) == [("Alert", "Likely"), ("Update", "Observed")]
    assert worse[0].data["references"] == [first[0].id]


def test_worse_while_it_lasts(drive: Drive, believe: Believe) -> None:
    """An alert that was Likely is updated when it is as good as observed, with no cooldown configured too."""
    driver = drive({"when": FIRE, "then": [{"alert": "fire"}]}, {"when": FIRE})
    driver.step(1, believe("a.fire", 0.7, 1))
    driver.step(2, believe("a.fire", 0.95, 2))
    driver.step(3, believe("a.fire", 0.7, 3))
    driver.step(4, believe("a.fire", 0.95, 4))

    assert [action.rule for action in driver.actions] == ["r0", "r1", "r0"]


def test_new_event_after_the_cooldown_is_no_update(drive: Drive, believe: Believe) -> None:
    """It stands for itself, also when it is worse than the last."""
    driver = drive({"when": FIRE, "then": [{"alert": "fire"}], "cooldown_s": 10})
    for t, p in [(1, 0.7), (2, 0.2), (20, 0.95)]:
        driver.step(t, believe("a.fire", p, t))

    assert messages(driver.actions) == [("Alert", "Likely"), ("Alert", "Observed")]
    assert driver.actions[-1].data["references"] == []


def test_cooldown_holds_after_a_kill(drive: Drive, read: Read) -> None:
    """The state from disk keeps the rule silent for what is left, across a reboot too."""
    driver = drive({"when": WARM, "cooldown_s": 60})
    driver.step(1000, read("other", "temperature", 40, 1000))
    driver.restart(down=20, boot=3)
    driver.step(4, read("other", "temperature", 20, 4))
    driver.step(5, read("other", "temperature", 40, 5))

    assert len(driver.actions) == 1
    assert driver.run(100) == [(43.0, "r0")]


def test_edge_is_remembered_after_a_kill(drive: Drive, read: Read) -> None:
    """What was told before the restart and still lasts is not told again."""
    driver = drive({"when": WARM})
    driver.step(1, read("other", "temperature", 40, 1))
    driver.restart(down=5)

    assert driver.step(7, read("other", "temperature", 40, 7)) == []


def test_hold_goes_on_across_a_restart(drive: Drive, believe: Believe) -> None:
    """`for_s` counts from before the kill, and starts anew if the condition turns out not to hold."""
    rule = {"when": {"belief": "a.x", "above": 0.9, "for_s": 30}}
    driver = drive(rule)
    driver.step(10, believe("a.x", 0.95, 10))
    driver.restart(down=5, boot=1)
    assert driver.step(2, believe("a.x", 0.1, 2, missing=("vision",))) == []
    driver.step(3, believe("a.x", 0.95, 3))
    assert driver.run(100) == [(26.0, "r0")]

    driver = drive(rule)
    driver.step(10, believe("a.x", 0.95, 10))
    driver.restart(down=5, boot=1)
    driver.step(2, believe("a.x", 0.2, 2))
    driver.step(3, believe("a.x", 0.95, 3))
    assert driver.run(100) == [(33.0, "r0")]


def test_clock_set_back_does_not_break_the_cooldown(drive: Drive, read: Read) -> None:
    """A firing that seems to lie in the future counts as just now."""
    driver = drive({"when": WARM, "cooldown_s": 60})
    driver.step(1000, read("other", "temperature", 40, 1000))
    driver.restart(down=-900, boot=3)
    driver.step(4, read("other", "temperature", 20, 4))
    driver.step(5, read("other", "temperature", 40, 5))

    assert driver.run(200) == [(63.0, "r0")]
    assert len({action.id for action in driver.actions}) == 2


def test_edited_rule_starts_afresh_but_keeps_its_cooldown(drive: Drive, believe: Believe) -> None:
    """What an old condition held says nothing about a new one; names that are gone are forgotten."""
    driver = drive(
        {"when": {"belief": "a.x", "above": 0.9, "for_s": 30}, "cooldown_s": 99}, {"when": {"belief": "a.x"}}
    )
    driver.step(10, believe("a.x", 0.95, 10))
    edited = drive({"when": {"belief": "a.x", "above": 0.8, "for_s": 30}, "cooldown_s": 99}).engine
    driver.restart(down=5, engine=edited)
    driver.step(20, believe("a.x", 0.95, 20))

    assert driver.run(100) == [(50.0, "r0")]
    assert list(driver.state.memory.past) == ["r0"]


def test_armed_rules_wait_for_arming(drive: Drive, read: Read) -> None:
    """Disarmed they are silent; on arming, what holds is told at once; the arming survives a restart."""
    driver = drive({"when": WARM, "armed": True})
    driver.step(1, read("other", "temperature", 40, 1))
    assert driver.actions == []

    driver.arm(armed=True)
    assert driver.run(2) == [(1.0, "r0")]
    driver.restart()
    driver.step(3, read("other", "temperature", 20, 3))
    driver.arm(armed=False)
    assert driver.step(4, read("other", "temperature", 40, 4)) == []


def test_mute_of_one_and_of_all(drive: Drive, read: Read) -> None:
    """A muted rule speaks when the mute ends, if its condition still holds."""
    driver = drive({"when": WARM}, {"when": WARM})
    driver.mute("r1", 50)
    driver.step(1, read("other", "temperature", 40, 1))
    assert [action.rule for action in driver.actions] == ["r0"]
    assert driver.run(60) == [(50.0, "r1")]

    driver.step(61, read("other", "temperature", 20, 61))
    driver.mute(None, 99)
    driver.step(62, read("other", "temperature", 40, 62))
    driver.mute(None, 0)
    assert driver.run(70) == [(62.0, "r0"), (62.0, "r1")]


def test_mute_survives_a_restart_but_not_a_clock_jump(drive: Drive, read: Read) -> None:
    """It lasts what is left of it, and never longer than it was asked for."""
    driver = drive({"when": WARM})
    driver.now = 100
    driver.mute(None, 160)
    driver.restart(down=20, boot=5)
    driver.step(6, read("other", "temperature", 40, 6))
    assert driver.run(100) == [(45.0, "r0")]

    driver = drive({"when": WARM})
    driver.now = 1000
    driver.mute(None, 1060)
    driver.restart(down=-900, boot=5)
    driver.step(6, read("other", "temperature", 40, 6))
    assert driver.run(100) == [(65.0, "r0")]


def test_disabled_rule_does_nothing(drive: Drive, read: Read) -> None:
    """It is not even looked at."""
    driver = drive({"when": WARM, "enabled": False})

    assert driver.step(1, read("other", "temperature", 40, 1)) == []
    assert driver.engine.next_due(driver.state, 5) is None


def test_next_due_of_a_new_state_is_now(drive: Drive) -> None:
    """What may hold from the start is looked at without waiting for a fact."""
    driver = drive({"when": {"time": {}}})

    assert driver.engine.next_due(driver.state, 5) == 5
    assert len(driver.step(0)) == 1


def test_time_of_day_wakes_the_rule(drive: Drive) -> None:
    """The span begins on the second, in the device's time zone, once a day."""
    start = datetime(2026, 6, 1, 19, 59, 10, tzinfo=timezone.utc)
    rule = {"when": {"time": {"after": "22:00", "before": "06:00"}}}
    driver = drive(rule, start=start, device={"timezone": "Europe/Berlin"})
    driver.step(0)

    assert driver.run(3600 * 30) == [(50.0, "r0"), (50.0 + 24 * 3600, "r0")]
    assert driver.actions[0].because == ("it is 22:00",)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_days_on_which_the_clocks_change(drive: Drive, day: tuple[int, int, int], hours: int) -> None:
    """From 02:30 to 02:45 there is one firing that night, though the clocks skip it or show it twice."""
    start = datetime(*day, tzinfo=timezone.utc) - timedelta(hours=2 if hours == 25 else 1)
    rule = {"when": {"time": {"after": "02:30", "before": "02:45"}}}
    driver = drive(rule, start=start, device={"timezone": "Europe/Berlin"})
    driver.step(0)

    assert len(driver.run(hours * 3600 - 1)) == 1


def test_clock_that_is_set_is_noticed_within_a_minute(drive: Drive) -> None:
    """The time of day follows the wall clock when NTP corrects it."""
    driver = drive({"when": {"time": {"after": "22:00", "before": "23:00"}}})
    driver.step(0)
    driver.start += timedelta(hours=10)

    assert driver.run(61) == [(60.0, "r0")]


def test_ids_are_the_same_in_every_replay_and_never_twice(drive: Drive, say: Say) -> None:
    """They follow from device, rule, wall time and place; two events of one millisecond still differ."""

    def once() -> list[str]:
        driver = drive({"when": {"said": {}}, "then": [{"publish": "a"}, {"publish": "b"}]})
        driver.step(1, say("open", 1), say("open", 1))
        return [action.id for action in driver.actions]

    assert once() == once()
    assert len(set(once())) == 4


def test_facts_behind_the_clock_are_taken(drive: Drive, believe: Believe, read: Read) -> None:
    """A belief that waited for its camera comes later than a reading of the same moment; both count."""
    driver = drive({"when": {"all": [WARM, {"belief": "a.x", "above": 0.5}]}})
    driver.step(10, read("other", "temperature", 40, 10))

    assert [action.t for action in driver.step(11, believe("a.x", 0.9, 9.5))] == [10_000_000_000]


def test_fact_that_comes_late_does_not_take_a_hold_back(drive: Drive, believe: Believe) -> None:
    """A hold that has fired at its end is not fired again because an older fact comes after it."""
    driver = drive({"when": {"belief": "a.x", "above": 0.5, "for_s": 0.5}})
    driver.step(10, believe("a.x", 0.9, 10))
    assert driver.run(10.5) == [(10.5, "r0")]

    driver.step(10.6, believe("a.x", 0.95, 10.3))
    assert driver.run(20) == []
    assert len(driver.actions) == 1


def test_readings_that_no_rule_asks_for_are_not_kept(drive: Drive, read: Read) -> None:
    """However many quantities a wildcard brings, only those in conditions take memory."""
    driver = drive({"when": WARM})
    for n in range(100):
        driver.step(n, read("other", f"q{n}", n, n))
    driver.step(100, read("other", "temperature", 20, 100))

    assert list(driver.state.known.readings) == [("other", "temperature")]


@pytest.mark.parametrize("stored", [{"schema": 2}, {"armed": True}, [], "x", {"schema": 1}])
def test_a_state_of_another_version_is_refused(stored: Any, drive: Drive) -> None:
    """What this version did not write is not half understood."""
    with pytest.raises((ValueError, LookupError, TypeError)):
        drive({"when": WARM}).engine.restore(stored, 0, datetime(2026, 6, 1, tzinfo=timezone.utc))
