"""The speech embedding: how sound is cut and scaled for its two models."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.core.ports import Tensors
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features import build
from edgefuse.fusion.features.embedding import EMBEDDING, MEL


class Net:
    """A model that answers with a function and keeps what it was given."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {}
    runs_on = "test"

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: list[np.ndarray[Any, Any]] = []

    def run(self, inputs: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        (given,) = inputs.values()
        self.given.append(given)
        if self.name == MEL:
            count = (given.shape[1] - 512) // 160 + 1
            return {"output": np.repeat(np.arange(count, dtype=np.float32), 32).reshape(1, 1, count, 32) * 10}
        return {"conv2d_19": np.repeat(given[:, :1, :1, :1], 96, axis=3)}

    def example(self) -> dict[str, np.ndarray[Any, Any]]:
        return {}

    def close(self) -> None:
        return


def test_windows_begin_a_stride_apart() -> None:
    """One second has three windows of 76 frames, 8 apart, and dB / 10 + 2 goes in."""
    nets = {MEL: Net(MEL), EMBEDDING: Net(EMBEDDING)}
    found = build(FeatureSpec(kind="speech_embedding"), nets.__getitem__)(np.zeros((2, 16000), np.int16))
    assert found.shape == (2, 3, 96)
    np.testing.assert_allclose(found[:, :, 0], [[2, 10, 18]] * 2)


def test_floats_are_scaled_to_the_range_of_integers() -> None:
    """The mel model gets the same numbers for int16 and for floats within -1..1, and one clip a run."""
    nets = {MEL: Net(MEL), EMBEDDING: Net(EMBEDDING)}
    feature = build(FeatureSpec(kind="speech_embedding"), nets.__getitem__)
    feature(np.full((2, 16000), 8192, np.int16))
    feature(np.full((2, 16000), 0.25, np.float32))
    assert [given.shape for given in nets[MEL].given] == [(1, 16000)] * 4
    assert all((given == 8192).all() for given in nets[MEL].given)


def test_short_clips_need_silence_around_them() -> None:
    """Half a second is refused, and taken with .25 s of silence on both sides."""
    nets = {MEL: Net(MEL), EMBEDDING: Net(EMBEDDING)}
    clip = np.ones((1, 8000), np.float32)
    with pytest.raises(ValueError, match="set pad"):
        build(FeatureSpec(kind="speech_embedding"), nets.__getitem__)(clip)
    padded = build(FeatureSpec(kind="speech_embedding", options={"pad": 0.25}), nets.__getitem__)(clip)
    assert padded.shape == (1, 3, 96)


@pytest.mark.parametrize("options", [{"stride": 0}, {"pad": -1}, {"rate": 8000}])
def test_wrong_options_are_told(options: dict[str, Any]) -> None:
    """They are a mistake of the configuration."""
    with pytest.raises(ConfigError, match="speech_embedding"):
        build(FeatureSpec(kind="speech_embedding", options=options), Net)


def test_without_models_it_says_what_it_needs() -> None:
    """Nobody gave a way to load: the error names both models."""
    with pytest.raises(ConfigError, match=f"{MEL} and {EMBEDDING}"):
        build(FeatureSpec(kind="speech_embedding"))
