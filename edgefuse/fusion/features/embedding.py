"""Google's speech embedding: what a network that was trained on a great deal of speech makes of each .8 s of sound.

Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data". Two models of the store are used:
a mel front end and the embedding, both frozen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model
from edgefuse.fusion.features.spectrum import Floats

MEL, EMBEDDING = "speech-embedding-mel", "speech-embedding"
"""Names in the catalogue."""
SIZE = 96
_RATE = 16000
_FRAMES = 76
"""Mel frames, 10 ms each, that one embedding looks at."""
_BATCH = 256


def make(kind: str, options: dict[str, Any], load: Callable[[str], Model] | None) -> "SpeechEmbedding":
    """The features of kind speech_embedding. Raises TypeError or ValueError for wrong options, or without `load`."""
    del kind
    if load is None:
        raise ValueError(f"the models {MEL} and {EMBEDDING} must be loadable here; nobody gave a way to load models")
    stride, pad = _checked(**options)
    return SpeechEmbedding(load(MEL), load(EMBEDDING), stride, pad)


def _checked(stride: int = 8, pad: float = 0.0) -> tuple[int, float]:
    if stride < 1 or pad < 0:
        raise ValueError(f"expected stride >= 1 and pad >= 0, got {stride} and {pad}")
    return stride, pad


@dataclass(frozen=True)
class SpeechEmbedding:
    """(n, samples) at 16 kHz -> (n, windows, 96).

    Raw is int16, or float within -1..1, which is scaled to the range of int16 as the mel model expects. Its output in
    dB goes to the embedding as dB / 10 + 2. The front end takes clips one by one, because it cuts everything 80 dB
    below the loudest of a whole batch. One second gives 3 windows with a stride of 8.
    """

    mel: Model
    embedding: Model
    stride: int = 8
    """Mel frames of 10 ms from one window to the next."""
    pad: float = 0.0
    """Seconds of silence before and after the clip."""

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError where a clip with its silence is shorter than one window (12,512 samples)."""
        sound = raw.astype(np.float32) if raw.dtype == np.int16 else np.asarray(raw, np.float32) * 32768
        silence = round(self.pad * _RATE)
        sound = np.pad(sound, ((0, 0), (silence, silence)))
        if sound.shape[1] < (_FRAMES - 1) * 160 + 512:
            raise ValueError(f"expected at least .782 s at 16 kHz, got {sound.shape[1]} samples; set pad")
        mels = [self._mel(clip) for clip in sound]
        count = ((sound.shape[1] - 512) // 160 + 1 - _FRAMES) // self.stride + 1
        windows = [mel[at * self.stride : at * self.stride + _FRAMES] for mel in mels for at in range(count)]
        return self._embed(windows).reshape(len(sound), count, SIZE)

    def _mel(self, clip: Floats) -> Floats:
        found = self.mel.run({"input": clip[None]})["output"]
        return np.asarray(found.reshape(-1, 32) / 10 + 2, np.float32)

    def _embed(self, windows: list[Floats]) -> Floats:
        found = np.empty((len(windows), SIZE), np.float32)
        for at in range(0, len(windows), _BATCH):
            batch = np.stack(windows[at : at + _BATCH])[..., None]
            found[at : at + _BATCH] = self.embedding.run({"input_1": batch})["conv2d_19"].reshape(-1, SIZE)
        return found
