"""How copies of Silero are sampled and judged: on stretches of speech, by the windows that they take for speech."""

import wave
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.detectors.voice.vad import CONTEXT, WINDOW, speaks
from edgefuse.resources import resource

Sound: TypeAlias = NDArray[np.float32]
_MOST = 1500
"""Windows (48 s)."""
_QUIET, _NOISE = 0.1, 0.03
"""Loudness of the second hearing of a sound, and root mean square of the noise in the third; full scale is 1."""


class VadTrial:
    """Every sound as it is, quiet, and in noise; the state goes on from window to window of one sound.

    Agreement is the number of windows that both copies take for speech over the number that either does.
    """

    metric = "windows of speech in common"
    floor = 0.95
    carried: Mapping[str, str] = {"state": "stateN"}

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:
        """Windows of the package's speech, or of the WAV files in `folder`.

        Raises ModelError for a folder without any, or for one that is not 16 kHz with one channel.
        """
        sounds = sounds_of(folder)
        return list(islice((feed for sound in _hearings(sounds) for feed in _windows(sound)), _MOST))

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        """Both over either; 1 where neither hears any speech."""
        first, second = (_speech(outputs) for outputs in (reference, candidate))
        either = int((first | second).sum())
        return int((first & second).sum()) / either if either else 1.0


def sounds_of(folder: Path | None) -> list[Sound]:
    """The package's speech, or the sounds in `folder`: WAV of 16 kHz, one channel. Raises ModelError."""
    return [_read(path) for path in _paths(resource("models", "samples", "speech") if folder is None else folder)]


def _speech(outputs: Sequence[Tensors]) -> NDArray[np.bool_]:
    """Which windows (n,) it takes for speech."""
    speaking, told = False, []
    for output in outputs:
        speaking = speaks(float(output["output"][0, 0]), speaking)
        told.append(speaking)
    return np.array(told, np.bool_)


def _hearings(sounds: Sequence[Sound]) -> Iterator[Sound]:
    noise = np.random.default_rng(0)
    yield from sounds
    for sound in sounds:
        yield sound * np.float32(_QUIET)
    for sound in sounds:
        yield sound + noise.normal(0, _NOISE, len(sound)).astype(np.float32)


def _windows(sound: Sound) -> Iterator[dict[str, NDArray[Any]]]:
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), sound])
    for begin in range(0, len(sound) - WINDOW + 1, WINDOW):
        start = {"state": np.zeros((2, 1, 128), np.float32)} if begin == 0 else {}
        window = padded[begin : begin + CONTEXT + WINDOW].reshape(1, -1)
        yield {"input": window, "sr": np.array(SAMPLE_RATE, np.int64), **start}


def _paths(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    except OSError as error:
        raise ModelError(f"samples: {folder}: expected a folder of sounds, got: {error}") from error
    if not paths:
        raise ModelError(f"samples: {folder}: expected .wav files, found none")
    return paths


def _read(path: Path) -> Sound:
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ModelError(f"samples: {path}: cannot be read as WAV: {error}") from error
    if form == (SAMPLE_RATE, 1, 2):
        return _scaled(np.frombuffer(data[: len(data) // 2 * 2], "<i2"), 0, 32768)
    if form == (SAMPLE_RATE, 1, 1):
        return _scaled(np.frombuffer(data, np.uint8), 128, 128)
    rate, channels, width = form
    got = f"{rate} Hz, {channels} channels, {8 * width} bits"
    raise ModelError(f"samples: {path}: expected {SAMPLE_RATE} Hz, one channel, 8 or 16 bits; got {got}")


def _scaled(values: NDArray[Any], middle: int, largest: int) -> Sound:
    sound: Sound = ((values.astype(np.float32) - middle) / largest).astype(np.float32)
    return sound
