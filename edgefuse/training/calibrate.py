"""One temperature for every pattern of present modalities.

Guo et al. 2017, "On calibration of modern neural networks".

Pooled, then calibrated: softmax(log(mean over members of their probabilities) / temperature).
"""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_ALL_UP_TO = 5
_FEW = 2
"""Modalities that may be missing, or alone, where there are too many for every pattern."""
_SPREAD = 0.5
_COARSE = np.geomspace(0.2, 20.0, 41)


def patterns(modalities: int) -> NDArray[np.float32]:
    """(patterns, modalities) masks, everything present first; all that are not empty, up to five modalities."""
    if modalities <= _ALL_UP_TO:
        masks = [mask for mask in product((1, 0), repeat=modalities) if any(mask)]
    else:
        sizes = [*range(_FEW + 1), *range(modalities - _FEW, modalities)]
        gone = [set(each) for size in sizes for each in combinations(range(modalities), size)]
        masks = [tuple(int(column not in each) for column in range(modalities)) for each in gone]
    return np.array(sorted(masks, key=lambda mask: (-sum(mask), [-each for each in mask])), np.float32)


def pooled(members: Floats) -> Floats:
    """(members, ..., classes) log-probabilities -> log of the mean probability."""
    top = members.max(0)
    out: Floats = np.log(np.exp(members - top).mean(0)) + top
    return out


def scaled(log_p: Floats, temperature: float) -> Floats:
    """Probabilities at a temperature."""
    logits = log_p / temperature
    power = np.exp(logits - logits.max(-1, keepdims=True))
    out: Floats = power / power.sum(-1, keepdims=True)
    return out


def temperature(log_p: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood, 0.2 to 20; 1 without samples.

    A few samples that are all right would ask for any certainty: log temperature has a prior around 0, of spread .5.
    """
    if not len(labels):
        return 1.0
    grid, best = _COARSE, 1.0
    for _ in range(3):
        losses = [_loss(log_p, labels, each) for each in grid]
        place = int(np.argmin(losses))
        best = float(grid[place])
        grid = np.geomspace(grid[max(0, place - 1)], grid[min(len(grid) - 1, place + 1)], 15)
    return best


def table(masks: NDArray[np.float32], temperatures: Sequence[float]) -> Floats:
    """(2 ** modalities,) temperature of every pattern, bit m for modality m; 1 for none present.

    A pattern that was not fitted has the mean of those with the nearest number of modalities.
    """
    count = masks.shape[1]
    bits = (masks.astype(np.int64) << np.arange(count)).sum(1)
    fitted = dict(zip(bits.tolist(), temperatures, strict=True))
    sizes, logs = masks.sum(1), np.log(np.asarray(temperatures))
    out = np.ones(2**count)
    for pattern in range(1, 2**count):
        distance = np.abs(sizes - pattern.bit_count())
        near = float(np.exp(logs[distance == distance.min()].mean()))
        out[pattern] = fitted.get(pattern, near)
    return out


def _loss(log_p: Floats, labels: NDArray[np.int64], at: float) -> float:
    logits = log_p / at
    top = logits.max(1)
    total = np.log(np.exp(logits - top[:, None]).sum(1)) + top
    likelihood = (total - logits[np.arange(len(labels)), labels]).sum()
    return float(likelihood + 0.5 * (np.log(at) / _SPREAD) ** 2)
