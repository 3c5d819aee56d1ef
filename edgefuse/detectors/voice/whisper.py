"""Speech to text by Whisper on CTranslate2, and how well a given text fits the same sound."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError, needs
from edgefuse.core.types import Nanoseconds
from edgefuse.detectors.voice.recogniser import WINDOWS, Heard, Tokens, load_tokenizer, padded, window_of
from edgefuse.detectors.voice.spectrogram import HOP, Spectrogram

_LEAST = 1e-9


class Whisper:
    """faster-whisper (MIT), int8 on the CPU, greedy, one segment of up to 30 s, without time stamps.

    Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
    """

    def __init__(self, path: Path, language: str, prompt: str, threads: int = 1) -> None:
        """Load the model in `path`. Raises ModelError, ConfigError without its library."""
        with needs("voice", "speech recognition"):
            from faster_whisper import WhisperModel
        before = _threads()
        try:
            self._whisper: Any = WhisperModel(
                str(path), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1, local_files_only=True
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: expected a faster-whisper model folder, got: {error}; pull it again") from error
        self.tokens = Tokens(
            load_tokenizer(path),
            multilingual=self._whisper.model.is_multilingual,
            language=language,
            prompt=prompt,
        )
        self._spectrogram = Spectrogram(self._whisper.model.n_mels)
        self.hear(np.zeros(1600, dtype=np.int16))
        self._workers = tuple(sorted(_threads() - before))

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        """Write down `pcm` (n,), up to 30 s; when it repeats itself in the short window, again in the long one."""
        mel = self._spectrogram(pcm[: WINDOWS[-1] * HOP])
        window = window_of(mel)
        heard = self._decode(mel, window)
        return self._decode(mel, WINDOWS[-1]) if heard.repeats and window < WINDOWS[-1] else heard

    def _decode(self, mel: NDArray[np.float32], window: int) -> Heard:
        encoded, frames = self._whisper.encode(padded(mel, window)), min(mel.shape[1], window)
        start = self.tokens.start
        longest = len(start) + self.tokens.longest(frames)
        found = self._whisper.model.generate(
            encoded, [start], beam_size=1, max_length=longest, return_scores=True, return_no_speech_prob=True
        )[0]
        text = self.tokens.text(found.sequences_ids[0])
        return Heard(text, float(found.scores[0]), float(found.no_speech_prob), encoded, frames)

    def fit(self, heard: Heard, text: str) -> float:
        """Logarithm of the probability of a text given the same sound and no prompt, summed over its tokens."""
        if not text:
            return 0.0
        tokens = self.tokens.spell(text)
        found = self._whisper.model.align(heard.encoded, list(self.tokens.bare), [tokens], heard.frames)[0]
        return math.fsum(math.log(max(p, _LEAST)) for p in found.text_token_probs)

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        """`fit` of one text after the other."""
        return [self.fit(heard, text) for text in texts]

    def cpu(self) -> Nanoseconds:
        """CPU time so far of CTranslate2's own threads, which the caller's clock does not see."""
        return sum(map(_thread_cpu, self._workers))


def _threads() -> set[int]:
    return {int(entry.name) for entry in Path("/proc/self/task").iterdir()}


def _thread_cpu(thread: int) -> Nanoseconds:
    """CPU time of a thread of this process: Linux's clock id of a thread is made from its number."""
    return time.clock_gettime_ns((~thread << 3) | 6)
