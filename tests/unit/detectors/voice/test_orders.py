"""What an utterance is told as: orders with phrases, and how loud it was."""

import numpy as np
import pytest

from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.orders import interpreted
from edgefuse.detectors.voice.understand import NOT_UNDERSTOOD, Meaning
from edgefuse.detectors.voice.vad import WINDOW
from edgefuse.grounding.order import Interpretation, Phrase


@pytest.mark.parametrize(
    ("slots", "phrase", "rest"),
    [
        ({"name": "desk lamp", "level": "40"}, Phrase(name="desk lamp"), {"level": "40"}),
        ({"kind": "light", "area": "hall"}, Phrase(kind="light", area="hall"), {}),
        ({"kinds": "light"}, Phrase(kind="light", count="some"), {}),
        ({"kinds": "light", "all": "all"}, Phrase(kind="light", count="all"), {}),
        ({"kinds": "fan", "everywhere": "everywhere"}, Phrase(kind="fan", count="all", everywhere=True), {}),
    ],
)
def test_slots_of_things_become_a_phrase(slots: dict[str, str], phrase: Phrase, rest: dict[str, str]) -> None:
    """What speaks of things goes into the phrase, and the rest stays a slot."""
    ((found),) = interpreted(Meaning("turn_on", "words", 0.8, slots, ("because",)), {})

    assert (found.score, found.because) == (0.8, ("because",))
    assert (found.orders[0].things, dict(found.orders[0].slots)) == ((phrase,), rest)
    assert Interpretation.from_json(found.to_json()) == found


def test_slots_of_the_users_intents_stay() -> None:
    """A slot `name` of an intent of the user's own does not speak of things."""
    ((found),) = interpreted(Meaning("call", "call anna", 1.0, {"name": "anna"}), {"call": {"name"}})

    assert (found.orders[0].things, dict(found.orders[0].slots)) == ((), {"name": "anna"})


def test_nothing_understood_is_no_interpretation() -> None:
    """An utterance without a meaning has no orders."""
    assert interpreted(Meaning(NOT_UNDERSTOOD, "what is the weather"), {}) == ()


def tone(amplitude: float, windows: int) -> list[np.ndarray[tuple[int], np.dtype[np.int16]]]:
    wave = (amplitude * np.sin(np.arange(WINDOW))).round().astype(np.int16)
    return [wave] * windows


@pytest.mark.parametrize(("quiet", "loud", "db"), [(10, 1000, 40), (100, 1000, 20), (1000, 1000, 0)])
def test_level_is_speech_over_the_noise_before_it(quiet: float, loud: float, db: float) -> None:
    """Ten times the amplitude is 20 dB, whatever the gain of the microphone."""
    level = Level()
    for pcm in tone(quiet, 30):
        level.hear(pcm, speech=False)
    level.begin()
    for pcm in tone(loud, 30):
        level.hear(pcm, speech=True)

    assert level.db == pytest.approx(db, abs=0.5)


def test_level_counts_from_the_beginning_of_the_capture() -> None:
    """Loud speech before it does not make the next order louder; after a reset nothing is known."""
    level = Level()
    for pcm, speech in [(tone(10, 1), False), (tone(20000, 1), True)]:
        level.hear(pcm[0], speech=speech)
    level.begin()
    assert level.db == 0
    level.hear(tone(100, 1)[0], speech=True)
    assert level.db == pytest.approx(20, abs=0.5)
    level.reset()
    assert level.db == 0
