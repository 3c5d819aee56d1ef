"""What is said on one Wyoming connection to edgefuse's own recogniser: events in, an answer or a call out. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.sources.audio import ToMono16k

if TYPE_CHECKING:
    from wyoming.event import Event

LONGEST_S = 30
"""Sound that is written down at once; more is refused."""
LONGEST_TEXT = 2000
_RATES = range(8000, 192_001)
_CHANNELS = range(1, 9)
_KINDS: Mapping[int, tuple[str, int]] = {1: ("<i1", -8), 2: ("<i2", 0), 4: ("<i4", 16)}
"""Bytes per sample -> numpy's name, and by how many bits it is more than 16."""


class BadRequest(Exception):  # noqa: N818  not ours
    """A client says what makes no sense; it is told so."""

    def __init__(self, kind: str, told: str) -> None:
        """`kind` is short and of few, for the counter."""
        super().__init__(told)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Write this down: (n,) at 16 kHz."""

    pcm: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Recognise:
    """Say what this means."""

    text: str


@dataclass(slots=True)
class Session:
    """The sound of one connection so far."""

    _format: tuple[int, int, int] | None = None
    _convert: ToMono16k | None = None
    _pieces: list[NDArray[np.int16]] = field(default_factory=list)
    _length: int = 0

    def take(self, event: "Event") -> Transcribe | Recognise | None:
        """What an event asks for; most ask for nothing yet. Raises BadRequest."""
        match event.type:
            case "transcribe" | "audio-start":
                self._forget()
            case "audio-chunk":
                self._chunk(event)
            case "audio-stop":
                return Transcribe(self._whole())
            case "recognize":
                return Recognise(_text(event.data))
        return None

    def _forget(self) -> None:
        self._format, self._convert, self._length = None, None, 0
        self._pieces.clear()

    def _chunk(self, event: "Event") -> None:
        rate, width, channels = found = _format(event.data)
        if self._convert is None or self._format != found:
            if self._length:
                raise BadRequest("sound", "the sound changes its format")
            self._format, self._convert = found, ToMono16k(rate)
        self._add(self._convert.push(_samples(event.payload or b"", width, channels)))

    def _add(self, pcm: NDArray[np.int16]) -> None:
        self._length += len(pcm)
        if self._length > LONGEST_S * SAMPLE_RATE:
            raise BadRequest("too long", f"expected at most {LONGEST_S} s of sound")
        self._pieces.append(pcm)

    def _whole(self) -> NDArray[np.int16]:
        if self._convert is not None and self._format is not None:
            self._add(self._convert.push(np.zeros((0, self._format[2]), np.int16), last=True))
        whole = np.concatenate([np.zeros(0, np.int16), *self._pieces])
        self._forget()
        return whole


def _format(data: Any) -> tuple[int, int, int]:
    """Rate, bytes per sample, channels. Raises BadRequest."""
    rate, width, channels = (data.get(key) for key in ("rate", "width", "channels"))
    if not all(type(value) is int for value in (rate, width, channels)):
        raise BadRequest("sound", f"expected whole numbers rate, width, channels, got {rate}, {width}, {channels}")
    if rate not in _RATES or width not in _KINDS or channels not in _CHANNELS:
        told = f"expected 8 to 192 kHz, 1, 2 or 4 bytes, 1 to 8 channels, got {rate} Hz, {width} bytes, {channels}"
        raise BadRequest("sound", told)
    return rate, width, channels


def _samples(raw: bytes, width: int, channels: int) -> NDArray[np.int16]:
    """(n, channels) of int16. Raises BadRequest for a part of a frame."""
    if len(raw) % (width * channels):
        raise BadRequest("sound", f"expected whole frames of {width * channels} bytes, got {len(raw)} bytes")
    kind, more = _KINDS[width]
    whole = np.frombuffer(raw, kind).reshape(-1, channels)
    return (whole >> more if more > 0 else whole.astype(np.int16) << -more).astype(np.int16)


def _text(data: Any) -> str:
    text = data.get("text")
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise BadRequest("text", f"expected a text of at most {LONGEST_TEXT} characters")
    return text
