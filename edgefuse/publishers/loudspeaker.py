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
"""What is written at once: so fast it can be stopped."""
_LEAD = 5
"""Blocks of silence before the sound, of which a device that slept swallows some."""
_BUFFERS_PER_S = 20
"""PortAudio holds three of them; closing a stream empties them."""


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
            stream, blocks, size = self._opened(audio, sound)
            return _played(stream, blocks, size, stop, began)
        except (portaudio.DeviceError, OSError) as error:
            raise PublishError(f"output device {self.device or self._wanted or 'by default'}: {error}") from error
        finally:
            portaudio.end(audio, stream)

    def _opened(self, audio: Any, sound: Sound) -> tuple[Any, list[bytes], int]:
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
                    frames_per_buffer=rate // _BUFFERS_PER_S,
                )
            except (OSError, ValueError) as error:
                refused.append(f"{rate} Hz x {channels}: {error}")
                continue
            return stream, blocks_of(sound, rate, channels, size), size
        raise portaudio.DeviceError(f"it refuses to open ({'; '.join(refused)})")


def blocks_of(sound: Sound, rate: int, channels: int, size: int) -> list[bytes]:
    """The sound at another rate, the same on every channel, in blocks of `size` frames; silence fills the last."""
    pcm: NDArray[np.int16] = sound.pcm
    if rate != sound.rate:
        pcm = _soxr().resample(pcm, sound.rate, rate)
    pcm = np.concatenate([pcm, np.zeros(-len(pcm) % size, np.int16)])
    frames = np.repeat(pcm[:, None], channels, axis=1)
    return [frames[n : n + size].tobytes() for n in range(0, len(frames), size)]


def _played(stream: Any, blocks: list[bytes], size: int, stop: threading.Event, began: Callable[[], None]) -> bool:
    """Play blocks of `size` frames. Raises DeviceError when most of them come too late to be heard.

    Silence follows, as much as the device's buffer holds: when that is written, all before it has been played. Stopping
    a stream is not enough: one that holds less than it wants to begin with drops it.
    """
    silence = [bytes(len(block)) for block in blocks[:1]] * (stream.get_write_available() // size + 2)
    late = 0
    began()
    for block in [*blocks, *silence]:
        if stop.is_set():
            return False
        late += _late(stream, block)
    if 2 * late > len(blocks):
        raise portaudio.DeviceError(f"the sound breaks off: {late} of {len(blocks)} pieces came too late")
    return True


def _late(stream: Any, block: bytes) -> bool:
    """Play a block; whether the device had waited for it. Raises OSError."""
    try:
        stream.write(block, exception_on_underflow=True)
    except OSError as error:
        if error.errno != portaudio.library().paOutputUnderflowed:
            raise
        return True
    return False


def _soxr() -> Any:
    with needs("mic", "a loudspeaker"):
        import soxr
    return soxr
