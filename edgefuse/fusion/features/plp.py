"""Perceptual linear prediction: Hermansky 1990, "Perceptual linear predictive (PLP) analysis of speech"."""

import numpy as np
from numpy.typing import NDArray

from edgefuse.fusion.features.spectrum import Floats

_QUIET = 1e-10
_NARROW = 1e-6
"""White noise, as a share of the power, that keeps the recursion stable."""


def loudness(power: Floats, bins: NDArray[np.float64]) -> Floats:
    """(n, t, bins) power spectrum -> (n, t, bands) loudness, bands about one Bark apart, the ends repeated inwards.

    Critical bands (the paper's equation 4), equal loudness (6), cube root of intensity (8).
    """
    top = float(_bark(bins[-1:])[0])
    centres = np.linspace(0, top, int(np.ceil(top)) + 1)
    distance = _bark(bins) - centres[:, None]
    rise, fall = 10 ** (2.5 * (distance + 0.5)), 10 ** (-(distance - 0.5))
    curve = np.minimum(1, np.minimum(rise, fall)) * ((distance > -1.3) & (distance < 2.5))  # noqa: PLR2004 - (4)
    squared = np.square(600 * np.sinh(centres / 6))
    heard = squared**2 * (squared + 1.44e6) / ((squared + 1.6e5) ** 2 * (squared + 9.61e6))
    bands = np.cbrt(power @ (curve * heard[:, None]).T.astype(np.float32) + _QUIET)
    bands[..., 0], bands[..., -1] = bands[..., 1], bands[..., -2]
    return np.asarray(bands, np.float32)


def _bark(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(6 * np.arcsinh(hertz / 600))


def cepstra(bands: Floats, order: int, kept: int) -> Floats:
    """(n, t, bands) loudness -> (n, t, kept) cepstra of the all-pole model; the first is the logarithm of its gain."""
    size = bands.shape[-1]
    k = np.arange(size)
    weights = np.where((k == 0) | (k == size - 1), 1.0, 2.0) / (2 * (size - 1))
    cosines = weights[:, None] * np.cos(np.pi * k[:, None] * np.arange(order + 1) / (size - 1))
    correlation = bands.astype(np.float64) @ cosines
    correlation[..., 0] *= 1 + _NARROW
    predictor, error = _levinson(correlation)
    found = np.zeros((*bands.shape[:-1], kept))
    found[..., 0] = np.log(error)
    for n in range(1, kept):
        earlier = sum(
            m / n * found[..., m] * predictor[..., n - m] for m in range(1, n) if n - m <= order
        )  # Makhoul 1975, from predictor to cepstrum
        found[..., n] = -(predictor[..., n] if n <= order else 0.0) - earlier
    return np.asarray(found, np.float32)


def _levinson(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(..., order + 1) autocorrelation -> predictor (..., order + 1), the first 1, and the error it leaves (...)."""
    order = correlation.shape[-1] - 1
    predictor = np.zeros_like(correlation)
    predictor[..., 0] = 1
    error = np.array(correlation[..., 0])
    for i in range(1, order + 1):
        ahead = (predictor[..., :i] * correlation[..., i:0:-1]).sum(axis=-1)
        reflection = -ahead / error
        turned = predictor[..., i::-1][..., : i + 1].copy()
        predictor[..., : i + 1] += reflection[..., None] * turned
        error = error * (1 - reflection**2)
    return predictor, error
