"""The Laplacian pyramid: Burt & Adelson, "The Laplacian pyramid as a compact image code" (1983)."""

from collections.abc import Sequence

import numpy as np

from edgefuse.core.errors import needs
from edgefuse.evaluation.picture_quality import Picture

KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def split(picture: Picture, levels: int) -> list[Picture]:
    """Details from fine to coarse, then what is left; sides are multiples of 2**levels."""
    bands = []
    for _ in range(levels):
        smaller = _smooth(picture)[::2, ::2]
        bands.append(picture - _grown(smaller))
        picture = smaller
    return [*bands, picture]


def merge(bands: Sequence[Picture]) -> Picture:
    """The picture that `split` took apart."""
    picture = bands[-1]
    for band in reversed(bands[:-1]):
        picture = band + _grown(picture)
    return picture


def _smooth(picture: Picture) -> Picture:
    with needs("train", "classical fusion"):
        from scipy.ndimage import convolve1d
    smooth: Picture = convolve1d(convolve1d(picture, KERNEL, axis=0, mode="mirror"), KERNEL, axis=1, mode="mirror")
    return smooth


def _grown(picture: Picture) -> Picture:
    larger = np.zeros((2 * picture.shape[0], 2 * picture.shape[1]))
    larger[::2, ::2] = 4 * picture
    return _smooth(larger)
