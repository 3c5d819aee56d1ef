"""How good a classifier's probabilities are: pure functions on arrays.

`labels` is (n,) class indices, `probability` (n, classes) with rows that sum to 1, `groups` (n,) names. Everything is
a fraction, 0..1. What cannot be computed (no samples, one class alone) is NaN.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = NDArray[np.int64]
Probability: TypeAlias = NDArray[np.floating[Any]]
BINS = 15
_BOOTSTRAP = 1000
_LEAST = 1e-12


def summary(labels: Labels, probability: Probability) -> dict[str, float]:
    """accuracy, macro_f1, precision, recall (both macro), auc, ece, brier."""
    precision, recall, f1 = precision_recall_f1(confusion(labels, probability.argmax(1), probability.shape[1]))
    return {
        "accuracy": accuracy(labels, probability),
        "macro_f1": f1,
        "auc": auc(labels, probability),
        "ece": ece(labels, probability),
        "precision": precision,
        "recall": recall,
        "brier": brier(labels, probability),
    }


def accuracy(labels: Labels, probability: Probability) -> float:
    """Share of samples whose most probable class is the true one."""
    return _mean(probability.argmax(1) == labels)


def confusion(labels: Labels, guesses: NDArray[np.integer[Any]], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts: rows are true classes, columns guessed ones."""
    return np.bincount(labels * classes + guesses, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(matrix: NDArray[np.int64]) -> tuple[float, float, float]:
    """Macro precision, recall and F1 of a confusion matrix, over the classes that are true or guessed at least once.

    A class that is never guessed has precision 0, one that is never true has recall 0.
    """
    right, guessed, true = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    seen = (guessed + true) > 0
    if not seen.any():
        return float("nan"), float("nan"), float("nan")
    precision = right[seen] / np.maximum(guessed[seen], 1)
    recall = right[seen] / np.maximum(true[seen], 1)
    f1 = 2 * right[seen] / (guessed + true)[seen]
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def auc(labels: Labels, probability: Probability) -> float:
    """Area under the ROC curve, one class against the rest, mean over classes that have samples on both sides.

    Of two classes this is the one area of the second class.
    """
    classes = range(probability.shape[1]) if probability.shape[1] != 2 else (1,)  # noqa: PLR2004  both areas are equal
    areas = [auc_of(labels == each, probability[:, each]) for each in classes]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def auc_of(positive: NDArray[np.bool_], score: Probability) -> float:
    """Area under the ROC curve of one score: chance that a positive scores above a negative, ties count half."""
    wins, negatives = int(positive.sum()), int((~positive).sum())
    if not wins or not negatives:
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(-1)]  # ties share their mean rank
    return float((ranks[positive].sum() - wins * (wins + 1) / 2) / (wins * negatives))


def roc(positive: NDArray[np.bool_], score: Probability) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rate at every threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[last]
    misses = np.cumsum(~positive[order])[last]
    return (
        np.concatenate([[0.0], misses / max(1, misses[-1])]),
        np.concatenate([[0.0], hits / max(1, hits[-1])]),
    )


def reliability(
    labels: Labels, probability: Probability, bins: int = BINS
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean confidence, accuracy and share of the samples in `bins` bins of equal width, (bins,) each; NaN where empty.

    A bin holds what is above its lower bound up to its upper one, as in Guo et al. (2017).
    """
    sure, right = probability.max(1), probability.argmax(1) == labels
    place = np.clip(np.ceil(sure * bins).astype(np.intp) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins).astype(np.float64)
    held = np.where(counts > 0, counts, np.nan)
    confidence = np.bincount(place, sure, minlength=bins) / held
    hit = np.bincount(place, right, minlength=bins) / held
    return confidence, hit, counts / max(1, len(labels))


def ece(labels: Labels, probability: Probability, bins: int = BINS) -> float:
    """Expected calibration error of the most probable class, 15 bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """
    if not len(labels):
        return float("nan")
    confidence, hit, share = reliability(labels, probability, bins)
    return float(np.nansum(share * np.abs(hit - confidence)))


def brier(labels: Labels, probability: Probability) -> float:
    """Mean squared distance of the probabilities from the truth, summed over classes: 0..2 (Brier, 1950)."""
    truth = np.zeros(probability.shape)
    truth[np.arange(len(labels)), labels] = 1
    return _mean(((probability - truth) ** 2).sum(1))


def log_loss(labels: Labels, probability: Probability) -> float:
    """Mean negative log-probability of the true class, nats."""
    return _mean(-np.log(np.maximum(probability[np.arange(len(labels)), labels], _LEAST)))


def operating_points(
    positive: NDArray[np.bool_], score: Probability, most: int = 19
) -> list[tuple[float, float, float]]:
    """(threshold, precision, recall) at up to `most` ascending thresholds, evenly spaced in (0, 1).

    At a threshold every sample with that score or more is called positive. Thresholds that nothing reaches are left
    out. Without positives there are none.
    """
    if not positive.any():
        return []
    points = []
    for threshold in np.arange(1, most + 1) / (most + 1):
        called = score >= threshold
        if called.any():
            hits = float((called & positive).sum())
            points.append((float(threshold), hits / float(called.sum()), hits / float(positive.sum())))
    return points


def interval_of_mean(
    values: NDArray[Any], groups: NDArray[Any], *, times: int = _BOOTSTRAP, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean of `values` (n,) when whole groups are drawn with replacement; NaN for one group."""
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004  one group has no spread
        return float("nan"), float("nan")
    drawn = _draws(len(names), times, seed)
    sums = np.bincount(place, np.asarray(values, np.float64), minlength=len(names))
    means = drawn @ sums / (drawn @ np.bincount(place, minlength=len(names)))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def interval_of_macro_f1(
    labels: Labels, guesses: NDArray[np.integer[Any]], groups: NDArray[Any], classes: int, *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of macro F1 when whole groups are drawn with replacement; NaN for one group."""
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004  one group has no spread
        return float("nan"), float("nan")
    each = [confusion(labels[place == k], guesses[place == k], classes).reshape(-1) for k in range(len(names))]
    drawn = (_draws(len(names), _BOOTSTRAP, seed) @ np.array(each, np.float64)).astype(np.int64)
    found = [precision_recall_f1(matrix)[2] for matrix in drawn.reshape(-1, classes, classes)]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def interval(
    statistic: Callable[[NDArray[np.intp]], float], groups: NDArray[Any], *, times: int = _BOOTSTRAP, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of any statistic of the indices of samples, whole groups drawn with replacement.

    Field and Welsh, "Bootstrapping clustered data" (2007). Draws for which the statistic is NaN are left out; NaN for
    fewer than two groups.
    """
    names = np.unique(groups)
    if len(names) < 2:  # noqa: PLR2004  one group has no spread
        return float("nan"), float("nan")
    members = [np.flatnonzero(groups == name) for name in names]
    found = [
        statistic(np.concatenate([np.tile(m, c) for m, c in zip(members, counts, strict=True) if c]))
        for counts in _draws(len(names), times, seed).astype(np.intp)
    ]
    known = np.array(found)[~np.isnan(found)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _draws(groups: int, times: int, seed: int) -> NDArray[np.float64]:
    """(times, groups) how often each group is drawn; rows sum to `groups`."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=times).astype(np.float64)


def _mean(values: NDArray[Any]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
