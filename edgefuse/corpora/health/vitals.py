"""Heart rate, respiration and skin conductance of somebody who rests, walks, exercises, falls or takes the watch off.

Simulated. Sources of the figures: Zakynthinaki 2015, "Modelling heart rate kinetics", PLoS ONE 10 (first order, time
constants of tens of seconds, slower down than up); Boucsein 2012, "Electrodermal activity" (a response 1 to 3 s after
its cause, rise 1 to 3 s, half recovery 2 to 10 s, 1 to 3 a minute without any cause; 2 to 20 microsiemens); Hall 2015,
"Guyton and Hall textbook of medical physiology" (60 to 80 beats, 12 to 18 breaths a minute at rest).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RATE = 1.0
CHANNELS = ("heart_rate", "respiration", "skin_conductance")
"""Beats and breaths a minute, microsiemens."""
_ABOVE_REST: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "rest": ((0, 6), (0, 2)),
    "walking": ((12, 35), (3, 9)),
    "exercise": ((12, 45), (3, 11)),
}
"""Beats and breaths a minute."""
_FAINTS = 0.15
"""Share of falls with which the heart slows down instead: a vasovagal syncope."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wears the watch."""

    heart: float
    breath: float
    skin: float
    rise: float
    """Time constant of the heart going up, s."""
    decline: float


def person(rng: np.random.Generator) -> Person:
    """Any adult."""
    return Person(
        heart=rng.uniform(55, 85),
        breath=rng.uniform(12, 18),
        skin=rng.uniform(2, 12),
        rise=rng.uniform(12, 30),
        decline=rng.uniform(25, 60),
    )


def targets(who: Person, activity: str, rng: np.random.Generator) -> tuple[float, float]:
    """Heart rate and respiration that an activity leads to."""
    heart, breath = _ABOVE_REST[activity]
    return who.heart + rng.uniform(*heart), who.breath + rng.uniform(*breath)


def course(
    who: Person, first: tuple[float, float], then: tuple[float, float], onset: float, seconds: int
) -> tuple[Floats, Floats]:
    """Heart rate and respiration (seconds,) from `first` towards `then` after `onset`."""
    gone = np.maximum(0, np.arange(seconds) - onset)
    constant = who.rise if then[0] > first[0] else who.decline
    heart = then[0] + (first[0] - then[0]) * np.exp(-gone / constant)
    breath = then[1] + (first[1] - then[1]) * np.exp(-gone / 15)
    return heart, breath


def alarmed(
    who: Person, first: tuple[float, float], onset: float, seconds: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The same after a fall: up within ten seconds or so, or down where a faint was the cause."""
    gone = np.maximum(0, np.arange(seconds) - onset)
    to = -rng.uniform(15, 30) if rng.random() < _FAINTS else rng.uniform(12, 40)
    heart = first[0] + to * (1 - np.exp(-gone / rng.uniform(4, 10)))
    breath = first[1] + rng.uniform(2, 10) * (1 - np.exp(-gone / rng.uniform(4, 10)))
    return np.maximum(heart, who.heart - 25), breath


def skin(who: Person, seconds: int, causes: list[tuple[float, float]], rng: np.random.Generator) -> Floats:
    """Conductance (seconds,): a slow level, responses without a cause, and those to `causes`, (time, microsiemens)."""
    t = np.arange(seconds, dtype=np.float64)
    out = who.skin + 0.3 * np.sin(2 * np.pi * t / rng.uniform(40, 120) + rng.uniform(0, 6))
    spontaneous = [(rng.uniform(0, seconds), rng.uniform(0.05, 0.5)) for _ in range(rng.poisson(2 * seconds / 60))]
    for at, size in [*causes, *spontaneous]:
        gone = np.maximum(0, t - at - rng.uniform(1, 3))
        shape = np.exp(-gone / rng.uniform(3, 14)) - np.exp(-gone / rng.uniform(0.5, 1.5))
        out = out + size * shape
    return np.asarray(out)


def measured(
    heart: Floats, breath: Floats, conductance: Floats, moving: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(seconds, 3) as a watch gives them: beats vary, movement disturbs, and some values are missing."""
    n = len(heart)
    wander = np.convolve(rng.standard_normal(n + 4), np.ones(5) / 5, "valid")
    beats = heart + 2.5 * wander + np.where(moving, 4.0, 0.7) * rng.standard_normal(n)
    breaths = breath + np.where(moving, 2.0, 0.7) * rng.standard_normal(n)
    out = np.stack([beats, breaths, conductance + 0.03 * rng.standard_normal(n)], axis=1)
    out[rng.random((n, 3)) < np.where(moving, 0.1, 0.02)[:, None]] = np.nan
    found: NDArray[np.float32] = out.astype(np.float32)
    return found


def taken_off(values: NDArray[np.float32], onset: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Without skin behind it the watch tells nothing after some seconds, or what it makes of the light of the room."""
    out = values.copy()
    off = int(onset + rng.uniform(1, 5))
    out[int(onset) + 1 :, 2] = rng.uniform(0, 0.1)
    if rng.random() < 0.6:  # noqa: PLR2004
        out[off:, :2] = np.nan
    else:
        out[off:, 0] = rng.uniform(40, 130) + 6 * rng.standard_normal(len(out) - off)
        out[off:, 1] = rng.uniform(5, 30) + 3 * rng.standard_normal(len(out) - off)
    return np.asarray(out, np.float32)
