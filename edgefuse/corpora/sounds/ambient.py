"""Sounds that go on: water, weather, machines, insects and birds."""

import numpy as np

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.sounds.signals import (
    Random,
    Sound,
    band,
    chance,
    contour,
    noise,
    put,
    resonate,
    samples,
    spread,
    strike,
    swell,
    tone,
    unit,
    wander,
)


def water(rng: Random, n: int) -> Sound:
    """A tap, a stream, something poured, a flush: noise and many small rising bubbles (Minnaert 1933)."""
    low = spread(rng, 150, 1500)
    out = unit(band(noise(rng, n, rng.uniform(0, 2)), low, spread(rng, 2500, 7800), 1)) * spread(rng, 0.15, 1.5)
    out = out * (1 + 0.3 * np.tanh(wander(rng, n, 6)))
    smallest, widest = spread(rng, 350, 900), spread(rng, 1200, 4500)
    for place in rng.integers(0, n, rng.poisson(spread(rng, 15, 160) * n / SAMPLE_RATE)):
        m = samples(spread(rng, 0.008, 0.06))
        pitch = spread(rng, smallest, widest)
        bubble = tone(contour([pitch, pitch * rng.uniform(1.0, 1.5)], m), [1.0]) * strike(m, 0.002, m / SAMPLE_RATE / 3)
        put(out, bubble * spread(rng, 0.2, 2.0), place / SAMPLE_RATE)
    if chance(rng, 0.3):
        vessel = contour([spread(rng, 250, 800), spread(rng, 600, 2500)], n)
        out += rng.uniform(0.1, 0.5) * unit(noise(rng, n) * tone(vessel, [1.0]))
    return out


def drops(rng: Random, n: int) -> Sound:
    """Water that drips, a drop at a time."""
    out = 0.02 * noise(rng, n, 3)
    at, gap, pitch = rng.uniform(0, 0.5), spread(rng, 0.15, 1.2), spread(rng, 500, 2500)
    while at < n / SAMPLE_RATE:
        m = samples(0.08)
        put(out, tone(contour([pitch, pitch * rng.uniform(1.1, 2)], m), [1, 0.2]) * strike(m, 0.002, 0.02), at)
        at += gap * rng.uniform(0.7, 1.3)
    return out


def rain(rng: Random, n: int) -> Sound:
    """Rain, waves or a waterfall: broad noise, steady or rolling."""
    out = band(noise(rng, n, rng.uniform(-1, 4)), spread(rng, 30, 800), spread(rng, 3000, 7900), 1)
    roll = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * (np.arange(n) / SAMPLE_RATE / spread(rng, 2, 9) + rng.random()))
    for place in rng.integers(0, n, rng.poisson(spread(rng, 1, 150) * n / SAMPLE_RATE)):
        m = samples(spread(rng, 0.002, 0.012))
        put(out, band(noise(rng, m), 800, 7500) * strike(m, 0.0005, 0.003) * spread(rng, 0.3, 4), place / SAMPLE_RATE)
    return out * roll


def wind(rng: Random, n: int) -> Sound:
    """Gusts: low noise and whistling bands that wander."""
    out = noise(rng, n, rng.uniform(3, 7)) * np.exp(0.6 * wander(rng, n, 1))
    if chance(rng, 0.5):
        carrier = tone(spread(rng, 300, 1200) * np.exp(0.15 * wander(rng, n, 1)), [1.0])
        out += rng.uniform(0.1, 0.8) * unit(carrier * band(noise(rng, n), 0, spread(rng, 20, 120)))
    return out


def engine(rng: Random, n: int) -> Sound:
    """A motor: many harmonics of its turns, uneven, with exhaust and tyre noise; idle, driving or passing."""
    turns = spread(rng, 12, 160)
    course = contour([turns * spread(rng, 0.7, 1.5) for _ in range(3)], n) if chance(rng, 0.5) else np.full(n, turns)
    pulses = tone(
        course * (1 + 0.02 * wander(rng, n, 12)), [float(np.exp(rng.normal(0, 0.8))) * k**-0.5 for k in range(1, 40)]
    )
    out = unit(resonate(pulses, [(spread(rng, 60, 300), 150, 1.0), (spread(rng, 300, 1500), 500, 0.5)], 0.05))
    out += spread(rng, 0.1, 1.5) * noise(rng, n, rng.uniform(2, 6))
    if chance(rng, 0.4):
        out = out * contour([spread(rng, 0.05, 1) for _ in range(3)], n)
    return band(out, 20, spread(rng, 600, 7500), 1)


