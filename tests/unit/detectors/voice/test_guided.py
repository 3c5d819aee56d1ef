"""The automaton of a grammar, its steps in tokens, and the search for the likeliest sentences."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.config.models import Intent
from edgefuse.detectors.voice.automaton import Automaton
from edgefuse.detectors.voice.beam import Beam
from edgefuse.detectors.voice.grammar import Grammar, build
from edgefuse.detectors.voice.guide import Guide
from edgefuse.detectors.voice.understand import Understanding
from edgefuse.language import language

TEXTS = [
    " ",
    " b",
    " r",
    "r",
    "e",
    "d",
    "b",
    "l",
    "u",
    " red",
    " blue",
    ".",
    ",",
    " lamp",
    "la",
    "mp",
    " 2",
    "2",
    " tw",
]
TEXTS += [" two", " lamps", " green", "", " please", "-", "Re", "\u00fc"]
END = len(TEXTS)


def tiny(*sentences: str, **slots: list[str]) -> Grammar:
    """One intent, `say`."""
    return build(language("en"), {}, {}, {}, {"say": Intent(sentences=list(sentences), slots=slots)})


def reads(grammar: Grammar, text: str) -> bool:
    """Whether the whole text is accepted."""
    automaton = Automaton(grammar)
    state: int | None = automaton.start
    for char in text:
        state = automaton.step(state, char) if state is not None else None
    return state is not None and automaton.accepts(state)


class Wishes:
    """A decoder that likes some texts, each token of them alike, and everything else much less."""

    def __init__(self, *liked: Sequence[int], dislike: float = -9.0) -> None:
        self._liked = [(*text, END) for text in liked]
        self._dislike = dislike
        self._read: list[tuple[int, ...]] = []

    def first(self) -> NDArray[np.float32]:
        return self._row(())

    def follow(self, tokens: Sequence[int], after: Sequence[int]) -> NDArray[np.float32]:
        new = [
            (*(self._read[number] if number >= 0 else ()), token) for token, number in zip(tokens, after, strict=True)
        ]
        self._read += new
        return np.stack([self._row(text) for text in new])

    def _row(self, text: tuple[int, ...]) -> NDArray[np.float32]:
        row = np.full(END + 1, self._dislike, np.float32)
        for k, liked in enumerate(self._liked):
            if liked[: len(text)] == text and len(liked) > len(text):
                row[liked[len(text)]] = max(row[liked[len(text)]], -0.5 - k)
        return row


def spell(text: str) -> list[int]:
    """Tokens of a text, separated by |."""
    return [TEXTS.index(part) for part in text.split("|")]


def found(grammar: Grammar, scorer: Wishes, longest: int = 12, floor: float = -math.inf, width: int = 8) -> list[str]:
    """What the search gives, best first."""
    beam = Beam(Guide(Automaton(grammar), TEXTS), TEXTS, END, width=width, behind=99)
    return ["".join(TEXTS[token] for token in path.tokens) for path in beam.search(scorer, longest, floor)]


@pytest.mark.parametrize(
    "text",
    [
        " Turn on the hall light.",
        " turn on the hall light",
        " TURN ON, the hall-light!",
        " Please turn on the hall light, please.",
        " Turn off all the lights in the hall",
        " Turn on fan 2.",
        " Turn on fan two.",
        " Set the desk lamp to 50%.",
        " Set the desk lamp to 50 percent.",
        " Set the desk lamp to twenty-one %",
    ],
)
def test_text_of_the_grammar_is_read(home: Grammar, text: str) -> None:
    """As a recogniser may write it; understanding finds the same text word for word in the grammar."""
    assert reads(home, text)
    assert Understanding(home).understand(text).because == ("said word for word",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Turn on the hall light",
        " Turn on the hall light ",
        " Turn on the hall lightss",
        " Turn on the hall",
        " Turn  on the hall light",
        " Turn on the hall light,,",
        " Turn on the halllight",
        " -Turn on the hall light",
        " Please",
        " Please turn on",
        " Do not turn on the hall light",
        " Set the desk lamp to 101",
        " Turn on the hall light\u00fc",
    ],
)
def test_other_text_is_not_read(home: Grammar, text: str) -> None:
    """Neither what is not a sentence, nor what no recogniser would write."""
    assert not reads(home, text)


def test_an_apostrophe_is_read_where_the_template_has_one() -> None:
    """`it's` and `its` are one word to the grammar."""
    grammar = tiny("it's red")

    assert reads(grammar, " It's red.")
    assert reads(grammar, " It\u2019s red")
    assert not reads(grammar, " It''s red")


def test_what_was_walked_can_be_forgotten() -> None:
    """The same text is read after it."""
    automaton = Automaton(tiny("red"))
    before = [automaton.step(automaton.start, " ")]
    automaton.forget()

    assert [automaton.step(automaton.start, " ")] == before
    assert not automaton.large


def test_tokens_lead_along_the_grammar() -> None:
    """From the beginning, those that begin one of its words; none that leaves it, none that is empty."""
    guide = Guide(Automaton(tiny("red lamp", "blue")), TEXTS)
    steps = guide.allowed(guide.start)
    said = {TEXTS[token] for token in steps.tokens}

    assert said == {" ", " b", " r", " red", " blue", " please"}
    after = dict(zip(steps.tokens, steps.states, strict=True))
    assert {TEXTS[token] for token in guide.allowed(after[TEXTS.index(" red")]).tokens} == {" ", ".", ",", "-", " lamp"}
    assert not guide.accepts(after[TEXTS.index(" red")])
    assert guide.accepts(after[TEXTS.index(" blue")])


def test_only_sentences_come_out_whatever_the_decoder_likes() -> None:
    """A decoder that wants to say something else says what is nearest to it in its own probabilities."""
    grammar = tiny("red", "blue")

    assert found(grammar, Wishes(spell(" green"), spell(" blue|.")))[0] == " blue."
    for text in found(grammar, Wishes(spell(" green"))):
        assert Understanding(grammar).understand(text).because == ("said word for word",)


def test_every_sentence_can_come_out() -> None:
    """Whatever is liked best is first, in any of its spellings, numbers in digits too."""
    grammar = tiny("({what}|blue) [lamp]", what=["red", "two"])
    wishes = [" red", " blue", " 2", " two"]
    wishes += [
        " red| lamp",
        " b|l|u|e",
        " blue|-|la|mp",
        " two| lamp|.",
        " 2|,| lamp",
        " please| red",
        " red|,| please",
    ]

    for wish in wishes:
        assert found(grammar, Wishes(spell(wish)))[0] == wish.replace("|", "")


def test_sentences_come_best_first() -> None:
    """By their log-probabilities; the same words come once, in the likeliest spelling."""
    grammar = tiny("red", "blue", "two")
    texts = found(grammar, Wishes(spell(" blue"), spell(" two"), spell(" red")))

    assert texts[:3] == [" blue", " two", " red"]
    assert len({"".join(c for c in text if c.isalnum()) for text in texts}) == len(texts)


def test_a_longer_sentence_is_not_outweighed_by_its_length() -> None:
    """Of two almost alike the one with more words is first: an order is not cut short."""
    grammar = tiny("red [lamp]")
    scorer = Wishes(spell(" red| lamp"), dislike=-1.0)

    assert found(grammar, scorer)[0] == " red lamp"


def test_a_dead_end_is_left() -> None:
    """A beginning that is liked, but on which nothing follows among the tokens, does not hide the other sentence."""
    grammar = tiny("green xylophone", "red")

    assert found(grammar, Wishes(spell(" green"), spell(" red")), width=2)[0] == " red"


def test_nothing_comes_out_of_an_empty_grammar() -> None:
    """Nor of one whose words the vocabulary cannot write, nor where no sentence is likely or short enough."""
    assert found(build(language("en"), {}, {}, {}, {}), Wishes(spell(" red"))) == []
    assert found(tiny("\u0436\u0443\u043a"), Wishes(spell(" red"))) == []
    assert found(tiny("blue"), Wishes(spell(" red")), floor=-5) == []
    assert found(tiny("red lamp"), Wishes(spell(" red| lamp")), longest=1) == []
