"""Speech to text by Whisper on CTranslate2, and how well a given text fits the same sound."""

import math
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError, needs
from edgefuse.core.types import Nanoseconds

PROMPT_TOKENS = 220
_HOP = 160
_LEAST = 1e-9
_WINDOWS = (1500, 3000)
"""Frames the encoder looks at: the shorter of them that holds the sound. Whisper is trained on 3000; 1500 give the same
text for less than half of the CPU time, with fewer it begins to repeat itself."""
_ROOM = 100
"""Frames of silence that must remain."""
_TOKENS = 12
_TOKENS_PER_S = 7
"""Longest text: nobody speaks faster."""
_REPEATS = 1.8
"""Bytes per compressed byte, above which a text repeats itself."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser wrote."""

    text: str
    logprob: float
    """Natural logarithm of its probability, per token."""
    no_speech: float
    """Probability that there are no words."""
    encoded: Any = None
    """Encoder output, for `Whisper.fit`."""
    frames: int = 0
    """Of the spectrogram, without padding."""

    @property
    def repeats(self) -> bool:
        """Whether the text goes in circles, as Whisper's does where there are no words."""
        plain = self.text.encode()
        words = "".join(c for c in self.text.casefold() if c.isalnum() or c == " ").split()
        half = len(words) // 2
        twice = half > 1 and words[:half] == words[half:]
        return twice or len(plain) > _REPEATS * len(zlib.compress(plain))


class Whisper:
    """faster-whisper (MIT), int8 on the CPU, greedy, one segment of up to 30 s, without time stamps.

    Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
    """

    def __init__(self, path: Path, language: str, prompt: str, threads: int = 1) -> None:
        """Load the model in `path`. Raises ModelError, ConfigError without its library."""
        with needs("voice", "speech recognition"):
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import Tokenizer
        before = _threads()
        try:
            self._whisper: Any = WhisperModel(
                str(path), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1, local_files_only=True
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: expected a faster-whisper model folder, got: {error}; pull it again") from error
        multilingual = self._whisper.model.is_multilingual
        self._tokenizer: Any = Tokenizer(
            self._whisper.hf_tokenizer, multilingual, task="transcribe", language=language if multilingual else "en"
        )
        self._prompt = self._tokenizer.encode(" " + prompt.strip())[:PROMPT_TOKENS]
        self.hear(np.zeros(1600, dtype=np.int16))
        self._workers = tuple(sorted(_threads() - before))

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        """Write down `pcm` (n,), up to 30 s; when it repeats itself in the short window, again in the long one."""
        mel = self._whisper.feature_extractor(pcm[: _WINDOWS[-1] * _HOP].astype(np.float32) / 32768)
        window = next((w for w in _WINDOWS if mel.shape[1] + _ROOM <= w), _WINDOWS[-1])
        heard = self._decode(mel, window)
        return self._decode(mel, _WINDOWS[-1]) if heard.repeats and window < _WINDOWS[-1] else heard

    def _decode(self, mel: NDArray[np.float32], window: int) -> Heard:
        encoded, frames = self._encode(mel, window)
        start = [*self._start(), self._tokenizer.no_timestamps]
        longest = len(start) + _TOKENS + frames * _TOKENS_PER_S // 100
        found = self._whisper.model.generate(
            encoded, [start], beam_size=1, max_length=longest, return_scores=True, return_no_speech_prob=True
        )[0]
        text = self._tokenizer.decode(found.sequences_ids[0]).strip()
        return Heard(text, float(found.scores[0]), float(found.no_speech_prob), encoded, frames)

    def fit(self, heard: Heard, text: str) -> float:
        """Logarithm of the probability of a text given the same sound and no prompt, summed over its tokens."""
        if not text:
            return 0.0
        tokens = self._tokenizer.encode(f" {text[:1].upper()}{text[1:]}")
        start = list(self._tokenizer.sot_sequence)
        found = self._whisper.model.align(heard.encoded, start, [tokens], heard.frames)[0]
        return math.fsum(math.log(max(p, _LEAST)) for p in found.text_token_probs)

    def cpu(self) -> Nanoseconds:
        """CPU time so far of CTranslate2's own threads, which the caller's clock does not see."""
        return sum(map(_thread_cpu, self._workers))

    def _start(self) -> list[int]:
        before = [self._tokenizer.sot_prev, *self._prompt] if self._prompt else []
        return [*before, *self._tokenizer.sot_sequence]

    def _encode(self, mel: NDArray[np.float32], window: int) -> tuple[Any, int]:
        """Encoder output and the number of frames that hold sound; padded with the spectrogram's own floor."""
        mel = mel[:, :window]
        padded = np.full((mel.shape[0], window), mel.min(), dtype=np.float32)
        padded[:, : mel.shape[1]] = mel
        return self._whisper.encode(padded), mel.shape[1]


def _threads() -> set[int]:
    return {int(entry.name) for entry in Path("/proc/self/task").iterdir()}


def _thread_cpu(thread: int) -> Nanoseconds:
    """CPU time of a thread of this process: Linux's clock id of a thread is made from its number."""
    return time.clock_gettime_ns((~thread << 3) | 6)
