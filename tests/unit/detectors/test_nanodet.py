"""Decoding and suppression of NanoDet, with outputs whose boxes are known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.detectors.nanodet import Nanodet, overlap, prepare, suppress

SIZE = 64
STRIDE = 8
CELLS = (SIZE // STRIDE) ** 2


class OneLevel:
    """A network of one level whose answers are set by the test."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"in": (1, 3, SIZE, SIZE)}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"c": (1, CELLS, 80), "b": (1, CELLS, 44)}

    def __init__(self) -> None:
        self.classes = np.zeros((1, CELLS, 80), np.float32)
        self.boxes = np.zeros((1, CELLS, 4, 11), np.float32)

    def say(self, row: int, column: int, kind: int, score: float, sides: tuple[int, int, int, int]) -> None:
        """A box around the middle of a cell, its sides in whole strides."""
        cell = row * (SIZE // STRIDE) + column
        self.classes[0, cell, kind] = score
        for side, strides in enumerate(sides):
            self.boxes[0, cell, side, strides] = 100

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        assert inputs["in"].shape == (1, 3, SIZE, SIZE)
        return {"c": self.classes, "b": self.boxes.reshape(1, CELLS, 44)}

    def close(self) -> None:
        """Nothing to free."""


def test_a_distribution_becomes_a_box() -> None:
    """All weight on bin n is n strides from the middle of the cell; boxes are fractions of the picture."""
    network = OneLevel()
    network.say(row=2, column=3, kind=15, score=0.9, sides=(1, 2, 3, 4))

    found = Nanodet(network).look(np.zeros((SIZE, SIZE, 3), np.uint8), 0.5)

    x, y = 3.5 * STRIDE, 2.5 * STRIDE
    expected = np.array([[x - 8, y - 16, x + 24, y + 32]]) / SIZE
    np.testing.assert_allclose(found.boxes, expected, atol=1e-6)
    assert found.classes.tolist() == [15]
    assert found.scores.tolist() == [np.float32(0.9)]


def test_boxes_are_fractions_of_the_picture_not_of_the_square() -> None:
    """In a picture half as high as wide the same box is twice as high a fraction, and none leaves the picture."""
    network = OneLevel()
    network.say(row=1, column=3, kind=0, score=0.9, sides=(1, 1, 1, 1))
    network.say(row=3, column=7, kind=0, score=0.8, sides=(1, 1, 1, 1))

    found = Nanodet(network).look(np.zeros((50, 100, 3), np.uint8), 0.5)

    np.testing.assert_allclose(found.boxes[0], [20 / 64, 4 / 32, 36 / 64, 20 / 32], atol=1e-6)
    np.testing.assert_allclose(found.boxes[1], [52 / 64, 20 / 32, 1, 1], atol=1e-6)


def test_overlaps_are_suppressed_within_a_kind() -> None:
    """A dog and a cat at one place are two classes, but one kind; -1 leaves a class out."""
    network = OneLevel()
    network.say(row=2, column=2, kind=15, score=0.9, sides=(2, 2, 2, 2))
    network.say(row=2, column=2, kind=16, score=0.8, sides=(2, 2, 2, 2))
    network.say(row=6, column=6, kind=0, score=0.7, sides=(1, 1, 1, 1))
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    kinds = np.full(80, -1, np.intp)
    kinds[[15, 16]] = 2

    assert Nanodet(network).look(image, 0.5).classes.tolist() == [15, 16, 0]
    assert Nanodet(network).look(image, 0.5, kinds).classes.tolist() == [15]


def test_nothing_found_is_empty() -> None:
    """A picture without anything gives empty arrays of the right shapes."""
    found = Nanodet(OneLevel()).look(np.zeros((SIZE, SIZE, 3), np.uint8), 0.5)

    assert (found.boxes.shape, found.scores.shape, found.classes.shape) == ((0, 4), (0,), (0,))


def test_suppression_keeps_the_strongest_and_the_order_of_equals() -> None:
    """Of overlapping boxes the strongest stays; equal scores keep their order; other labels do not matter."""
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 9, 9], [0, 0, 4, 4]], np.float32)
    scores = np.array([0.5, 0.9, 0.5, 0.5], np.float32)

    assert suppress(boxes, scores, np.array([0, 0, 0, 1]), 0.5).tolist() == [1, 2, 3]
    assert suppress(boxes, scores, np.array([0, -1, 0, 0]), 0.5).tolist() == [0, 2]


def test_neighbours_vote_for_a_box() -> None:
    """A box that nearly coincides with a stronger one moves it by its share of the score."""
    network = OneLevel()
    network.say(row=3, column=3, kind=0, score=0.9, sides=(3, 3, 3, 3))
    network.say(row=3, column=4, kind=0, score=0.6, sides=(4, 3, 3, 3))

    found = Nanodet(network).look(np.zeros((SIZE, SIZE, 3), np.uint8), 0.5)

    right = (52 * 0.9 + 60 * 0.6) / 1.5
    np.testing.assert_allclose(found.boxes, np.array([[4, 4, right, 52]]) / SIZE, atol=1e-6)


def test_overlap() -> None:
    """Half covered is a third; apart and without area is 0."""
    first = np.array([[0, 0, 2, 2], [5, 5, 5, 5]], np.float32)
    second = np.array([[1, 0, 3, 2], [7, 7, 8, 8], [5, 5, 5, 5]], np.float32)

    np.testing.assert_allclose(overlap(first, second), [[1 / 3, 0, 0], [0, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (2, 3000, 3), (500, 2, 3), (416, 416, 3)])
def test_any_size_becomes_the_square_of_the_network(shape: tuple[int, int, int]) -> None:
    """The picture fills its side of the square and keeps its proportions; the rest is black."""
    feed, shares = prepare(np.full(shape, 255, np.uint8), 416)

    white = feed[0, 0] > 0
    assert feed.shape == (1, 3, 416, 416)
    assert shares.max() == 1
    assert (white.any(0).mean(), white.any(1).mean()) == pytest.approx(tuple(shares))


def test_another_network_is_refused() -> None:
    """A model with other inputs or outputs is an error of the operator that tells what it has."""
    network = OneLevel()
    network.inputs = {"a": (1, 3)}

    with pytest.raises(ModelError, match=r"expected one input \(1, 3, size, size\) of a NanoDet, got {'a': \(1, 3\)}"):
        Nanodet(network)

    network = OneLevel()
    network.outputs = {"a": (1, 3, 416, 416)}

    with pytest.raises(ModelError, match=r"expected pairs of outputs .* got {'a': \(1, 3, 416, 416\)}"):
        Nanodet(network)
