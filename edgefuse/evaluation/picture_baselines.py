"""Classical ways to fuse two pictures, to compare with. (h, w) float in 0..1 -> the same."""

from collections.abc import Callable, Mapping

import numpy as np

from edgefuse.core.errors import needs
from edgefuse.evaluation.picture_quality import Picture

_LEVELS = 4


def average(first: Picture, second: Picture) -> Picture:
    """Mean."""
    return (first + second) / 2


def maximum(first: Picture, second: Picture) -> Picture:
    """The brighter pixel."""
    return np.maximum(first, second)


def laplacian(first: Picture, second: Picture) -> Picture:
    """Laplacian pyramid, the stronger detail and the mean of what is left: Burt & Adelson (1983)."""
    from edgefuse.evaluation.pyramid import merge, split

    bands = [_stronger(a, b) for a, b in zip(split(first, _LEVELS)[:-1], split(second, _LEVELS)[:-1], strict=True)]
    rest = average(split(first, _LEVELS)[-1], split(second, _LEVELS)[-1])
    return np.clip(merge([*bands, rest]), 0, 1)


def wavelet(first: Picture, second: Picture) -> Picture:
    """Haar wavelet without decimation, the stronger detail: Li, Manjunath & Mitra (1995), Mallat's a trous scheme."""
    with needs("train", "classical fusion"):
        from scipy.ndimage import convolve1d
    fused, a, b = np.zeros_like(first), first, second
    for level in range(_LEVELS):
        kernel = np.zeros(2**level + 1)
        kernel[[0, -1]] = 0.5
        smooth = [convolve1d(convolve1d(x, kernel, axis=0), kernel, axis=1) for x in (a, b)]
        fused += _stronger(a - smooth[0], b - smooth[1])
        a, b = smooth
    return np.clip(fused + average(a, b), 0, 1)


def guided(first: Picture, second: Picture) -> Picture:
    """Guided filtering of the weights: Li, Kang & Hu, "Image fusion with guided filtering" (TIP 2013)."""
    with needs("train", "classical fusion"):
        from scipy.ndimage import gaussian_filter, laplace, uniform_filter
    pictures = (first, second)
    base = [uniform_filter(x, 31) for x in pictures]
    salience = [gaussian_filter(np.abs(laplace(x)), 5) for x in pictures]
    chosen = [(salience[n] >= salience[1 - n]).astype(float) for n in (0, 1)]
    fused = np.zeros_like(first)
    for radius, epsilon, parts in ((45, 0.3, base), (7, 1e-6, [x - y for x, y in zip(pictures, base, strict=True)])):
        weights = [np.clip(_guided(w, x, radius, epsilon), 1e-6, 1) for w, x in zip(chosen, pictures, strict=True)]
        total = weights[0] + weights[1]
        fused += sum(w / total * part for w, part in zip(weights, parts, strict=True))
    return np.clip(fused, 0, 1)


def _guided(weights: Picture, guide: Picture, radius: int, epsilon: float) -> Picture:
    """He, Sun & Tang, "Guided image filtering" (ECCV 2010)."""
    from scipy.ndimage import uniform_filter

    def mean(x: Picture) -> Picture:
        smooth: Picture = uniform_filter(x, 2 * radius + 1)
        return smooth

    centre, at = mean(guide), mean(weights)
    slope = (mean(guide * weights) - centre * at) / (mean(guide * guide) - centre**2 + epsilon)
    return mean(slope) * guide + mean(at - slope * centre)


def _stronger(a: Picture, b: Picture) -> Picture:
    return np.where(np.abs(a) >= np.abs(b), a, b)


BASELINES: Mapping[str, Callable[[Picture, Picture], Picture]] = {
    "average": average,
    "maximum": maximum,
    "laplacian": laplacian,
    "wavelet": wavelet,
    "guided": guided,
}
