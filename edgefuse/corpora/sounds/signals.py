"""What sounds are made of: tones that glide, coloured noise, resonances, envelopes, rooms. 16 kHz, float, mono."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE

Sound: TypeAlias = NDArray[np.float64]
"""(n,)"""
Random: TypeAlias = np.random.Generator
Gain: TypeAlias = Callable[[Sound], Sound]
"""Frequencies (k,) in Hz -> factors (k,)."""
_HIGHEST = 7600.0
"""Hz: partials above it are left out."""
_LOWEST = 40.0
"""Hz, below which noise of a colour is level."""


def samples(seconds: float) -> int:
    """Length of a stretch of sound."""
    return max(1, int(seconds * SAMPLE_RATE))


def chance(rng: Random, p: float) -> bool:
    """True in a share `p` of all cases."""
    return bool(rng.random() < p)


def spread(rng: Random, low: float, high: float) -> float:
    """A number between, as likely in every octave."""
    return float(low * (high / low) ** rng.random())


def contour(points: Sequence[float], n: int, places: Sequence[float] | None = None) -> Sound:
    """(n,) through `points`, evenly spaced or at `places` (0..1), smooth between them."""
    at = np.linspace(0, 1, len(points)) if places is None else np.asarray(places)
    x = np.linspace(0, 1, n)
    left = np.clip(np.searchsorted(at, x, side="right") - 1, 0, max(0, len(at) - 2))
    if len(points) == 1:
        return np.full(n, float(points[0]))
    share = np.clip((x - at[left]) / np.maximum(at[left + 1] - at[left], 1e-9), 0, 1)
    share = share * share * (3 - 2 * share)
    values = np.asarray(points, dtype=np.float64)
    curve: Sound = values[left] + (values[left + 1] - values[left]) * share
    return curve


def wander(rng: Random, n: int, rate: float) -> Sound:
    """(n,) slow random curve of about unit size that turns `rate` times a second."""
    return contour(list(rng.normal(size=max(2, int(n / SAMPLE_RATE * rate) + 2))), n)


def tone(frequency: Sound, partials: Sequence[float], phase: float = 0.0) -> Sound:
    """Sum of harmonics of a gliding frequency (n,) in Hz; what lies above the band is silent."""
    angle = phase + 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    out = np.zeros(len(frequency))
    for k, amplitude in enumerate(partials, 1):
        if amplitude and k * float(frequency.min()) < _HIGHEST:
            out += amplitude * np.sin(k * angle) * (k * frequency < _HIGHEST)
    return out


def harmonics(rng: Random, kind: str, count: int = 20) -> list[float]:
    """Amplitudes of partials: `sine`, `square`, `triangle`, `saw`, `pulse`, or `any` of them, a little uneven."""
    if kind == "any":
        kind = str(rng.choice(["sine", "square", "triangle", "saw", "pulse"]))
    odd = [k % 2 for k in range(1, count + 1)]
    shapes = {
        "sine": [1.0, *(spread(rng, 0.001, 0.1) for _ in range(min(3, count - 1)))],
        "square": [o / k for k, o in enumerate(odd, 1)],
        "triangle": [o / k**2 for k, o in enumerate(odd, 1)],
        "saw": [1 / k for k in range(1, count + 1)],
        "pulse": [1 / k**0.4 for k in range(1, count + 1)],
    }
    return [a * float(np.exp(rng.normal(0, 0.3))) for a in shapes[kind]]


def noise(rng: Random, n: int, slope: float = 0.0) -> Sound:
    """Noise whose power falls by `slope` dB an octave (3 pink, 6 brown), of unit size."""

    def gain(hertz: Sound) -> Sound:
        factors: Sound = np.maximum(hertz, _LOWEST) ** (-slope / 6.02)
        return factors

    white: Sound = rng.normal(size=n)
    return unit(shape(white, gain)) if slope else white


def shape(sound: Sound, gain: Gain) -> Sound:
    """Filter with `gain` and without phase."""
    padded = -(-(len(sound) + 512) // 4000) * 4000
    spectrum = np.fft.rfft(sound, padded)
    hertz: Sound = np.fft.rfftfreq(padded, 1 / SAMPLE_RATE).astype(np.float64)
    spectrum *= gain(hertz)
    out: Sound = np.fft.irfft(spectrum, padded)[: len(sound)]
    return out


def band(sound: Sound, low: float, high: float, order: float = 2.0) -> Sound:
    """Only what lies between two frequencies in Hz, falling by 6 * order dB an octave outside."""

    def gain(hertz: Sound) -> Sound:
        up = 1 / np.sqrt(1 + (low / np.maximum(hertz, 1e-3)) ** (2 * order)) if low > 0 else np.ones_like(hertz)
        down: Sound = up / np.sqrt(1 + (hertz / high) ** (2 * order))
        return down

    return shape(sound, gain)


def resonate(sound: Sound, peaks: Sequence[tuple[float, float, float]], floor: float = 0.02) -> Sound:
    """Resonances (frequency Hz, width Hz, amplitude) above a floor: a vocal tract, a box, a pipe."""

    def gain(hertz: Sound) -> Sound:
        total = np.full_like(hertz, floor)
        for centre, width, amplitude in peaks:
            total += amplitude / (1 + ((hertz - centre) / (width / 2)) ** 2)
        return total

    return shape(sound, gain)


def modes(rng: Random, n: int, frequencies: Sound, decays: Sound, amplitudes: Sound) -> Sound:
    """Damped sinusoids that start together: frequencies Hz, decay times s (to 1/e), amplitudes, each (k,)."""
    t = np.arange(n) / SAMPLE_RATE
    out = np.zeros(n)
    for f, d, a in zip(frequencies, decays, amplitudes, strict=True):
        if f >= _HIGHEST:
            continue
        m = min(n, int(7 * d * SAMPLE_RATE) + 1)
        out[:m] += a * np.exp(-t[:m] / d) * np.sin(2 * np.pi * f * t[:m] + rng.uniform(0, 2 * np.pi))
    return out


def swell(n: int, rise: float, fall: float) -> Sound:
    """(n,) envelope: up within `rise` s, level, down within the last `fall` s."""
    t = np.arange(n) / SAMPLE_RATE
    left, right = np.clip(t / max(rise, 1e-4), 0, 1), np.clip((n / SAMPLE_RATE - t) / max(fall, 1e-4), 0, 1)
    envelope: Sound = np.sin(np.pi / 2 * np.minimum(left, right)) ** 2
    return envelope


def strike(n: int, attack: float, decay: float) -> Sound:
    """(n,) envelope: up within `attack` s, then falling to 1/e every `decay` s."""
    t = np.arange(n) / SAMPLE_RATE
    envelope: Sound = np.minimum(t / max(attack, 1e-5), 1) * np.exp(-t / decay)
    return envelope


def unit(sound: Sound) -> Sound:
    """The same with a mean square of 1; silence stays."""
    size = float(np.sqrt(np.mean(sound * sound)))
    return sound / size if size > 1e-12 else sound  # noqa: PLR2004


def put(target: Sound, sound: Sound, at: float) -> None:
    """Add a sound from second `at` on, as far as it fits."""
    begin = int(at * SAMPLE_RATE)
    if begin < 0:
        sound, begin = sound[-begin:], 0
    piece = sound[: max(0, len(target) - begin)]
    target[begin : begin + len(piece)] += piece


def room(rng: Random, sound: Sound, seconds: float, wet: float) -> Sound:
    """The sound in a room: a reverberation time `seconds` (to -60 dB), `wet` the size of it beside the direct sound."""
    n = samples(min(seconds, 1.2))
    t = np.arange(n) / SAMPLE_RATE
    tail = rng.normal(size=n) * np.exp(-6.9 * t / seconds) * (t > spread(rng, 0.001, 0.02))
    tail = band(tail, 100, spread(rng, 2500, 7500), 1)
    response = wet * tail / max(1e-9, float(np.sqrt(np.sum(tail * tail))))
    response[0] += 1
    total = -(-(len(sound) + n) // 4000) * 4000
    out: Sound = np.fft.irfft(np.fft.rfft(sound, total) * np.fft.rfft(response, total), total)[: len(sound)]
    return out
