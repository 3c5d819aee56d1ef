"""The voice detector with its real models, and what the rest of the device knows and says."""

from dataclasses import replace

import pytest

from edgefuse.core.attention import Attention, Speaking, View
from edgefuse.core.ports import Context
from edgefuse.core.types import SAMPLE_RATE, SECOND
from edgefuse.grounding.order import Interpretation, Phrase
from tests.e2e.test_voice import Say, context, feed, made, meant, orders, say

pytestmark = [pytest.mark.e2e, pytest.mark.models]
__all__ = ["say"]
ORDER = "turn on the hall light"


def around(attention: Attention) -> Context:
    return replace(context(), attention=attention)


def test_utterance_tells_orders_level_and_wake_word(say: Say) -> None:
    """What grounding needs: interpretations, dB over the noise, the probability of the wake word, the language."""
    voice = made()
    (found,) = orders(feed(voice, say("Alexa", 0.3, ORDER)))
    voice.close()

    best, *_ = (Interpretation.from_json(each) for each in found.data["interpretations"])
    assert (best.orders[0].intent, best.orders[0].things) == ("turn_on", (Phrase(name="hall light"),))
    assert found.data["level_db"] > 20
    assert found.data["wake"] > 0.7
    assert found.data["language"] == "en"


@pytest.mark.parametrize("early", [None, 0.3])
def test_recognising_ahead_changes_nothing_but_the_time(say: Say, early: float | None) -> None:
    """The same orders, at the same times of the sound."""
    voice = made(early_s=early)
    found = feed(voice, say("Alexa", 0.3, ORDER))
    voice.close()

    assert [o.kind for o in found] == ["wake", "utterance"]
    assert (found[1].label, found[1].data["text"]) == ("turn_on", ORDER)


def test_text_so_far_is_told_when_speech_goes_on(say: Say) -> None:
    """A pause that is no end gives a `partial`, the same every time; the order is the whole of it."""
    voice = made(publish=True)
    sound = say("Alexa", 0.3, "turn on", 0.45, "the hall light")
    found = feed(voice, sound)
    again = feed(voice, sound)
    voice.close()

    assert [o.kind for o in found] == ["wake", "partial", "utterance"]
    assert found[1].data == {"text": "turn on"}
    assert (found[2].label, meant(found[2])) == ("turn_on", ("hall_light",))
    assert found[1].end < found[2].end
    assert found == again


def test_wake_word_interrupts_what_is_said(say: Say) -> None:
    """Barge-in: who speaks there is told at once, and the order is heard although the device was speaking."""
    attention = Attention(speaking={"hall": Speaking("It is twenty degrees in the kitchen", 0)})
    told: list[str] = []

    def stop(area: str) -> None:
        told.append(area)
        attention.speaking = {"hall": Speaking("It is twenty degrees in the kitchen", 0, 2 * SECOND)}

    attention.interrupted.append(stop)
    voice = made(around(attention))
    found = feed(voice, say("Alexa", 0.6, ORDER))
    voice.close()

    assert told == ["hall"]
    assert [(o.kind, o.label) for o in found] == [("wake", "alexa"), ("utterance", "turn_on")]


def test_device_does_not_obey_itself(say: Say) -> None:
    """Without wake word nothing is captured while it speaks there, nor is a capture gone on with."""
    sound = say(ORDER)
    end = len(sound) * SECOND // SAMPLE_RATE
    for area, begin, heard in (("hall", 0, 0), ("hall", int(1.5 * SECOND), 0), ("kitchen", 0, 1)):
        voice = made(around(Attention(speaking={area: Speaking(ORDER, begin, end)})), wake_word=None)
        assert len(orders(feed(voice, sound))) == heard
        voice.close()


def test_own_words_in_an_order_are_dropped_and_counted(say: Say) -> None:
    """The device begins to speak while somebody is about to order: what it says is not the order."""
    about = around(Attention(speaking={"hall": Speaking("Shall I turn on the hall light?", 2 * SECOND)}))
    voice = made(about)
    found = feed(voice, say("Alexa", 0.2, ORDER))
    voice.close()

    assert [o.kind for o in found] == ["wake"]
    assert about.health.snapshot(0)["rejected_why"] == {"its own voice": 1}


def test_answer_needs_no_wake_word(say: Say) -> None:
    """While the device waits for an answer speech is listened to, unless a television talks there."""
    sound = say("turn off the kitchen light")
    for view, heard in ((View(asking=True), 1), (View(asking=True, television=True), 0), (View(), 0)):
        voice = made(around(Attention(views={"hall": view})))
        found = orders(feed(voice, sound))
        assert [(o.label, o.data["wake"]) for o in found] == [("turn_off", 0.0)] * heard
        voice.close()


def test_gate_follows_what_is_seen(say: Say) -> None:
    """The same call opens where a person is seen and not in a room without anybody, unless the gate is off."""
    sound = say("Alexa")
    heard = []
    for view, gate in (
        (View(watched=True, person=True), True),
        (View(watched=True), True),
        (View(watched=True), False),
    ):
        voice = made(around(Attention(views={"hall": view})), wake_threshold=0.98, gate=gate)
        heard.append(len(feed(voice, sound)))
        voice.close()

    assert heard[0] >= heard[2] >= heard[1]
    assert heard[0] == 1
