"""How copies of Whisper's encoder and decoder are sampled and judged."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Tensors, Trial
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.detectors.voice.decoding import MASKED
from edgefuse.detectors.voice.recogniser import WINDOWS, padded
from edgefuse.detectors.voice.spectrogram import Spectrogram
from edgefuse.detectors.voice.vad_trial import sounds_of

_SHAPES = {"whisper-tiny.en": (6, 4), "whisper-base": (8, 6)}
"""Heads and layers."""
_ENGLISH = "50257 50362 6756 319 262 1657 287 262 9592 290 900 262 16930 287 262 2877 2119 284 8208 7370 11 3387 13"
"""Turn on the light in the kitchen and set the heating in the living room to twenty degrees, please."""
_EVERY = "50258 50259 50359 50363 7956 322 264 1442 294 264 6525 293 992 264 15082 294 264 2647 1808 281 7699 5310 11"
"""The same up to `degrees`, in the tokens of the models of many languages."""
_SOUNDS = 4
"""Made up for the decoder."""
_KEYS, _VALUES = 0.7, 0.35
"""Spread of what the encoder gives for speech."""
_PIECE = 8 * SAMPLE_RATE
_ALIKE = 0.9
"""Cosine from which a place of the sound is heard alike."""
_AMONG = 5


def whisper_trial(model: str) -> Trial | None:
    """The trial of `whisper-tiny.en-encoder` and its like; None for another model."""
    base, _, part = model.rpartition("-")
    if base not in _SHAPES:
        return None
    return EncoderTrial() if part == "encoder" else DecoderTrial(base) if part == "decoder" else None


class EncoderTrial:
    """Speech in the short window; agreement is the share of its places that are heard alike."""

    metric = "places heard alike"
    floor = 0.95
    carried: Mapping[str, str] = MappingProxyType({})

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:
        """Spectrograms of the package's speech, or of the WAV files in `folder`. Raises ModelError."""
        spectrogram = Spectrogram()
        pieces = [piece for sound in sounds_of(folder) for piece in _pieces(sound)]
        return [{"mel": padded(spectrogram(piece), WINDOWS[0])[None]} for piece in pieces]

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        """By the cosine of all values that a place of the sound has."""
        cosines = np.concatenate([_cosines(_places(a), _places(b)) for a, b in zip(reference, candidate, strict=True)])
        return float((cosines >= _ALIKE).mean())


class DecoderTrial:
    """An order, word by word, about sounds that are made up: the decoder does not know the encoder.

    Agreement is the share of words where the likeliest next one is among the copy's five likeliest.
    """

    metric = "likeliest word among the first five"
    floor = 0.9
    carried: Mapping[str, str] = MappingProxyType({})

    def __init__(self, base: str) -> None:
        """`base`: the model that it is the decoder of."""
        self._heads, self._layers = _SHAPES[base]
        self._tokens = np.array((_ENGLISH if base.endswith(".en") else _EVERY).split(), np.int32)

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:
        """The same for every folder."""
        del folder
        return [self._feed(np.random.default_rng(seed)) for seed in range(_SOUNDS)]

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        """By rank of the logits."""
        found: list[bool] = []
        for first, second in zip(reference, candidate, strict=True):
            likeliest = first["logits"].argmax(axis=1)
            firsts = np.argpartition(-second["logits"], _AMONG, axis=1)[:, :_AMONG]
            found += (firsts == likeliest[:, None]).any(axis=1).tolist()
        return float(np.mean(found))

    def _feed(self, random: np.random.Generator) -> dict[str, NDArray[Any]]:
        n, places = len(self._tokens), WINDOWS[0] // 2
        mask = np.where(np.tri(n, n + 1, 1, dtype=np.bool_), np.float32(0), np.float32(MASKED))
        mask[:, 0] = MASKED  # the only place of the cache
        feed: dict[str, NDArray[Any]] = {
            "tokens": self._tokens,
            "positions": np.arange(n, dtype=np.int32),
            "mask": mask,
            "pick": np.arange(n, dtype=np.int32),
        }
        for layer in range(self._layers):
            feed[f"past_key_{layer}"] = feed[f"past_value_{layer}"] = np.zeros((self._heads, 1, 64), np.float32)
            feed[f"cross_key_{layer}"] = random.normal(0, _KEYS, (self._heads, 64, places)).astype(np.float32)
            feed[f"cross_value_{layer}"] = random.normal(0, _VALUES, (self._heads, places, 64)).astype(np.float32)
        return feed


def _pieces(sound: NDArray[np.float32]) -> Iterator[NDArray[np.int16]]:
    for begin in range(0, len(sound), _PIECE):
        yield (sound[begin : begin + _PIECE] * 32767).astype(np.int16)


def _places(outputs: Tensors) -> NDArray[np.float32]:
    """What each place of the sound has in all layers (places, numbers)."""
    values = [array for name, array in outputs.items() if name.startswith("cross_value_")]
    return np.concatenate([array.transpose(1, 0, 2).reshape(array.shape[1], -1) for array in values], axis=1)


def _cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row by row."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / np.maximum(lengths, 1e-9))
