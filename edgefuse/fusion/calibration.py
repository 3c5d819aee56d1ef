"""What the user's answers say about a belief: a scale and a shift of its log-odds, never weights of a network.

p' = sigmoid(scale * log-odds + shift): Platt, "Probabilistic Outputs for Support Vector Machines" (1999), here with
Gaussian priors around scale 1 and shift 0, so that few answers move little. The shift alone is a change of prior.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

import numpy as np
from numpy.typing import NDArray

FEWEST = 8
"""Answers before anything is moved."""
GAIN = 0.01
"""Least mean gain in log-loss, in nats, for which anything is moved."""
_SCALE_SD, _SHIFT_SD = 0.35, 1.5
_SCALES, _SHIFTS = (0.3, 3.0), (-4.0, 4.0)
_CLIP = 12.0
_FOLDS = 5
_TOLERATED, _ALARM = 0.1, 4.0
"""Page-Hinkley: drift of the mean log-loss that is tolerated, and the sum above it that alarms (nats)."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """log-odds' = scale * log-odds + shift."""

    scale: float = 1.0
    shift: float = 0.0
    n: int = 0
    """Answers behind it; 0: nothing is moved."""

    def __call__(self, log_odds: float) -> float:
        """The log-odds that are told."""
        return self.scale * log_odds + self.shift


UNMOVED = Adjustment()


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer: what was said, as log-odds, and what was true."""

    log_odds: float
    truth: bool


def log_loss(log_odds: float, truth: bool) -> float:  # noqa: FBT001 - a label is a boolean
    """Nats."""
    margin = log_odds if truth else -log_odds
    return log1p(exp(-margin)) if margin > -_CLIP * 3 else -margin


def fit(answers: Sequence[Labelled]) -> Adjustment:
    """The most probable scale and shift, by Newton's method; nothing is moved by few answers, or where it helps little.

    Whether it helps is judged on answers that were left out (five folds), by more than one standard error.
    """
    if len(answers) < FEWEST:
        return UNMOVED
    gains = np.array([log_loss(each.log_odds, each.truth) for each in answers]) - _left_out(answers)
    if gains.mean() < max(GAIN, gains.std() / len(gains) ** 0.5):
        return UNMOVED
    scale, shift = _newton(answers)
    return Adjustment(scale, shift, len(answers))


def _left_out(answers: Sequence[Labelled]) -> NDArray[np.float64]:
    """Log-loss of each answer by a fit to the four folds that it is not in."""
    losses = np.zeros(len(answers))
    for fold in range(_FOLDS):
        scale, shift = _newton([each for n, each in enumerate(answers) if n % _FOLDS != fold])
        losses[fold::_FOLDS] = [log_loss(scale * x.log_odds + shift, x.truth) for x in answers[fold::_FOLDS]]
    return losses


def _newton(answers: Sequence[Labelled]) -> tuple[float, float]:
    x = np.clip([each.log_odds for each in answers], -_CLIP, _CLIP)
    design: NDArray[np.float64] = np.stack([x, np.ones_like(x)], axis=1)
    truth = np.array([each.truth for each in answers], dtype=np.float64)
    centre, precision = np.array([1.0, 0.0]), np.array([_SCALE_SD, _SHIFT_SD]) ** -2.0
    at = centre.copy()
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ at, -_CLIP * 3, _CLIP * 3)))
        slope = design.T @ (p - truth) + precision * (at - centre)
        curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        at = at - np.clip(step, -1, 1)
        if float(np.abs(step).max()) < 1e-9:  # noqa: PLR2004  # converged
            break
    return float(np.clip(at[0], *_SCALES)), float(np.clip(at[1], *_SHIFTS))


def drift(losses: Sequence[float]) -> int | None:
    """Where the mean of the log-losses began to rise for good; None while it did not.

    Page, "Continuous Inspection Schemes" (Biometrika 1954), as the Page-Hinkley test. `losses` are those of each answer
    when it was given.
    """
    mean, total, lowest, at = 0.0, 0.0, 0.0, 0
    for n, loss in enumerate(losses, 1):
        mean += (loss - mean) / n
        total += loss - mean - _TOLERATED
        if total <= lowest:
            lowest, at = total, n
        if total - lowest > _ALARM:
            return at
    return None
