import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from edgefuse.core.errors import SourceError
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, AudioChunk, Sample
from edgefuse.sources.microphone import Microphone, Silence, Stamp

pytest.importorskip("pyaudio", reason="PyAudio is not installed (edgefuse[mic])")

CONTINUE, ABORT, OVERFLOW = 0, 2, 2


class ManualClock:
    """Stands where a test puts it."""

    t = 100 * SECOND

    def now(self) -> int:
        return self.t

    def cpu(self) -> int:
        return 0

    def wall(self, t: int) -> Any:
        raise NotImplementedError(t)


class Card:
    """A sound card behind PyAudio's interface that takes one format only, as many USB microphones do."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.takes = (rate, channels)
        self.callback: Any = None
        self.tried: list[tuple[int, int]] = []

    def get_device_count(self) -> int:
        return 2

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return [
            {"index": 0, "name": "Loudspeaker", "maxInputChannels": 0, "defaultSampleRate": 48_000.0},
            {
                "index": 1,
                "name": "USB Room Mic",
                "maxInputChannels": self.channels,
                "defaultSampleRate": float(self.rate),
            },
        ][index]

    def get_default_input_device_info(self) -> dict[str, Any]:
        raise OSError("No Default Input Device Available")

    def open(self, *, rate: int, channels: int, stream_callback: Any, **_: Any) -> "Card":
        self.tried.append((rate, channels))
        if (rate, channels) != self.takes:
            raise OSError(-9997, "Invalid sample rate")
        self.callback = stream_callback
        return self


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _opened(context: Context, clock: ManualClock, card: Card, samples: list[Sample], **config: object) -> Any:
    microphone = Microphone(
        Microphone.Config.model_validate({"type": "microphone", "area": "hall", "device": "room", **config}),
        replace(context, clock=clock),
    )
    return microphone._open(card, samples.append)[1]


def _feed(clock: ManualClock, card: Card, sound: np.ndarray, latency_s: float = 0.04) -> list[int]:
    """Hand the sound over as a driver does: 20 ms at a time, `latency_s` after it was heard."""
    block = card.rate // 50
    answers = []
    for at in range(0, len(sound) - block + 1, block):
        clock.t += SECOND // 50
        times = {"current_time": 7 + at / card.rate, "input_buffer_adc_time": 7 + at / card.rate - latency_s}
        answers.append(card.callback(sound[at : at + block].tobytes(), block, times, 0)[1])
    return answers


def test_a_device_that_cannot_do_16_khz_mono_is_resampled(
    context: Context, clock: ManualClock, samples: list[Sample]
) -> None:
    """A 44.1 kHz stereo card gives gapless 16 kHz mono chunks of the same tone, stamped by its converter's time."""
    card = Card(44_100, 2)
    _opened(context, clock, card, samples)
    begin = clock.t
    tone = (np.sin(2 * np.pi * 500 * np.arange(44_100) / 44_100) * 9000).astype(np.int16)
    answers = _feed(clock, card, np.stack([tone, tone], axis=1))
    chunks = [sample for sample in samples if isinstance(sample, AudioChunk)]
    heard = np.concatenate([chunk.pcm for chunk in chunks])

    assert card.tried == [(16_000, 1), (44_100, 1), (44_100, 2)]
    assert context.health.info == {"device": "USB Room Mic", "rate": 44_100, "channels": 2}
    assert set(answers) == {CONTINUE}
    assert {len(chunk.pcm) for chunk in chunks} == {512}
    assert int(np.abs(np.fft.rfft(heard)).argmax()) == pytest.approx(500 * len(heard) / 16_000, abs=1)
    assert chunks[0].t == pytest.approx(begin - 20_000_000, abs=2_000_000)
    assert all(abs(b.t - a.end) < 500_000 for a, b in pairwise(chunks))
    assert context.health.state == "ok"


def test_overflow_is_counted(context: Context, clock: ManualClock, samples: list[Sample]) -> None:
    """A buffer that the driver lost is a dropped sample."""
    card = Card(16_000, 1)
    _opened(context, clock, card, samples)
    times = {"current_time": 0.0, "input_buffer_adc_time": 0.0}
    card.callback(bytes(1024), 512, times, OVERFLOW)

    assert context.health.dropped == 1
    assert samples[0].t == clock.t - 32_000_000


