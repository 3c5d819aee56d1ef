import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features import build
from edgefuse.fusion.features.resample import resize, triangle
from edgefuse.fusion.features.sequence import Sequence, Skeleton


def test_a_straight_line_stays_straight() -> None:
    """Resampling keeps a straight line inside the stretch, and the mean of everything."""
    line = np.arange(60, dtype=np.float32)
    half = triangle(30, 60) @ line
    assert np.allclose(np.diff(half[1:-1]), 2, atol=1e-4)
    assert half.mean() == pytest.approx(line.mean(), abs=1e-3)
    assert np.allclose(triangle(60, 60) @ line, line)


def test_what_is_too_fast_for_the_new_grid_is_averaged_out() -> None:
    """An alternating signal at half the rate becomes nothing instead of an alias."""
    alternating = np.where(np.arange(64) % 2 == 0, 1.0, -1.0).astype(np.float32)
    assert np.abs((triangle(16, 64) @ alternating)[1:-1]).max() < 1e-5


def test_resampling_from_nothing_is_refused() -> None:
    """Weights need a sample on both sides."""
    with pytest.raises(ValueError, match="at least one"):
        triangle(4, 0)


def test_a_picture_keeps_its_brightness() -> None:
    """Resizing keeps the value of an even picture in both directions."""
    assert np.allclose(resize(np.full((2, 5, 7), 3, np.uint8), 10, 3), 3)


def test_padding_is_cut_off_before_resampling() -> None:
    """A sequence with and one without unknown steps around it give the same features."""
    rng = np.random.default_rng(0)
    inner = rng.normal(size=(1, 20, 2)).astype(np.float32)
    padded = np.full((1, 33, 2), np.nan, np.float32)
    padded[:, 4:24] = inner
    features = Sequence(steps=8, derivative=1.0)
    assert features(padded).shape == (1, 8, 4)
    assert np.allclose(features(padded), features(inner))


def test_gaps_are_bridged_and_the_unknown_stays_unknown() -> None:
    """A gap becomes a straight line; a channel, or a sequence, that was never known stays NaN."""
    raw = np.full((2, 9, 2), np.nan, np.float32)
    raw[0, :, 0] = np.arange(9)
    raw[0, 3:6, 0] = np.nan
    found = Sequence(steps=9)(raw)
    assert np.allclose(found[0, :, 0], np.arange(9), atol=1e-5)
    assert np.isnan(found[0, :, 1]).all()
    assert np.isnan(found[1]).all()


def test_a_skeleton_does_not_tell_where_somebody_stands_nor_how_tall_they_are() -> None:
    """Root-relative joints divided by the torso are the same for a larger person elsewhere."""
    rng = np.random.default_rng(1)
    joints = rng.normal(size=(1, 12, 20, 3)).astype(np.float32)
    other = (joints * 1.3 + np.array([1.0, 0.2, 2.0], np.float32)).astype(np.float32)
    features = Sequence(skeleton={"root": 3, "size": [1, 3]})
    first, second = (features(each.reshape(1, 12, 60)) for each in (joints, other))
    assert np.allclose(first, second, atol=1e-4)
    assert np.allclose(first.reshape(12, 20, 3)[:, 3], 0)


def test_the_path_of_the_root_is_kept_where_it_is_asked_for() -> None:
    """With `path` the root says how far somebody has gone since the first step."""
    joints = np.zeros((2, 4, 3), np.float32)
    joints[:, 1, 1] = 0.5
    joints[1, :, 2] = 1.0
    found = Skeleton(root=0, size=[0, 1], path=True)(joints.reshape(2, 12)).reshape(2, 4, 3)
    assert np.allclose(found[1, 0], [0, 0, 2])
    assert np.allclose(found[1, 1], [0, 1, 0])


def test_the_magnitude_does_not_depend_on_how_a_sensor_is_worn() -> None:
    """The added norm is the same after the axes are turned; the plain channels are not."""
    raw = np.random.default_rng(2).normal(size=(1, 10, 3)).astype(np.float32)
    turned = raw[..., [1, 2, 0]]
    features = Sequence(magnitude=[[0, 1, 2]])
    assert np.allclose(features(raw)[..., 3], features(turned)[..., 3])
    assert not np.allclose(features(raw)[..., 0], features(turned)[..., 0])


def test_centre_and_derivative() -> None:
    """`centre` takes the mean of each channel; `derivative` adds weighted differences and begins with zero."""
    raw = np.array([[[1.0], [2.0], [6.0]]], np.float32)
    found = Sequence(centre=True, derivative=5.0)(raw)
    assert np.allclose(found[0, :, 0], [-2, -1, 3])
    assert np.allclose(found[0, :, 1], [0, 5, 20])


@pytest.mark.parametrize("options", [{"stepz": 3}, {"steps": -1}, {"skeleton": {"root": 3}}])
def test_wrong_options_are_a_mistake_of_the_recipe(options: dict[str, object]) -> None:
    """Unknown, impossible and missing options raise ConfigError when the features are built."""
    with pytest.raises(ConfigError, match="sequence"):
        build(FeatureSpec(kind="sequence", options=options))


def test_a_table_is_passed_on() -> None:
    """The features of a table are its columns as float32; options are refused."""
    rows = np.array([[1, 2], [3, 4]])
    found = build(FeatureSpec(kind="table"))(rows)
    assert found.dtype == np.float32
    assert np.array_equal(found, rows)
    with pytest.raises(ConfigError, match="expected none"):
        build(FeatureSpec(kind="table", options={"steps": 2}))


def test_an_array_of_another_shape_is_refused() -> None:
    """A sequence has three axes."""
    with pytest.raises(ValueError, match="channels"):
        Sequence()(np.zeros((3, 4)))
