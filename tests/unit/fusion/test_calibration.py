import random

import pytest

from edgefuse.fusion.calibration import FEWEST, UNMOVED, Labelled, drift, fit
from edgefuse.fusion.explain import sigmoid


def answers(count: int, shift: float, seed: int = 1) -> list[Labelled]:
    """Answers about a belief whose true log-odds are those it tells, plus `shift`."""
    draw = random.Random(seed)
    told = [draw.uniform(-3, 3) for _ in range(count)]
    return [Labelled(x, draw.random() < sigmoid(x + shift)) for x in told]


def test_few_answers_move_nothing() -> None:
    """Seven denials are not enough to touch a belief."""
    assert fit([Labelled(3.0, truth=False)] * (FEWEST - 1)) == UNMOVED


def test_answers_find_the_prior_of_this_home() -> None:
    """A belief that cries wolf twice in three times is moved down, by about as much as it is wrong."""
    found = fit(answers(200, shift=-2.0))

    assert -2.6 < found.shift < -1.4
    assert 0.7 < found.scale < 1.3
    assert found.n == 200


def test_what_was_right_already_is_left_alone() -> None:
    """Answers that agree with what was told move nothing, but for one home in ten that chance has misled a little."""
    found = [fit(answers(60, shift=0.0, seed=seed)) for seed in range(40)]

    assert sum(each != UNMOVED for each in found) <= 4
    assert all(abs(each.shift) < 1 for each in found)


@pytest.mark.parametrize("truth", [True, False])
def test_one_sided_answers_stay_within_bounds(truth: bool) -> None:  # noqa: FBT001
    """A user who always presses the same button moves a belief far, but not out of sight."""
    found = fit([Labelled(0.5, truth)] * 100)

    assert abs(found.shift) <= 4
    assert 0.3 <= found.scale <= 3


def test_drift_is_found_where_it_began() -> None:
    """Thirty good answers, then bad ones: the change is seen within ten, and placed at the thirtieth."""
    losses = [0.2] * 30 + [1.5] * 10

    assert drift(losses[:30]) is None
    assert abs((drift(losses) or 0) - 30) <= 2


def test_a_single_surprise_is_no_drift() -> None:
    """One bad answer among good ones drops nothing."""
    assert drift([0.2] * 20 + [2.5] + [0.2] * 20) is None
