"""A second opinion on an order that was not written down word for word as the grammar has it.

The first opinion is what the recogniser wrote, bent to the grammar by letters. The second is what it would have written
if it could write nothing but sentences of the grammar, and a third what it writes when it has not read the grammar.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from edgefuse.detectors.voice.automaton import Follower, followers
from edgefuse.detectors.voice.grammar import Arc, Grammar
from edgefuse.detectors.voice.recogniser import Heard
from edgefuse.detectors.voice.understand import NOT_UNDERSTOOD, Meaning, Understanding

Slots: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the grammar as the sound has it."""

    text: str
    logprob: float
    """Natural logarithm of its probability, after the prompt."""
    rank: float
    """The same with what makes up for its length."""


@runtime_checkable
class Guided(Protocol):
    """A recogniser that can be held to a grammar."""

    def sentences(self, heard: Heard, worse: float) -> Sequence[Sentence]:
        """Best rank first; none that is less likely than what was written by more than `worse` for each token."""

    def plain(self, heard: Heard) -> str:
        """What it writes without the prompt."""

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        """`Recogniser.fit` of several texts."""

    def count(self, text: str) -> int:
        """Tokens of a text."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When it is believed; set on half of the spoken orders and of a home's synthesised ones, in noise."""

    clear: float = -0.4
    """Log-probability per token of what was written from which on it is believed that it was said, order or not."""
    worse: float = 0.3
    """Greatest loss of log-probability per token against what was written, for an order that only the grammar gives."""
    worse_agreed: float = 0.8
    """The same where the letters say so too."""
    sure: float = 0.7
    """Least probability against the other meanings, for an order that only the grammar gives."""
    sure_against: float = 0.9
    """The same where the letters say something else."""
    explains: float = 0.7
    """Least share of the letters that were written: one likely sentence can be had of a part of many other words."""
    suggested: float = 1.0
    """Greatest loss per token against what was written without the prompt, both judged without it."""


class SecondOpinion:
    """One grammar and a recogniser that is held to it."""

    def __init__(
        self, grammar: Grammar, understanding: Understanding, guided: Guided, limits: Limits | None = None
    ) -> None:
        self._normalise = grammar.language.normalise
        self._understanding = understanding
        self._guided = guided
        self._parser = _Parser(grammar)
        self._limits = limits or Limits()

    def agrees(self, first: Meaning) -> bool:
        """Whether an order was written down word for word as the grammar has it: it needs no second hearing."""
        return first.understood and self._parser.meaning(first.text) is not None

    def on(self, heard: Heard, first: Meaning) -> Meaning:
        """What an order means after all; `first` is what was made of `heard` by its letters."""
        if heard.logprob > self._limits.clear and not first.understood:
            return first
        found, sentence = self._guide(heard, first)
        if not found.understood:
            return found
        plain = self._suggested(heard, sentence)
        because = (f"nearest is '{sentence}'", f"without the orders in mind it sounds like '{plain}'")
        return Meaning(NOT_UNDERSTOOD, first.text, because=because) if plain else found

    def _guide(self, heard: Heard, first: Meaning) -> tuple[Meaning, str]:
        """What the sentences of the grammar say, and in which words."""
        ranked = self._ranked(heard)
        if not ranked:
            because = ("no order fits the sound",) if first.understood else first.because
            return Meaning(NOT_UNDERSTOOD, first.text, because=because), ""
        best, p = ranked
        text = self._normalise(best.text)
        meant = self._understanding.understand(text)
        if first.understood and (meant.intent, meant.slots) == (first.intent, first.slots):
            return first, text
        doubt = self._doubt(heard, first, best, text, p)
        if doubt or not meant.understood:
            return Meaning(NOT_UNDERSTOOD, first.text, because=(f"nearest is '{text}'", doubt)), text
        score = round(p * (1 + math.exp(min(0.0, best.logprob / (self._guided.count(text) + 1)))) / 2, 3)
        return Meaning(meant.intent, first.text, score, meant.slots, (f"of the orders only '{text}' fits",)), text

    def _doubt(self, heard: Heard, first: Meaning, best: Sentence, text: str, p: float) -> str:
        """Why a sentence is not believed that only the sound gives, or nothing."""
        limits, tokens = self._limits, self._guided.count(heard.text)
        lost = (heard.logprob * max(1, tokens) - best.logprob) / (tokens + 1)
        if heard.logprob > limits.clear or lost > limits.worse:
            return f"the sound fits '{first.text}' much better"
        if len(text.replace(" ", "")) < limits.explains * len(first.text.replace(" ", "")):
            return f"it explains too little of '{first.text}'"
        if p < (limits.sure_against if first.understood else limits.sure):
            return "it could be another one"
        return ""

    def _ranked(self, heard: Heard) -> tuple[Sentence, float] | None:
        """The best sentence of the likeliest meaning, and the meaning's probability among those found."""
        meanings: dict[tuple[str, Slots], list[Sentence]] = defaultdict(list)
        for sentence in self._guided.sentences(heard, self._limits.worse_agreed):
            meaning = self._parser.meaning(self._normalise(sentence.text))
            if meaning is not None:
                meanings[meaning].append(sentence)
        if not meanings:
            return None
        top = max(sentence.rank for found in meanings.values() for sentence in found)
        weights = {m: math.fsum(math.exp(s.rank - top) for s in found) for m, found in meanings.items()}
        best = max(weights, key=lambda meaning: (weights[meaning], meaning))
        return max(meanings[best], key=lambda s: (s.rank, s.text)), weights[best] / math.fsum(weights.values())

    def _suggested(self, heard: Heard, sentence: str) -> str:
        """What is heard without the prompt, where it fits much better than the sentence; or nothing."""
        plain = self._normalise(self._guided.plain(heard))
        if not plain or plain == sentence:
            return ""
        fit_plain, fit_sentence = self._guided.fits(heard, [plain, sentence])
        lost = (fit_plain - fit_sentence) / (self._guided.count(plain) + 1)
        return plain if lost > self._limits.suggested else ""


class _Parser:
    """Meaning of a text that is in the grammar word for word."""

    def __init__(self, grammar: Grammar) -> None:
        self._lists = grammar.lists
        self._sentences = [(sentence.intent, followers(sentence)) for sentence in grammar.sentences]

    def meaning(self, text: str) -> tuple[str, Slots] | None:
        """Intent and slots of a normalised text, the first that fits; or None."""
        for intent, nodes in self._sentences:
            slots = self._read(nodes, 0, text)
            if slots is not None:
                return intent, tuple(sorted(slots))
        return None

    def _read(self, nodes: Sequence[Follower], node: int, text: str) -> Slots | None:
        if not text:
            return () if nodes[node].whole else None
        for arc in nodes[node].arcs:
            for phrase, slots in self._phrases(arc):
                if phrase and f"{text} ".startswith(f"{phrase} "):
                    rest = self._read(nodes, arc.end, text[len(phrase) + 1 :])
                    if rest is not None:
                        return (*slots, *rest)
        return None

    def _phrases(self, arc: Arc) -> Sequence[tuple[str, Slots]]:
        if not arc.slot:
            return [(arc.words, ())]
        return [(phrase, ((arc.slot, value),)) for phrase, value in self._lists[arc.phrases].items()]
