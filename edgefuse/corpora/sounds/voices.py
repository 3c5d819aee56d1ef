"""Sounds of throats: a source of pulses or noise through moving resonances (Fant 1960, the source-filter model)."""

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

_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
    (500, 1500, 2500),
)
"""First three formants of American men, Hz (Peterson and Barney 1952)."""


def voiced(rng: Random, pitch: Sound, tilt: float, rough: float = 0.0) -> Sound:
    """Glottal pulses of a gliding pitch (n,) Hz: harmonics that fall by `tilt` dB an octave, shaken by `rough`."""
    n = len(pitch)
    shaken = pitch * (1 + (0.006 + 0.05 * rough) * wander(rng, n, 40))
    count = int(min(30, 7600 / max(60.0, float(pitch.min()))))
    sound = tone(shaken, [10 ** (-tilt * np.log2(k) / 20) for k in range(1, count + 1)])
    if rough:
        half = tone(shaken / 2, [k**-0.5 for k in range(1, 20)])
        sound += rough * half * np.clip(wander(rng, n, 6), 0, 1)
        sound = sound * (1 + rough * 0.8 * np.sin(np.cumsum(2 * np.pi * shaken / SAMPLE_RATE / 3)))
    return unit(sound)


def cry(rng: Random, n: int) -> Sound:
    """A baby: bursts of about a second, up and down in pitch, with a gasp between them, some of them rough."""
    out = np.zeros(n)
    base, size = spread(rng, 300, 620), rng.uniform(0.9, 1.25)
    length, gap = spread(rng, 0.35, 1.5), spread(rng, 0.12, 0.6)
    rough = rng.uniform(0, 1.0) * chance(rng, 0.6)
    tilt = rng.uniform(1.0, 7.0)
    at = rng.uniform(-length, 0.3)
    while at < n / SAMPLE_RATE:
        lasts = length * float(np.exp(rng.normal(0, 0.25)))
        m = samples(lasts)
        peak = base * float(np.exp(rng.normal(0, 0.08)))
        bend = contour(
            [peak * rng.uniform(0.65, 0.95), peak, peak * rng.uniform(0.9, 1.1), peak * rng.uniform(0.5, 0.9)],
            m,
            [0, rng.uniform(0.1, 0.4), rng.uniform(0.5, 0.8), 1],
        )
        if chance(rng, 0.15):
            bend = bend * spread(rng, 1.7, 2.6)
        bend = bend * (1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4, 9) * np.arange(m) / SAMPLE_RATE))
        burst = voiced(rng, bend, tilt, rough * chance(rng, 0.6)) + rng.uniform(0.02, 0.35) * noise(rng, m)
        burst = resonate(
            burst,
            [
                (1050 * size * rng.uniform(0.85, 1.2), 350, 1.0),
                (3000 * size * rng.uniform(0.85, 1.1), 600, 0.8),
                (5000 * size, 900, 0.4),
            ],
            0.06,
        )
        put(out, unit(burst) * swell(m, rng.uniform(0.03, 0.2), rng.uniform(0.05, 0.3)) * rng.uniform(0.6, 1), at)
        at += lasts
        if chance(rng, 0.6):
            breath = samples(gap * 0.8)
            gasp = resonate(noise(rng, breath), [(1800 * size, 800, 1.0), (3500 * size, 1200, 0.7)], 0.1)
            if chance(rng, 0.3):
                gasp = gasp + voiced(rng, contour([base * 0.8, base * 1.3], breath), 9)
            put(out, unit(gasp) * swell(breath, 0.05, 0.05) * rng.uniform(0.03, 0.3), at + gap * 0.1)
        at += gap * float(np.exp(rng.normal(0, 0.4)))
    return out


def scream(rng: Random, n: int) -> Sound:
    """An adult or a child in fear: one long, high, rough vowel, or two."""
    out = np.zeros(n)
    at = rng.uniform(-0.4, 0.6)
    while at < n / SAMPLE_RATE:
        length = spread(rng, 0.5, 2.0)
        m = samples(length)
        top = spread(rng, 550, 1900)
        bend = contour(
            [top * rng.uniform(0.5, 0.9), top, top * rng.uniform(0.85, 1.1), top * rng.uniform(0.5, 0.95)],
            m,
            [0, rng.uniform(0.05, 0.25), rng.uniform(0.5, 0.85), 1],
        )
        voice = voiced(rng, bend, rng.uniform(0, 5), rng.uniform(0.1, 1.0)) + rng.uniform(0.1, 0.6) * noise(rng, m)
        voice = resonate(
            voice,
            [
                (rng.uniform(900, 1500), 400, 1.0),
                (rng.uniform(1700, 3000), 500, 0.9),
                (rng.uniform(3200, 4500), 900, 0.6),
            ],
            0.08,
        )
        put(out, unit(voice) * swell(m, 0.04, rng.uniform(0.08, 0.4)), at)
        at += length + spread(rng, 0.4, 2.0)
    return out


