"""How much of two pictures a fused one keeps. Pictures are (h, w) float in 0..1."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import needs

Picture: TypeAlias = NDArray[np.float64]
_BINS = 256
STRENGTH = (0.9994, -15.0, 0.5)
DIRECTION = (0.9879, -22.0, 0.8)
"""Gain, slope and middle of the two sigmoids of Xydeas & Petrovic."""


def quality(first: Picture, second: Picture, fused: Picture) -> dict[str, float]:
    """qabf, ssim (mean of both) and mi (sum of both, bits)."""
    with needs("train", "quality of pictures"):
        from skimage.metrics import structural_similarity
    ssim = np.mean([structural_similarity(each, fused, data_range=1.0) for each in (first, second)])
    return {
        "qabf": qabf(first, second, fused),
        "ssim": float(ssim),
        "mi": mutual_information(first, fused) + mutual_information(second, fused),
    }


def qabf(first: Picture, second: Picture, fused: Picture) -> float:
    """Share of the edges' strength and direction that is kept, 0..1.

    Xydeas & Petrovic, "Objective image fusion performance measure" (Electronics Letters 2000), with Sobel edges.
    """
    edges = [_edges(each) for each in (first, second, fused)]
    kept = [_kept(edges[n], edges[2]) for n in (0, 1)]
    total = edges[0][0] + edges[1][0]
    if not total.sum():
        return 0.0
    return float((kept[0] * edges[0][0] + kept[1] * edges[1][0]).sum() / total.sum())


def _edges(picture: Picture) -> tuple[Picture, Picture]:
    """Strength and direction (radians) of the edges."""
    with needs("train", "quality of pictures"):
        from scipy.ndimage import sobel
    x, y = sobel(picture * 255, axis=1), sobel(picture * 255, axis=0)
    return np.hypot(x, y), np.arctan(y / np.where(x == 0, 1e-9, x))


def _kept(source: tuple[Picture, Picture], fused: tuple[Picture, Picture]) -> Picture:
    low, high = np.minimum(source[0], fused[0]), np.maximum(source[0], fused[0])
    strength = np.where(high > 0, low / np.where(high > 0, high, 1), 1.0)
    direction = 1 - np.abs(source[1] - fused[1]) / (np.pi / 2)
    found: Picture = _sigmoid(strength, STRENGTH) * _sigmoid(direction, DIRECTION)
    return found


def _sigmoid(x: Picture, of: tuple[float, float, float]) -> Picture:
    gain, slope, middle = of
    y: Picture = gain / (1 + np.exp(slope * (x - middle)))
    return y


def mutual_information(first: Picture, second: Picture) -> float:
    """Bits that one picture tells about the other, over 256 grey levels."""
    joint, _, _ = np.histogram2d(first.ravel(), second.ravel(), bins=_BINS, range=((0, 1), (0, 1)))
    p = joint / joint.sum()
    alone = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    some = p > 0
    return float((p[some] * np.log2(p[some] / alone[some])).sum())
