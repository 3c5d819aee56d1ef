"""NanoDet: a picture in, boxes with classes out.

Anchor-free detector with generalized focal loss; each side of a box is a distribution over distances in strides.
Li et al. 2020, "Generalized Focal Loss", https://arxiv.org/abs/2006.04388; https://github.com/RangiLyu/nanodet.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Model, Tensors

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.intp]
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_STD = np.array([57.375, 57.12, 58.395], np.float32)
_NORMALISED = (np.arange(256, dtype=np.float32) - _MEAN[:, None]) / _STD[:, None]
"""(3, 256): what each value of each colour becomes; a table is quicker than arithmetic on every pixel."""
_BINS = 11
IOU = 0.5
"""Of two boxes of one kind that overlap more than this, the weaker goes."""
_ALIKE = 0.7
"""Boxes that overlap more than this speak of one thing."""
_CANDIDATES = 1000
"""The strongest that are looked at, in one picture."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a picture, strongest first."""

    boxes: Floats
    """(n, 4) left, top, right, bottom as fractions of the picture."""
    scores: Floats
    """(n,)"""
    classes: Ints
    """(n,) places in COCO's list of 80."""


class Nanodet:
    """Runs the network. Raises ModelError for one that has other inputs or outputs."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._input, shape = next(iter(model.inputs.items()))
        if len(model.inputs) != 1 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:  # noqa: PLR2004  batch, colours, height, width
            raise ModelError(f"expected one input (1, 3, size, size) of a NanoDet, got {dict(model.inputs)}")
        assert isinstance(shape[3], int)
        self._size = shape[3]
        self._levels = _levels(model)

    def look(self, image: NDArray[np.uint8], floor: float, kinds: Ints | None = None) -> Found:
        """Find what scores at least `floor` in (height, width, 3) BGR.

        `kinds` maps a class to the kind within which overlaps are suppressed, -1 to leave it out; default: each class.
        """
        feed, shares = prepare(image, self._size)
        return self.decode(self._model.run({self._input: feed}), floor, shares, kinds)

    def decode(self, outputs: Tensors, floor: float, shares: Floats, kinds: Ints | None = None) -> Found:
        """What the network's outputs say of a picture that fills `shares` of its input, as `look` gives it."""
        found = self._candidates(outputs, floor, shares)
        labels = found.classes if kinds is None else kinds[found.classes]
        keep = suppress(found.boxes, found.scores, labels, IOU)
        return Found(_voted(found, labels, keep), found.scores[keep], found.classes[keep])

    def close(self) -> None:
        """Free the network."""
        self._model.close()

    def _candidates(self, outputs: Tensors, floor: float, shares: Floats) -> Found:
        boxes, scores, classes = [], [], []
        for level in self._levels:
            probabilities = outputs[level.classes][0]
            cells, kinds = np.nonzero(probabilities >= floor)
            scores.append(probabilities[cells, kinds])
            classes.append(kinds)
            distances = _distances(outputs[level.boxes][0][cells]) * level.stride
            centres = level.centres[cells]
            boxes.append(np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], 1))
        fractions = np.concatenate(boxes) / (np.float32(self._size) * np.tile(shares, 2))
        return Found(np.clip(fractions, 0, 1), np.concatenate(scores), np.concatenate(classes))


