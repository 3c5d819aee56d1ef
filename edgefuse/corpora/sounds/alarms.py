"""Alarms, sirens and horns, made by their rules.

Cadences: temporal three, ISO 8201 and NFPA 72 (half a second on, half off, three times, then 1.5 s of rest: smoke);
temporal four, NFPA 720 (four of .1 s with .1 s between, then 5 s: carbon monoxide). Sirens: wail, yelp, hi-lo and the
motor siren as SAE J1849 and EN 3 describe how they sweep; the ranges here are wider than any rule.
"""

import numpy as np

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.sounds.signals import (
    Random,
    Sound,
    band,
    chance,
    contour,
    harmonics,
    modes,
    noise,
    put,
    resonate,
    samples,
    spread,
    strike,
    swell,
    tone,
    wander,
)

_DOWN = 0.6
"""Share of its period after which a motor siren runs down."""


def alarm(rng: Random, n: int) -> Sound:
    """A stretch of an alarm of any make."""
    kinds = [_temporal, _beeps, _beeps, _chirps, _warble, _bell, _bell, _buzzer, _melody]
    chosen = kinds[int(rng.choice(len(kinds), p=[0.18, 0.16, 0.16, 0.08, 0.08, 0.1, 0.1, 0.08, 0.06]))]
    return chosen(rng, n)


def cadence(pattern: list[tuple[float, float]], rest: float) -> list[tuple[float, float, float]]:
    """(begin, length, period of the whole) of each beep."""
    period = sum(on + off for on, off in pattern) + rest
    at, beeps = 0.0, []
    for on, off in pattern:
        beeps.append((at, on, period))
        at += on + off
    return beeps


def sequence(n: int, beeps: list[tuple[float, float, float]], start: float, one: list[Sound]) -> Sound:
    """Repeat a cadence over n samples; beep k sounds like `one[k % len(one)]`, cut to its length."""
    out, seconds = np.zeros(n), n / SAMPLE_RATE
    period = beeps[0][2]
    for turn in range(-1, int(seconds / period) + 2):
        for k, (at, on, _) in enumerate(beeps):
            begin = turn * period + at - start
            if begin < seconds and begin + on > 0:
                sound = one[k % len(one)][: samples(on)]
                put(out, sound * swell(len(sound), 0.004, 0.006), begin)
    return out


def _temporal(rng: Random, n: int) -> Sound:
    """Smoke (T3) and carbon monoxide (T4) alarms: a piezo horn about 3.1 kHz, or 520 Hz square for bedrooms."""
    stretch = rng.uniform(0.9, 1.1)
    smoke = chance(rng, 0.6)
    if smoke:
        beeps = cadence([(0.5 * stretch, 0.5 * stretch)] * 3, 1.0 * stretch)
    else:
        beeps = cadence([(0.1 * stretch, 0.1 * stretch)] * 4, rng.choice([0.9, 4.9]))
    low = chance(rng, 0.25)
    pitch = rng.normal(520, 15) if low else spread(rng, 2700, 3600)
    sound = tone(np.full(samples(0.6), pitch), harmonics(rng, "square" if low else "any", 12))
    if not low:
        sound = sound * (
            1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * rng.uniform(20, 120) * np.arange(len(sound)) / SAMPLE_RATE)
        )
    rare = not smoke  # a long rest would leave clips without a beep
    start = rng.uniform(-1.0, 0.5) if rare else rng.uniform(0, beeps[0][2])
    return sequence(n, beeps, start, [sound])


def _beeps(rng: Random, n: int) -> Sound:
    """An alarm clock or a household machine: groups of one to six equal beeps."""
    count = int(rng.integers(1, 7))
    on = spread(rng, 0.03, 0.35)
    off = on * spread(rng, 0.4, 2.0)
    rest = 0.0 if chance(rng, 0.4) else spread(rng, 0.1, 0.8)
    pitch = spread(rng, 700, 4500)
    partials = harmonics(rng, "any", 16)
    sounds = [tone(np.full(samples(on + 0.05), pitch), partials)]
    if chance(rng, 0.25):  # two tones
        sounds.append(tone(np.full(samples(on + 0.05), pitch * rng.uniform(0.6, 1.5)), partials))
    if chance(rng, 0.2):  # struck rather than switched
        sounds = [s * strike(len(s), 0.002, on / 2) for s in sounds]
    beeps = cadence([(on, off)] * count, rest)
    return sequence(n, beeps, rng.uniform(0, beeps[0][2]), sounds)


def _chirps(rng: Random, n: int) -> Sound:
    """Electronic cricket: short rising or trilling bursts in groups."""
    on = spread(rng, 0.02, 0.12)
    pitch = spread(rng, 1200, 4200)
    bend = rng.uniform(-0.3, 0.5)
    one = tone(contour([pitch, pitch * (1 + bend)], samples(on)), harmonics(rng, "any", 8))
    beeps = cadence([(on, on * spread(rng, 0.3, 1.5))] * int(rng.integers(2, 9)), spread(rng, 0.05, 0.7))
    return sequence(n, beeps, rng.uniform(0, beeps[0][2]), [one])


