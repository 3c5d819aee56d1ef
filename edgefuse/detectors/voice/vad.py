"""Voice activity by Silero, one stream."""

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model

WINDOW = 512
"""Samples per look (32 ms)."""
_CONTEXT = 64
_RATE = np.array(16_000, dtype=np.int64)
_FULL_SCALE = np.float32(1 / 32768)


class Vad:
    """Silero VAD over consecutive windows: https://github.com/snakers4/silero-vad (MIT)."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._input = np.zeros((1, _CONTEXT + WINDOW), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._output, self._next_state = model.outputs

    def speech(self, pcm: NDArray[np.int16]) -> float:
        """Probability of speech in the next window; `pcm` (512,) follows the one before."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        np.multiply(pcm, _FULL_SCALE, out=self._input[0, _CONTEXT:])
        found = self._model.run({"input": self._input, "state": self._state, "sr": _RATE})
        np.copyto(self._state, found[self._next_state])
        return float(found[self._output][0, 0])

    def reset(self) -> None:
        """Forget the stream."""
        self._input.fill(0)
        self._state.fill(0)
