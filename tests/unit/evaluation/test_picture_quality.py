import numpy as np
import pytest

from edgefuse.evaluation.picture_baselines import BASELINES
from edgefuse.evaluation.picture_quality import Picture, mutual_information, qabf, quality
from edgefuse.evaluation.pyramid import merge, split


@pytest.fixture
def pair() -> tuple[Picture, Picture]:
    """A disc, and a grid of lines, each in another half of the picture."""
    y, x = np.mgrid[:64, :64]
    disc = ((y - 32) ** 2 + (x - 16) ** 2 < 100).astype(float)
    return disc, np.where((x > 34) & (x % 8 < 2), 0.7, 0.0)


def test_a_picture_keeps_all_of_itself(pair: tuple[Picture, Picture]) -> None:
    """Fused of itself with itself, a picture has nearly the highest Qabf, SSIM 1, and twice its own entropy."""
    disc, _ = pair
    found = quality(disc, disc, disc)
    share = disc.mean()

    assert found["qabf"] > 0.97
    assert found["ssim"] == pytest.approx(1)
    assert found["mi"] == pytest.approx(-2 * (share * np.log2(share) + (1 - share) * np.log2(1 - share)))


def test_what_keeps_both_beats_what_keeps_one(pair: tuple[Picture, Picture]) -> None:
    """Where edges lie apart, the brighter pixel keeps all of them, the mean weakens them, one picture loses half."""
    first, second = pair
    both = qabf(first, second, np.maximum(first, second))

    assert both > 0.95
    assert both > qabf(first, second, (first + second) / 2) + 0.2
    assert both > qabf(first, second, first) + 0.2


def test_a_flat_picture_tells_nothing(pair: tuple[Picture, Picture]) -> None:
    """No edge and no bit is kept by grey alone."""
    first, second = pair
    grey = np.full_like(first, 0.5)

    assert qabf(first, second, grey) < 0.05
    assert mutual_information(first, grey) == pytest.approx(0)


def test_pyramid_comes_apart_and_together_again(pair: tuple[Picture, Picture]) -> None:
    """Details and the rest give the picture back exactly."""
    first, _ = pair

    assert np.allclose(merge(split(first, 4)), first)
    assert split(first, 4)[-1].shape == (4, 4)


@pytest.mark.parametrize("name", BASELINES)
def test_classical_ways_keep_a_picture_that_is_the_same_twice(name: str, pair: tuple[Picture, Picture]) -> None:
    """Fusing a picture with itself gives the picture."""
    first, _ = pair

    assert np.allclose(BASELINES[name](first, first), first, atol=0.02)
