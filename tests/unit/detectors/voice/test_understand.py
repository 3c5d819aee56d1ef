"""Text to intent and slots."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.understand import Understanding


@pytest.mark.parametrize(
    ("said", "intent", "slots"),
    [
        ("Turn on the hall light.", "turn_on", {"name": "hall light"}),
        ("switch the kitchen lamp off", "turn_off", {"name": "kitchen lamp"}),
        ("turn on the light", "turn_on", {"kind": "light"}),
        ("Turn off all the lights", "turn_off", {"all": "all", "kinds": "light"}),
        ("turn on the lights everywhere", "turn_on", {"kinds": "light", "everywhere": "everywhere"}),
        ("turn on the kitchen lights", "turn_on", {"area": "kitchen", "kinds": "light"}),
        ("Could you please unlock the front door?", "unlock", {"name": "front door"}),
        ("Set the desk lamp to 45%.", "set_level", {"name": "desk lamp", "level": "45"}),
        ("turn on fan 2", "turn_on", {"name": "fan 2"}),
    ],
)
def test_what_the_grammar_says_is_understood(home: Grammar, said: str, intent: str, slots: Mapping[str, str]) -> None:
    """Word for word, with numbers, fillers and punctuation as recognisers write them."""
    meaning = Understanding(home).understand(said)

    assert (meaning.intent, meaning.slots) == (intent, slots)
    assert meaning.because == ("said word for word",)
    assert meaning.score == 1.0


@pytest.mark.parametrize(
    ("heard", "slots"),
    [
        ("Make me an ice mocha with soy milk", {"drink": "iced mocha", "milk": "soy milk"}),
        (
            "I would like a large latte with a little bit of soy milk",
            {"size": "large", "drink": "latte", "milk": "a little bit of soy milk"},
        ),
        ("make me a 12-ounce la tay with cream", {"size": "twelve ounce", "drink": "latte", "milk": "cream"}),
        (
            "Make me a large how scoffee with a little bit of soy milk",
            {"size": "large", "drink": "house coffee", "milk": "a little bit of soy milk"},
        ),
    ],
)
def test_mistakes_of_a_recogniser_are_repaired(cafe: Grammar, heard: str, slots: Mapping[str, str]) -> None:
    """Near letters, numbers and words cut elsewhere lead to the nearest sentence of the grammar."""
    meaning = Understanding(cafe).understand(heard)

    assert meaning.slots == slots
    assert 0.5 <= meaning.score < 1


@pytest.mark.parametrize(
    "heard",
    [
        "what is the weather like tomorrow",
        "play some music",
        "turn on the television in the garage",
        "I turned it on yesterday",
        "lamp",
        "make me a latte",
    ],
)
def test_anything_else_is_not_understood(home: Grammar, heard: str) -> None:
    """It is reported with the text and the reason, never forced into a command."""
    meaning = Understanding(home).understand(heard)

    assert not meaning.understood
    assert meaning.text == heard.lower().removeprefix("hey ")
    assert meaning.because
    assert meaning.slots == {}


@pytest.mark.parametrize("heard", ["", " ", "...", "Thank you.", "you", "[Music]"])
def test_phrases_of_silence_are_no_words(home: Grammar, heard: str) -> None:
    """What Whisper writes where nobody speaks is nothing."""
    assert Understanding(home).understand(heard).because == ("no words",)


def test_sound_decides_between_near_sentences(cafe: Grammar) -> None:
    """Of two sentences that are as near by letters the one that fits the sound is meant."""

    def fit(text: str) -> float:
        return -1.0 if text.endswith("iced mocha") else -12.0

    meaning = Understanding(cafe).understand("make me a i smoke a", fit)

    assert meaning.slots == {"drink": "iced mocha"}


def test_slot_that_was_heard_letter_for_letter_is_kept(cafe: Grammar) -> None:
    """A sound that seems to fit another value better does not overrule what was clearly written down."""

    def fit(text: str) -> float:
        return -1.0 if "large" in text else -9.0

    meaning = Understanding(cafe).understand("I would like a small latte", fit)

    assert meaning.slots == {"size": "small", "drink": "latte"}


def test_sound_that_fits_the_words_much_better_is_a_doubt(home: Grammar) -> None:
    """`bedroom light` where only a bathroom or kitchen light exists is not understood."""

    def fit(text: str) -> float:
        return -2.0 if "chicken" in text else -9.0

    meaning = Understanding(home).understand("turn on the chicken light", fit)

    assert not meaning.understood
    assert "the sound fits 'turn on the chicken light' much better" in meaning.because


def test_two_sentences_that_fit_alike_are_not_guessed(home: Grammar) -> None:
    """Between on and off nobody tosses a coin."""
    meaning = Understanding(home).understand("turn o the hall light", lambda _text: -3.0)

    assert not meaning.understood or meaning.score < 0.9


WORDS = [
    "turn",
    "on",
    "off",
    "the",
    "hall",
    "light",
    "lamp",
    "all",
    "set",
    "to",
    "desk",
    "make",
    "me",
    "a",
    "mocha",
    "iced",
]
SPEECH = st.lists(st.sampled_from([*WORDS, "twelve", "ounce", "with", "soy", "milk", "door", "12", "%"]), max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), SPEECH.map(" ".join) | st.text(max_size=60), st.none() | st.floats(-30, 0))
def test_meaning_is_always_inside_the_grammar(
    home: Grammar,
    cafe: Grammar,
    at_home: bool,  # noqa: FBT001  drawn
    heard: str,
    fits: float | None,
) -> None:
    """Whatever is heard, nothing is raised, and every slot has a value of its list."""
    grammar = home if at_home else cafe
    meaning = Understanding(grammar).understand(heard, None if fits is None else lambda _text: fits)
    values = {value for phrases in grammar.lists.values() for value in phrases.values()}

    assert 0 <= meaning.score <= 1
    assert set(meaning.slots.values()) <= values
    assert meaning.understood == (meaning.intent in {sentence.intent for sentence in grammar.sentences})
