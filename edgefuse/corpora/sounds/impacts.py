"""Sounds of things that hit, break and rattle: damped modes (van den Doel and Pai 1998) and bursts of noise."""

import numpy as np

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.sounds.signals import (
    Random,
    Sound,
    band,
    chance,
    contour,
    modes,
    noise,
    put,
    resonate,
    samples,
    spread,
    strike,
    swell,
    tone,
    unit,
)


def glass(rng: Random, n: int) -> Sound:
    """A pane or a bottle breaks: a blow, a dense burst of high ringing pieces, and pieces that fall later."""
    out, seconds = np.zeros(n), n / SAMPLE_RATE
    at = rng.uniform(0, max(0.2, seconds - 0.8))
    burst, decay = samples(0.7), spread(rng, 0.03, 0.2)
    crash = band(noise(rng, burst), spread(rng, 800, 4000), 7800, 1.5) * strike(burst, 0.003, decay)
    put(out, unit(crash) * spread(rng, 0.3, 2.5), at)
    if chance(rng, 0.6):
        blow = samples(0.12)
        put(
            out, band(noise(rng, blow), 40, spread(rng, 200, 900)) * strike(blow, 0.001, 0.02) * rng.uniform(0.5, 6), at
        )
    last = spread(rng, 0.3, 1.6)
    for _ in range(int(rng.integers(25, 90))):
        late = float(rng.exponential(last / 3)) * chance(rng, 0.8)
        put(out, _shard(rng) * spread(rng, 0.08, 1.2) * np.exp(-late / last), at + late)
    if chance(rng, 0.3):
        put(out, out[: samples(seconds)].copy() * rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.6))
    return out


def _shard(rng: Random) -> Sound:
    """One piece of glass on a floor: a few high partials that ring shortly."""
    count = int(rng.integers(2, 7))
    base = spread(rng, 1300, 6000)
    frequencies = base * np.cumprod(np.concatenate([[1.0], rng.uniform(1.08, 1.7, count - 1)]))
    decays = spread(rng, 0.006, 0.09) * np.exp(rng.normal(0, 0.4, count))
    piece = modes(rng, samples(0.35), frequencies, decays, np.exp(rng.normal(0, 0.6, count)))
    click = samples(0.004)
    piece[:click] += noise(rng, click) * rng.uniform(0.1, 1.0)
    return piece


def thud(rng: Random, low: float, high: float, damping: float) -> Sound:
    """One blow on wood, plaster or metal: modes from `low` to `high` Hz; `damping` is how short they ring, s."""
    count = int(rng.integers(4, 12))
    frequencies = np.sort(low * (high / low) ** rng.random(count))
    decays = damping * np.exp(rng.normal(0, 0.4, count)) * (low / frequencies) ** 0.4
    body = modes(
        rng,
        samples(min(1.0, damping * 6)),
        frequencies,
        decays,
        np.exp(rng.normal(0, 0.5, count)) * (low / frequencies) ** 0.5,
    )
    click = min(len(body), samples(spread(rng, 0.002, 0.012)))
    body[:click] += band(noise(rng, click), 200, spread(rng, 1500, 7000)) * rng.uniform(0.2, 2.0)
    return unit(body)


def knock(rng: Random, n: int) -> Sound:
    """Knuckles on a door: two to eight equal blows, three to eight a second, perhaps once more."""
    out = np.zeros(n)
    low, damping, rate = spread(rng, 70, 420), spread(rng, 0.012, 0.07), spread(rng, 2.2, 9)
    high, at = low * spread(rng, 3, 12), rng.uniform(0, 0.5)
    while at < n / SAMPLE_RATE:
        count = int(rng.integers(2, 9))
        for _ in range(count):
            put(out, thud(rng, low, high, damping) * rng.uniform(0.6, 1.0), at)
            at += rng.uniform(0.85, 1.15) / rate
        at += spread(rng, 0.5, 3)
    return out


def steps(rng: Random, n: int) -> Sound:
    """Feet on a floor: soft, one to three a second, heel and toe."""
    out = np.zeros(n)
    rate, at = spread(rng, 1.0, 3.2), rng.uniform(0, 0.6)
    low, hiss = spread(rng, 50, 250), spread(rng, 0.05, 1.5)
    while at < n / SAMPLE_RATE:
        for late, loud in ((0.0, 1.0), (rng.uniform(0.05, 0.15), rng.uniform(0.1, 0.7))):
            put(out, thud(rng, low, low * 8, 0.02) * loud, at + late)
            m = samples(spread(rng, 0.03, 0.12))
            put(out, band(noise(rng, m), 500, 6000) * strike(m, 0.01, 0.03) * hiss * loud, at + late)
        at += rng.uniform(0.9, 1.1) / rate
    return out


def clicks(rng: Random, n: int) -> Sound:
    """Keys, buttons, a mouse, a clock: short light clicks, even or in bursts."""
    out = np.zeros(n)
    even, rate, at = chance(rng, 0.4), spread(rng, 1, 12), rng.uniform(0, 0.5)
    low = spread(rng, 400, 3000)
    press = [thud(rng, low, low * 5, spread(rng, 0.002, 0.012)) for _ in range(4)]
    while at < n / SAMPLE_RATE:
        put(out, press[int(rng.integers(len(press)))] * rng.uniform(0.4, 1), at)
        at += 1 / rate if even else float(rng.exponential(1 / rate)) + 0.03
    return out