def _warble(rng: Random, n: int) -> Sound:
    """Two tones or a sweep that repeat many times a second: evacuation and car alarms, telephones."""
    low = spread(rng, 450, 2500)
    high = low * rng.uniform(1.1, 1.8)
    phase = (np.arange(n) / SAMPLE_RATE * spread(rng, 3, 25) + rng.random()) % 1
    ramp = np.round(phase) if chance(rng, 0.6) else phase
    sound = tone(low + (high - low) * ramp, harmonics(rng, "any", 12))
    if chance(rng, 0.4):  # in bursts
        on = spread(rng, 0.3, 1.0)
        at = (np.arange(n) / SAMPLE_RATE + rng.uniform(0, 2)) % (on * rng.uniform(1.3, 2.2))
        sound = sound * (at < on)
    return sound


def _bell(rng: Random, n: int) -> Sound:
    """A hammer that rattles on one or two small bells: wind-up alarm clocks, school and fire bells."""
    out, seconds = np.zeros(n), n / SAMPLE_RATE
    rate = spread(rng, 8, 32)
    base = spread(rng, 900, 3200)
    ratios = np.array([1.0, *np.cumsum(rng.uniform(0.25, 0.9, 8)) + 1.0])
    strikes = []
    for detune in (1.0, rng.uniform(0.93, 1.08)):
        loud = np.exp(rng.normal(0, 0.6, len(ratios))) / np.sqrt(np.arange(1, len(ratios) + 1))
        decay = spread(rng, 0.08, 0.6) * np.exp(rng.normal(0, 0.4, len(ratios))) / np.sqrt(ratios)
        struck = modes(rng, samples(0.8), base * detune * ratios, decay, loud)
        struck[:160] += noise(rng, 160) * np.linspace(0.8, 0, 160)
        strikes.append(struck)
    begin, stop = (rng.uniform(-0.8, 0.6), seconds) if chance(rng, 0.7) else (0.0, rng.uniform(0.8, seconds))
    at, k = begin, 0
    while at < stop:
        put(out, strikes[k % 2] * rng.uniform(0.6, 1), at)
        at += (1 / rate) * rng.uniform(0.9, 1.1)
        k += 1
    return out


def _buzzer(rng: Random, n: int) -> Sound:
    """An armature or a rough piezo: many harmonics of a low tone, steady or interrupted."""
    sound = tone(np.full(n, spread(rng, 50, 420)) * (1 + 0.003 * wander(rng, n, 8)), harmonics(rng, "pulse", 60))
    sound = resonate(sound, [(spread(rng, 600, 3500), 500.0, 1.0), (spread(rng, 1500, 5000), 800.0, 0.7)], 0.1)
    if chance(rng, 0.75):  # on and off
        on, off = spread(rng, 0.1, 0.8), spread(rng, 0.1, 0.7)
        at = (np.arange(n) / SAMPLE_RATE + rng.uniform(0, 2)) % (on + off)
        sound = sound * (at < on)
    return sound


def _melody(rng: Random, n: int) -> Sound:
    """The same few notes again and again, fast and bright: the alarm of a telephone."""
    step = spread(rng, 0.07, 0.22)
    root, scale = spread(rng, 600, 1600), np.array([0, 2, 4, 5, 7, 9, 12, 16])
    partials = harmonics(rng, "any", 8)
    notes = [root * 2 ** (float(rng.choice(scale)) / 12) for _ in range(int(rng.integers(3, 9)))]
    sounds = [tone(np.full(samples(step + 0.03), f), partials) for f in notes]
    if chance(rng, 0.5):
        sounds = [s * strike(len(s), 0.003, 0.12) for s in sounds]
    beeps = cadence([(step * 0.85, step * 0.15)] * len(notes), 0.0 if chance(rng, 0.5) else step * 3)
    return sequence(n, beeps, rng.uniform(0, beeps[0][2]), sounds)


