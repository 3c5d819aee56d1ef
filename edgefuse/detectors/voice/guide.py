"""Grammar x vocabulary: which tokens may come next so that a text can still become a sentence of the grammar."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from edgefuse.detectors.voice.automaton import Automaton


@dataclass(frozen=True, slots=True)
class Steps:
    """What may come next."""

    tokens: Sequence[int]
    states: Sequence[int]
    """After each of them."""


class Guide:
    """The automaton in steps of tokens."""

    start: ClassVar[int] = Automaton.start

    def __init__(self, automaton: Automaton, texts: Sequence[str]) -> None:
        """`texts`: what each token says, by its number; an empty one is never written."""
        self._automaton = automaton
        tokens = sorted((text, token) for token, text in enumerate(texts) if text)
        self._texts = [text for text, _ in tokens]
        self._tokens = [token for _, token in tokens]
        self._allowed: dict[int, Steps] = {}

    def refresh(self) -> None:
        """Between two texts: give back memory where much is held."""
        if self._automaton.large:
            self._automaton.forget()
            self._allowed.clear()

    def accepts(self, state: int) -> bool:
        """Whether the text may end here."""
        return self._automaton.accepts(state)

    def allowed(self, state: int) -> Steps:
        """Tokens that may come next, each with the state after it."""
        found = self._allowed.get(state)
        if found is None:
            walked = list(self._walk(state, "", 0, len(self._texts)))
            found = self._allowed[state] = Steps([token for token, _ in walked], [after for _, after in walked])
        return found

    def _walk(self, state: int, prefix: str, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Tokens of the sorted places low to high, whose texts begin with `prefix`, which leads to `state`."""
        while prefix and low < high and self._texts[low] == prefix:
            yield self._tokens[low], state
            low += 1
        if low == high:
            return
        for char in sorted(self._automaton.chars(state)):
            begin = bisect_left(self._texts, prefix + char, low, high)
            end = bisect_left(self._texts, prefix + chr(ord(char) + 1), begin, high)
            after = self._automaton.step(state, char) if begin < end else None
            if after is not None:
                yield from self._walk(after, prefix + char, begin, end)
