"""Whisper's decoder about one sound: reads tokens one after the other, or a whole tree of them at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model, Tensors

MASKED = -1e4
"""Added to a score that shall not count; also a number in half precision."""


class Decoding:
    """What was read so far about one sound. One thread at a time.

    `run` looks at tokens that may come next and forgets them; `keep` makes rows of the last run part of what was read.
    """

    def __init__(self, model: Model, cross: Tensors, room: int) -> None:
        """`cross`: what the encoder gave; `room`: most tokens that can be kept."""
        self._model = model
        self._cross = cross
        heads, _, width = (int(size or 1) if not isinstance(size, str) else 1 for size in model.inputs["past_key_0"])
        layers = sum(name.startswith("past_key_") for name in model.inputs)
        names = [f"{kind}_{layer}" for layer in range(layers) for kind in ("key", "value")]
        self._past = {name: np.zeros((heads, room, width), np.float32) for name in names}
        self._new: Tensors = {}
        self._room = room
        self.length = 0
        """Tokens kept."""

    def run(
        self, tokens: Sequence[int], pick: Sequence[int] | None = None, parents: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Logits (k, v) of what follows the tokens at `pick`, default the last; the array is the model's.

        `parents`: the index of each token's predecessor, which is smaller than its own, or -1 for what was kept;
        default each follows the one before.
        """
        n = len(tokens)
        seen, depths = _line(n) if parents is None else _tree(parents)
        mask = np.full((n, self._room + n), MASKED, np.float32)
        mask[:, : self.length] = 0
        mask[:, self._room :] = seen
        return self._look(tokens, self.length + depths, mask, [n - 1] if pick is None else pick)

    def _look(
        self, tokens: Sequence[int], positions: NDArray[Any], mask: NDArray[np.float32], pick: Sequence[int]
    ) -> NDArray[np.float32]:
        found = self._model.run(
            {
                "tokens": np.array(tokens, np.int32),
                "positions": positions.astype(np.int32),
                "mask": mask,
                "pick": np.array(pick, np.int32),
                **{f"past_{name}": past for name, past in self._past.items()},
                **self._cross,
            }
        )
        self._new = {name: found[name] for name in self._past}
        return found["logits"]

    def keep(self, rows: Sequence[int] | None = None) -> None:
        """Keep tokens of the last run: `rows` along one branch from its root, default all of a run without tree."""
        for name, past in self._past.items():
            new = self._new[name] if rows is None else self._new[name][:, rows]
            past[:, self.length : self.length + new.shape[1]] = new
        self.length += new.shape[1]

    def back(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        self.length = min(self.length, length)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _line(n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return np.where(np.tri(n, dtype=np.bool_), np.float32(0), np.float32(MASKED)), np.arange(n)


def _tree(parents: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Who sees whom (n, n), and how far each is from the root (n,)."""
    n = len(parents)
    seen = np.full((n, n), MASKED, np.float32)
    depths = np.zeros(n, np.int64)
    for k, parent in enumerate(parents):
        if parent >= 0:
            seen[k] = seen[parent]
            depths[k] = depths[parent] + 1
        seen[k, k] = 0
    return seen, depths
