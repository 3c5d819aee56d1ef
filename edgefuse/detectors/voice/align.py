"""Best places for the words of a grammar in what was heard, by edit distance over letters that sound alike.

Spaces do not count, so a recogniser that cuts words elsewhere ("i smoke a" for "iced mocha") costs only its letters.
Every sentence is a graph; dynamic programming over (node, letter) places all its words and slots at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgefuse.detectors.voice.grammar import Arc, Grammar, Sentence
from edgefuse.grounding.words.homophones import apart
from edgefuse.language import Language, tight

_FAR = np.float32(1e6)
_NEAR = 3.0
"""Costs above the best within which another phrase is still a candidate for a slot."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One phrase of a candidate."""

    slot: str
    """Empty for plain words."""
    value: str
    words: str
    cost: float
    begin: int
    end: int
    """Letters of the heard text it explains."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One sentence of the grammar laid over what was heard."""

    intent: str
    cost: float
    parts: tuple[Placed, ...]

    @cached_property
    def slots(self) -> dict[str, str]:
        """Slot -> value."""
        return {part.slot: part.value for part in self.parts if part.slot}

    @cached_property
    def text(self) -> str:
        """How it is said."""
        return tight(" ".join(part.words for part in self.parts))


class Sounds:
    """Costs of mistaking letters in one language."""

    def __init__(self, language: Language) -> None:
        self._swap: dict[frozenset[str], float] = {}
        for group, cost in language.data["sounds"].items():
            for a in group:
                for b in group:
                    pair = frozenset((a, b))
                    self._swap[pair] = min(cost, self._swap.get(pair, 1.0))
        self._silent: Mapping[str, float] = language.data["silent"]
        self._spoken = language.data.get("sounds_by") == "pinyin"

    def swap(self, a: str, b: str) -> float:
        """Cost of b where a is meant."""
        if a == b:
            return 0.0
        return apart(a, b) if self._spoken and not a.isascii() else self._swap.get(frozenset((a, b)), 1.0)

    def drop(self, letter: str) -> float:
        """Cost of a letter too much or too few."""
        return self._silent.get(letter, 1.0)


