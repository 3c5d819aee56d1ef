"""The likeliest sentences of a grammar, best first: beam search over the product of a decoder and an automaton.

The scores are the decoder's own, not renormalised over what the grammar allows: a sentence into which the decoder is
forced keeps the price of it, and can be compared with what the decoder writes when it is free.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.detectors.voice.guide import Guide

BONUS = 0.3
"""Added for each token: the sum of log-probabilities alone prefers an order without its last words."""


class Scorer(Protocol):
    """A decoder that follows several texts at once."""

    def first(self) -> NDArray[np.float32]:
        """Log-probabilities (v,) of the first token."""

    def follow(self, tokens: Sequence[int], after: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (k, v) of what follows each of `tokens`.

        Every token that is followed gets a number, counted from 0 over all calls; `after` has the numbers of the
        tokens' predecessors, -1 at the beginning.
        """


@dataclass(frozen=True, slots=True)
class Path:
    """One text."""

    tokens: tuple[int, ...]
    logprob: float
    """Natural logarithm of its probability, that of its end included."""

    @property
    def rank(self) -> float:
        """What paths are ordered by."""
        return self.logprob + BONUS * len(self.tokens)


@dataclass(frozen=True, slots=True)
class _Open:
    """A text that is not whole yet."""

    path: Path
    state: int
    number: int
    """Of its last token for the scorer; of the one before until that is followed."""


@dataclass(frozen=True, slots=True)
class Beam:
    """Search settings."""

    guide: Guide
    texts: Sequence[str]
    """Of the tokens, by number."""
    end: int
    """The token that ends a text."""
    width: int = 8
    """Texts that are followed at once; different spellings of the same words count once."""
    behind: float = 12.0
    """A text that is this much less likely than the likeliest is given up."""

    def search(self, scorer: Scorer, longest: int, floor: float = -math.inf) -> list[Path]:
        """Whole sentences of up to `longest` tokens, best `rank` first, each in its likeliest spelling.

        Texts less likely than `floor` are given up. Empty where the grammar has no sentence, or none that likely.
        """
        self.guide.refresh()
        done: dict[str, Path] = {}
        active = [_Open(Path((), 0.0), self.guide.start, -1)]
        logprobs = scorer.first()[None]
        followed = 0
        for _ in range(longest + 1):
            longer: dict[tuple[int, str], _Open] = {}
            for one, row in zip(active, logprobs, strict=True):
                self._end(one, row, done)
                self._lengthen(one, row, longer)
            active = self._likeliest(longer, done, floor)
            if not active:
                break
            logprobs = scorer.follow([one.path.tokens[-1] for one in active], [one.number for one in active])
            active = [_Open(one.path, one.state, followed + k) for k, one in enumerate(active)]
            followed += len(active)
        return sorted(done.values(), key=lambda path: (-path.rank, path.tokens))

    def _end(self, one: _Open, row: NDArray[np.float32], done: dict[str, Path]) -> None:
        whole = Path(one.path.tokens, one.path.logprob + float(row[self.end]))
        said = self._letters(whole)
        if self.guide.accepts(one.state) and (said not in done or done[said].rank < whole.rank):
            done[said] = whole

    def _lengthen(self, one: _Open, row: NDArray[np.float32], longer: dict[tuple[int, str], _Open]) -> None:
        steps = self.guide.allowed(one.state)
        scores = row[list(steps.tokens)]
        for k in np.argsort(-scores, kind="stable")[: 4 * self.width]:
            if scores[k] == -np.inf:
                return
            path = Path((*one.path.tokens, steps.tokens[k]), one.path.logprob + float(scores[k]))
            key = (steps.states[k], self._letters(path))
            if key not in longer or longer[key].path.logprob < path.logprob:
                longer[key] = _Open(path, steps.states[k], one.number)

    def _likeliest(self, longer: dict[tuple[int, str], _Open], done: dict[str, Path], floor: float) -> list[_Open]:
        ranked = sorted(longer.values(), key=lambda one: (-one.path.logprob, one.path.tokens))[: self.width]
        best = max([one.path.logprob for one in ranked[:1]] + [path.logprob for path in done.values()], default=0.0)
        return [one for one in ranked if one.path.logprob >= max(best - self.behind, floor)]

    def _letters(self, path: Path) -> str:
        """What it says, whatever its stops and capitals."""
        return "".join(c for token in path.tokens for c in self.texts[token].casefold() if c.isalnum())
