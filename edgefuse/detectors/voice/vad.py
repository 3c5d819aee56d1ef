"""Voice activity by Silero, one stream."""

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model

WINDOW = 512
"""Samples per look (32 ms)."""
CONTEXT = 64
"""Samples of the window before that the network sees again."""
_SPEECH, _STILL_SPEECH = 0.5, 0.35
"""Silero's probabilities that begin speech and that continue it."""
_RATE = np.array(16_000, dtype=np.int64)
_FULL_SCALE = np.float32(1 / 32768)


class Vad:
    """Silero VAD over consecutive windows: https://github.com/snakers4/silero-vad (MIT)."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._input = np.zeros((1, CONTEXT + WINDOW), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._output, self._next_state = model.outputs

    def speech(self, pcm: NDArray[np.int16]) -> float:
        """Probability of speech in the next window; `pcm` (512,) follows the one before."""
        self._input[0, :CONTEXT] = self._input[0, -CONTEXT:]
        np.multiply(pcm, _FULL_SCALE, out=self._input[0, CONTEXT:])
        found = self._model.run({"input": self._input, "state": self._state, "sr": _RATE})
        np.copyto(self._state, found[self._next_state])
        return float(found[self._output][0, 0])

    def reset(self) -> None:
        """Forget the stream."""
        self._input.fill(0)
        self._state.fill(0)


def speaks(probability: float, before: bool) -> bool:  # noqa: FBT001  what it was in the window before
    """Whether a window of this probability holds speech."""
    return probability >= (_STILL_SPEECH if before else _SPEECH)
