"""Speech that is synthesised, chunk by chunk through the voice detector with its real models."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.config.models import Device, ModelsConfig, Site, Thing
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.ports import Context
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Observation
from edgefuse.demo.sound import speak, synthesiser
from edgefuse.detectors.voice import Voice, VoiceConfig
from edgefuse.engines.store import Store
from edgefuse.grounding.dialogue.state import DialogueState
from edgefuse.grounding.dialogue.step import Dialogue
from edgefuse.grounding.ground import ground
from edgefuse.grounding.order import Interpretation
from edgefuse.grounding.scene import Scene
from edgefuse.language import language
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.fakes import make_context

pytestmark = [pytest.mark.e2e, pytest.mark.models]
SITE = Site(
    device=Device(id="hub", area="hall"),
    things={
        "hall_light": Thing(area="hall", kind="light"),
        "kitchen_light": Thing(area="kitchen", kind="light"),
        "front_door": Thing(area="hall", kind="lock", lock="LOCK", unlock="UNLOCK"),
        "ceiling_light": Thing(area="study", kind="light"),
        "desk_lamp": Thing(area="study", kind="light", level="{value}"),
    },
)
Sound = NDArray[np.int16]
Say = Callable[..., Sound]


def context() -> Context:
    clock = SystemClock()
    return make_context("voice", clock=clock, models=Store(ModelsConfig(pull="never"), clock), site=SITE)


def made(around: Context | None = None, **settings: object) -> Voice:
    """A detector with its models loaded; skips where they are not on this machine."""
    voice = Voice(VoiceConfig.model_validate({"type": "voice", "on": ["mic", "mic2"], **settings}), around or context())
    try:
        voice.warm_up()
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])
    return voice


@pytest.fixture(scope="module")
def waiting() -> Iterator[Voice]:
    """A detector that waits for `Alexa`."""
    voice = made()
    yield voice
    voice.close()


@pytest.fixture(scope="module")
def always() -> Iterator[Voice]:
    """A detector that takes every utterance as an order."""
    voice = made(wake_word=None)
    yield voice
    voice.close()


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """Synthesise phrases with pauses between them; skips where no synthesiser is installed."""
    try:
        program = synthesiser()
    except ConfigError as error:
        pytest.skip(str(error))
    noise = np.random.default_rng(1)

    def spoken(*parts: str | float) -> Sound:
        """Phrases and seconds of quiet, with a second before and two after."""
        pieces = []
        for part in (1.0, *parts, 2.0):
            quiet = isinstance(part, float)
            pieces.append(np.zeros(int(part * SAMPLE_RATE)) if quiet else speak(program, "rms", str(part), tmp_path))
        sound = np.concatenate(pieces) * 32767
        return (sound + noise.normal(0, 3, len(sound))).clip(-32768, 32767).astype(np.int16)

    return spoken


def feed(
    voice: Voice, pcm: Sound, *, source: str = "mic", area: str = "hall", size: int = 512
) -> Sequence[Observation]:
    """What a detector says to a sound that comes in chunks."""
    starts = range(0, len(pcm), size)
    chunks = [AudioChunk(source, area, n * SECOND // SAMPLE_RATE, pcm[n : n + size]) for n in starts]
    voice.reset()
    return [observation for chunk in chunks for observation in voice.detect(chunk)]


def orders(observations: Sequence[Observation]) -> list[Observation]:
    return [observation for observation in observations if observation.kind == "utterance"]


def meant(heard: Observation) -> tuple[str, ...]:
    """The things that an utterance means, in the room where it was heard."""
    words = [Interpretation.from_json(each) for each in heard.data["interpretations"]]
    dialogue = Dialogue(SITE, language("en").data["answers"], ground)
    _, outcome = dialogue.hear(
        DialogueState(), words, Scene(here=heard.area, wall=datetime(2026, 1, 1, tzinfo=timezone.utc))
    )
    return tuple(target for done in outcome.acts for target in done.grounding.targets)


@pytest.mark.parametrize("pause", [0.2, 1.5])
def test_order_after_the_wake_word_names_intent_and_thing(waiting: Voice, say: Say, pause: float) -> None:
    """`Alexa, turn on the hall light`, with a short and a long pause."""
    found = feed(waiting, say("Alexa", pause, "turn on the hall light"))

    assert [observation.kind for observation in found] == ["wake", "utterance"]
    assert (found[0].label, found[0].score > 0.7) == ("alexa", True)
    assert (found[1].label, meant(found[1]), found[1].area) == ("turn_on", ("hall_light",), "hall")
    assert found[1].score > 0.5
    assert found[0].end < found[1].end


def test_order_without_wake_word_is_not_heard(waiting: Voice, say: Say) -> None:
    """Nobody called."""
    assert feed(waiting, say("turn on the hall light")) == []


def test_what_is_no_order_is_not_understood(waiting: Voice, say: Say) -> None:
    """The text and the reason are reported; no thing is named."""
    (found,) = orders(feed(waiting, say("Alexa", 0.3, "what is the weather like tomorrow")))

    assert (found.label, found.score, found.data["interpretations"]) == ("not_understood", 0.0, [])
    assert "weather" in found.data["text"]
    assert found.data["because"]


def test_thing_that_does_not_exist_is_not_understood(waiting: Voice, say: Say) -> None:
    """There is no garage: no other light is switched."""
    (found,) = orders(feed(waiting, say("Alexa", 0.3, "turn on the garage light")))

    assert (found.label, meant(found)) == ("not_understood", ())


def test_order_that_fits_two_things_is_a_question(waiting: Voice, say: Say) -> None:
    """`the light` in a room with two of them: understood, and nothing is done."""
    sound = say("Alexa", 0.3, "turn on the light")
    (found,) = orders(feed(waiting, sound, source="mic2", area="study"))

    assert (found.label, meant(found)) == ("turn_on", ())


def test_wake_word_alone_calls_no_recogniser(waiting: Voice, say: Say) -> None:
    """A call without an order ends silently."""
    assert [found.kind for found in feed(waiting, say("Alexa", 6.0))] == ["wake"]


def test_every_utterance_is_an_order_without_a_wake_word(always: Voice, say: Say) -> None:
    """`wake_word: null`; the first words are not cut off."""
    found = feed(always, say("turn on the hall light", 1.5, "turn off the kitchen light"))

    assert [(o.label, *meant(o)) for o in found] == [("turn_on", "hall_light"), ("turn_off", "kitchen_light")]


def test_chunks_of_any_length_give_the_same(waiting: Voice, say: Say) -> None:
    """A driver's block size changes nothing but the time at which an order is known."""
    sound = say("Alexa", 0.3, "turn off the kitchen light")
    heard = [
        [(o.id, o.label, o.score, o.data) for o in feed(waiting, sound, size=size)] for size in (512, 160, 1000, 512)
    ]

    assert heard[0] == heard[1] == heard[2] == heard[3]


