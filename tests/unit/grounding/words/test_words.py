"""What a home brings, what is misheard, and reasons."""

import pytest

from edgefuse.config.models import Device, Site, Thing
from edgefuse.grounding.order import Interpretation, Phrase
from edgefuse.grounding.words import Words
from edgefuse.language import language


def test_the_reason_names_the_word_that_is_not_known(words: Words) -> None:
    """So that whoever reads it can give a thing that name."""
    assert words.understand("turn on the zeppelin").why == "does not know the word 'zeppelin'"


def test_names_of_this_home_go_before_words_of_the_language() -> None:
    """A lamp may be called like anything else, as long as somebody calls it so."""
    site = Site(device=Device(id="hub"), things={"a": Thing(kind="light", names=["radio", "all the stars"])})
    words = Words.of_site(site, language("en"))

    for said in ("radio", "all the stars"):
        assert words.interpret(f"turn on the {said}")[0].orders[0].things == (Phrase(name=said),)


def test_a_number_without_a_unit_may_be_two_things(words: Words) -> None:
    """Where `it` can be anything, both are given, with scores, and what it is decides."""
    found = words.interpret("set it to 21")

    assert [each.orders[0].intent for each in found] == ["set_level", "set_temperature"]
    assert found[0].score >= found[1].score > 0


def test_what_was_misheard_scores_less_and_says_so(words: Words) -> None:
    """The reason tells what was understood instead."""
    said = words.interpret("turn on the desk lamb")[0]

    assert said.score < words.interpret("turn on the desk lamp")[0].score
    assert said.because == ("'turn on the desk lamb' sounds like 'turn on the desk lamp'",)


def test_nothing_is_repaired_where_the_caller_says_so(words: Words) -> None:
    """Sound decides first, where there is some."""
    assert not words.understand("turn on the desk lamb", repair=False).interpretations


@pytest.mark.parametrize(
    "said", ["", "...", "  ", "\u200b", "x" * 5000, "turn " * 300, "and and and", "12345678901234567890"]
)
def test_anything_may_be_said(words: Words, said: str) -> None:
    """Text without sense gives nothing and a reason."""
    understood = words.understand(said)

    assert not understood.interpretations
    assert understood.why


def test_an_hour_before_noon_may_be_one_after_noon(words: Words) -> None:
    """`clock` 12 says so; who says am or wants to be woken means one of them."""
    slots = [words.interpret(said)[0].orders[0].slots for said in ("remind me at seven to go", "wake me at seven")]

    assert (slots[0]["at"], slots[0]["clock"], slots[1]) == ("07:00", "12", {"at": "07:00"})


def test_interpretations_survive_json(words: Words) -> None:
    """They travel in the data of an observation."""
    for said in ("everything off except the desk lamp", "turn off the lamp and close the blinds"):
        found = words.interpret(said)[0]
        assert Interpretation.from_json(found.to_json()) == found