def clatter(rng: Random, n: int) -> Sound:
    """Dishes, cutlery, keys, cans: a few metal or china blows that ring; no burst."""
    out = np.zeros(n)
    for _ in range(int(rng.integers(1, 9))):
        base, count = spread(rng, 500, 4000), int(rng.integers(3, 9))
        frequencies = base * np.cumprod(np.concatenate([[1.0], rng.uniform(1.1, 1.9, count - 1)]))
        blow = modes(
            rng,
            samples(1.0),
            frequencies,
            spread(rng, 0.02, 0.3) / np.sqrt(np.arange(1, count + 1)),
            np.exp(rng.normal(0, 0.5, count)),
        )
        put(out, unit(blow) * spread(rng, 0.2, 1), rng.uniform(0, n / SAMPLE_RATE))
    return out


def slam(rng: Random, n: int) -> Sound:
    """One heavy blow: a door, a box that falls, thunder near or far, a firework."""
    out = np.zeros(n)
    m = samples(spread(rng, 0.3, 1.8))
    boom = band(noise(rng, m, 3), 20, spread(rng, 150, 3000)) * strike(
        m, spread(rng, 0.001, 0.05), spread(rng, 0.05, 0.5)
    )
    put(out, unit(boom), rng.uniform(0, n / SAMPLE_RATE * 0.7))
    if chance(rng, 0.5):
        put(out, thud(rng, 60, 1500, 0.06) * rng.uniform(0.3, 2), rng.uniform(0, n / SAMPLE_RATE * 0.7))
    return out


def creak(rng: Random, n: int) -> Sound:
    """A hinge or a board: stick and slip, a pulse train that glides through the resonances of wood."""
    m = samples(spread(rng, 0.3, 1.8))
    rate = contour([spread(rng, 15, 450) for _ in range(int(rng.integers(2, 6)))], m)
    pulses = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE), prepend=0.0) * rng.uniform(0.3, 1, m)
    wood = resonate(
        pulses,
        [(spread(rng, 300, 1200), 80, 1.0), (spread(rng, 900, 2500), 120, 0.8), (spread(rng, 2000, 5000), 300, 0.5)],
        0.05,
    )
    out = np.zeros(n)
    put(out, unit(wood) * swell(m, 0.1, 0.1), rng.uniform(0, 0.6))
    return out


def crackle(rng: Random, n: int) -> Sound:
    """Fire: ticks of all sizes at random over a low roar; also paper, plastic, gravel."""
    out = rng.uniform(0, 0.3) * noise(rng, n, 4)
    count = rng.poisson(spread(rng, 6, 120) * n / SAMPLE_RATE)
    for place in rng.integers(0, n, count):
        m = samples(spread(rng, 0.001, 0.02))
        tick = band(noise(rng, m), spread(rng, 300, 3000), 7500) * strike(m, 0.0003, m / SAMPLE_RATE / 3)
        put(out, tick * float(rng.pareto(2.0) + 0.1), place / SAMPLE_RATE)
    return out


def claps(rng: Random, n: int) -> Sound:
    """One pair of hands, or a hall of them."""
    out = np.zeros(n)
    many = chance(rng, 0.5)
    for _ in range(rng.poisson(n / SAMPLE_RATE * (spread(rng, 20, 80) if many else spread(rng, 1, 4)))):
        m = samples(0.03)
        clap = resonate(noise(rng, m), [(spread(rng, 700, 2500), 700, 1.0)], 0.1) * strike(m, 0.001, 0.006)
        put(out, unit(clap) * spread(rng, 0.3, 1), rng.uniform(0, n / SAMPLE_RATE))
    return out


def bells(rng: Random, n: int) -> Sound:
    """A church bell, a chime, a triangle: struck once or slowly, ringing long."""
    out = np.zeros(n)
    base = spread(rng, 180, 2500)
    ratios = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.67, 3.0, 4.0, 5.3])
    at, gap = rng.uniform(-1, 0.5), spread(rng, 0.5, 3)
    while at < n / SAMPLE_RATE:
        decays = spread(rng, 0.4, 2.5) / np.sqrt(ratios)
        put(out, modes(rng, samples(3), base * ratios, decays, np.exp(rng.normal(0, 0.7, len(ratios)))), at)
        at += gap
        base *= float(rng.choice([1.0, 1.0, 0.84, 1.19, 1.33]))
    return out


def music(rng: Random, n: int) -> Sound:
    """Notes of a scale on one or two made-up instruments, with or without a beat."""
    out = np.zeros(n)
    root, beat = spread(rng, 80, 500), spread(rng, 0.15, 0.6)
    for _ in range(int(rng.integers(1, 3))):
        partials = [spread(rng, 0.05, 1) / k for k in range(1, 12)]
        plucked, octave = chance(rng, 0.5), float(rng.choice([1, 1, 2, 4]))
        at = rng.uniform(-0.5, 0.2)
        while at < n / SAMPLE_RATE:
            length = beat * float(rng.choice([0.5, 1, 1, 2, 4]))
            m = samples(length * (1.5 if plucked else 1))
            for step in rng.choice([0, 2, 4, 5, 7, 9, 11, 12], int(rng.integers(1, 4))):
                note = tone(np.full(m, root * octave * 2 ** (step / 12)), partials)
                put(out, note * (strike(m, 0.005, length / 2) if plucked else swell(m, 0.04, 0.08)), at)
            at += length
    if chance(rng, 0.4):
        for k in range(int(n / SAMPLE_RATE / beat) + 1):
            put(
                out,
                thud(rng, 60, 400, 0.08) * 2
                if k % 2
                else band(noise(rng, 1600), 2000, 7000) * strike(1600, 0.001, 0.03),
                k * beat,
            )
    return out