class Alignment:
    """One heard text against one grammar."""

    def __init__(self, text: str, grammar: Grammar, sounds: Sounds) -> None:
        self.letters = text.replace(" ", "")
        self._grammar = grammar
        self._sounds = sounds
        self._extra = np.concatenate([[0.0], np.cumsum([sounds.drop(c) for c in self.letters])]).astype(np.float32)
        apart = self._extra[None, :] - self._extra[:, None]
        self._spans: dict[str, NDArray[np.float32]] = {
            "": np.where(np.tri(len(self._extra), dtype=bool).T, apart, _FAR)
        }
        self._lists: dict[str, NDArray[np.float32]] = {}

    def candidates(self, count: int) -> list[Candidate]:
        """The cheapest sentences, and the cheapest with one slot changed; best first, no meaning twice."""
        paths = sorted(((self._cost(sentence), i) for i, sentence in enumerate(self._grammar.sentences)))[:count]
        found = [self._best(self._grammar.sentences[i]) for cost, i in paths if cost < _FAR]
        varied = [other for candidate in found[:1] for other in self._vary(candidate)]
        unique: dict[tuple[str, tuple[tuple[str, str], ...]], Candidate] = {}
        for candidate in sorted([*found, *varied], key=lambda c: (c.cost, c.text)):
            unique.setdefault((candidate.intent, tuple(sorted(candidate.slots.items()))), candidate)
        return list(unique.values())[:count]

    def span(self, words: str) -> NDArray[np.float32]:
        """Cost of hearing letters [row:column] where `words` were said; (n + 1, n + 1)."""
        key = words.replace(" ", "")
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = self._extend(self.span(key[:-1]), key[-1])
        return found

    def _extend(self, before: NDArray[np.float32], letter: str) -> NDArray[np.float32]:
        """One letter more: it is missing, or replaces the next heard one; then heard letters too many are skipped."""
        after: NDArray[np.float32] = before + np.float32(self._sounds.drop(letter))
        np.minimum(after[:, 1:], before[:, :-1] + self._swaps[letter], out=after[:, 1:])
        after -= self._extra
        np.minimum.accumulate(after, axis=1, out=after)
        after += self._extra
        return after

    @cached_property
    def _swaps(self) -> "_Swaps":
        return _Swaps(self.letters, self._sounds)

    def _list(self, name: str) -> NDArray[np.float32]:
        found = self._lists.get(name)
        if found is None:
            found = np.full_like(self._spans[""], _FAR)
            for phrase in self._grammar.lists[name]:
                np.minimum(found, self.span(phrase), out=found)
            self._lists[name] = found
        return found

    def _arc(self, arc: Arc) -> NDArray[np.float32]:
        return self._list(arc.phrases) if arc.slot else self.span(arc.words)

    def _forward(self, sentence: Sentence) -> NDArray[np.float32]:
        """Cheapest way to each node having explained the first letters; (nodes, n + 1)."""
        best = np.full((sentence.nodes, len(self._extra)), _FAR, dtype=np.float32)
        best[0, 0] = 0
        for arc in sentence.arcs:
            reach = best[arc.start] if arc.empty else (best[arc.start][:, None] + self._arc(arc)).min(axis=0)
            np.minimum(best[arc.end], reach, out=best[arc.end])
        return best

    def _cost(self, sentence: Sentence) -> float:
        return float(self._forward(sentence)[-1, -1])

    def _best(self, sentence: Sentence) -> Candidate:
        best = self._forward(sentence)
        node, column, parts = sentence.nodes - 1, len(self.letters), []
        while node:
            arc, row = self._came_from(sentence, best, node, column)
            if not arc.empty:
                parts.append(self._placed(arc, row, column))
            node, column = arc.start, row
        return Candidate(sentence.intent, float(best[-1, -1]), tuple(reversed(parts)))

    def _came_from(self, sentence: Sentence, best: NDArray[np.float32], node: int, column: int) -> tuple[Arc, int]:
        ways = []
        for arc in sentence.arcs:
            if arc.end == node:
                reach = best[arc.start] if arc.empty else best[arc.start] + self._arc(arc)[:, column]
                row = column if arc.empty else int(reach.argmin())
                ways.append((float(reach[row]), row, arc))
        _, row, arc = min(ways, key=lambda way: way[0])
        return arc, row

    def _placed(self, arc: Arc, row: int, column: int) -> Placed:
        if not arc.slot:
            return Placed("", "", arc.words, float(self.span(arc.words)[row, column]), row, column)
        return self._phrases(arc.slot, self._grammar.lists[arc.phrases], row, column)[0]

    def _phrases(self, slot: str, phrases: Mapping[str, str], row: int, column: int) -> list[Placed]:
        """Every phrase of a list at one place, best first."""
        places = [Placed(slot, v, p, float(self.span(p)[row, column]), row, column) for p, v in phrases.items()]
        return sorted(places, key=lambda placed: placed.cost)

    def _vary(self, candidate: Candidate) -> list[Candidate]:
        varied = []
        for i, part in enumerate(candidate.parts):
            for other in self._others(candidate.intent, part):
                parts = (*candidate.parts[:i], other, *candidate.parts[i + 1 :])
                varied.append(Candidate(candidate.intent, candidate.cost - part.cost + other.cost, parts))
        return varied

    def _others(self, intent: str, part: Placed) -> Sequence[Placed]:
        """What else may have been said for a slot; nothing where its value was heard letter for letter."""
        if not part.slot or part.words.replace(" ", "") in self.letters[part.begin : part.end]:
            return ()
        own = f"{intent}.{part.slot}"
        phrases = self._grammar.lists[own if own in self._grammar.lists else part.slot]
        ranked = self._phrases(part.slot, phrases, part.begin, part.end)
        return [other for other in ranked if other.value != part.value and other.cost <= part.cost + _NEAR]


class _Swaps(dict[str, NDArray[np.float32]]):
    """Letter -> cost of each heard letter in its place."""

    def __init__(self, letters: str, sounds: Sounds) -> None:
        super().__init__()
        self._letters = letters
        self._sounds = sounds

    def __missing__(self, letter: str) -> NDArray[np.float32]:
        row = np.array([self._sounds.swap(letter, heard) for heard in self._letters], dtype=np.float32)
        self[letter] = row
        return row