def siren(rng: Random, n: int) -> Sound:
    """A stretch of an emergency vehicle's or a building's siren, passing or standing, near or far."""
    kinds = [_sweep, _sweep, _yelp, _hi_lo, _motor]
    frequency, partials = kinds[int(rng.integers(len(kinds)))](rng, n)
    if chance(rng, 0.5):  # passing: the pitch falls by up to a sixth (Doppler, 30 m/s)
        shift = rng.uniform(0.01, 0.09)
        frequency = frequency * contour([1 + shift, 1 + shift, 1 - shift, 1 - shift], n, sorted([0, *rng.random(2), 1]))
    sound = tone(frequency, partials, rng.uniform(0, 6))
    if chance(rng, 0.35):  # a second vehicle
        other, more = kinds[int(rng.integers(len(kinds)))](rng, n)
        sound += spread(rng, 0.1, 0.8) * tone(other, more)
    if chance(rng, 0.4):  # echoes between houses
        for _ in range(int(rng.integers(1, 4))):
            put(sound, sound.copy() * rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.5))
    sound = resonate(sound, [(spread(rng, 500, 2500), spread(rng, 500, 3000), 1.0)], spread(rng, 0.05, 0.5))
    far = spread(rng, 900, 7500)
    return band(sound, 80, far, 1.5) * (1 + 0.3 * np.tanh(wander(rng, n, 3)))


def _sweep(rng: Random, n: int) -> tuple[Sound, list[float]]:
    """Wail: up and down within 2 to 10 seconds."""
    low, high = spread(rng, 350, 800), spread(rng, 950, 1800)
    period, rise = spread(rng, 1.6, 9.0), rng.uniform(0.3, 0.7)
    phase = (np.arange(n) / SAMPLE_RATE / period + rng.random()) % 1
    up = np.where(phase < rise, phase / rise, (1 - phase) / (1 - rise))
    up = up if chance(rng, 0.5) else np.sin(np.pi / 2 * up)  # a capacitor charges
    return low * (high / low) ** up, harmonics(rng, str(rng.choice(["square", "saw", "triangle", "pulse"])), 14)


def _yelp(rng: Random, n: int) -> tuple[Sound, list[float]]:
    """Yelp and phaser: the same range several times a second."""
    low, high = spread(rng, 400, 900), spread(rng, 1000, 2000)
    phase = (np.arange(n) / SAMPLE_RATE * spread(rng, 1.2, 9.0) + rng.random()) % 1
    rise = rng.uniform(0.15, 0.85)
    up = np.where(phase < rise, phase / rise, (1 - phase) / (1 - rise))
    return low * (high / low) ** up, harmonics(rng, str(rng.choice(["square", "saw", "triangle", "pulse"])), 14)


def _hi_lo(rng: Random, n: int) -> tuple[Sound, list[float]]:
    """Two tones in turn, a fourth or so apart, half a second or so each."""
    low = spread(rng, 350, 900)
    ratio = float(rng.choice([1.122, 1.189, 1.26, 1.335, 1.414, 1.5])) * rng.uniform(0.98, 1.02)
    phase = (np.arange(n) / SAMPLE_RATE / spread(rng, 0.5, 2.6) + rng.random()) % 1
    step = 1 / (1 + np.exp(-(np.abs(phase - 0.5) - 0.25) * spread(rng, 60, 900)))
    return low * (1 + (ratio - 1) * step), harmonics(rng, str(rng.choice(["square", "saw", "triangle", "pulse"])), 14)


def _motor(rng: Random, n: int) -> tuple[Sound, list[float]]:
    """A rotor that speeds up, holds and runs down: civil defence, old fire engines."""
    top, seconds = spread(rng, 350, 1100), n / SAMPLE_RATE
    t = np.arange(n) / SAMPLE_RATE + rng.uniform(0, 8)
    period = spread(rng, 6, 14)
    phase = (t % period) / period
    speed = np.where(
        phase < _DOWN, 1 - np.exp(-phase * rng.uniform(5, 14)), np.exp(-(phase - _DOWN) * rng.uniform(1, 5))
    )
    floor = rng.uniform(0.35, 0.8) if seconds else 0.5
    return top * (floor + (1 - floor) * speed), harmonics(rng, str(rng.choice(["saw", "square", "pulse"])), 16)


def horn(rng: Random, n: int) -> Sound:
    """A car, lorry or train: one to five steady notes together, pressed once or a few times."""
    low = chance(rng, 0.2)
    base = spread(rng, 120, 260) if low else spread(rng, 260, 620)
    ratios = [1.0, *rng.choice([1.19, 1.26, 1.25, 1.33, 1.5, 1.41], int(rng.integers(0, 4)))]
    out = np.zeros(n)
    pitch = sum(
        tone(np.full(n, base * r * rng.uniform(0.99, 1.01)), harmonics(rng, "pulse", 24), rng.uniform(0, 6))
        for r in ratios
    )
    sound = resonate(
        np.asarray(pitch), [(spread(rng, 700, 3500), 1200.0, 1.0), (spread(rng, 400, 1500), 600.0, 0.8)], 0.15
    )
    at = rng.uniform(-0.5, 0.8)
    while at < n / SAMPLE_RATE:
        length = spread(rng, 0.12, 1.8)
        piece = sound[: samples(length)]
        put(out, piece * swell(len(piece), 0.02, 0.04), at)
        at += length + spread(rng, 0.1, 1.5)
        if chance(rng, 0.3):
            break
    return out
