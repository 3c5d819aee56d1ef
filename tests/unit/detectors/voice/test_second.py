"""A second opinion on an order: nothing but sentences of the grammar in mind, and then without them in mind."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.types import Nanoseconds
from edgefuse.detectors.voice import Voice, VoiceConfig, runtime
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.recogniser import Heard
from edgefuse.detectors.voice.second import Sentence
from edgefuse.detectors.voice.understand import Meaning, Understanding
from edgefuse.detectors.voice.vad_trial import sounds_of
from edgefuse.detectors.voice.whisper_guided import WhisperGuided
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

QUIET = np.zeros(16000, np.int16)


class Told:
    """A recogniser that is told what it hears."""

    def __init__(
        self,
        text: str,
        sentences: Mapping[str, float],
        plain: str = "",
        fits: Mapping[str, float] | None = None,
        logprob: float = -0.5,
    ) -> None:
        self._heard = Heard(text, logprob, 0.0)
        self._plain = plain
        self._sentences = [Sentence(said, logprob, logprob) for said, logprob in sentences.items()]
        self._fits = fits or {}
        self.asked: list[str] = []

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        del pcm
        return self._heard

    def fit(self, heard: Heard, text: str) -> float:
        return self.fits(heard, [text])[0]

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        del heard
        return [self._fits.get(text, 0.0) for text in texts]

    def cpu(self) -> Nanoseconds:
        return 0

    def sentences(self, heard: Heard, worse: float) -> list[Sentence]:
        del heard
        self.asked.append(f"sentences {worse}")
        return self._sentences

    def plain(self, heard: Heard) -> str:
        self.asked.append("plain")
        return self._plain or heard.text

    def count(self, text: str) -> int:
        return len(text.split())


def meant(grammar: Grammar, recogniser: Told) -> Meaning:
    """What one order means."""
    hearing = Hearing(recogniser, grammar, PartHealth("test", "detector"), SystemClock())
    return hearing.hear(QUIET)


def test_an_order_word_for_word_needs_no_search(home: Grammar) -> None:
    """The recogniser has nothing more to do."""
    recogniser = Told("Turn on the hall light.", {})

    assert meant(home, recogniser).because == ("said word for word",)
    assert not recogniser.asked


def test_an_order_that_was_misheard_is_found_by_the_sound(home: Grammar) -> None:
    """Letters do not lead to it, but no other sentence of the grammar fits the sound."""
    recogniser = Told("Turn on develop light.", {"Turn on the hall light.": -2.5, "Toggle hall light": -9.0})
    meaning = meant(home, recogniser)

    assert (meaning.intent, dict(meaning.slots)) == ("turn_on", {"name": "hall light"})
    assert meaning.text == "turn on develop light"
    assert 0.5 < meaning.score < 1
    assert meaning.because == ("of the orders only 'turn on the hall light' fits",)


def test_two_meanings_alike_are_refused(home: Grammar) -> None:
    """Spellings and synonyms of one meaning count together; two meanings of about the same probability mean nothing."""
    doubtful = {"Turn on the hall light": -2.5, "turn off the hall light": -2.8}
    sure = {"Turn on the hall light": -2.5, "switch on hall light": -2.8, "Lock the front door": -4.0}

    assert meant(home, Told("and a haul like", doubtful)).because[1] == "it could be another one"
    assert meant(home, Told("and a haul like", sure)).intent == "turn_on"


def test_what_was_written_may_not_be_much_likelier(home: Grammar) -> None:
    """A sentence into which the recogniser had to be forced is refused, with the reason; so is a sound without one."""
    forced = meant(home, Told("never mind the light", {"Lock the front door": -6.0}))
    none = meant(home, Told("never mind the light", {}))

    assert forced.because == ("nearest is 'lock the front door'", "the sound fits 'never mind the light' much better")
    assert not forced.understood
    assert not none.understood


def test_what_was_heard_clearly_was_said(home: Grammar) -> None:
    """A recogniser that is sure of other words is not asked for an order that sounds like them."""
    recogniser = Told("there is a hire in the hall", {"Turn on the hall light": -0.5}, logprob=-0.2)
    near = Told("turn on the hall lite", {"Turn on the kitchen light": -0.5}, logprob=-0.2)

    assert not meant(home, recogniser).understood
    assert not recogniser.asked
    assert meant(home, near).because[1] == "the sound fits 'turn on the hall lite' much better"


def test_a_sentence_explains_most_of_what_was_written(home: Grammar) -> None:
    """A few of many words may sound like an order; they are none."""
    text = "it brings the door like to seven fifteen sixteen"

    assert meant(home, Told(text, {"Lock front door": -2.5})).because[1] == f"it explains too little of '{text}'"


def test_letters_alone_are_not_believed(home: Grammar) -> None:
    """What is near by its letters is an order only where the sound may be one; then a worse fit is enough."""
    text = "turn on the hall lite"
    agreed = meant(home, Told(text, {"Turn on the hall light": -5.5}))

    assert Understanding(home).understand(text).intent == "turn_on"
    assert agreed.intent == "turn_on"
    assert meant(home, Told(text, {})).because == ("no order fits the sound",)


def test_against_the_letters_it_must_be_surer(home: Grammar) -> None:
    """Where letters and sound give different orders, the sound's must be likelier than where letters give none."""
    found = {"Turn on the kitchen light": -2.5, "turn on the hall light": -4.0}

    assert meant(home, Told("turn on the hall lite", found)).because[1] == "it could be another one"
    assert meant(home, Told("and a haul like", found)).slots == {"name": "kitchen light"}
    found["turn on the hall light"] = -6.0
    assert meant(home, Told("turn on the hall lite", found)).slots == {"name": "kitchen light"}


