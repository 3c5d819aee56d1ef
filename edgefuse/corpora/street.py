"""Sounds of a street and of a doorway, synthesised: steps, engines, sirens, horns, music, and how they pass by.

All give (samples,) float32 at RATE with a peak near 1. Sirens follow the sweeps in use: wail .2 Hz, yelp 3 Hz, both
between about 600 and 1,500 Hz, and hi-lo, two tones a fourth apart (DIN 14610: 360-630 Hz, .7 s each).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Random: TypeAlias = np.random.Generator
RATE = 8000
_SOUND_M_S = 343.0


def noise(rng: Random, samples: int, slope: float = 0.5) -> Floats:
    """Noise whose amplitude falls with frequency to the power of `slope`: 0 white, .5 pink, 1 brown."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    spectrum *= np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20.0) ** -slope
    return _peaked(np.fft.irfft(spectrum, samples))


def band(sound: Floats, low: float, high: float) -> Floats:
    """What lies between two frequencies, Hz."""
    spectrum = np.fft.rfft(sound)
    at = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum *= 1 / (1 + (at / high) ** 4) * (at / low) ** 4 / (1 + (at / low) ** 4)
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def steps(rng: Random, samples: int) -> Floats:
    """Shoes on a hard floor: a thump and a scuff, every half second or so."""
    sound = np.zeros(samples, np.float32)
    every, thump, scuff = rng.uniform(0.42, 0.68), rng.uniform(90, 220), rng.uniform(0.2, 1.0)
    at = rng.uniform(0, every)
    while at * RATE < samples:
        length = min(int(0.12 * RATE), samples - int(at * RATE))
        t = np.arange(length) / RATE
        one = np.sin(2 * np.pi * thump * t) * np.exp(-t / 0.02)
        one += scuff * rng.normal(size=length) * np.exp(-t / rng.uniform(0.008, 0.02))
        sound[int(at * RATE) :][:length] += (one * rng.uniform(0.6, 1)).astype(np.float32)
        at += every * rng.uniform(0.92, 1.08)
    return _peaked(sound)


def engine(rng: Random, samples: int) -> Floats:
    """A vehicle: harmonics of its firing rate, and tyres on the road."""
    t = np.arange(samples) / RATE
    firing = rng.uniform(28, 75) * (1 + 0.1 * rng.normal() * t / t[-1])
    phase = 2 * np.pi * np.cumsum(firing) / RATE
    falls = rng.uniform(0.6, 1.2)
    hum = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**falls for k in range(1, 12))
    tyres = band(noise(rng, samples, 0.2), rng.uniform(300, 600), rng.uniform(1000, 2200))
    return _peaked(_peaked(np.asarray(hum)) * rng.uniform(0.1, 1) + _peaked(tyres) * rng.uniform(0.4, 1))


def siren(rng: Random, samples: int, speed: float = 0.0) -> Floats:
    """Wail, yelp or hi-lo of a vehicle that comes nearer at `speed` m/s (away below 0): pitch by Doppler."""
    kind = rng.integers(3)
    t = np.arange(samples) / RATE + rng.uniform(0, 5)
    low, high = rng.uniform(450, 750), rng.uniform(1100, 1600)
    if kind == 0:
        height = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(0.15, 0.35) * t)
    elif kind == 1:
        height = (t * rng.uniform(2.5, 4)) % 1
    else:
        low = rng.uniform(360, 460)
        high, height = low * 4 / 3, np.asarray((t / rng.uniform(0.5, 0.75)) % 2 > 1, float)
    pitch = low * (high / low) ** height / (1 - speed / _SOUND_M_S)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return _peaked(np.tanh(rng.uniform(1, 4) * np.sin(phase)))


def horn(rng: Random, samples: int) -> Floats:
    """Two tones a third apart, once or twice."""
    t = np.arange(samples) / RATE
    base = rng.uniform(320, 480)
    tone = sum(np.tanh(3 * np.sin(2 * np.pi * base * ratio * t)) for ratio in (1, rng.uniform(1.2, 1.28)))
    begin, length = rng.uniform(0, t[-1] * 0.6), rng.uniform(0.2, 0.9)
    return _peaked(np.asarray(tone) * ((t > begin) & (t < begin + length)))


def music(rng: Random, samples: int) -> Floats:
    """Notes of a pentatonic scale with a beat, as from an open window."""
    t = np.arange(samples) / RATE
    sound = np.zeros(samples)
    base, every = rng.uniform(180, 360), rng.uniform(0.18, 0.4)
    for k in range(int(t[-1] / every) + 1):
        since = np.maximum(t - k * every, 0)
        pitch = base * 2 ** (rng.choice([0, 2, 4, 7, 9, 12]) / 12)
        sound += (t >= k * every) * np.exp(-since / 0.25) * np.sin(2 * np.pi * pitch * since) * rng.uniform(0.4, 1)
    return _peaked(sound)


def passing(rng: Random, sound: Floats, at: float, width: float) -> Floats:
    """A source that is nearest `at` seconds and half as loud `width` seconds before and after."""
    t = np.arange(len(sound)) / RATE
    return np.asarray(sound / (1 + ((t - at) / width) ** 2) ** rng.uniform(0.45, 0.6), np.float32)


def distant(rng: Random, sound: Floats) -> Floats:
    """From round the corner or through a window: dull, with echoes."""
    length = int(rng.uniform(0.1, 0.3) * RATE)
    echoes = rng.normal(size=length) * np.exp(-np.arange(length) / (length / 4))
    echoes[0] += 3
    size = len(sound) + length
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(echoes, size), size)[: len(sound)]
    return _peaked(band(wet.astype(np.float32), 40, rng.uniform(700, 1500)))


def mixed(parts: list[Floats]) -> NDArray[np.int16]:
    """The sum of sounds as 16 bit; what is too loud is clipped, as by a microphone."""
    return np.asarray(np.clip(np.sum(parts, axis=0), -1, 1) * 32767, np.int16)


def _peaked(sound: NDArray[np.floating]) -> Floats:
    return (sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)
