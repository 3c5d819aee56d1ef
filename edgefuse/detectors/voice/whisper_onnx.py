"""Speech to text by Whisper as two ONNX models that the engine layer runs, on whatever it chooses."""

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model
from edgefuse.core.types import Nanoseconds
from edgefuse.detectors.voice.decoding import Decoding, log_softmax
from edgefuse.detectors.voice.recogniser import (
    WINDOWS,
    Heard,
    Tokens,
    load_tokenizer,
    padded,
    suppressed,
    window_of,
)
from edgefuse.detectors.voice.spectrogram import HOP, Spectrogram

_LEAST = math.log(1e-9)
_MULTILINGUAL = 51865
"""Tokens of a Whisper that knows more than English."""


class WhisperOnnx:
    """Greedy, one segment of up to 30 s, without time stamps; the same rules as `Whisper`.

    Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
    """

    def __init__(self, encoder: Model, decoder: Model, folder: Path, language: str, prompt: str) -> None:
        """`folder`: the CTranslate2 model that both are made of, for its tokens. Raises ModelError, ConfigError."""
        self._encoder, self._decoder = encoder, decoder
        self._spectrogram = Spectrogram(int(encoder.inputs["mel"][1] or 0))
        size = int(decoder.outputs["logits"][1] or 0)
        self.tokens = Tokens(
            load_tokenizer(folder), multilingual=size >= _MULTILINGUAL, language=language, prompt=prompt
        )
        always, first = suppressed(folder)
        self._banned = np.zeros(size, np.float32)
        self._banned[always] = -np.inf
        self._banned_first = self._banned.copy()
        self._banned_first[first] = -np.inf
        self.hear(np.zeros(1600, dtype=np.int16))

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        """Write down `pcm` (n,), up to 30 s; when it repeats itself in the short window, again in the long one."""
        mel = self._spectrogram(pcm[: WINDOWS[-1] * HOP])
        window = window_of(mel)
        heard = self._decode(mel, window)
        return self._decode(mel, WINDOWS[-1]) if heard.repeats and window < WINDOWS[-1] else heard

    def encode(self, mel: NDArray[np.float32], window: int) -> dict[str, NDArray[Any]]:
        """What the decoder attends to, of a spectrogram (80, t); valid until the next call."""
        return self._encoder.run({"mel": padded(mel, window)[None]})

    def decoding(self, cross: dict[str, NDArray[Any]], room: int) -> Decoding:
        """A decoder that has read nothing, with room for so many tokens."""
        return Decoding(self._decoder, cross, room)

    def fit(self, heard: Heard, text: str) -> float:
        """Logarithm of the probability of a text given the same sound and no prompt, summed over its tokens."""
        return self.fits(heard, [text])[0]

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        """`fit` of several texts in one run."""
        spelled = [self.tokens.spell(text) if text else [] for text in texts]
        start = [*self.tokens.bare, self.tokens.no_timestamps]
        decoding = self.decoding(heard.encoded, len(start))
        first = self._texts(decoding.run(start))[0]
        decoding.keep()
        tokens, parents = _side_by_side(spelled)
        if not tokens:
            return [0.0 for _ in texts]
        after = self._texts(decoding.run(tokens, range(len(tokens)), parents))
        each = [(first if parent < 0 else after[parent])[token] for token, parent in zip(tokens, parents, strict=True)]
        return _sums(each, [len(text) for text in spelled])

    def cpu(self) -> Nanoseconds:
        """Nothing: the engine layer counts its own calls."""
        return 0

    def _texts(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithms of probabilities (k, v) among the tokens of texts, which come before the special ones."""
        return log_softmax(logits[:, : self.tokens.end])

    def _decode(self, mel: NDArray[np.float32], window: int) -> Heard:
        cross, frames = self.encode(mel, window), min(mel.shape[1], window)
        start, longest = self.tokens.start, self.tokens.longest(frames)
        decoding = self.decoding(cross, len(start) + longest)
        logits = decoding.run(start, [len(self.tokens.before), len(start) - 1])
        decoding.keep()
        no_speech = float(np.exp(log_softmax(logits[0])[self.tokens.no_speech]))
        said, total = self._greedy(decoding, logits[1] + self._banned_first, longest)
        return Heard(self.tokens.text(said), total / max(1, len(said)), no_speech, cross, frames)

    def _greedy(self, decoding: Decoding, logits: NDArray[np.float32], longest: int) -> tuple[list[int], float]:
        """The likeliest token, again and again, and the sum of their logarithms."""
        said: list[int] = []
        total = 0.0
        while True:
            token = int(logits.argmax())
            total += float(log_softmax(logits)[token])
            if token == self.tokens.end or len(said) == longest:
                return said, total
            said.append(token)
            logits = decoding.run([token])[0] + self._banned
            decoding.keep()


def _side_by_side(texts: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Texts as one run in which each sees itself alone: tokens, and the index of each one's predecessor or -1."""
    tokens: list[int] = []
    parents: list[int] = []
    for text in texts:
        parents += [len(tokens) + k - 1 if k else -1 for k in range(len(text))]
        tokens += text
    return tokens, parents


def _sums(each: Sequence[float], lengths: Sequence[int]) -> list[float]:
    """Sums over stretches of the given lengths."""
    ends = list(accumulate(lengths))
    spans = zip(ends, lengths, strict=True)
    return [math.fsum(max(float(p), _LEAST) for p in each[end - length : end]) for end, length in spans]