def test_what_the_prompt_suggested_is_refused(home: Grammar) -> None:
    """Without the prompt something else was written, which fits the sound much better."""
    fits = {"turn on the haul light": -3.0, "turn on the hall light": -12.0}
    heard, found = "turn on the hall lite", {"Turn on the hall light": -2.5}
    meaning = meant(home, Told(heard, found, "Turn on the haul light.", fits))

    assert not meaning.understood
    assert meaning.because[1] == "without the orders in mind it sounds like 'turn on the haul light'"
    fits["turn on the hall light"] = -6.0
    assert meant(home, Told(heard, found, "Turn on the haul light.", fits)).intent == "turn_on"


def test_only_onnx_is_held_to_a_grammar() -> None:
    """Where it is asked for, its models are named; with CTranslate2 it is a mistake in the configuration."""
    config = {"type": "voice", "on": ["mic"], "wake_word": None, "decoding": "grammar"}

    assert "whisper-tiny.en-decoder" in Voice.models(VoiceConfig.model_validate(config))
    with pytest.raises(ValidationError, match="decoding: grammar needs runtime: onnx"):
        VoiceConfig.model_validate({**config, "runtime": "ctranslate2"})


@pytest.fixture(scope="module")
def guided(home: Grammar) -> WhisperGuided:
    """The real recogniser, held to a home's grammar; skips where a model is not on this machine."""
    store = Store(ModelsConfig.model_validate({"pull": "never", "precision": "fp32"}), SystemClock())
    health = PartHealth("test", "detector")
    try:
        found = runtime.load(store, "whisper-tiny.en", "onnx", "en", home.prompt(), 1, health, home)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])
    assert isinstance(found, WhisperGuided)
    assert health.info["recogniser"]["decoding"] == "grammar"
    return found


@pytest.mark.models
def test_a_real_order_is_the_likeliest_sentence(guided: WhisperGuided, home: Grammar) -> None:
    """Free and held to the grammar the same words come, alike in probability; all that comes is in the grammar."""
    pcm = (sounds_of(None)[0] * 32767).astype(np.int16)
    heard = guided.hear(pcm[: len(pcm) // 2])
    words = home.language.normalise(heard.text)
    found = guided.sentences(heard, 5.0)
    understanding = Understanding(home)

    assert understanding.understand(heard.text).because == ("said word for word",)
    assert home.language.normalise(found[0].text) == words
    assert found[0].logprob == pytest.approx(heard.logprob * guided.count(heard.text), abs=0.3)
    assert all(understanding.understand(one.text).because == ("said word for word",) for one in found)
    assert home.language.normalise(guided.plain(heard))
    assert len(found) > 1
