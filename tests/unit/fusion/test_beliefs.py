from collections.abc import Callable
from itertools import pairwise

from edgefuse.core.types import SECOND, Decision, HealthChange, Observation
from edgefuse.fusion.bayes import Bayes
from edgefuse.fusion.beliefs import TICK, Beliefs

Make = Callable[..., Bayes]
See = Callable[..., Observation]
Change = Callable[..., HealthChange]
PERSON = {"from": "people", "label": "person", "if_true": 0.9, "if_false": 0.02, "half_life_s": 10}
SMOKE = {"from": "smoke", "label": "smoke", "equals": True, "if_true": 0.95, "if_false": 0.01, "half_life_s": 60}
LATENESS = {"people": SECOND, "voice": 3 * SECOND // 2}


def built(bayes: Make) -> Beliefs:
    both = bayes(PERSON, SMOKE, name="hall.fire")
    alone = bayes(SMOKE, name="hall.smoke")
    beliefs = Beliefs({"hall.fire": both, "hall.smoke": alone}, LATENESS)
    assert [decision.belief for decision in beliefs.advance(0)] == ["hall.fire", "hall.smoke"]
    return beliefs


def test_belief_of_a_sensor_does_not_wait_for_the_camera(bayes: Make, see: See) -> None:
    """One sensor message: the belief it feeds alone decides at once, the one with a camera waits for the camera."""
    beliefs = built(bayes)
    beliefs.report("people", SECOND, [])
    beliefs.advance(SECOND)
    beliefs.report("smoke", 3 * SECOND // 2, [see("smoke", "smoke", 1.5, kind="reading", value=True)])

    first = beliefs.advance(3 * SECOND // 2)
    assert [(decision.belief, decision.state) for decision in first] == [("hall.smoke", True)]
    beliefs.report("people", 3 * SECOND // 2, [])
    second = beliefs.advance(3 * SECOND // 2 + 1)
    assert [(decision.belief, decision.t) for decision in second] == [("hall.fire", 3 * SECOND // 2)]


def test_lagging_camera_is_waited_for_its_lateness(bayes: Make, see: See) -> None:
    """`next_due` tells the very moment, and at that moment the decision falls."""
    beliefs = built(bayes)
    beliefs.report("people", SECOND, [])
    beliefs.advance(SECOND)
    beliefs.report("smoke", SECOND + 1, [see("smoke", "smoke", 1 + 1e-9, kind="reading", value=True)])
    beliefs.advance(SECOND + 1)

    due = beliefs.next_due(SECOND + 1)
    assert due == SECOND + TICK
    at = 2 * SECOND + 1
    assert not [decision for decision in beliefs.advance(at - 1) if decision.belief == "hall.fire"]
    assert [decision.t for decision in beliefs.advance(at) if decision.belief == "hall.fire"] == [SECOND + 1]


def test_dead_camera_stops_holding_at_once(bayes: Make, see: See, health: Change) -> None:
    """With the camera failed the decision falls without it, and says so."""
    beliefs = built(bayes)
    beliefs.report("people", SECOND, [see("people", "person", 1)])
    beliefs.advance(SECOND)
    beliefs.health(health("people", "failed", 1.2))
    beliefs.report("smoke", 5 * SECOND // 4, [see("smoke", "smoke", 1.25, kind="reading", value=True)])

    last = [decision for decision in beliefs.advance(5 * SECOND // 4) if decision.belief == "hall.fire"][-1]
    assert last.missing == ("vision",)
    assert last.t == 5 * SECOND // 4
    assert last.state


def test_decisions_are_ordered_by_time_and_name(bayes: Make, see: See) -> None:
    """However many fall due in one step."""
    beliefs = built(bayes)
    beliefs.report(
        "smoke", 2 * SECOND, [see("smoke", "smoke", n / 2, kind="reading", value=n % 2 == 0) for n in range(9)]
    )

    decisions = beliefs.advance(10 * SECOND)
    keys = [(decision.t, decision.belief) for decision in decisions]
    assert len(keys) > 10
    assert keys == sorted(keys)


def test_time_alone_changes_decisions(bayes: Make, see: See) -> None:
    """Evidence fades on a fixed grid, the same however often one asks."""

    def run(step: int) -> list[Decision]:
        beliefs = built(bayes)
        beliefs.report("smoke", SECOND, [see("smoke", "smoke", 1, kind="reading", value=True)])
        return [decision for t in range(0, 200 * SECOND, step) for decision in beliefs.advance(t)]

    slow, fast = run(5 * SECOND), run(SECOND // 10)
    key = lambda decision: (decision.t, decision.belief)  # noqa: E731 - one line
    last = slow[-1].t
    assert len(slow) > 100
    assert sorted(slow, key=key) == [decision for decision in sorted(fast, key=key) if decision.t <= last]


def test_looks_become_rarer_with_silence(bayes: Make, see: See) -> None:
    """At most a sixteenth of the silence passes between two looks, so a quiet day costs next to nothing."""
    beliefs = Beliefs({"hall.smoke": bayes(SMOKE)}, LATENESS)
    beliefs.advance(0)
    times = [0]
    while times[-1] < 24 * 3600 * SECOND:
        due = beliefs.next_due(times[-1])
        assert due is not None
        beliefs.advance(due)
        times.append(due)

    assert all(t - before <= max(TICK, before / 16) for before, t in pairwise(times))
    assert len(times) < 8000
    beliefs.report("smoke", times[-1] + 1, [see("smoke", "smoke", times[-1] / SECOND, kind="reading", value=True)])
    beliefs.advance(times[-1] + 1)
    assert beliefs.next_due(times[-1] + 1) == (times[-1] // TICK + 1) * TICK


def test_late_observation_counts_and_matters(bayes: Make, see: See) -> None:
    """Behind the watermark it is counted as late and still changes the belief."""
    beliefs = built(bayes)
    beliefs.advance(9 * SECOND)
    beliefs.report("smoke", 9 * SECOND, [see("smoke", "smoke", 8, kind="reading", value=True)])

    assert any(decision.state for decision in beliefs.advance(9 * SECOND))
    assert beliefs.late == 2


def test_strangers_are_ignored(bayes: Make, see: See, health: Change) -> None:
    """Parts and labels that are nobody's evidence change nothing."""
    beliefs = built(bayes)
    beliefs.report("voice", SECOND, [see("voice", "speech", 1)])
    beliefs.report("people", SECOND, [see("people", "vehicle", 1)])
    beliefs.health(health("voice", "failed", 1))

    decisions = beliefs.advance(SECOND)
    assert [(decision.belief, decision.missing) for decision in decisions] == []
    assert Beliefs({}, LATENESS).next_due(5) is None
    assert Beliefs({"x": bayes(SMOKE)}, LATENESS).next_due(5) == 5
