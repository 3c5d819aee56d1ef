"""Values at regular steps."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features.build import build
from edgefuse.fusion.features.grid import GridOptions, patched, present, sample

NAN = float("nan")


def _options(**more: Any) -> dict[str, Any]:
    return {"channels": ["a", "b"], "steps": 3, "step_s": 60, "hold_s": 90, **more}


def _features(raw: Any, **more: Any) -> Any:
    return build(FeatureSpec(kind="grid", options=_options(**more)))(np.array(raw, np.float32))


def test_each_step_has_the_latest_value_at_or_before_it() -> None:
    """A value counts from its own moment on, and until it is older than `hold`."""
    times = np.array([10, 20, 20, 40]) * SECOND
    got = sample(times, [1, 2, 3, 4], np.array([9, 10, 19, 20, 30, 31, 40, 51]) * SECOND, 10 * SECOND)
    np.testing.assert_array_equal(got, np.array([NAN, 1, 1, 3, 3, NAN, 4, NAN], np.float32))


def test_nothing_told_is_unknown() -> None:
    """Without any value every step is NaN, even where a resting value is given."""
    assert np.isnan(sample([], [], [1, 2], SECOND, rest=0)).all()


def test_a_channel_may_rest() -> None:
    """What is too old becomes the resting value; what came before the first value stays unknown."""
    got = sample([5 * SECOND], [1], np.array([4, 6, 60]) * SECOND, 2 * SECOND, rest=0)
    np.testing.assert_array_equal(got, np.array([NAN, 1, 0], np.float32))


def test_the_last_step_is_now() -> None:
    """Steps go back from the moment that is asked for."""
    options = GridOptions(**_options())
    assert options.times(200 * SECOND).tolist() == [80 * SECOND, 140 * SECOND, 200 * SECOND]
    assert options.span == 120 * SECOND


def test_gaps_take_the_value_before_them_else_the_one_after() -> None:
    """Only a channel of which the window holds nothing stays unknown."""
    raw = np.array([[[NAN, NAN, 1], [2, NAN, NAN], [NAN, NAN, 3]]], np.float32)
    np.testing.assert_array_equal(patched(raw), [[[2, NAN, 1], [2, NAN, 1], [2, NAN, 3]]])


def test_what_is_told_of_now_decides_whether_a_modality_is_there() -> None:
    """A value that has become too old is not there, whatever lies before it; with `partial` one channel is enough."""
    raw = np.array([[[1, 1], [1, 1]], [[NAN, 1], [NAN, 1]], [[1, 1], [NAN, NAN]]], np.float32)
    assert present(raw).tolist() == [True, False, False]
    assert present(raw, partial=True).tolist() == [True, True, False]


def test_values_come_with_what_is_known() -> None:
    """(n, steps, channels) becomes (n, steps, 2 * channels), or one row."""
    raw = [[[1, NAN], [NAN, 5], [3, 6]]]
    assert _features(raw).tolist() == [[[1, 5, 1, 0], [1, 5, 0, 1], [3, 6, 1, 1]]]
    assert _features(raw, known=False, flat=True).tolist() == [[1, 5, 1, 5, 3, 6]]


def test_summaries() -> None:
    """Each is taken of every channel over its own stretch of time."""
    raw = [[[1, 4], [2, 4], [4, 7]]]
    chosen = ["last", {"mean": 120}, {"max": 180}, {"min": 180}, {"change": 60}, {"slope": 60}]
    got = _features(raw, summary=chosen, known=False)
    np.testing.assert_allclose(got, [[4, 7, 3, 5.5, 4, 7, 1, 4, 2, 3, 2, 3]])


def test_a_summary_tells_the_share_of_what_is_known() -> None:
    """A steady line with a gap keeps its values, and says that a third is missing."""
    got = _features([[[2, NAN], [NAN, NAN], [2, 1]]], summary=["last", {"slope": 600}])
    np.testing.assert_allclose(got, [[2, 1, 0, 0, 2 / 3, 1 / 3]], rtol=1e-6)


def test_logarithms() -> None:
    """Channels that are named are compressed, the others are not."""
    got = _features([[[0, 3], [-1, 3], [np.e - 1, 3]]], log=["a"], known=False)
    np.testing.assert_allclose(got[0, :, 0], [0, 0, 1], atol=1e-6)
    assert got[0, :, 1].tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    "more",
    [{}, {"known": False}, {"flat": True}, {"summary": ["last"]}, {"summary": ["last", {"mean": 60}], "known": False}],
)
def test_the_shape_is_known_beforehand(more: dict[str, Any]) -> None:
    """What the options say about the shape is what comes out."""
    got = _features(np.zeros((5, 3, 2)), **more)
    assert got.shape == (5, *GridOptions(**_options(**more)).shape)
    assert got.dtype == np.float32


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"rest": {"c": 1}}, {"summary": [{"mean": 1, "max": 2}]}, {"colour": 1}]
)
def test_wrong_options_are_a_mistake_of_the_recipe(wrong: dict[str, Any]) -> None:
    """Each of them is told as ConfigError."""
    with pytest.raises(ConfigError, match="grid"):
        build(FeatureSpec(kind="grid", options=_options(**wrong)))


def test_other_windows_are_refused() -> None:
    """Raw input must have the steps and channels of the options."""
    with pytest.raises(ValueError, match="3, 2"):
        _features(np.zeros((1, 4, 2)))
