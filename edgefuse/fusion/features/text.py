"""Text as numbers: words, characters or n-grams of characters, hashed, so that there is no vocabulary to keep."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def make(kind: str, options: dict[str, Any], load: Callable[[str], Model] | None) -> "Tokens":
    """The features of kind tokens. Raises TypeError or ValueError for wrong options."""
    del kind, load
    return Tokens(**options)


@dataclass(frozen=True)
class Tokens:
    """Ids 1..`buckets` of the units of a text, 0 where nothing is: (n, length), with `phrases` (n, phrases, length).

    Case is folded, and what is neither letter nor digit separates words. Hashing keeps no vocabulary (Weinberger et al.
    2009, "Feature Hashing for Large Scale Multitask Learning"); n-grams are those of words in angle brackets
    (Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information").
    """

    unit: Literal["words", "characters", "ngrams"] = "words"
    length: int = 32
    """Units kept; those beyond are dropped."""
    phrases: int = 0
    """Not 0: the text is a list of phrases with `;` between them, so many are kept, and each is a row of its own."""
    buckets: int = 4096
    shortest: int = 2
    """Characters of an n-gram, at least."""
    longest: int = 4
    """Characters of an n-gram, at most."""

    def __post_init__(self) -> None:
        if self.unit not in ("words", "characters", "ngrams"):
            raise ValueError(f"expected unit words, characters or ngrams, got '{self.unit}'")
        if min(self.length, self.buckets) < 1 or self.phrases < 0 or not 1 <= self.shortest <= self.longest:
            raise ValueError(
                "expected length, buckets and shortest of at least 1, longest not below it, phrases not below 0"
            )

    def __call__(self, raw: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) str -> (n, length), or (n, phrases, length)."""
        rows = max(1, self.phrases)
        ids = np.zeros((len(raw), rows, self.length), np.int64)
        for sample, text in zip(ids, raw, strict=True):
            parts = str(text).casefold().split(";")[:rows] if self.phrases else [str(text).casefold()]
            for row, part in zip(sample, parts, strict=False):
                found = [1 + crc32(unit.encode()) % self.buckets for unit in self._units(part)]
                row[: len(found)] = found[: self.length]
        return ids if self.phrases else ids[:, 0]

    def _units(self, text: str) -> Iterator[str]:
        words = _WORD.findall(text)
        if self.unit == "words":
            yield from words
        elif self.unit == "characters":
            yield from " ".join(words)
        else:
            for word in words:
                yield from self._ngrams(f"<{word}>")

    def _ngrams(self, word: str) -> Iterator[str]:
        for n in range(self.shortest, self.longest + 1):
            for at in range(len(word) - n + 1):
                yield word[at : at + n]