def prepare(image: NDArray[np.uint8], size: int) -> tuple[Floats, Floats]:
    """(height, width, 3) BGR -> (1, 3, size, size) and the shares of its width and height that the picture fills.

    The picture keeps its proportions and lies at the top left; the rest is black.
    """
    import cv2

    height, width = image.shape[:2]
    scale = size / max(height, width)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    square = np.zeros((size, size, 3), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    whole = int(1 / scale)
    if whole > 1 <= min(height, width) // whole:  # by a whole number first: many times quicker
        image = image[: height // whole * whole, : width // whole * whole]
        image = cv2.resize(image, (width // whole, height // whole), interpolation=how)
    square[:down, :across] = cv2.resize(image, (across, down), interpolation=how)
    feed = np.empty((1, 3, size, size), np.float32)
    for colour, plane in enumerate(cv2.split(square)):
        cv2.LUT(plane, _NORMALISED[colour], dst=feed[0, colour])
    return feed, np.array([across, down], np.float32) / np.float32(size)


def suppress(boxes: Floats, scores: Floats, labels: Ints, iou: float) -> Ints:
    """Greedy non-maximum suppression within each label; a label below 0 is dropped.

    Gives indices, strongest first; equal scores keep their order, so that the same picture gives the same result.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[labels[order] >= 0][:_CANDIDATES]
    keep = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(best)
        rivals = (labels[rest] == labels[best]) & (overlap(boxes[best : best + 1], boxes[rest])[0] > iou)
        order = rest[~rivals]
    return np.array(keep, np.intp)


def _voted(found: Found, labels: Ints, keep: Ints) -> Floats:
    """Each kept box becomes the mean, weighted by score, of those of its label that nearly coincide with it.

    Gidaris and Komodakis 2015, https://arxiv.org/abs/1505.01749.
    """
    same = labels[keep][:, None] == labels[None, :]
    weights = (same & (overlap(found.boxes[keep], found.boxes) >= _ALIKE)) * found.scores
    weights[np.arange(len(keep)), keep] = found.scores[keep]  # a box without area still votes for itself
    mean: Floats = (weights @ found.boxes / weights.sum(1, keepdims=True)).astype(np.float32)
    return mean


def overlap(first: Floats, second: Floats) -> Floats:
    """Intersection over union of every box of (n, 4) with every box of (m, 4) -> (n, m)."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    sides = np.clip(np.minimum(first[:, None, 2:], second[None, :, 2:]) - corner, 0, None)
    common = sides.prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - common
    shares: Floats = np.where(union > 0, common / np.maximum(union, np.finfo(np.float32).tiny), 0).astype(np.float32)
    return shares


@dataclass(frozen=True, slots=True)
class _Level:
    stride: int
    """Pixels of the input per cell."""
    centres: Floats
    """(cells, 2) x, y in pixels of the input."""
    classes: str
    boxes: str


def _levels(model: Model) -> list[_Level]:
    """Pair the outputs by their number of cells: (1, n, classes) and (1, n, 4 x bins)."""
    size = next(iter(model.inputs.values()))[3]
    by_cells: dict[int, dict[bool, str]] = {}
    for name, shape in model.outputs.items():
        if len(shape) == 3 and isinstance(shape[1], int):  # noqa: PLR2004  batch, cells, numbers
            by_cells.setdefault(shape[1], {})[shape[2] == 4 * _BINS] = name
    levels = []
    for cells in sorted(by_cells, reverse=True):
        side = math.isqrt(cells)
        if side * side != cells or len(by_cells[cells]) != 2 or not isinstance(size, int):  # noqa: PLR2004  scores and boxes
            raise ModelError(f"expected pairs of outputs (1, n, classes) and (1, n, 44), got {dict(model.outputs)}")
        stride = round(size / side)
        rows, columns = np.mgrid[:side, :side].astype(np.float32) + np.float32(0.5)
        centres = np.stack([columns.ravel(), rows.ravel()], 1) * np.float32(stride)
        levels.append(_Level(stride, centres, by_cells[cells][False], by_cells[cells][True]))
    if not levels:
        raise ModelError(f"expected pairs of outputs (1, n, classes) and (1, n, 44), got {dict(model.outputs)}")
    return levels


def _distances(logits: Floats) -> Floats:
    """(n, 4 x bins) -> (n, 4) left, top, right, bottom in strides: the mean of each side's distribution."""
    sides = logits.reshape(-1, 4, _BINS)
    weights = np.exp(sides - sides.max(2, keepdims=True))
    weights /= weights.sum(2, keepdims=True)
    means: Floats = weights @ np.arange(_BINS, dtype=np.float32)
    return means
