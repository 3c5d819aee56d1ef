"""Words that sound like others: what a recogniser writes when it hears a name that it does not know.

Characters are compared by their pinyin: syllables that dialects and recognisers confuse (zh and z, n and l, -ang and
-an) count as near, tones weigh little. Only words of two characters or more are found, and only where something was
said that no entry explains.
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from edgefuse.core.errors import needs
from edgefuse.grounding.words.lexicon import Lexicon

_ROLES = frozenset({"head", "area", "landmark", "value", "verb", "degree", "place"})
_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))
_READINGS = 3
"""Of one character."""
_LONGEST = 8
_HEARD = 0.3
_TONE, _NEAR, _RARE = 0.02, 0.15, 0.1
_WRITTEN = 0.05
"""Of a character that sounds the same."""
_REPAIRS, _MOST = 2, 4


@dataclass(frozen=True, eq=False)
class Homophones:
    """Entries of a lexicon by sound."""

    lexicon: Lexicon
    entries: Mapping[tuple[str, ...], list[tuple[str, ...]]] = field(default_factory=dict)
    """Blurred syllables -> entries."""

    def meant(self, words: Sequence[str]) -> list[tuple[float, tuple[str, ...]]]:
        """What may have been said instead, with the cost of thinking so, cheapest first: words that are all known."""
        if not self._strange(words):
            return sorted(self._names(tuple(words)))[:_MOST]
        found: dict[tuple[str, ...], float] = {}
        ways = [(0.0, tuple(words))]
        for _ in range(_REPAIRS):
            ways = [
                (cost + more, new)
                for cost, way in ways
                for more, new in self._once(way, self._strange(way))
                if cost + more < found.get(new, math.inf)
            ]
            found.update({way: cost for cost, way in ways if not self._strange(way)})
        return sorted((cost, way) for way, cost in found.items())[:_MOST]

    def _once(self, words: tuple[str, ...], strange: Sequence[int]) -> Iterator[tuple[float, tuple[str, ...]]]:
        """Something put in the place of the first word that is strange."""
        bars = list(self._barred(words))
        for start in range(max(0, strange[0] - _LONGEST) if strange else len(words), len(words)):
            if start > strange[0]:
                return
            for end in range(max(start + 2, strange[0] + 1), min(start + _LONGEST, len(words)) + 1):
                for cost, entry in self._like(words[start:end]):
                    inside = [bar for bar in bars if bar[0] < end and start < bar[1]]
                    if not inside or self._slip(words[start:end], entry, inside):
                        yield cost, (*words[:start], *entry, *words[end:])

    def _names(self, words: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
        """Names of this home, of just the same sound, in the place of what is no word although its characters are."""
        bars = list(self._barred(words))
        for start in range(len(words)):
            for end in range(start + 2, min(start + _LONGEST, len(words)) + 1):
                said = words[start:end]
                if said in self.lexicon.entries or any(bar[0] < start or end < bar[1] for bar in bars):
                    continue
                for cost, entry in self._like(said):
                    plain = not bars or self._slip(said, entry, bars)
                    if plain and self._own(entry) and cost <= _HEARD + _TONE * len(said):
                        yield cost, (*words[:start], *entry, *words[end:])

    def _own(self, entry: tuple[str, ...]) -> bool:
        """Whether this home calls something so."""
        return any(sense.cost < 0 for sense in self.lexicon.entries[entry])

    def _acts(self, entry: tuple[str, ...]) -> bool:
        """Whether it is a verb and nothing else: only of just the same sound."""
        return all(sense.role in {"verb", "degree"} for sense in self.lexicon.entries[entry] if sense.role in _ROLES)

    def _slip(self, said: tuple[str, ...], entry: tuple[str, ...], bars: Sequence[tuple[int, int]]) -> bool:
        """Whether what would make it no order is one character of a name, and all the rest of the name is right."""
        single = all(end - start == 1 for start, end in bars)
        return single and self._own(entry) and sum(a != b for a, b in zip(said, entry, strict=True)) == 1

    def _like(self, said: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
        if all(map(_syllables, said)):
            for entry in dict.fromkeys(each for key in _keys(said) for each in self.entries.get(key, ())):
                cost = _HEARD + sum(map(_apart, said, entry, _word(entry)))
                if cost <= (_HEARD + _TONE * len(said) if self._acts(entry) else math.inf) and cost < math.inf:
                    yield cost, entry

    def _strange(self, words: Sequence[str]) -> list[int]:
        known: set[int] = set()
        for start in range(len(words)):
            for end, _ in self.lexicon.at(words, start):
                known.update(range(start, end))
        return [at for at in range(len(words)) if at not in known]

    def _barred(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Words that make it no order are not misheard ones."""
        for start in range(len(words)):
            yield from ((start, end) for end, sense in self.lexicon.at(words, start) if sense.role == "bar")


def homophones(lexicon: Lexicon) -> Homophones:
    """By pinyin. Raises ConfigError where pypinyin is not installed."""
    with needs("voice", "Chinese that is not written as it was meant"):
        import pypinyin  # noqa: F401  told here, once
    entries: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for words, senses in lexicon.entries.items():
        if 2 <= len(words) <= _LONGEST and any(s.role in _ROLES for s in senses) and all(map(_syllables, words)):  # noqa: PLR2004
            entries.setdefault(tuple(map(_bare, _word(words))), []).append(words)
    return Homophones(lexicon, entries)


def _keys(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return product(*(dict.fromkeys(map(_bare, _syllables(word))) for word in words))


def _bare(syllable: str) -> str:
    return _blurred(syllable.rstrip("0123456789"))


def _apart(said: str, meant: str, sound: str) -> float:
    """Distance of a character from one that sounds as given; its rarer readings are further."""
    if said == meant:
        return 0.0
    ways = (
        _RARE * rank + (0.0 if each == sound else _TONE if each[:-1] == sound[:-1] else _NEAR)
        for rank, each in enumerate(_syllables(said))
        if _bare(each) == _bare(sound) and (not rank or each[:-1] == sound[:-1])
    )
    return min(ways, default=math.inf)


def apart(one: str, other: str) -> float:
    """Cost of one character where another is meant: 0 for the same, 1 where they sound nothing alike."""
    if one == other:
        return 0.0
    ways = (_apart(one, other, sound) for sound in _syllables(other)[:1])
    return min(1.0, _WRITTEN + min(ways, default=1.0))


@cache
def _word(words: tuple[str, ...]) -> tuple[str, ...]:
    """How the characters are read in this word."""
    from pypinyin import Style, lazy_pinyin

    return tuple(lazy_pinyin("".join(words), style=Style.TONE3, neutral_tone_with_five=True))


@cache
def _syllables(word: str) -> tuple[str, ...]:
    """Readings of a character with the number of their tone; nothing for what is no character of its own."""
    if len(word) != 1 or "CJK UNIFIED" not in unicodedata.name(word, ""):
        return ()
    from pypinyin import Style, pinyin

    return tuple(pinyin(word, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True)[0][:_READINGS])


@cache
def _blurred(syllable: str) -> str:
    """A syllable without what is easily confused.

    >>> _blurred("zhang"), _blurred("nan")
    ('zan', 'lan')
    """
    for said, near in _INITIALS:
        if syllable.startswith(said):
            syllable = near + syllable[len(said) :]
    return syllable[:-1] if syllable.endswith("ng") and not syllable.endswith("ong") else syllable
