"""Plays sound on an output device, by PyAudio (PortAudio)."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse import portaudio
from edgefuse.core.errors import PublishError, needs
from edgefuse.publishers.speech import Sound

_BLOCKS_PER_S = 50


class Player(Protocol):
    """Makes sound heard."""

    def play(self, sound: Sound, stop: threading.Event, began: Callable[[], None]) -> bool:
        """Return when it has been heard, or soon after `stop`; whether all was. Raises PublishError.

        `began` is called just before the first of it.
        """


class Loudspeaker:
    """An output device, opened for each sound: it may come and go."""

    def __init__(self, device: int | str | None) -> None:
        """Index, part of the name, or the default. Raises ConfigError without the library."""
        portaudio.library()
        _soxr()
        self._wanted = device
        self.device = ""
        """What was opened last."""

    def play(self, sound: Sound, stop: threading.Event, began: Callable[[], None]) -> bool:
        """Play in blocks of 20 ms, so that it ends as fast when told to. Raises PublishError."""
        try:
            audio = portaudio.start()
        except portaudio.DeviceError as error:
            raise PublishError(str(error)) from error
        stream = None
        try:
            stream, blocks = self._opened(audio, sound)
            return _played(stream, blocks, stop, began)
        except (portaudio.DeviceError, OSError) as error:
            raise PublishError(f"output device {self.device or self._wanted or 'by default'}: {error}") from error
        finally:
            portaudio.end(audio, stream)

    def _opened(self, audio: Any, sound: Sound) -> tuple[Any, list[bytes]]:
        device = portaudio.find(audio, self._wanted, "output")
        self.device = str(device["name"])
        refused = []
        for rate, channels in portaudio.formats(device, "output", sound.rate):
            size = rate // _BLOCKS_PER_S
            try:
                stream = portaudio.opened(
                    audio,
                    rate=rate,
                    channels=channels,
                    output=True,
                    output_device_index=device["index"],
                    frames_per_buffer=size,
                )
            except (OSError, ValueError) as error:
                refused.append(f"{rate} Hz x {channels}: {error}")
                continue
            return stream, blocks_of(sound, rate, channels, size)
        raise portaudio.DeviceError(f"it refuses to open ({'; '.join(refused)})")


def blocks_of(sound: Sound, rate: int, channels: int, size: int) -> list[bytes]:
    """The sound at another rate, the same on every channel, in blocks of `size` frames; silence fills the last."""
    pcm: NDArray[np.int16] = sound.pcm
    if rate != sound.rate:
        pcm = _soxr().resample(pcm, sound.rate, rate)
    pcm = np.concatenate([pcm, np.zeros(-len(pcm) % size, np.int16)])
    frames = np.repeat(pcm[:, None], channels, axis=1)
    return [frames[n : n + size].tobytes() for n in range(0, len(frames), size)]


def _played(stream: Any, blocks: list[bytes], stop: threading.Event, began: Callable[[], None]) -> bool:
    began()
    for block in blocks:
        if stop.is_set():
            return False
        stream.write(block)
    stream.stop_stream()  # returns when the last of it has been heard
    return True


def _soxr() -> Any:
    with needs("mic", "a loudspeaker"):
        import soxr
    return soxr
