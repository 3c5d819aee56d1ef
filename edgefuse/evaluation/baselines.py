"""What a fused model has to beat: the commonest class, the best modality alone, naive fusion in log-odds."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgefuse.evaluation.metrics import log_loss
from edgefuse.evaluation.scoring import softmax

_TEMPERATURES = np.geomspace(0.25, 8, 36)


def majority(labels: NDArray[np.int64]) -> float:
    """Accuracy of always naming the class that is commonest in the data at hand: no constant answer does better."""
    return float(np.bincount(labels).max() / len(labels))


def alone(logs: NDArray[np.float64], here: NDArray[np.bool_], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) what one modality says, and the prior where it is not there (n,)."""
    return np.where(here[:, None], softmax(logs), prior)


def calibrated(
    logs: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.str_], here: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(2,) temperatures for `halves`: each half has the one that fits the other half best (Guo et al., 2017).

    No sample is judged by a temperature that it had a say in, yet the baseline is calibrated on data of this very
    kind: it is given more than the fused model has.
    """
    half = halves(groups)
    fitted = np.ones(2)
    for side in (0, 1):
        other = (half != side) & here
        if other.any():
            losses = [log_loss(labels[other], softmax(logs[other] / t)) for t in _TEMPERATURES]
            fitted[side] = _TEMPERATURES[int(np.argmin(losses))]
    return fitted


def halves(groups: NDArray[np.str_]) -> NDArray[np.intp]:
    """(n,) 0 or 1: whole groups in turn; of a single group, samples in turn."""
    names, place = np.unique(groups, return_inverse=True)
    return (place if len(names) > 1 else np.arange(len(groups))) % 2


def log_odds(
    singles: Mapping[str, NDArray[np.float64]], mask: Mapping[str, NDArray[np.bool_]], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, classes) of modalities that are taken as independent given the class.

    `singles` has (n, classes) log-probabilities, calibrated, `mask` (n,) whether they count: the sum over modalities of
    log(p / prior), plus log(prior), normalised; a class whose prior is 0 stays at 0. What the daemon's `bayes` fuser
    does in log-odds.
    """
    shared = np.log(np.where(prior > 0, prior, 1))
    total = np.broadcast_to(np.where(prior > 0, shared, -np.inf), next(iter(singles.values())).shape).copy()
    for name, logs in singles.items():
        total += np.where(mask[name][:, None], np.log(softmax(logs) + 1e-12) - shared, 0)
    return softmax(total)
