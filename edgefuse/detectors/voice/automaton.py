"""Which characters may come next so that a text can still become a sentence of the grammar.

A sentence is a graph; its words are read letter by letter, and the sets of places where a text can be are the
states of a deterministic automaton that is made as far as it is walked (the subset construction: Rabin and Scott 1959).
Nothing is enumerated: a grammar of millions of sentences has a few thousand such states.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, TypeAlias

from edgefuse.detectors.voice.grammar import Arc, Grammar, Sentence
from edgefuse.language import Language

_QUOTES = "'\u2019"
_STOPS = ",.!?;:\u2026"
_NUMBERS = 1000
"""The greatest number that may be written in digits."""
_MOST_STATES = 20_000


class _Phase(Enum):
    """What was read last."""

    NOTHING = auto()
    LETTER = auto()
    """Or a digit."""
    GAP = auto()
    """The space or hyphen between two words."""
    QUOTE = auto()
    STOP = auto()


_Place: TypeAlias = tuple[int, int, int]
"""Node of the trie of phrases; number of the sentence that it is read for; the sentence's node after the phrase."""
_BEFORE, _AFTER = -1, -2
"""Instead of a sentence: words that mean nothing, before and after one."""


@dataclass(frozen=True, slots=True)
class _State:
    phase: _Phase
    places: frozenset[_Place]


class Automaton:
    """Reads texts as a recogniser writes them: a space first, capitals, stops, digits for numbers, polite words around.

    What it accepts is, normalised and without the polite words, a sentence of the grammar.
    """

    start: ClassVar[int] = 0
    """The state before the first character."""

    def __init__(self, grammar: Grammar) -> None:
        self._percent = str(grammar.language.data["percent"])
        self._tries = _Tries(grammar)
        self._after = [followers(sentence) for sentence in grammar.sentences]
        self._numbers: dict[_State, int] = {}
        self._states: list[_State] = []
        self._steps: dict[tuple[int, str], int | None] = {}
        self.forget()

    @property
    def large(self) -> bool:
        """Whether it is time to forget."""
        return len(self._states) > _MOST_STATES

    def forget(self) -> None:
        """Give back the memory of what was walked; every state but `start` is void after it."""
        self._numbers.clear()
        self._states.clear()
        self._steps.clear()
        self._number(_State(_Phase.NOTHING, frozenset({(0, _BEFORE, 0)})))

    def step(self, state: int, char: str) -> int | None:
        """The state after one more character, or None where no sentence goes on like that."""
        key = (state, char)
        if key not in self._steps:
            self._steps[key] = self._step(state, char)
        return self._steps[key]

    def accepts(self, state: int) -> bool:
        """Whether the text is a whole sentence."""
        now = self._states[state]
        return now.phase in {_Phase.LETTER, _Phase.STOP} and any(map(self._ends, now.places))

    def chars(self, state: int) -> set[str]:
        """Characters that may lead on; those of a word in every case."""
        now = self._states[state]
        if now.phase in {_Phase.NOTHING, _Phase.STOP}:
            return {" "}
        letters = {letter for place in now.places for letter in self._tries.next[place[0]] if letter != " "}
        found = {c for letter in letters for c in (letter, letter.upper()) if len(c) == 1}
        if now.phase is _Phase.LETTER:
            found |= {" ", "-", "%", *_QUOTES, *_STOPS}
        return found | {"%"} if now.phase is _Phase.GAP else found

    def _number(self, state: _State) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
        return self._numbers[state]

    def _step(self, state: int, char: str) -> int | None:
        now: _State | None = self._states[state]
        for plain in unicodedata.normalize("NFKC", char).casefold():
            now = self._read(now, plain) if now else None
        return self._number(now) if now else None

    def _read(self, now: _State, char: str) -> _State | None:
        in_word = now.phase is _Phase.LETTER
        between = now.phase in {_Phase.NOTHING, _Phase.STOP}
        if char == "%":
            return self._word(now, self._percent)
        if char in {" ", "-"}:
            return self._cross(now) if in_word or (between and char == " ") else None
        if char in _STOPS or char in _QUOTES:
            phase = _Phase.STOP if char in _STOPS else _Phase.QUOTE
            return _State(phase, now.places) if in_word else None
        if between:
            return None
        return self._letter(now, char)

    def _word(self, now: _State, word: str) -> _State | None:
        """A sign that stands for a word, right after a number or after a gap."""
        found = self._cross(now) if now.phase is _Phase.LETTER else now if now.phase is _Phase.GAP else None
        for char in word:
            found = self._letter(found, char) if found else None
        return found

    def _letter(self, now: _State, char: str) -> _State | None:
        step = self._tries.next
        moved = frozenset((step[node][char], s, end) for node, s, end in now.places if char in step[node])
        return _State(_Phase.LETTER, moved) if moved else None

    def _cross(self, now: _State) -> _State | None:
        """To the beginning of the next word."""
        found = set()
        for place in now.places:
            node, sentence, end = place
            if " " in self._tries.next[node]:
                found.add((self._tries.next[node][" "], sentence, end))
            if node in self._tries.ends:
                found.update(self._follow(sentence, end))
        return _State(_Phase.GAP, frozenset(found)) if found else None

    def _follow(self, sentence: int, end: int) -> Iterator[_Place]:
        """Where the next phrase can begin."""
        if sentence == _BEFORE:
            yield (self._tries.polite, _BEFORE, 0)
            for number in range(len(self._after)):
                yield from self._arcs(number, 0)
        elif sentence == _AFTER:
            yield (self._tries.polite, _AFTER, 0)
        else:
            yield from self._arcs(sentence, end)
            if self._after[sentence][end].whole:
                yield (self._tries.polite, _AFTER, 0)

    def _arcs(self, number: int, node: int) -> Iterator[_Place]:
        for arc in self._after[number][node].arcs:
            yield (self._tries.root(arc), number, arc.end)

    def _ends(self, place: _Place) -> bool:
        node, sentence, end = place
        if node not in self._tries.ends or sentence == _BEFORE:
            return False
        return sentence == _AFTER or self._after[sentence][end].whole


