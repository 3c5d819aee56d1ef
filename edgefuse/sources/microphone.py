"""A microphone, by PyAudio (PortAudio)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgefuse import portaudio
from edgefuse.config.models import Seconds, SourceConfig
from edgefuse.core.errors import SourceError
from edgefuse.core.ports import Context, Emit
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Modality, Nanoseconds
from edgefuse.portaudio import DeviceError
from edgefuse.sources.audio import FULL_SCALE, Chunker, ToMono16k
from edgefuse.sources.threads import in_thread

_DEAD_S = 2
"""A stream that calls nobody for this long has lost its device."""
_OPEN_S = 15
_POLL_S = 0.1
_LONGEST_S = 2
"""A latency above this is a driver's mistake."""
_JUMP = SECOND // 10
"""Time stamps ahead by more than this mean lost sound; less is jitter and is smoothed."""
_SMOOTH = 64


class Microphone:
    """Emits AudioChunks from a PortAudio callback.

    Opens the device at 16 kHz mono where it can, else at its own rate and channels, mixed and resampled by soxr.
    Silent for `silent_s`: degraded. Vanished, or not there: SourceError, which names the devices there are. PortAudio
    looks for devices when the first microphone opens: one plugged in while another runs is not seen before that ends.
    """

    class Config(SourceConfig):
        """`{type: microphone, device: ReSpeaker, area: hall}`."""

        type: Literal["microphone"]
        device: int | str | None = None
        """Index, part of the name (capitals do not matter), or the system's default."""
        channel: Annotated[int, Field(ge=0, le=63)] | None = None
        """Take only this channel (from 0) of a device that is opened with several; default their mean."""
        chunk: Annotated[int, Field(ge=512, le=8192, multiple_of=512)] = 512
        """Samples at 16 kHz per chunk; 512 are 32 ms."""
        silent_s: Annotated[float, Field(gt=0)] = 10
        silent_dbfs: Annotated[float, Field(ge=-120, le=0)] = -90
        """Softer than this (without the constant part) is silence; a live microphone always makes some noise."""
        stale_s: Seconds | None = 5

    modality: Modality = "audio"

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._listener: _Listener | None = None
        self._began: Nanoseconds = 0
        portaudio.library()

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled. Raises SourceError when the device is missing or has gone."""
        self._listener = None
        self._began = self._context.clock.now()
        await in_thread(f"microphone.{self._context.name}", lambda stop: self._listen(emit, stop), self._check)

    def _check(self) -> None:
        if self._listener is None and self._context.clock.now() - self._began > _OPEN_S * SECOND:
            raise SourceError(f"microphone: the device did not open within {_OPEN_S} s; is another program using it?")

    def _listen(self, emit: Emit, stop: threading.Event) -> None:
        with _as_source_error():
            audio = portaudio.start()
        stream = None
        try:
            stream, self._listener = self._open(audio, emit)
            while not stop.wait(_POLL_S):
                self._alive(stream, self._listener)
        finally:
            portaudio.end(audio, stream)

    def _alive(self, stream: Any, listener: "_Listener") -> None:
        device = self._context.health.info["device"]
        if listener.error is not None:
            raise listener.error
        if not stream.is_active():
            raise SourceError(f"microphone '{device}': the stream ended; was it unplugged?")
        if self._context.clock.now() - listener.called > _DEAD_S * SECOND:
            raise SourceError(f"microphone '{device}': no sound arrived for {_DEAD_S} s; was it unplugged?")

    def _open(self, audio: Any, emit: Emit) -> tuple[Any, "_Listener"]:
        with _as_source_error():
            device = portaudio.find(audio, self._config.device, "input")
        refused: list[str] = []
        for rate, channels in portaudio.formats(device, "input", SAMPLE_RATE):
            listener = _Listener(self._config, self._context, emit, rate, channels)
            try:
                stream = portaudio.opened(
                    audio,
                    rate=rate,
                    channels=channels,
                    input=True,
                    input_device_index=device["index"],
                    frames_per_buffer=self._config.chunk * rate // SAMPLE_RATE,
                    stream_callback=listener,
                )
            except (DeviceError, OSError, ValueError) as error:
                refused.append(f"{rate} Hz x {channels}: {error}")
                continue
            self._context.health.info.update(device=str(device["name"]), rate=rate, channels=channels)
            return stream, listener
        raise SourceError(f"microphone '{device['name']}' refuses to open ({'; '.join(refused)})")


class _Listener:
    """Called by PortAudio's thread with every buffer."""

    def __init__(self, config: Microphone.Config, context: Context, emit: Emit, rate: int, channels: int) -> None:
        self.called: Nanoseconds = context.clock.now()
        self.error: Exception | None = None
        self._context, self._emit, self._area = context, emit, config.area
        self._rate, self._channels = rate, channels
        self._convert = ToMono16k(rate, config.channel)
        self._cut = Chunker(config.chunk)
        self._stamp = Stamp()
        self._silence = Silence(config.silent_s, config.silent_dbfs)
        self._pyaudio = portaudio.library()

    def __call__(self, data: bytes, _: int, times: dict[str, float], flags: int) -> tuple[None, int]:
        clock = self._context.clock
        self.called = clock.now()
        if flags & self._pyaudio.paInputOverflow:
            self._context.health.dropped += 1
        try:
            self._take(np.frombuffer(data, np.int16).reshape(-1, self._channels), _latency(times))
        except Exception as error:  # noqa: BLE001  a C callback cannot raise; the watching thread does
            self.error = error
            return None, int(self._pyaudio.paAbort)
        return None, int(self._pyaudio.paContinue)

    def _take(self, pcm: np.ndarray[Any, Any], latency: Nanoseconds) -> None:
        t = self.called - max(latency, len(pcm) * SECOND // self._rate)
        waiting = self._cut.held + self._convert.held
        pieces = self._cut.push(self._convert.push(pcm))
        t -= round(waiting * SECOND / SAMPLE_RATE)
        for piece in pieces:
            chunk = AudioChunk(self._context.name, self._area, self._stamp.place(t, len(piece)), piece)
            why = self._silence.hear(piece)
            self._context.health.set("degraded" if why else "ok", why)
            self._emit(chunk)
            t += len(piece) * SECOND // SAMPLE_RATE


class Stamp:
    """Makes consecutive chunks follow each other: jitter is smoothed away, lost sound leaves a gap.

    A driver that suddenly calls its sound older is believed little by little, so that time never runs backwards.
    """

    def __init__(self) -> None:
        self._next: Nanoseconds | None = None

    def place(self, measured: Nanoseconds, samples: int) -> Nanoseconds:
        """When a chunk of so many samples begins, given when its clock says that it does."""
        t = measured
        if self._next is not None and measured - self._next <= _JUMP:
            t = self._next + (measured - self._next) // _SMOOTH
        self._next = t + samples * SECOND // SAMPLE_RATE
        return t


class Silence:
    """Notices a microphone that is muted, unplugged from its adapter, or broken."""

    def __init__(self, patience_s: float, floor_dbfs: float) -> None:
        self._patience_s = patience_s
        self._floor = FULL_SCALE * 10 ** (floor_dbfs / 20)
        self._samples = 0
        self._zero = True

    def hear(self, pcm: NDArray[np.int16]) -> str:
        """Why the sound is of no use, or an empty string."""
        if float(pcm.std()) > self._floor:
            self._samples, self._zero = 0, True
            return ""
        self._samples += len(pcm)
        self._zero = self._zero and not pcm.any()
        if self._samples < self._patience_s * SAMPLE_RATE:
            return ""
        kind = "nothing but zeros" if self._zero else "no noise at all"
        return f"silent: {kind} for more than {self._patience_s:g} s; muted or broken?"


def _latency(times: dict[str, float]) -> Nanoseconds:
    """From the first sample at the converter to this call; 0 where the driver does not know."""
    latency = times["current_time"] - times["input_buffer_adc_time"]
    return int(latency * SECOND) if times["input_buffer_adc_time"] > 0 and 0 < latency < _LONGEST_S else 0


@contextmanager
def _as_source_error() -> Iterator[None]:
    try:
        yield
    except DeviceError as error:
        raise SourceError(f"microphone: {error}") from error
