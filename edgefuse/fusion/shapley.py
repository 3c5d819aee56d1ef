"""What each modality adds to a decision, so that the parts make up the whole.

Shapley, "A value for n-person games" (1953); Lundberg & Lee, "A unified approach to interpreting model predictions"
(NeurIPS 2017). Exact: every subset of the modalities is a row of one batch.
"""

from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

MOST = 8
"""Modalities: 256 subsets."""


@lru_cache(maxsize=MOST + 1)
def subsets(count: int) -> NDArray[np.bool_]:
    """(2**count, count): row r holds the modalities whose bit is set in r. The first is empty, the last is full."""
    rows = np.arange(2**count)[:, None] >> np.arange(count)[None] & 1
    return rows.astype(bool)


def shapley(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(count,) of `values`, (2**count,), one for each of `subsets`; with the first they sum to the last."""
    count = len(values).bit_length() - 1
    return np.asarray(_weights(count) @ values) if count else np.zeros(0)


def without(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(count,) of `values`: that of everything but each."""
    count = len(values).bit_length() - 1
    return np.asarray(values[len(values) - 1 - (1 << np.arange(count))])


@lru_cache(maxsize=MOST + 1)
def _weights(count: int) -> NDArray[np.float64]:
    """(count, 2**count): with it a subset counts by |S|! (n - |S| - 1)! / n!, S without the modality in question."""
    inside = subsets(count)
    size = inside.sum(axis=1)
    weight = np.array([factorial(s) * factorial(count - s - 1) / factorial(count) for s in range(count)])
    return np.asarray(np.where(inside, weight[size - 1][:, None], -weight[np.minimum(size, count - 1)][:, None]).T)
