"""Recognising ahead, listening only where it is worth it, and not hearing oneself."""

import threading
from collections import deque
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.core.attention import Speaking
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Tensors
from edgefuse.core.types import SECOND
from edgefuse.detectors.voice import VoiceConfig
from edgefuse.detectors.voice.ahead import Ahead, Hear
from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.own_voice import is_own, speaks
from edgefuse.detectors.voice.stream import Stream
from edgefuse.detectors.voice.understand import Meaning
from edgefuse.detectors.voice.vad import WINDOW, Vad

QUIET = np.zeros(WINDOW, np.int16)


class Scribe:
    """Understands a sound as its first sample, on whatever thread, and uses 5 ns for each."""

    def __init__(self, *, fails: bool = False) -> None:
        self.threads: list[int] = []
        self.heard: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self._fails = fails

    def make(self, health: PartHealth) -> Hear:
        def hear(pcm: NDArray[np.int16]) -> Meaning:
            self.free.wait()
            self.threads.append(threading.get_ident())
            self.heard.append(int(pcm[0]))
            health.model_cpu += 5
            if self._fails:
                raise ModelError("the device is gone")
            return Meaning("turn_on", str(pcm[0]))

        return hear


def sound(first: int) -> NDArray[np.int16]:
    return np.full(4, first, np.int16)


@pytest.mark.parametrize("apart", [True, False])
def test_results_are_those_of_their_sounds(apart: bool) -> None:  # noqa: FBT001  a case's setting
    """Jobs are done in order, on a thread of their own or on the caller's, and their CPU time is counted once."""
    scribe, health = Scribe(), PartHealth("voice", "detector")
    ahead = Ahead(scribe.make, health, apart=apart)
    jobs = [ahead.begin(sound(n), n) for n in (1, 2, 3)]

    assert [ahead.result(job).text for job in reversed(jobs)] == ["3", "2", "1"]
    assert scribe.heard == [1, 2, 3]
    assert (threading.get_ident() in scribe.threads) is not apart
    assert health.model_cpu == 15
    ahead.end()


def test_dropped_job_is_not_begun() -> None:
    """What nobody wants any more costs nothing."""
    scribe = Scribe()
    scribe.free.clear()
    ahead = Ahead(scribe.make, PartHealth("voice", "detector"), apart=True)
    first, second, third = (ahead.begin(sound(n), n) for n in (1, 2, 3))
    second.dropped = True
    scribe.free.set()

    assert [ahead.result(job).text for job in (first, third)] == ["1", "3"]
    assert scribe.heard == [1, 3]
    ahead.end()


@pytest.mark.parametrize("apart", [True, False])
def test_error_comes_where_the_result_is_taken(apart: bool) -> None:  # noqa: FBT001  a case's setting
    """A device that fails fails the detector, not a thread that nobody looks at."""
    ahead = Ahead(Scribe(fails=True).make, PartHealth("voice", "detector"), apart=apart)
    job = ahead.begin(sound(1), 0)

    with pytest.raises(ModelError, match="the device is gone"):
        ahead.result(job)
    ahead.end()


class Loudness:
    """A network that takes whatever is loud for speech, and counts how often it looks."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"input": (1, 576), "state": (2, 1, 128), "sr": ()}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"output": (1, 1), "stateN": (2, 1, 128)}
    runs_on = "nothing"

    def __init__(self) -> None:
        self.looks = 0

    def run(self, inputs: Tensors) -> dict[str, NDArray[np.generic]]:
        self.looks += 1
        loud = np.abs(inputs["input"]).max() > 0.01
        return {"output": np.full((1, 1), np.float32(loud)), "stateN": np.zeros((2, 1, 128), np.float32)}

    def example(self) -> dict[str, NDArray[np.generic]]:
        return {}

    def close(self) -> None:
        pass


def stream(network: Loudness) -> Stream:
    return Stream(Vad(network), None, Level(), deque(maxlen=4), 2)


def test_voice_activity_looks_only_where_it_is_wanted() -> None:
    """While it is not wanted it costs nothing; then it first hears the latest windows."""
    network = Loudness()
    heard = stream(network)
    for _ in range(10):
        assert not heard.speech(QUIET, wanted=False)
        heard.before.append(QUIET)
    assert network.looks == 0

    assert heard.speech(QUIET + 5000, wanted=True)
    assert network.looks == 4 + 1
    assert heard.speech(QUIET + 5000, wanted=True)
    assert network.looks == 4 + 2


def test_sound_over_the_noise_is_worth_listening_to_for_a_second() -> None:
    """The first window, and those up to a second after one that is 3 dB over the noise."""
    heard, hum, loud = stream(Loudness()), QUIET + 100, QUIET + 200

    def take(pcm: NDArray[np.int16]) -> bool:
        found = heard.sounds(pcm)
        heard.level.hear(pcm, speech=False)
        return found

    assert [take(hum) for _ in range(40)] == [True] * 31 + [False] * 9
    assert [take(loud), *(take(hum) for _ in range(40))] == [True] * 31 + [False] * 10


SAYS = Speaking("The ceiling light or the desk lamp?", 10 * SECOND, 12 * SECOND)
SAID = "the ceiling light or the desk lamp"


def test_device_is_heard_until_a_little_after_its_end() -> None:
    """The room and the sound card go on for .3 s."""
    at = [int(t * SECOND) for t in (9.9, 10, 12, 12.2, 12.31)]

    assert [speaks(SAYS, t) for t in at] == [False, True, True, True, False]
    assert not speaks(None, 0)
    assert speaks(Speaking("", 10 * SECOND), 99 * SECOND)


@pytest.mark.parametrize(
    ("text", "begin", "end", "own"),
    [
        ("the sealing light or the desk lamp", 10.2, 12.1, True),
        ("light or the desk lamp", 10.8, 12.2, True),
        ("the desk lamp", 12.4, 13.4, False),
        ("the desk lamp", 12.1, 13.4, False),
        ("turn off the kitchen heater", 10.2, 12.1, False),
        ("", 10.2, 12.1, False),
    ],
)
def test_own_words_are_known_by_time_and_letters(text: str, begin: float, end: float, own: bool) -> None:  # noqa: FBT001  a case's answer
    """A part of what it says while it says so is its own; the same words as an answer afterwards are not."""
    assert is_own(text, SAYS, SAID, (int(begin * SECOND), int(end * SECOND))) is own


def test_without_a_speaker_nothing_is_its_own() -> None:
    """A device that never spoke hears others."""
    assert not is_own(SAID, None, "", (10 * SECOND, 12 * SECOND))


def test_recogniser_of_english_takes_no_other_language() -> None:
    """The message says what to do."""
    with pytest.raises(ValidationError, match=r"whisper-tiny\.en knows English alone; language: zh needs whisper-base"):
        VoiceConfig.model_validate({"type": "voice", "on": ["mic"], "language": "zh"})
