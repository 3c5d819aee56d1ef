"""Changes of a picture (h, w[, 3]) and of frames (t, h, w[, 3]), uint8; all frames of a sample alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.training.augmentation.context import Context, Step
from edgefuse.training.augmentation.timing import warp_frames

_WHITE = 255


def _bytes(x: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(x), 0, _WHITE), np.uint8)


def brightness(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Brighter or darker by up to the share `value` of white."""
    return _bytes(x + context.rng.uniform(-value, value) * _WHITE)


def contrast(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """About its mean, by a factor of 1 - value to 1 + value."""
    mean = x.mean()
    return _bytes((x - mean) * (1 + context.rng.uniform(-value, value)) + mean)


def noise(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Gaussian noise of up to the share `value` of white."""
    return _bytes(x + context.rng.standard_normal(x.shape) * context.rng.uniform(0, value) * _WHITE)


def flip(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Left and right with the chance `value`."""
    across = _across(x) + 1
    return np.flip(x, across) if context.rng.random() < value else x


def crop(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Up to the share `value` of each side is cut off somewhere, the rest stretched to the old size."""
    return _warped(x, 1 - context.rng.uniform(0, value), 0.0, context.rng.uniform(-1, 1, 2))


def turn(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """By up to `value` degrees about the middle; what comes in is repeated from the edge."""
    return _warped(x, 1.0, np.radians(context.rng.uniform(-value, value)), np.zeros(2))


def move(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """By up to the share `value` of its size; what comes in is repeated from the edge."""
    sizes = np.array(x.shape[_across(x) : _across(x) + 2])
    down, right = np.rint(context.rng.uniform(-value, value, 2) * sizes).astype(int)
    return _picked(x, *(np.clip(np.arange(s) - by, 0, s - 1) for s, by in zip(sizes, (down, right), strict=True)))


def drop(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Each frame is lost with the chance `value`; the one before stands."""
    lost = context.rng.random(len(x)) < value
    lost[0] = False
    return np.asarray(x[np.maximum.accumulate(np.where(lost, 0, np.arange(len(x))))])


def _across(x: NDArray[Any]) -> int:
    """Number of the axis of rows: a last axis of 3 is colour."""
    return x.ndim - (3 if x.shape[-1] == 3 else 2)  # noqa: PLR2004


def _picked(x: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    return x.take(rows, _across(x)).take(columns, _across(x) + 1)


def _warped(x: NDArray[Any], size: float, angle: float, to: NDArray[np.float64]) -> NDArray[Any]:
    """The window of relative `size`, turned by `angle`, moved by `to` (-1..1) of what is left; nearest pixels."""
    axis = _across(x)
    height, width = x.shape[axis : axis + 2]
    middle = np.array([height - 1, width - 1]) / 2
    down, right = np.meshgrid(np.arange(height) - middle[0], np.arange(width) - middle[1], indexing="ij")
    at = np.stack([np.cos(angle) * down - np.sin(angle) * right, np.sin(angle) * down + np.cos(angle) * right])
    centre = middle + to * (1 - size) * middle
    place = np.rint(at * size + centre[:, None, None]).astype(np.intp)
    rows, columns = np.clip(place[0], 0, height - 1), np.clip(place[1], 0, width - 1)
    return np.asarray(x[rows, columns] if axis == 0 else x[:, rows, columns])


IMAGE: dict[str, Step] = {
    "brightness": brightness,
    "contrast": contrast,
    "noise": noise,
    "flip": flip,
    "crop": crop,
    "turn": turn,
    "move": move,
}
FRAMES: dict[str, Step] = {**IMAGE, "drop": drop, "warp": warp_frames}