def test_a_bug_in_the_callback_reaches_the_watching_thread(context: Context, clock: ManualClock) -> None:
    """PortAudio is told to stop, and the error is kept for the task to raise."""
    card = Card(16_000, 1)
    listener = _opened(context, clock, card, samples=[])
    answer = card.callback(b"odd", 1, {"current_time": 0.0, "input_buffer_adc_time": 0.0}, 0)

    assert answer == (None, ABORT)
    assert isinstance(listener.error, ValueError)


def test_an_unknown_device_lists_those_there_are(context: Context, clock: ManualClock) -> None:
    """Index, name and rate of every input; loudspeakers are none."""
    card = Card(44_100, 2)
    for wanted in ("zork", 0, 7, None):
        with pytest.raises(SourceError, match=r"there are: 1: USB Room Mic \(44100 Hz\)$"):
            _opened(context, clock, card, [], device=wanted)
    assert _opened(context, clock, card, [], device=1)


def test_a_device_that_refuses_every_format_says_so(context: Context, clock: ManualClock) -> None:
    """Each format that was tried is named with the driver's answer."""
    card = Card(8_000, 1)
    card.takes = (0, 0)
    with pytest.raises(SourceError, match=r"refuses to open \(16000 Hz x 1: .*8000 Hz x 1: "):
        _opened(context, clock, card, [])


def test_stamps_smooth_jitter_and_keep_gaps() -> None:
    """Chunks are consecutive within the jitter of a driver; after lost sound time jumps."""
    stamp = Stamp()
    rng = np.random.default_rng(1)
    times = [stamp.place(n * 32_000_000 + int(rng.integers(0, 10_000_000)), 512) for n in range(100)]
    gap = stamp.place(100 * 32_000_000 + SECOND, 512)

    assert np.abs(np.diff(times) - 32_000_000).max() < 200_000
    assert times[-1] == pytest.approx(99 * 32_000_000 + 5_000_000, abs=4_000_000)
    assert gap == 100 * 32_000_000 + SECOND


def test_stamps_never_run_backwards() -> None:
    """A driver that suddenly reports a second more of latency is followed slowly."""
    stamp = Stamp()
    stamp.place(2 * SECOND, 512)
    times = [stamp.place(SECOND + n * 32_000_000, 512) for n in range(1, 500)]

    assert min(np.diff(times)) > 0
    assert times[-1] == pytest.approx(SECOND + 499 * 32_000_000, abs=5_000_000)


@pytest.mark.parametrize(("level", "words"), [(0, "nothing but zeros"), (1, "no noise at all")])
def test_silence_is_noticed_and_forgotten(level: int, words: str) -> None:
    """Zeros, or a constant, for longer than allowed; the first noise ends it."""
    silence = Silence(1, -90)
    quiet = np.full(512, level, np.int16)
    noise = np.random.default_rng(1).integers(-9, 9, 512).astype(np.int16)
    told = [silence.hear(pcm) for pcm in [quiet] * 40 + [noise, quiet]]

    assert told[:31] == [""] * 31
    assert all(words in why for why in told[31:40])
    assert told[40:] == ["", ""]


@pytest.mark.parametrize("config", [{"chunk": 500}, {"chunk": 0}, {"silent_s": 0}, {"device": []}, {"rate": 8000}])
def test_bad_settings_are_refused(config: dict[str, object]) -> None:
    """Chunks are multiples of 512."""
    with pytest.raises(ValidationError):
        Microphone.Config.model_validate({"type": "microphone", **config})


def test_heavy_libraries_wait_until_a_source_is_made() -> None:
    """Importing every source imports neither OpenCV nor PyAudio nor soundfile."""
    import subprocess

    code = (
        "import sys, edgefuse.sources.camera, edgefuse.sources.microphone, edgefuse.sources.recorded, "
        "edgefuse.sources.scene, edgefuse.sources.mqtt_readings\n"
        "print(sorted({'cv2', 'pyaudio', 'soundfile', 'soxr'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
