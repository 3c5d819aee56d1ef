import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features import build
from edgefuse.fusion.features.image import Frames, Hog, Image


def test_a_picture_becomes_planes_between_zero_and_one() -> None:
    """Grey and colour pictures of 8 bits become (n, channels, height, width) in 0..1."""
    colour = np.zeros((2, 12, 16, 3), np.uint8)
    colour[..., 1] = 255
    grey = Image(8)(colour)
    assert grey.shape == (2, 1, 8, 8)
    assert np.allclose(grey, 0.587, atol=1e-5)
    planes = Image([6, 4], grey=False)(colour)
    assert planes.shape == (2, 3, 6, 4)
    assert np.allclose(planes[:, 1], 1)
    assert np.allclose(planes[:, [0, 2]], 0)


def test_grey_pictures_can_serve_where_colour_is_expected() -> None:
    """A grey picture becomes three equal planes."""
    found = Image(4, grey=False)(np.full((1, 4, 4), 51, np.uint8))
    assert found.shape == (1, 3, 4, 4)
    assert np.allclose(found, 0.2)


def test_normalised_pictures_do_not_tell_the_light() -> None:
    """A brighter picture of more contrast gives the same features."""
    picture = np.random.default_rng(0).uniform(0, 1, (1, 8, 8)).astype(np.float32)
    features = Image(8, normalise=True)
    assert np.allclose(features(picture), features(picture * 3 + 5), atol=1e-3)


def test_differences_of_frames_show_what_moves() -> None:
    """A film gets a second plane that is zero where nothing moves and in the first frame."""
    film = np.zeros((1, 3, 4, 4), np.uint8)
    film[0, 1:, 2, 2] = 255
    found = Frames(4, differences=2.0)(film)
    assert found.shape == (1, 3, 2, 4, 4)
    assert np.allclose(found[0, :, 1, 2, 2], [0, 2, 0])
    assert np.allclose(found[0, :, 1, 0, 0], 0)


def test_depth_does_not_tell_how_far_away_somebody_is() -> None:
    """Relief is relative to the median of what is there; the second plane is the silhouette."""
    film = np.zeros((1, 2, 4, 4), np.uint8)
    film[0, :, 1:3, 1:3] = 100
    film[0, 1, 1, 1] = 151
    near = np.where(film > 0, film + 60, 0).astype(np.uint8)
    features = Frames(4, depth=True)
    assert np.allclose(features(film), features(near), atol=1e-6)
    assert features(film)[0, 1, 0, 1, 1] == pytest.approx(0.2, abs=1e-6)
    assert np.array_equal(features(film)[0, :, 1], film[0] > 0)
    assert not features(np.zeros_like(film)).any()


def test_a_film_is_resampled_in_time() -> None:
    """`steps` frames come out, in order."""
    film = np.repeat(np.arange(8, dtype=np.float32), 4).reshape(1, 8, 2, 2)
    found = Frames(2, steps=4)(film)
    assert found.shape == (1, 4, 1, 2, 2)
    assert np.all(np.diff(found[0, :, 0, 0, 0]) > 1)
    assert Frames(2, grey=False)(np.zeros((1, 5, 2, 2, 3), np.uint8)).shape == (1, 5, 3, 2, 2)


def test_hog_sees_the_orientation_of_an_edge() -> None:
    """A vertical edge votes for the first and last bin, gradients along x; a horizontal one for the middle."""
    upright = np.zeros((1, 16, 16), np.uint8)
    upright[:, :, 8:] = 200
    features = Hog(16)
    vertical, horizontal = (features(each).reshape(4, 9).sum(0) for each in (upright, upright.swapaxes(1, 2)))
    assert vertical[[0, 8]].sum() == pytest.approx(vertical.sum(), rel=1e-3)
    assert horizontal.argmax() == 4


def test_hog_has_the_length_of_the_paper_and_ignores_contrast() -> None:
    """A detection window of 128 x 64 gives 3780 numbers, and twice the contrast changes them little."""
    picture = np.random.default_rng(1).uniform(0, 0.5, (1, 128, 64)).astype(np.float32)
    features = Hog([128, 64])
    assert features(picture).shape == (1, 3780)
    assert np.allclose(features(picture), features(picture * 2), atol=1e-3)


def test_hog_takes_the_colour_with_the_largest_gradient() -> None:
    """An edge between colours of equal brightness is seen."""
    picture = np.zeros((1, 16, 16, 3), np.float32)
    picture[:, :, :8, 0] = 0.587
    picture[:, :, 8:, 1] = 0.299
    assert Hog(16)(picture).max() > 0.1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("image", {}),
        ("image", {"size": 0}),
        ("frames", {"size": 4, "steps": -1}),
        ("frames", {"size": 4, "depth": True, "grey": False}),
        ("hog", {"size": 10, "cell": 4}),
    ],
)
def test_wrong_options_are_a_mistake_of_the_recipe(kind: str, options: dict[str, object]) -> None:
    """Missing and impossible options raise ConfigError when the features are built."""
    with pytest.raises(ConfigError, match=kind):
        build(FeatureSpec.model_validate({"kind": kind, "options": options}))


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    """Arrays that are neither grey nor colour pictures raise ValueError."""
    with pytest.raises(ValueError, match="expected"):
        Image(4)(np.zeros(shape))