def dog(rng: Random, n: int) -> Sound:
    """Barks of one dog, single or in rows; sometimes a whine or a howl."""
    out = np.zeros(n)
    size = spread(rng, 0.6, 1.9)
    at = rng.uniform(0, 0.7)
    while at < n / SAMPLE_RATE:
        m = samples(spread(rng, 0.08, 0.28))
        top = spread(rng, 350, 800) * size
        pitch = contour([top * 0.6, top, top * rng.uniform(0.4, 0.8)], m, [0, rng.uniform(0.15, 0.45), 1])
        bark = voiced(rng, pitch, rng.uniform(1, 5), rng.uniform(0.3, 1.0)) + rng.uniform(0.2, 0.9) * noise(rng, m)
        bark = resonate(
            bark,
            [(700 * size**0.5 * rng.uniform(0.8, 1.2), 400, 1.0), (1500 * size**0.5, 700, 0.7), (3000, 1500, 0.25)],
            0.04,
        )
        put(out, unit(bark) * strike(m, 0.015, spread(rng, 0.05, 0.15)) * rng.uniform(0.6, 1), at)
        at += m / SAMPLE_RATE + (spread(rng, 0.08, 0.4) if chance(rng, 0.7) else spread(rng, 0.4, 1.5))
        if chance(rng, 0.08):
            break
    if chance(rng, 0.15):
        m = samples(spread(rng, 0.3, 1.2))
        whine = tone(contour([spread(rng, 500, 1500) * size**0.3 for _ in range(3)], m), [1, 0.3, 0.1])
        put(out, whine * swell(m, 0.1, 0.2) * rng.uniform(0.2, 0.8), rng.uniform(0, 1))
    return out


def cough(rng: Random, n: int) -> Sound:
    """One to four coughs: a burst, a noisy middle, sometimes a voiced end."""
    out = np.zeros(n)
    size = rng.uniform(0.85, 1.3)
    at = rng.uniform(0, 0.6)
    for _ in range(int(rng.integers(1, 5))):
        m = samples(spread(rng, 0.18, 0.5))
        t = np.arange(m) / SAMPLE_RATE
        body = noise(rng, m, rng.uniform(0, 3)) * (np.exp(-t / 0.03) + rng.uniform(0.2, 0.6) * swell(m, 0.02, 0.12))
        if chance(rng, 0.7):
            start = int(m * rng.uniform(0.1, 0.6))
            voice = voiced(rng, contour([spread(rng, 140, 420), spread(rng, 90, 300)], m - start), 5, rng.uniform(0, 1))
            body[start:] += rng.uniform(0.2, 0.9) * voice * swell(m - start, 0.02, 0.1)
        body = resonate(
            body,
            [(650 * size * rng.uniform(0.8, 1.2), 350, 1.0), (1500 * size, 500, 0.8), (2700 * size, 800, 0.5)],
            0.08,
        )
        put(out, unit(body) * strike(m, 0.006, 0.25) * rng.uniform(0.5, 1), at)
        at += m / SAMPLE_RATE * rng.uniform(0.9, 1.4) + spread(rng, 0.02, 0.5)
    return out


def syllables(rng: Random, n: int) -> Sound:
    """Something like talk, for rooms in which nobody can be made out and machines without a synthesiser."""
    out = np.zeros(n)
    base, size = spread(rng, 85, 280), rng.uniform(0.95, 1.25)
    at = rng.uniform(-0.1, 0.4)
    while at < n / SAMPLE_RATE:
        m = samples(spread(rng, 0.08, 0.3))
        first, second = (_VOWELS[int(rng.integers(len(_VOWELS)))] for _ in range(2))
        pitch = contour([base * rng.uniform(0.8, 1.25) for _ in range(3)], m)
        voice, halves = voiced(rng, pitch, rng.uniform(8, 13)), contour([0, 1], m)
        a, b = (
            resonate(voice, [(f * size, 60 + f * 0.05, 1 / (k + 1)) for k, f in enumerate(v)], 0.01)
            for v in (first, second)
        )
        put(out, unit(a * (1 - halves) + b * halves) * swell(m, 0.03, 0.05), at)
        if chance(rng, 0.5):
            hiss = samples(spread(rng, 0.03, 0.14))
            put(
                out,
                band(noise(rng, hiss), spread(rng, 1200, 4500), 7500) * swell(hiss, 0.01, 0.02) * rng.uniform(0.1, 0.5),
                at - hiss / SAMPLE_RATE,
            )
        at += m / SAMPLE_RATE + (spread(rng, 0.01, 0.1) if chance(rng, 0.85) else spread(rng, 0.2, 0.6))
    return out


