"""What is remembered of a channel, and the window that is made of it."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ModelError
from edgefuse.core.types import SECOND
from edgefuse.fusion.card import FeatureSpec, ModalityCard
from edgefuse.fusion.channels import Channel, ModalityWindow, windows
from edgefuse.fusion.look import Look

NAN = float("nan")


def window(**more: Any) -> ModalityWindow:
    options = {"channels": ["a", "b"], "steps": 3, "step_s": 1, "hold_s": 5, **more}
    features = FeatureSpec(kind="grid", options=options)
    card = ModalityCard(raw="sequence", features=features, shape=[3, 4], seen=[(0, 1), (0, 10)])
    looks = {name: Look.model_validate({"from": name, "label": "x"}) for name in "ab"}
    (made,) = windows({"m": card}, looks)
    for name in "ab":
        made.alive(name, 0, alive=True)
    return made


def put(made: ModalityWindow, a: float, b: float, at: int) -> None:
    for channel, value in zip(made.channels, (a, b), strict=True):
        channel.put(at * SECOND, value)


def test_the_window_ends_now() -> None:
    """The last step has what was told last."""
    made = window()
    put(made, 0.1, 1, at=8)
    put(made, 0.2, 2, at=10)
    sight = made.look(10 * SECOND)
    np.testing.assert_allclose(sight.raw, [[0.1, 1], [0.1, 1], [0.2, 2]], rtol=1e-6)
    assert (sight.why, sight.doubts) == ("", ())


def test_one_unbelievable_channel_silences_the_modality() -> None:
    """Unless the model was trained with single channels unknown: then that channel alone is unknown."""
    for partial in (False, True):
        made = window(partial=partial)
        put(made, 0.5, 99, at=1)
        sight = made.look(SECOND)
        assert bool(sight.why) is not partial
        np.testing.assert_array_equal(sight.raw[:, 1], [NAN] * 3)
        assert sight.doubts == ("b 99 is far from what the model knows (-10 to 20 is believed)",)


def test_late_values_find_their_place() -> None:
    """What comes behind its time does not replace what is newer."""
    channel = Channel("a", None, 100 * SECOND, SECOND)
    for t in (1, 5, 3):
        channel.put(t * SECOND, float(t))
    assert list(channel.times) == [1 * SECOND, 3 * SECOND, 5 * SECOND]
    assert list(channel.values) == [1, 3, 5]


def test_old_values_go_but_the_last_one_before_the_span_stays() -> None:
    """It may still be what is there at the first step."""
    channel = Channel("a", None, 10 * SECOND, SECOND)
    for t in (1, 2, 3, 13):
        channel.put(t * SECOND, float(t))
    assert list(channel.times) == [3 * SECOND, 13 * SECOND]


def test_features_that_observations_cannot_feed() -> None:
    """A model that takes sound itself is refused, by name of the modality."""
    card = ModalityCard(raw="waveform", features=FeatureSpec(kind="logmel"), shape=[98, 64])
    with pytest.raises(ModelError, match="'sound' takes features of kind 'logmel'"):
        windows({"sound": card}, {})