def machine(rng: Random, n: int) -> Sound:
    """A vacuum cleaner, fan, drill, hair dryer, saw: whine of a fast motor over broad noise."""
    whine = spread(rng, 90, 1500) * (1 + 0.01 * wander(rng, n, 3))
    if chance(rng, 0.3):
        whine = whine * contour([spread(rng, 0.4, 1.3) for _ in range(4)], n)
    partials = [float(np.exp(rng.normal(0, 1))) / k**0.7 for k in range(1, 25)]
    hiss = band(noise(rng, n, rng.uniform(0, 4)), spread(rng, 60, 600), spread(rng, 2500, 7800), 1)
    out = unit(tone(whine, partials)) * spread(rng, 0.05, 1.2) + unit(hiss)
    if chance(rng, 0.3):
        beat = np.sin(2 * np.pi * spread(rng, 0.8, 12) * np.arange(n) / SAMPLE_RATE)
        out = out * (1 + rng.uniform(0.2, 0.9) * beat)
    return out


def hum(rng: Random, n: int) -> Sound:
    """Mains, a refrigerator, a tone that never changes."""
    if chance(rng, 0.6):
        return tone(np.full(n, float(rng.choice([50, 60, 100, 120]))), [spread(rng, 0.02, 1) for _ in range(14)])
    return tone(np.full(n, spread(rng, 100, 4000)), [1.0, spread(rng, 0.001, 0.5), spread(rng, 0.001, 0.5)])


def birds(rng: Random, n: int) -> Sound:
    """One to four birds: whistles and trills that glide, each with its own phrase and rests."""
    out = np.zeros(n)
    for _ in range(int(rng.integers(1, 5))):
        base, notes = spread(rng, 1500, 6000), int(rng.integers(1, 7))
        phrase = [
            (spread(rng, 0.03, 0.3), [base * float(np.exp(rng.normal(0, 0.18))) for _ in range(3)])
            for _ in range(notes)
        ]
        at, loud = rng.uniform(-0.5, 1.0), spread(rng, 0.1, 1)
        while at < n / SAMPLE_RATE:
            for length, bend in phrase:
                m = samples(length * rng.uniform(0.9, 1.1))
                trill = 1 + rng.uniform(0, 0.06) * np.sin(2 * np.pi * spread(rng, 15, 60) * np.arange(m) / SAMPLE_RATE)
                put(
                    out, tone(contour(bend, m) * trill, [1.0, spread(rng, 0.01, 0.3)]) * swell(m, 0.02, 0.03) * loud, at
                )
                at += length + spread(rng, 0.02, 0.2)
            at += spread(rng, 0.3, 2.5)
    return out


def insects(rng: Random, n: int) -> Sound:
    """Crickets and cicadas: a high carrier in soft pulses, trains that never keep time; a bee or a fly."""
    if chance(rng, 0.25):
        pitch = spread(rng, 90, 400) * np.exp(0.08 * wander(rng, n, 3))
        return tone(pitch, [1 / k for k in range(1, 16)]) * np.exp(0.7 * wander(rng, n, 2))
    out = np.zeros(n)
    for _ in range(int(rng.integers(1, 5))):
        t = np.arange(n) / SAMPLE_RATE
        carrier = tone(spread(rng, 2500, 6500) * (1 + 0.01 * wander(rng, n, 10)), [1.0, 0.05])
        pulse = np.clip(np.sin(2 * np.pi * (spread(rng, 15, 80) * t + rng.random())), 0, 1) ** spread(rng, 0.5, 2)
        song = np.clip(
            np.sin(2 * np.pi * (spread(rng, 0.8, 4) * t + 0.2 * wander(rng, n, 2))) + rng.uniform(-0.3, 1), 0, 1
        )
        out += spread(rng, 0.1, 1) * carrier * pulse * song
    return out + rng.uniform(0, 0.3) * noise(rng, n, 2)


def hush(rng: Random, n: int) -> Sound:
    """An empty room."""
    return noise(rng, n, rng.uniform(0, 6))


def brush(rng: Random, n: int) -> Sound:
    """Something rubbed to and fro: a brush, a broom, cloth, a saw, breath."""
    low = spread(rng, 200, 3500)
    hiss = band(noise(rng, n), low, low * spread(rng, 1.5, 8), 1)
    stroke = np.abs(np.sin(np.pi * (np.arange(n) / SAMPLE_RATE * spread(rng, 0.7, 8) + 0.1 * wander(rng, n, 2))))
    return hiss * stroke ** spread(rng, 0.5, 3)
