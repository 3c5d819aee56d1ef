"""Reading tokens with a cache."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.ports import Tensors
from edgefuse.detectors.voice.decoding import Decoding, log_softmax

TOKENS = 50


class Adding:
    """A decoder whose logits are one-hot at the sum of all that the token sees, 10 * position + token each."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {
        "past_key_0": (2, "past", 64),
        "past_value_0": (2, "past", 64),
    }
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"logits": ("k", 1000)}
    runs_on = "this test"

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        worth = (10 * inputs["positions"] + inputs["tokens"]).astype(np.float32)
        key = np.broadcast_to(worth[None, :, None], (2, len(worth), 64))
        past = inputs["past_key_0"][0, :, 0]
        sums = (inputs["mask"] == 0) @ np.concatenate([past, worth])
        logits = np.zeros((len(inputs["pick"]), 1000), np.float32)
        logits[np.arange(len(logits)), sums[inputs["pick"]].astype(int)] = 1
        return {"logits": logits, "key_0": key, "value_0": key}

    def example(self) -> dict[str, NDArray[Any]]:
        return {}

    def close(self) -> None:
        pass


def test_each_token_sees_those_before_it() -> None:
    """A line of three: 1, then 1 and 12, then these and 23."""
    decoding = Decoding(Adding(), {}, 5)

    assert decoding.run([1, 2, 3], pick=[0, 1, 2]).argmax(axis=1).tolist() == [1, 13, 36]


def test_what_is_kept_is_seen_later() -> None:
    """What was run is forgotten unless it is kept, and what was kept can be taken back."""
    decoding = Decoding(Adding(), {}, 5)
    decoding.run([1, 2])
    assert decoding.run([4]).argmax() == 4
    decoding.run([1, 2])
    decoding.keep()
    assert decoding.length == 2
    assert decoding.run([4]).argmax() == 1 + 12 + 24
    decoding.back(1)
    assert decoding.run([4]).argmax() == 1 + 14


def test_a_tree_is_read_and_a_branch_kept() -> None:
    """Two branches do not see each other; keeping one leaves its tokens alone in the cache."""
    decoding = Decoding(Adding(), {}, 5)
    decoding.run([1])
    decoding.keep()

    found = decoding.run([2, 3, 4], pick=[0, 1, 2], parents=[-1, -1, 1])
    decoding.keep([1, 2])

    assert found.argmax(axis=1).tolist() == [1 + 12, 1 + 13, 1 + 13 + 24]
    assert decoding.run([0]).argmax() == 1 + 13 + 24 + 30


def test_logarithms_of_probabilities() -> None:
    """They add up to one and survive large numbers."""
    found = log_softmax(np.array([[1000.0, 1000.0], [0.0, -1e4]], np.float32))

    assert found[0] == pytest.approx([-np.log(2)] * 2)
    assert np.exp(found).sum(axis=1) == pytest.approx([1, 1])