def laugh(rng: Random, n: int) -> Sound:
    """Ha ha ha: short breathy vowels four or five times a second, falling."""
    out = np.zeros(n)
    base, rate = spread(rng, 130, 480), spread(rng, 3.2, 7)
    at, k = rng.uniform(-0.3, 0.5), 0
    while at < n / SAMPLE_RATE:
        m = samples(0.6 / rate)
        pitch = contour([base * 1.1, base * 0.9], m) * (0.97**k) * rng.uniform(0.9, 1.1)
        ha = voiced(rng, pitch, rng.uniform(4, 9)) + rng.uniform(0.2, 0.9) * noise(rng, m)
        ha = resonate(ha, [(700, 200, 1.0), (1250, 300, 0.7), (2600, 500, 0.4)], 0.03)
        put(out, unit(ha) * swell(m, 0.03, 0.06) * 0.96**k, at)
        at, k = at + rng.uniform(0.85, 1.15) / rate, k + 1
        if chance(rng, 0.07):
            at, k = at + spread(rng, 0.3, 0.9), 0
    return out


def cat(rng: Random, n: int) -> Sound:
    """Meows, each with a mouth that opens and closes; few and far between."""
    out = np.zeros(n)
    at = rng.uniform(-0.2, 0.9)
    while at < n / SAMPLE_RATE:
        m = samples(spread(rng, 0.3, 1.1))
        base = spread(rng, 350, 900)
        pitch = contour(
            [base * 0.8, base * rng.uniform(1, 1.4), base * rng.uniform(0.6, 1)], m, [0, rng.uniform(0.2, 0.6), 1]
        )
        voice, mouth = voiced(rng, pitch, rng.uniform(2, 7), rng.uniform(0, 0.3)), contour([0, 1, 0.3], m)
        shut, wide = (resonate(voice, [(f, 250, 1.0), (f * 2.3, 500, 0.5)], 0.02) for f in (600, 1500))
        put(out, unit(shut * (1 - mouth) + wide * mouth) * swell(m, 0.06, 0.15), at)
        at += m / SAMPLE_RATE + spread(rng, 0.5, 3)
    return out


def sneeze(rng: Random, n: int) -> Sound:
    """A drawn breath and one hissing burst."""
    out = np.zeros(n)
    at = rng.uniform(0, 0.5)
    if chance(rng, 0.6):
        m = samples(spread(rng, 0.2, 0.6))
        breath = voiced(rng, contour([spread(rng, 200, 400), spread(rng, 250, 500)], m), 8) + 1.5 * noise(rng, m)
        put(
            out,
            unit(resonate(breath, [(900, 400, 1.0), (1800, 600, 0.5)])) * swell(m, 0.1, 0.03) * rng.uniform(0.1, 0.5),
            at,
        )
        at += m / SAMPLE_RATE + rng.uniform(0.02, 0.3)
    m = samples(spread(rng, 0.2, 0.5))
    burst = band(noise(rng, m), spread(rng, 400, 2500), 7500, 1) * strike(m, 0.004, 0.09)
    voice = voiced(rng, contour([spread(rng, 250, 600), spread(rng, 120, 300)], m), 5, 0.5) * swell(m, 0.01, 0.2)
    put(out, unit(burst) + rng.uniform(0, 0.8) * unit(resonate(voice, [(800, 300, 1.0), (1400, 400, 0.5)])), at)
    return out


def snore(rng: Random, n: int) -> Sound:
    """Low flutter that comes and goes with the breath."""
    pitch = np.full(n, spread(rng, 25, 90)) * (1 + 0.1 * wander(rng, n, 3))
    flutter = voiced(rng, pitch, rng.uniform(0, 4), rng.uniform(0.2, 1)) + rng.uniform(0.3, 1.5) * noise(rng, n, 3)
    flutter = resonate(flutter, [(spread(rng, 150, 500), 200, 1.0), (spread(rng, 700, 1800), 500, 0.4)], 0.02)
    breath = np.sin(2 * np.pi * (np.arange(n) / SAMPLE_RATE / spread(rng, 1.5, 4) + rng.random()))
    return flutter * np.clip(breath + rng.uniform(0, 0.5), 0, 1) ** 1.5


def beast(rng: Random, n: int) -> Sound:
    """Cattle, sheep, crows, roosters, frogs: a voice of any size, one call or a row of them."""
    out = np.zeros(n)
    base, length = spread(rng, 60, 1300), spread(rng, 0.1, 1.3)
    shape = [base * float(np.exp(rng.normal(0, 0.25))) for _ in range(int(rng.integers(2, 6)))]
    rough, tract = rng.uniform(0, 1), [(spread(rng, 300, 1500), 300.0, 1.0), (spread(rng, 1200, 4000), 700.0, 0.6)]
    at = rng.uniform(-0.2, 0.6)
    while at < n / SAMPLE_RATE:
        m = samples(length * rng.uniform(0.8, 1.2))
        call = voiced(rng, contour(shape, m), rng.uniform(0, 6), rough) + rng.uniform(0.05, 0.6) * noise(rng, m)
        put(out, unit(resonate(call, tract, 0.05)) * swell(m, 0.03, 0.1), at)
        at += m / SAMPLE_RATE + spread(rng, 0.1, 2)
    return out
