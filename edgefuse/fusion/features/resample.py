"""Resampling by a triangle that is as wide as the coarser of both grids, so that nothing aliases."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=1024)
def triangle(steps: int, size: int) -> NDArray[np.float32]:
    """Weights (steps, size): row i makes the i-th of `steps` new samples from `size` old ones, rows sum to 1.

    Samples lie in the middle of their cells, so both grids cover the same stretch. Raises ValueError below one.
    """
    if steps < 1 or size < 1:
        raise ValueError(f"resampling from {size} to {steps} samples: expected at least one on both sides")
    ratio = size / steps
    centres = (np.arange(steps) + 0.5) * ratio - 0.5
    reach = max(1.0, ratio)
    distance = np.abs(np.arange(size)[None] - np.clip(centres, 0, size - 1)[:, None])
    weights = np.maximum(0.0, 1.0 - distance / reach)
    found: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    found.setflags(write=False)
    return found


def resize(pictures: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """(..., h, w) -> (..., height, width) float32."""
    rows, columns = pictures.shape[-2:]
    values = pictures.astype(np.float32, copy=False)
    if (rows, columns) == (height, width):
        return values
    out: NDArray[np.float32] = triangle(height, rows) @ values @ triangle(width, columns).T
    return out