@dataclass(frozen=True, slots=True)
class Follower:
    """What can follow a node of a sentence."""

    arcs: tuple[Arc, ...]
    whole: bool
    """Nothing has to."""


def followers(sentence: Sentence) -> list[Follower]:
    """Of each node, past the arcs that say nothing."""
    out: dict[int, list[Arc]] = defaultdict(list)
    for arc in sentence.arcs:
        out[arc.start].append(arc)
    found: dict[int, Follower] = {}
    for node in reversed(range(sentence.nodes)):
        arcs = [arc for arc in out[node] if not arc.empty]
        skipped = [found[arc.end] for arc in out[node] if arc.empty]
        arcs += [arc for closure in skipped for arc in closure.arcs]
        whole = node == sentence.nodes - 1 or any(closure.whole for closure in skipped)
        found[node] = Follower(tuple(dict.fromkeys(arcs)), whole)
    return [found[node] for node in range(sentence.nodes)]


class _Tries:
    """The phrases of every list and arc as tries of letters; node 0 is the end of a phrase of nothing."""

    def __init__(self, grammar: Grammar) -> None:
        self.next: list[dict[str, int]] = [{}]
        self.ends = {0}
        self._digits = _digits(grammar.language)
        self._lists = {name: self._trie(phrases) for name, phrases in grammar.lists.items()}
        self._words: dict[str, int] = {}
        self.polite = self._trie(grammar.language.data["polite"])

    def root(self, arc: Arc) -> int:
        """Where the phrases of an arc begin."""
        if arc.slot:
            return self._lists[arc.phrases]
        if arc.words not in self._words:
            self._words[arc.words] = self._trie([arc.words])
        return self._words[arc.words]

    def _trie(self, phrases: Iterable[str]) -> int:
        root = self._node()
        for phrase in phrases:
            for text in {phrase, self._in_digits(phrase)}:
                self._add(root, text)
        return root

    def _add(self, node: int, text: str) -> None:
        for char in text:
            if char not in self.next[node]:
                self.next[node][char] = self._node()
            node = self.next[node][char]
        if text:
            self.ends.add(node)

    def _node(self) -> int:
        self.next.append({})
        return len(self.next) - 1

    def _in_digits(self, phrase: str) -> str:
        """`twelve ounce` -> `12 ounce`; the longest number first."""
        words, found, at = phrase.split(), [], 0
        while at < len(words):
            ends = (end for end in range(len(words), at, -1) if " ".join(words[at:end]) in self._digits)
            end = next(ends, at + 1)
            part = " ".join(words[at:end])
            found.append(self._digits.get(part, part))
            at = end
        return " ".join(found)


def _digits(language: Language) -> Mapping[str, str]:
    """Numbers in words -> in digits."""
    return {language.spell(str(n)): str(n) for n in range(_NUMBERS + 1)}
