"""Changes of tempo within a sample, and of the size of a body: for movements of people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.training.augmentation.context import Context

_KNOTS = 5
_ENDS = 0.06
"""Share of each end that may be missing: nobody begins and ends a movement at the same place."""


def warp(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Faster here and slower there, by up to the share `value` (Um et al. 2017), over the known steps of a sequence."""
    known = np.flatnonzero(np.isfinite(x).any(1))
    if len(known) < _KNOTS:
        return x
    stretch = x[known[0] : known[-1] + 1]
    at = _places(len(stretch), float(value), context.rng)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, len(stretch) - 1)
    part = (at - low)[:, None]
    out = np.array(x)
    out[known[0] : known[-1] + 1] = np.where(part == 0, stretch[low], stretch[low] * (1 - part) + stretch[high] * part)
    return out


def warp_frames(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """The same of frames; the nearest one is taken."""
    return np.asarray(x[np.rint(_places(len(x), float(value), context.rng)).astype(np.intp)])


def build(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Of joints, x y z each: width, height and depth by a factor each around 1, of spread `value`."""
    factors = 1 + float(value) * context.rng.standard_normal(3)
    return np.asarray(x * np.tile(factors, x.shape[-1] // 3), x.dtype)


def upright(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Of joints, x y z each with y up: about the vertical by up to `value` degrees, as seen from elsewhere."""
    angle = np.radians(context.rng.uniform(-value, value))
    cos, sin = np.cos(angle), np.sin(angle)
    joints = x.reshape(*x.shape[:-1], -1, 3)
    turned = joints @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return np.asarray(turned.reshape(x.shape), x.dtype)


def _places(steps: int, value: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where each of the steps is taken from; rising, within the stretch."""
    pace = np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, _KNOTS), rng.uniform(1 - value, 1 + value, _KNOTS))
    gone = np.cumsum(pace)
    gone = (gone - gone[0]) / max(gone[-1] - gone[0], 1e-9)
    first, last = rng.uniform(0, _ENDS), rng.uniform(1 - _ENDS, 1)
    return np.asarray((first + gone * (last - first)) * (steps - 1))
