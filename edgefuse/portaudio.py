"""Sound cards, by PyAudio (PortAudio): finding, opening and closing them. The only importer of PyAudio."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from edgefuse.core.errors import TransientError, needs

Direction: TypeAlias = Literal["input", "output"]
_PORTAUDIO = threading.Lock()
"""PortAudio must be opened and closed by one thread at a time."""
_BUSY_S = 15
_CHANNELS = {"input": "maxInputChannels", "output": "maxOutputChannels"}
_HANDLERS: list[Any] = []
"""ALSA and JACK keep pointers to these functions."""


class DeviceError(TransientError):
    """A sound card is missing, taken or broken."""


def library() -> Any:
    """The module. Raises ConfigError without it."""
    with needs("mic", "a microphone or loudspeaker (on Debian install portaudio19-dev and gcc first)"):
        import pyaudio
    return pyaudio


def start() -> Any:
    """A `PyAudio`, for `end`. It knows the devices of the moment when the first of them began.

    Raises ConfigError without the library, DeviceError when PortAudio is busy.
    """
    _hush()
    with _alone():
        return library().PyAudio()


def end(audio: Any, stream: Any) -> None:
    """Close a stream, dropping what it holds, and let PortAudio go."""
    with _PORTAUDIO:
        if stream is not None:
            stream.close()
        audio.terminate()


def opened(audio: Any, **how: Any) -> Any:
    """A stream, opened with 16-bit samples. Raises DeviceError, OSError and ValueError."""
    with _alone():
        return audio.open(format=library().paInt16, **how)


@contextmanager
def _alone() -> Iterator[None]:
    if not _PORTAUDIO.acquire(timeout=_BUSY_S):
        raise DeviceError(f"another device has kept PortAudio busy for {_BUSY_S} s")
    try:
        yield
    finally:
        _PORTAUDIO.release()


def devices(direction: Direction) -> list[str]:
    """`index: name (rate)` of every device that records or plays, the system's default first and marked.

    Raises ConfigError without PyAudio, DeviceError when PortAudio is busy.
    """
    audio = start()
    try:
        default = _default(audio, direction)
        index = None if default is None else int(default["index"])
        found = sorted(_able(audio, direction), key=lambda device: device["index"] != index)
        return [_told(device) + (", default" if device["index"] == index else "") for device in found]
    finally:
        end(audio, None)


def find(audio: Any, wanted: int | str | None, direction: Direction) -> dict[str, Any]:
    """The device with this index or part of its name (capitals do not matter), or the default. Raises DeviceError."""
    able = _able(audio, direction)
    default = _default(audio, direction) if wanted is None else None
    if default is not None:
        return default
    for device in able:
        if device["index"] == wanted or (isinstance(wanted, str) and wanted.lower() in str(device["name"]).lower()):
            return device
    there = ", ".join(map(_told, able)) or "none"
    missing = "by default" if wanted is None else repr(wanted)
    raise DeviceError(f"no {direction} device {missing}; there are: {there}")


def formats(device: dict[str, Any], direction: Direction, rate: int) -> list[tuple[int, int]]:
    """What to try, best first: (rate, channels); `rate` mono is best."""
    most, own = int(device[_CHANNELS[direction]]), int(device["defaultSampleRate"])
    tries = [(rate, 1), (own, 1), (own, 2), (own, most), (rate, most)]
    return list(dict.fromkeys((rate, channels) for rate, channels in tries if channels <= most))


def _able(audio: Any, direction: Direction) -> list[dict[str, Any]]:
    every = (audio.get_device_info_by_index(index) for index in range(audio.get_device_count()))
    return [device for device in every if device[_CHANNELS[direction]] > 0]


def _default(audio: Any, direction: Direction) -> dict[str, Any] | None:
    try:
        ask = audio.get_default_input_device_info if direction == "input" else audio.get_default_output_device_info
        found: dict[str, Any] = ask()
    except OSError:
        return None
    return found


def _told(device: dict[str, Any]) -> str:
    return f"{device['index']}: {device['name']} ({device['defaultSampleRate']:g} Hz)"


def _hush() -> None:
    """Keep ALSA and JACK from writing a page on stderr about every device that they cannot find."""
    if _HANDLERS:
        return
    alsa = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
    jack = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
    for name, setters, kind in (
        ("libasound.so.2", ("snd_lib_error_set_handler",), alsa),
        ("libjack.so.0", ("jack_set_error_function", "jack_set_info_function"), jack),
    ):
        handler = kind(lambda *_: None)
        _HANDLERS.append(handler)
        try:
            loaded = ctypes.CDLL(name)
        except OSError:
            continue
        for setter in setters:
            getattr(loaded, setter)(handler)
