from dataclasses import replace
from math import log

import pytest

from edgefuse.core.types import SECOND, Decision
from edgefuse.fusion.calibration import UNMOVED, Adjustment
from edgefuse.fusion.experience import Experience
from edgefuse.fusion.explain import sigmoid
from edgefuse.fusion.refine import Refiner, Settings


def said(at: float, **contributions: float) -> Decision:
    """A fuser's decision with a prior of a half."""
    p = sigmoid(sum(contributions.values()))
    without = {name: sigmoid(sum(contributions.values()) - value) for name, value in contributions.items()}
    t = round(at * SECOND)
    return Decision("hall.fire", "hall", t, p, p >= 0.55, t, contributions, 0.0, without, (), ())


def test_without_answers_a_decision_passes_unchanged() -> None:
    """Nothing was learnt: what the fuser said is what is told."""
    decision = said(1, audio=1.0, vision=0.3)

    assert Refiner().refine([decision], decision.t) == [decision]


def test_moved_contributions_still_add_up() -> None:
    """With a scale and a shift, prior and contributions sum to the log-odds of p, and `without` fits."""
    refiner = Refiner(adjustment=Adjustment(0.5, -1.0, 20))
    (told,) = refiner.refine([said(1, audio=3.0, vision=1.0)], SECOND)

    assert told.p == pytest.approx(sigmoid(0.5 * 4 - 1))
    assert told.prior + sum(told.contributions.values()) == pytest.approx(log(told.p / (1 - told.p)))
    assert told.without["audio"] == pytest.approx(sigmoid(0.5 * 1 - 1))
    assert (told.answers, told.state) == (20, True)


def test_an_answer_is_told_without_waiting_for_news() -> None:
    """When the adjustment changes, the last decision is told once more, and the way back tells it as it was."""
    refiner = Refiner()
    (first,) = refiner.refine([said(1, audio=2.0)], SECOND)
    refiner.adjustment = Adjustment(1.0, -3.0, 9)
    (moved,) = refiner.refine([], 2 * SECOND)
    again = refiner.refine([], 3 * SECOND)
    refiner.adjustment = UNMOVED
    (back,) = refiner.refine([], 4 * SECOND)

    assert (first.state, moved.state, moved.since) == (True, False, 2 * SECOND)
    assert again == []
    assert (back.p, back.contributions) == (first.p, first.contributions)


def test_learning_can_be_switched_off() -> None:
    """`learn: false` leaves p alone whatever was answered."""
    refiner = Refiner(Settings(learn=False), Adjustment(1.0, -3.0, 9))
    decision = said(1, audio=2.0)

    assert refiner.refine([decision], SECOND) == [decision]


def test_thresholds_of_a_precision_move_along() -> None:
    """A shift of p shifts the thresholds at which a precision was measured by as much."""
    refiner = Refiner(adjustment=Adjustment(1.0, 1.0, 9))
    (told,) = refiner.refine([replace(said(1, audio=2.0), operating=((0.5, 0.8, 0.9), (0.9, 0.97, 0.4)))], SECOND)

    assert told.threshold_for(0.95) == pytest.approx(sigmoid(log(9) + 1))
    assert told.expected(0.6) == (0.8, 0.9)


def test_who_contradicts_two_others_for_long_is_suspect() -> None:
    """After a minute of saying the opposite of two others a modality is named, though nothing else changed."""
    refiner = Refiner()
    refiner.refine([said(0, audio=2.0, vision=1.5, sensor=-2.0)], 0)

    assert refiner.refine([], 59 * SECOND) == []
    (told,) = refiner.refine([], 60 * SECOND)
    assert told.suspect == ("sensor",)
    assert "sensor has contradicted" in told.because[-1]
    (agreed,) = refiner.refine([said(70, audio=2.0, vision=1.5, sensor=0.9)], 70 * SECOND)
    assert agreed.suspect == ()


def test_of_two_that_disagree_nobody_is_suspect() -> None:
    """One against one leaves open who is wrong."""
    refiner = Refiner()
    refiner.refine([said(0, audio=2.0, vision=-2.0)], 0)

    assert refiner.refine([], 600 * SECOND) == []


def test_an_answer_is_about_the_strongest_moment() -> None:
    """Of all that was believed in the span, and what held when it began, the highest p is meant."""
    refiner = Refiner()
    for at, audio in ((10, 3.0), (20, 1.0), (30, 2.0), (40, 0.2)):
        refiner.refine([said(at, audio=audio)], at * SECOND)

    found = refiner.strongest(25 * SECOND, 50 * SECOND)
    held = refiner.strongest(12 * SECOND, 15 * SECOND)
    assert found is not None
    assert found.said.t == 30 * SECOND
    assert held is not None
    assert held.said.t == 10 * SECOND
    assert refiner.strongest(0, 5 * SECOND) is None
    assert refiner.strongest(90 * SECOND, 50 * SECOND) is None, "nothing was believed in what is to come"


def test_answers_survive_json_and_are_forgotten_on_request() -> None:
    """What was learnt comes back from JSON as it was; forgetting one belief leaves the others."""
    refiner, experience = Refiner(), Experience()
    for n in range(12):
        refiner.refine([said(n, audio=3.0)], n * SECOND)
        moment = refiner.strongest(n * SECOND, n * SECOND)
        assert moment is not None
        experience = experience.answered(moment, n * SECOND, n * SECOND, truth=n % 4 == 0)

    assert experience.lesson("hall.fire").adjustment.n >= 8
    assert Experience.from_json(experience.to_json()) == experience
    assert experience.forgotten("hall.fire").lessons == {}
    assert experience.forgotten("hall.other") == experience
