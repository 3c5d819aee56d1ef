"""Sound of any rate and any number of channels as 16 kHz mono (soxr, soundfile)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import SourceError, needs
from edgefuse.core.health import PartHealth
from edgefuse.core.types import SAMPLE_RATE

FULL_SCALE = 32768
_BLOCK = 16384
"""Frames read from a file at a time."""


class ToMono16k:
    """Streaming conversion to 16 kHz mono int16; 16 kHz mono int16 passes unchanged.

    soxr gets and gives floats: its int16 output is dithered with a seed taken from the time of day, and a replay must
    give the same samples twice. Raises ConfigError when soxr is needed and not installed.
    """

    def __init__(self, rate: int, channel: int | None = None) -> None:
        self._rate = rate
        self._channel = channel
        self._taken = 0
        self._given = 0
        self._soxr = None if rate == SAMPLE_RATE else _resampler(rate)

    @property
    def held(self) -> float:
        """Output samples that are still inside the filter."""
        return self._taken * SAMPLE_RATE / self._rate - self._given

    def push(self, pcm: NDArray[Any], *, last: bool = False) -> NDArray[np.int16]:
        """Convert (n,) or (n, channels) of int16, or of floats within -1..1; gives (m,)."""
        self._taken += len(pcm)
        mono: NDArray[Any] = self._mono(pcm)
        if self._soxr is not None:
            mono = self._soxr.resample_chunk(_float(mono), last=last)
        out = np.asarray(mono if mono.dtype == np.int16 else _int16(mono), np.int16)
        self._given += len(out)
        return out

    def _mono(self, pcm: NDArray[Any]) -> NDArray[Any]:
        if pcm.ndim == 1:
            return pcm
        if self._channel is not None:
            return pcm[:, min(self._channel, pcm.shape[1] - 1)]
        return pcm[:, 0] if pcm.shape[1] == 1 else _float(pcm).mean(axis=1, dtype=np.float32)


def _resampler(rate: int) -> Any:
    with needs("media", f"sound at {rate} Hz, which must be resampled to {SAMPLE_RATE} Hz"):
        import soxr
    return soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")


def _float(pcm: NDArray[Any]) -> NDArray[np.float32]:
    return (pcm / np.float32(FULL_SCALE)).astype(np.float32) if pcm.dtype == np.int16 else pcm.astype(np.float32)


def _int16(pcm: NDArray[Any]) -> NDArray[np.int16]:
    whole: NDArray[np.float32] = np.rint(pcm * FULL_SCALE)
    return whole.clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


class Chunker:
    """Cuts a stream into pieces of exactly `size` samples."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest: NDArray[np.int16] = np.zeros(0, np.int16)

    @property
    def held(self) -> int:
        """Samples that wait for a full piece."""
        return len(self._rest)

    def push(self, pcm: NDArray[np.int16]) -> list[NDArray[np.int16]]:
        """Add samples; gives the pieces that became full."""
        joined = np.concatenate((self._rest, pcm))
        full = len(joined) // self._size * self._size
        self._rest = joined[full:]
        return list(joined[:full].reshape(-1, self._size))

    def flush(self) -> list[NDArray[np.int16]]:
        """The last piece, filled up with silence."""
        return self.push(np.zeros(-len(self._rest) % self._size, np.int16))


def sound_library() -> Any:
    """The module soundfile. Raises ConfigError when it is not installed."""
    with needs("media", "recorded sound"):
        import soundfile
    return soundfile


def read_audio(path: Path, size: int, health: PartHealth) -> Iterator[NDArray[np.int16]]:
    """Pieces of a sound file, one after the other, at 16 kHz mono; a broken end is left out and counted.

    Raises SourceError when the file is missing, is no sound or holds none; ConfigError without soundfile.
    """
    soundfile = sound_library()
    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise SourceError(f"{path}: expected a readable sound file: {error}") from error
    with file:
        health.info.update(rate=file.samplerate, channels=file.channels)
        convert, cut = ToMono16k(file.samplerate), Chunker(size)
        for block in _blocks(file, path, health, soundfile.SoundFileError):
            yield from cut.push(convert.push(block))
        yield from cut.push(convert.push(np.zeros(0, np.float32), last=True))
        yield from cut.flush()


def _blocks(file: Any, path: Path, health: PartHealth, broken: type[Exception]) -> Iterator[NDArray[Any]]:
    kind = "int16" if file.subtype == "PCM_16" else "float32"
    frames = 0
    try:
        while len(block := file.read(_BLOCK, dtype=kind, always_2d=True)):
            frames += len(block)
            yield block
    except broken as error:
        if not frames:
            raise SourceError(f"{path}: the sound cannot be decoded: {error}") from error
        health.reject("sound broken off")
    if not frames:
        raise SourceError(f"{path}: expected sound, got a file without a sample")
