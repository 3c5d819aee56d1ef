"""What a watch measures at the wrist: real exercises, and rest, walking, falls and jolts that are simulated.

All accelerations (t, 3) in g at `RATE`, gravity included, as a sensor of +-8 g gives them. Sources of the figures:
Bourke, O'Brien and Lyons 2007, Gait & Posture 26 (falls: under .41 g, then over 3.52 g at the trunk); Degen et al.
2003, SPEEDY (falls at the wrist: free fall, impact, then hardly any movement); Tudor-Locke et al. 2018, British
Journal of Sports Medicine 52 (walking: 95 to 130 steps a minute).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RATE = 25.0
RANGE_G = 8.0
_NOISE_G = 0.012
"""Of the sensor; a pulse or a breath at the wrist is about as large."""


def direction(rng: np.random.Generator) -> Floats:
    """Any unit vector: where gravity points to in a watch."""
    some = rng.standard_normal(3)
    return np.asarray(some / np.linalg.norm(some))


def rest(steps: int, rng: np.random.Generator) -> Floats:
    """A quiet arm, breath, and now and then a small movement to another posture."""
    t = np.arange(steps) / RATE
    postures = np.stack([direction(rng)] * 2)
    if rng.random() < 0.5:  # noqa: PLR2004  every second one stirs
        postures[1] += rng.normal(0, 0.4, 3)
    moved = 1 / (1 + np.exp(-(t - rng.uniform(0, t[-1])) / rng.uniform(0.1, 0.4)))[:, None]
    lying = postures[0] * (1 - moved) + postures[1] * moved
    lying /= np.linalg.norm(lying, axis=1, keepdims=True)
    breath = 0.01 * np.sin(2 * np.pi * rng.uniform(0.2, 0.3) * t + rng.uniform(0, 6))
    return np.asarray(lying * (1 + breath[:, None]))


def walking(steps: int, rng: np.random.Generator) -> Floats:
    """The arm swings at half the rate of the steps; each step is felt as a blow along gravity."""
    t = np.arange(steps) / RATE
    pace = rng.uniform(95, 130) / 60 * (1 + 0.03 * np.cumsum(rng.standard_normal(steps)) / np.sqrt(steps))
    phase = 2 * np.pi * np.cumsum(pace) / RATE + rng.uniform(0, 6)
    down, aside = direction(rng), direction(rng)
    swing = rng.uniform(0.1, 0.5) * np.sin(phase / 2 + rng.uniform(0, 6))
    blow = rng.uniform(0.1, 0.35) * np.sin(phase) + rng.uniform(0.02, 0.15) * np.sin(2 * phase + rng.uniform(0, 6))
    sway = 0.05 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * t)
    return np.asarray(down * (1 + blow + sway)[:, None] + aside * swing[:, None])


def exercise(steps: int, rng: np.random.Generator, recorded: list[Floats]) -> Floats:
    """A stretch of a real recording; one that is too short goes on backwards."""
    whole = recorded[int(rng.integers(len(recorded)))]
    start = int(rng.integers(max(1, len(whole) - steps + 1)))
    some = whole[start : start + steps]
    return np.asarray(np.pad(some, ((0, steps - len(some)), (0, 0)), mode="symmetric"))


def fall(steps: int, rng: np.random.Generator) -> Floats:
    """Loss of support, impact, then lying; one in ten tries to get up."""
    after = rest(steps, rng)
    if rng.random() < 0.1:  # noqa: PLR2004
        after = after + rng.uniform(0.05, 0.3) * _slow(steps, rng)
    return _dropped_onto(after, rng, least=(0.05, 0.5), most=(2.7, 8.0), seconds=(0.3, 0.7))


def dropped_watch(steps: int, rng: np.random.Generator) -> Floats:
    """Free fall of .3 to 1 m, a hard impact, and then it lies."""
    after = np.tile(direction(rng), (steps, 1))
    return _dropped_onto(after, rng, least=(0.0, 0.15), most=(3.5, 10.0), seconds=(0.25, 0.45))


def hard_seat(steps: int, rng: np.random.Generator) -> Floats:
    """Somebody lets themselves fall into a chair and stays there."""
    return _dropped_onto(rest(steps, rng), rng, least=(0.3, 0.85), most=(2.0, 4.5), seconds=(0.2, 0.5))


def clapping(steps: int, rng: np.random.Generator) -> Floats:
    """Two to six seconds of blows, two to four a second, then a quiet arm."""
    out = rest(steps, rng)
    aside, every = direction(rng), RATE / rng.uniform(2, 4)
    for at in np.arange(0, rng.uniform(2, 6) * RATE, every):
        _strike(out, round(float(at)), aside, rng.uniform(1.5, 5.5), rng)
    return out


def measured(acceleration: Floats, rng: np.random.Generator) -> NDArray[np.float32]:
    """As the sensor gives it: with noise, clipped at its range."""
    noisy = acceleration + rng.normal(0, _NOISE_G, acceleration.shape)
    return np.asarray(np.clip(noisy, -RANGE_G, RANGE_G), np.float32)


def joined(before: Floats, after: Floats, onset: int, fade: int) -> Floats:
    """`before` until the step `onset`, then `after` from its beginning; over `fade` steps from one to the other."""
    out = np.array(before)
    share = np.clip(np.arange(len(before) - onset) / max(fade, 1), 0, 1)[:, None]
    out[onset:] = before[onset:] * (1 - share) + after[: len(before) - onset] * share
    return out


def _dropped_onto(
    after: Floats,
    rng: np.random.Generator,
    *,
    least: tuple[float, float],
    most: tuple[float, float],
    seconds: tuple[float, float],
) -> Floats:
    """Weight goes down to `least` g for some `seconds`, then up to `most` g, then as `after`."""
    steps = max(3, round(rng.uniform(*seconds) * RATE))
    out = np.array(after)
    weight = 1 - (1 - rng.uniform(*least)) * np.sin(np.pi * (np.arange(steps) + 1) / (steps + 1)) ** 0.5
    out[:steps] = direction(rng) * weight[:, None]
    _strike(out, steps, direction(rng), rng.uniform(*most), rng)
    for _ in range(int(rng.integers(0, 3))):  # it bounces, or an elbow follows
        _strike(out, steps + int(rng.integers(4, 15)), direction(rng), rng.uniform(0.2, 0.4) * most[0], rng)
    return out


def _strike(out: Floats, at: int, aside: Floats, peak: float, rng: np.random.Generator) -> None:
    """Adds a blow that rings off within a fifth of a second."""
    t = np.arange(min(8, len(out) - at)) / RATE
    ring = np.exp(-t / rng.uniform(0.03, 0.06)) * np.cos(2 * np.pi * rng.uniform(4, 8) * t)
    out[at : at + len(t)] += aside * (peak * ring)[:, None]


def _slow(steps: int, rng: np.random.Generator) -> Floats:
    """Aimless movement below 1 Hz, of spread 1."""
    knots = rng.standard_normal((max(2, int(steps / RATE * 1.5)), 3))
    at = np.linspace(0, len(knots) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(knots)), column) for column in knots.T], axis=1)
