from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features.build import build


class Seeing:
    """A detector that sees class 2 wherever the picture is bright, on one level of 4 x 4 cells."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"picture": (1, 3, 32, 32)}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"scores": (1, 16, 80), "boxes": (1, 16, 44)}

    def __init__(self) -> None:
        self.runs = 0

    def run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.runs += 1
        scores = np.zeros((1, 16, 80), np.float32)
        scores[0, :, 2] = (feed["picture"][0].mean(0) > 1).reshape(4, 8, 4, 8).mean((1, 3)).ravel()
        return {"boxes": np.zeros((1, 16, 44), np.float32), "scores": scores}

    def close(self) -> None:
        """Nothing is held."""


def pictures() -> NDArray[np.uint8]:
    shown = np.zeros((3, 32, 32, 3), np.uint8)
    shown[0, :, :8] = shown[2, :, :8] = 255
    return shown


def test_groups_are_seen_where_they_are() -> None:
    """Scores of the left, middle and right third; a group that is not there has none."""
    feature = build(
        FeatureSpec(kind="detections", options={"groups": {"vehicle": [2], "cat": [15]}}), lambda _: Seeing()
    )
    found = feature(pictures())
    assert found.shape == (3, 2, 4)
    assert found[0, 0, :3].tolist() == [1, 0, 0]
    assert found[0, 0, 3] > 0
    assert not found[0, 1].any()
    assert not found[1].any()


def test_the_same_picture_is_looked_at_once() -> None:
    """Two different pictures among three are two runs."""
    model = Seeing()
    found = build(FeatureSpec(kind="detections", options={"groups": {"vehicle": [2]}}), lambda _: model)(pictures())
    assert model.runs == 2
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("options", [{"groups": {}}, {"groups": {"x": [80]}}, {"groups": {"x": [1]}, "colour": 1}, {}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    """Groups have to name classes of COCO."""
    with pytest.raises(ConfigError, match="detections"):
        build(FeatureSpec(kind="detections", options=options), lambda _: Seeing())


def test_without_a_store_of_models_it_says_so() -> None:
    """The features are computed by a model."""
    with pytest.raises(ConfigError, match="nanodet"):
        build(FeatureSpec(kind="detections", options={"groups": {"x": [1]}}))
