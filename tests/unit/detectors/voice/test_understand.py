"""Text to intent and slots."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.config.models import Intent
from edgefuse.detectors.voice.grammar import Grammar, build
from edgefuse.detectors.voice.understand import Understanding
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.words import Words
from edgefuse.language import language
from tests.unit.detectors.voice.conftest import HOME


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


def test_one_other_word_of_few_is_another_sentence() -> None:
    """A loss that a long order bears is too much for a short one: `it is morning` is no fire."""
    grammar = build(language("en"), {}, {}, {}, {"report_fire": Intent(sentences=["it is burning"])})

    def fit(text: str) -> float:
        return -9.0 if "burning" in text else -2.0

    assert not Understanding(grammar).understand("it is morning", fit).understood
    assert Understanding(grammar).understand("it is burnin", lambda _text: -2.0).understood


def test_words_of_the_home_come_before_the_nearest_sentence(home: Grammar) -> None:
    """What is said in words that are known is not bent to a template; what is not, and was not heard, neither."""
    understanding = Understanding(home, words=Words.of_site(HOME, home.language))

    but = understanding.understand("turn off all the lights but the desk lamp", lambda _text: -1.0)
    assert [order.but for order in but.interpretations[0].orders] == [(Phrase(name="desk lamp"),)]

    unheard = understanding.understand("turn on the hall lite later")
    assert (unheard.understood, unheard.interpretations) == (False, ())
    assert "does not know the word" in unheard.because[0]


def test_words_that_sound_like_another_order_are_not_done(home: Grammar) -> None:
    """`then lock` where the sound is as good an `unlock` is neither; where it is not, it is done."""
    understanding = Understanding(home, words=Words.of_site(HOME, home.language))

    def torn(text: str) -> float:
        return -3.0 if "unlock" in text else -2.5

    def clear(text: str) -> float:
        return -9.0 if "unlock" in text else -2.5

    found = understanding.understand("then lock the front door", torn)
    assert (found.understood, found.because[0]) == (False, "could be more than one thing")
    assert understanding.understand("then lock the front door", clear).intent == "lock"


def test_sound_alikes_must_fit_the_sound(home: Grammar) -> None:
    """What only the letters suggest is not done where the sound has something else; unheard, the letters decide."""
    words = Words.of_site(HOME, home.language)
    said = "turn on both the lites in the hall"
    assert words.interpret(said), "the words alone find a meaning"
    understanding = Understanding(home, words=words)

    assert not understanding.understand(said, lambda text: -1.0 if "lites" in text else -20.0).understood
    assert understanding.understand(said, lambda text: -1.0 if "both" in text else -20.0).understood
    assert understanding.understand(said).understood


def test_what_is_said_word_for_word_has_interpretations_too(home: Grammar) -> None:
    """A less certain recogniser makes all of them less sure."""
    understanding = Understanding(home, words=Words.of_site(HOME, home.language))
    sure, unsure = (understanding.understand("turn on the hall light", None, certainty) for certainty in (1.0, 0.5))

    assert sure.because == ("said word for word",)
    assert sure.interpretations[0].orders[0].things == (Phrase(name="hall light"),)
    assert unsure.interpretations[0].score == pytest.approx(0.75 * sure.interpretations[0].score)


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
