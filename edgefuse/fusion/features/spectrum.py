"""Power spectra of batches of sound, and what is taken of them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_BLOCK = 64
"""Clips transformed at a time: as many as fit a cache, not as many as there are."""


@dataclass(frozen=True)
class Frames:
    """How sound is cut: `size` samples each `step`, under a Hann window, transformed at `points`."""

    rate: int
    size: int
    step: int
    points: int

    @classmethod
    def of(cls, rate: int, window: float, hop: float) -> "Frames":
        """Of a rate in Hz, a window and a hop in seconds. Raises ValueError where either is no sample long."""
        size, step = round(rate * window), round(rate * hop)
        if size < 1 or step < 1:
            raise ValueError(f"expected window and hop of at least one sample, got {window} and {hop} s at {rate} Hz")
        return cls(rate, size, step, 1 << (size - 1).bit_length())

    def bins(self) -> NDArray[np.float64]:
        """Hz of each bin."""
        return np.asarray(np.fft.rfftfreq(self.points, 1 / self.rate), np.float64)

    def power(self, raw: NDArray[Any]) -> Floats:
        """(n, samples) -> (n, frames, bins), such that a full-scale sine has 0.25 at its bin."""
        sound = as_float(raw)
        if sound.ndim != 2 or sound.shape[1] < self.size:  # noqa: PLR2004 - clips and samples
            raise ValueError(f"expected (n, at least {self.size} samples), got {sound.shape}")
        window = np.hanning(self.size + 1)[:-1].astype(np.float32)
        count = (sound.shape[1] - self.size) // self.step + 1
        power = np.empty((len(sound), count, self.points // 2 + 1), np.float32)
        for at in range(0, len(sound), _BLOCK):
            cut = np.lib.stride_tricks.sliding_window_view(sound[at : at + _BLOCK], self.size, axis=1)[:, :: self.step]
            spectrum = np.fft.rfft(cut * (window / window.sum()), self.points)
            power[at : at + _BLOCK] = np.square(spectrum.real) + np.square(spectrum.imag)
        return power


def as_float(raw: NDArray[Any]) -> Floats:
    """Sound within -1..1, of int16 or of floats that already are."""
    if raw.dtype == np.int16:
        return np.asarray(raw.astype(np.float32) / 32768, np.float32)
    return np.asarray(raw, np.float32)


def mel_filters(bands: int, bins: NDArray[np.float64], low: float, high: float) -> Floats:
    """Triangles with a peak of 1, (bands, bins), evenly spaced on the mel scale; never empty, however narrow."""
    points = _hertz(np.linspace(_mel(low), _mel(high), bands + 2))
    width = np.maximum(np.diff(points), bins[1] - bins[0])
    rising = (bins - points[1:-1, None]) / width[:-1, None] + 1
    falling = (points[1:-1, None] - bins) / width[1:, None] + 1
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), np.float32)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (np.power(10, mel / 2595) - 1))


def cosine_transform(size: int, kept: int) -> Floats:
    """Matrix (size, kept) of the first columns of the orthonormal DCT-II."""
    k, i = np.arange(kept), np.arange(size)[:, None]
    matrix = np.cos(np.pi * k * (i + 0.5) / size) * np.sqrt(2 / size)
    matrix[:, 0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)
