"""COCO's mean average precision, and precision and recall at one threshold.

Lin et al. 2014, "Microsoft COCO", and its evaluation code: 101 recall points, IoU .50:.05:.95, at most 100 detections
a picture, mean over the classes that occur. Boxes of crowds are not known here and therefore not left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.detectors.nanodet import Found, overlap

Floats: TypeAlias = NDArray[np.float64]
Boxes: TypeAlias = NDArray[np.float32]
"""(n, 4) left, top, right, bottom."""
THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_MOST = 100


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in a picture."""

    boxes: NDArray[np.float32]
    """(n, 4) left, top, right, bottom as fractions."""
    classes: NDArray[np.intp]
    """(n,)"""


def mean_average_precision(truths: Sequence[Truth], found: Sequence[Found], sizes: Sequence[tuple[int, int]]) -> Floats:
    """Mean over the classes at each of THRESHOLDS, (10,). `sizes`: width and height of each picture."""
    per_class = average_precisions(truths, found, sizes)
    if not per_class:
        return np.zeros(len(THRESHOLDS))
    mean: Floats = np.mean(list(per_class.values()), axis=0)
    return mean


def average_precisions(
    truths: Sequence[Truth], found: Sequence[Found], sizes: Sequence[tuple[int, int]]
) -> Mapping[int, Floats]:
    """Class that occurs -> average precision at each of THRESHOLDS, (10,)."""
    present = sorted({int(kind) for truth in truths for kind in truth.classes})
    return {kind: _one_class(kind, truths, found, sizes) for kind in present}


def precision_recall(
    wanted: Sequence[Boxes], got: Sequence[Boxes], iou: float, least: float = 0
) -> tuple[float, float]:
    """Of all boxes that were said the share that is right, of all wanted boxes the share that is found.

    One list of (n, 4) boxes a picture, `got` strongest first. As in COCO's size ranges, wanted boxes with an area below
    `least` are neither asked for nor, when found, held against the detector, and no more are boxes as small.
    """
    right, said, there = 0, 0, 0
    for truth, here in zip(wanted, got, strict=True):
        large = _areas(truth) >= least
        hits = _hits(truth[large], here, np.array([iou]))[0]
        excused = (_areas(here) < least) | (overlap(here, truth[~large]) >= iou).any(1)
        right += int(hits.sum())
        said += int((hits | ~excused).sum())
        there += int(large.sum())
    return (right / said if said else 0.0), (right / there if there else 0.0)


def _one_class(kind: int, truths: Sequence[Truth], found: Sequence[Found], sizes: Sequence[tuple[int, int]]) -> Floats:
    scores, hits, there = [], [], 0
    for truth, here, (width, height) in zip(truths, found, sizes, strict=True):
        scale = np.array([width, height, width, height], np.float32)
        wanted = truth.boxes[truth.classes == kind] * scale
        chosen = np.nonzero(here.classes[:_MOST] == kind)[0]
        scores.append(here.scores[chosen])
        hits.append(_hits(wanted, here.boxes[chosen] * scale, THRESHOLDS))
        there += len(wanted)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.array([_area(row[order], there) for row in np.concatenate(hits, axis=1)])


def _hits(wanted: Boxes, got: Boxes, thresholds: Floats) -> NDArray[np.bool_]:
    """Which detections, strongest first, take a box of their own at each threshold: (thresholds, detections)."""
    hits = np.zeros((len(thresholds), len(got)), bool)
    if not len(wanted) or not len(got):
        return hits
    shares = overlap(got, wanted)
    for row, threshold in enumerate(thresholds):
        free = np.ones(len(wanted), bool)
        for column in range(len(got)):
            candidates = np.where(free, shares[column], -1)
            # The last of equals, as in COCO's own evaluation.
            best = len(wanted) - 1 - int(np.argmax(candidates[::-1]))
            if candidates[best] >= min(threshold, 1 - 1e-10):
                free[best] = False
                hits[row, column] = True
    return hits


def _areas(boxes: Boxes) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return areas


def _area(hits: NDArray[np.bool_], there: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or beyond."""
    right = np.cumsum(hits)
    recall = right / there
    precision = right / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(best, 0.0)[np.minimum(at, len(best))].mean())