def test_two_microphones_do_not_mix(waiting: Voice, say: Say) -> None:
    """The wake word in one room does not open the other room's microphone."""
    call, order = say("Alexa"), say("turn on the hall light")
    waiting.reset()
    heard: list[Observation] = []
    for n in range(0, len(call), 512):
        heard += waiting.detect(AudioChunk("mic", "hall", n * SECOND // SAMPLE_RATE, call[n : n + 512]))
        heard += waiting.detect(AudioChunk("mic2", "study", n * SECOND // SAMPLE_RATE, order[n : n + 512]))

    assert [(o.kind, o.source) for o in heard] == [("wake", "mic")]


def test_silence_and_hum_are_nothing(always: Voice) -> None:
    """Quiet, hum and hiss make no utterance and do not wake the recogniser."""
    t = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    hiss = np.random.default_rng(2).normal(0, 400, len(t))
    for sound in (np.zeros_like(t), 8000 * np.sin(2 * np.pi * 50 * t), hiss):
        assert feed(always, sound.astype(np.int16)) == []


def test_gap_forgets_and_is_counted(say: Say) -> None:
    """A stream that breaks off after the wake word does not capture what comes a minute later."""
    around = context()
    voice = made(around)
    sound = say("Alexa")
    feed(voice, sound)
    later = AudioChunk("mic", "hall", 60 * SECOND, sound[:512])

    assert list(voice.detect(later)) == []
    assert around.health.snapshot(0)["rejected_why"] == {"gap in the sound": 1}
    voice.close()
