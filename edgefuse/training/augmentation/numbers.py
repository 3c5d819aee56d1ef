"""Changes of a sequence (steps, channels) and of a row of a table (columns,), NaN where nothing is known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.training.augmentation.context import Context, Step
from edgefuse.training.augmentation.timing import build, upright, warp


def jitter(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Gaussian noise of `value` times the spread of each channel (Um et al. 2017)."""
    return np.asarray(x + context.rng.standard_normal(x.shape) * context.spread * value, x.dtype)


def scale(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Each channel by a factor around 1, of spread `value` (Um et al. 2017)."""
    return np.asarray(x * (1 + value * context.rng.standard_normal(x.shape[-1])), x.dtype)


def dim(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """All channels by one factor from 0 to `value`: the lamps are off, the curtain is drawn."""
    return np.asarray(x * context.rng.uniform(0, value), x.dtype)


def offset(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Each channel higher or lower by `value` times its spread: sensors drift and are placed elsewhere."""
    return np.asarray(x + value * context.spread * context.rng.standard_normal(x.shape[-1]), x.dtype)


def channels(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Each channel is unknown with the chance `value`."""
    return np.asarray(np.where(context.rng.random(x.shape[-1]) < value, np.nan, x), x.dtype)


def gap(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Up to a share `value` of the steps in a row is unknown."""
    length = int(context.rng.uniform(0, value) * len(x))
    start = int(context.rng.integers(0, len(x) - length + 1))
    out = np.array(x)
    out[start : start + length] = np.nan
    return out


def shift(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Earlier or later by up to `value` seconds; the first or last step is held."""
    most = round(float(value) * context.rate)
    by = int(context.rng.integers(-most, most + 1))
    return np.asarray(x[np.clip(np.arange(len(x)) - by, 0, len(x) - 1)])


def tempo(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Faster or slower by up to the share `value`, about the middle; the ends are held."""
    factor = 1 + context.rng.uniform(-value, value)
    middle = (len(x) - 1) / 2
    at = np.clip((np.arange(len(x)) - middle) * factor + middle, 0, len(x) - 1)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, len(x) - 1)
    part = (at - low)[:, None]
    return np.asarray(np.where(part == 0, x[low], x[low] * (1 - part) + x[high] * part), x.dtype)


def turn(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """All triples of channels by one rotation of up to `value` degrees about any axis: a sensor worn otherwise."""
    axis = context.rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    angle = np.radians(context.rng.uniform(-value, value))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross  # Rodrigues
    triples = x.shape[-1] // 3 * 3
    out = np.array(x)
    out[..., :triples] = (x[..., :triples].reshape(*x.shape[:-1], -1, 3) @ matrix.T).reshape(*x.shape[:-1], triples)
    return out


TABLE: dict[str, Step] = {"jitter": jitter, "offset": offset, "channels": channels}
SEQUENCE: dict[str, Step] = {
    **TABLE,
    "scale": scale,
    "dim": dim,
    "gap": gap,
    "shift": shift,
    "tempo": tempo,
    "warp": warp,
    "turn": turn,
    "upright": upright,
    "build": build,
}
