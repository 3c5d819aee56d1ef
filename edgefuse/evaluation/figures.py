"""Figures of one condition, as they stand in the JSON: rounded to four digits, None for what cannot be known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.evaluation import metrics
from edgefuse.evaluation.metrics import Labels, Probability

_DIGITS = 4
_ROC_POINTS = 51
_OF_SEEDS = ("accuracy", "macro_f1", "auc", "ece")


def rounded(value: Any) -> Any:
    """Numbers of nested dicts and lists rounded; NaN is None."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if isinstance(value, np.ndarray):
        return rounded(value.tolist())
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else round(float(value), _DIGITS)
    return value


def of_condition(
    labels: Labels, groups: NDArray[np.str_], probability: Probability, before: Probability
) -> dict[str, Any]:
    """Figures of the summary, ece_before, brier_before, and ci95 of accuracy and macro F1 by group."""
    guesses = probability.argmax(1)
    return {
        "n": len(labels),
        **metrics.summary(labels, probability),
        "ece_before": metrics.ece(labels, before),
        "brier_before": metrics.brier(labels, before),
        "ci95": {
            "accuracy": metrics.interval_of_mean(guesses == labels, groups),
            "macro_f1": metrics.interval_of_macro_f1(labels, guesses, groups, probability.shape[1]),
        },
    }


def of_members(labels: Labels, members: NDArray[np.float64], free: NDArray[np.bool_]) -> dict[str, Any]:
    """Mean and standard deviation over members (members, n, classes), each on the samples that it is free to judge."""
    each = [metrics.summary(labels[mine], p[mine]) for p, mine in zip(members, free, strict=True) if mine.any()]
    return {name: _spread([one[name] for one in each]) for name in _OF_SEEDS} | {"n": len(each)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")}


def confusion(labels: Labels, probability: Probability, classes: Sequence[str]) -> dict[str, Any]:
    """{classes, matrix}: rows are true classes."""
    matrix = metrics.confusion(labels, probability.argmax(1), len(classes))
    return {"classes": list(classes), "matrix": matrix.tolist()}


def reliability(labels: Labels, probability: Probability) -> dict[str, Any]:
    """{confidence, accuracy, share} per bin."""
    confidence, accuracy, share = metrics.reliability(labels, probability)
    return {"confidence": confidence.tolist(), "accuracy": accuracy.tolist(), "share": share.tolist()}


def roc(labels: Labels, probability: Probability) -> dict[str, Any]:
    """{false_positive, true_positive}: the mean curve of one class against the rest, of two classes that of the second.

    Fawcett, "An introduction to ROC analysis" (2006): curves are averaged vertically.
    """
    grid = np.linspace(0, 1, _ROC_POINTS)
    count = probability.shape[1]
    curves = []
    for each in range(count) if count != 2 else (1,):  # noqa: PLR2004  one curve says both
        positive = labels == each
        if positive.any() and not positive.all():
            curves.append(np.interp(grid, *metrics.roc(positive, probability[:, each])))
    mean = np.mean(curves, axis=0) if curves else np.full(_ROC_POINTS, np.nan)
    return {"false_positive": grid.tolist(), "true_positive": mean.tolist()}
