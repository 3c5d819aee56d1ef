"""What a recogniser writes for a name that it does not know: words cut elsewhere, or that sound nearly so.

Only what this home calls its things, kinds and areas is found, and the verbs that say nothing by themselves. Words
that are cut elsewhere must have the same letters or sounds (`bed side lamp`, `floorlamp`); otherwise word stands for
word, each that is known stays as it is, and each that is not is near by sound: letters that are easily mistaken cost
little (`sounds`, `silent` of the language), and spellings of one sound nothing (`spelling`). Whose something is must
sound the same: Tim's lamp is not Tom's. Nothing that was said is dropped, no word of three letters or fewer is
replaced, and nothing is unlocked or disarmed on such a word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from edgefuse.grounding.words.lexicon import ABSENT, Lexicon, Sense

_FOUND = frozenset({"area", "landmark"})
_ASKS = frozenset({"change"})
"""Of verbs only those that say nothing by themselves are found."""
_WORDS, _REPAIRS, _MOST = 4, 2, 4
_SHORT = 3
"""Letters of a word that is left alone."""
_FARTHEST, _FARTHEST_ALONE = 0.2, 0.15
"""Share of the letters of one word in a name of several, and of a name of one."""
_SURE, _SCALE = 0.1, 1.5
_REMEMBERED = 4000
_RISKY = frozenset({"unlock", "disarm"})


@dataclass(frozen=True, eq=False)
class Misheard:
    """Entries of a lexicon by their letters."""

    lexicon: Lexicon
    _heard: dict[tuple[str, ...], str] = field(default_factory=dict)

    def meant(self, words: Sequence[str]) -> list[tuple[float, tuple[str, ...]]]:
        """What may have been said instead, with the cost of thinking so, cheapest first: words that are all known."""
        if self._risky(words):
            return []
        found: dict[tuple[str, ...], float] = {}
        ways: dict[tuple[str, ...], float] = {tuple(words): 0.0}
        for _ in range(_REPAIRS):
            further: dict[tuple[str, ...], float] = {}
            for way, cost in ways.items():
                for more, new in self._once(way):
                    further[new] = min(cost + more, further.get(new, 9.0))
            ways = dict(sorted(further.items(), key=lambda one: one[1])[: 2 * _MOST])
            found |= {way: cost for way, cost in ways.items() if way not in found and not self._strange(way)}
        return sorted((cost, way) for way, cost in found.items())[:_MOST]

    def _once(self, words: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
        """One entry in the place of some words, one of which is not known, or that are cut elsewhere."""
        strange = self._strange(words)
        for start in range(len(words)):
            for end in range(start + 1, min(start + _WORDS, len(words)) + 1):
                if len(strange) <= _REPAIRS and not (strange and strange[0] < start):
                    for cost, entry in self._like(words[start:end], {at - start for at in strange}):
                        yield cost, (*words[:start], *entry, *words[end:])

    def _like(self, said: tuple[str, ...], strange: set[int]) -> Iterator[tuple[float, tuple[str, ...]]]:
        """Entries that may have been said: the same letters, the same sound, or word for word."""
        for entry in self._joined.get("".join(said), ()):
            if entry != said:
                yield _SURE, entry
        if not any(at in strange for at in range(len(said))):
            return
        for entry in self._sounding.get(self._sound(said), ()):
            if len(entry) != len(said):
                yield _SURE, entry
        for entry in self._counted.get(len(said), ()):
            share = self._replaced(said, entry, strange)
            if share is not None:
                yield _SURE + _SCALE * share, entry

    def _replaced(self, said: tuple[str, ...], entry: tuple[str, ...], strange: set[int]) -> float | None:
        """How far the words that are not known are from those of the entry; None where one is too far."""
        if any(
            one != other and (at not in strange or len(one) <= _SHORT)
            for at, (one, other) in enumerate(zip(said, entry, strict=True))
        ):
            return None
        shares = [self._share(one, other) for one, other in zip(said, entry, strict=True) if one != other]
        farthest = _FARTHEST if len(said) > 1 else _FARTHEST_ALONE
        return max(shares) if shares and max(shares) <= farthest else None

    def _share(self, one: str, other: str) -> float:
        if len({*one} & {*other}) * 2 < len({*other}):
            return 1.0
        sounds = self._sound((one,)), self._sound((other,))
        if other in self.lexicon.owners and sounds[0] != sounds[1]:
            return 1.0
        if abs(len(one) - len(other)) > 2 and sounds[0] != sounds[1]:  # noqa: PLR2004
            return 1.0
        return min(self._apart(one, other), self._apart(*sounds)) / max(len(one), len(other))

    def _risky(self, words: Sequence[str]) -> bool:
        """Whether a verb asks for what must not be done on a word that was misheard."""
        senses = (sense for start in range(len(words)) for _, sense in self.lexicon.at(words, start))
        return any(sense.role == "verb" and sense.features["ask"] in _RISKY for sense in senses)

    def _apart(self, one: str, other: str) -> float:
        """Edit distance in which letters that sound alike are near."""
        swap, silent = self._swaps, self.lexicon.language.data["silent"]
        row = [0.0]
        for letter in other:
            row.append(row[-1] + silent.get(letter, 1.0))
        for heard in one:
            last, extra = row, silent.get(heard, 1.0)
            row = [last[0] + extra]
            for at, letter in enumerate(other):
                swapped = last[at] + (0.0 if heard == letter else swap.get((heard, letter), 1.0))
                row.append(min(swapped, last[at + 1] + extra, row[at] + silent.get(letter, 1.0)))
        return row[-1]

    @cached_property
    def _swaps(self) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        groups: Mapping[str, float] = self.lexicon.language.data["sounds"]
        for group, cost in groups.items():
            for pair in ((a, b) for a in group for b in group):
                found[pair] = min(cost, found.get(pair, 1.0))
        return found

    @cached_property
    def _entries(self) -> list[tuple[str, ...]]:
        """Units of what can be found."""
        return [words for words, senses in self.lexicon.entries.items() if any(map(_found, senses))]

    @cached_property
    def _joined(self) -> dict[str, list[tuple[str, ...]]]:
        """Letters without spaces -> entries of other than very few letters."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for entry in self._entries:
            if len("".join(entry)) > _SHORT + 1:
                found.setdefault("".join(entry), []).append(entry)
        return found

    @cached_property
    def _sounding(self) -> dict[str, list[tuple[str, ...]]]:
        """How it sounds -> entries."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for entry in (each for each in self._entries if len("".join(each)) > _SHORT + 1):
            found.setdefault(self._sound(entry), []).append(entry)
        return found

    @cached_property
    def _counted(self) -> dict[int, list[tuple[str, ...]]]:
        """Number of words -> entries."""
        found: dict[int, list[tuple[str, ...]]] = {}
        for entry in self._entries:
            found.setdefault(len(entry), []).append(entry)
        return found

    @cached_property
    def _spelling(self) -> list[tuple[re.Pattern[str], str]]:
        rules: Sequence[Sequence[Any]] = self.lexicon.language.data.get("spelling", [])
        return [(re.compile(letters), sound) for letters, sound in rules]

    def _sound(self, words: tuple[str, ...]) -> str:
        found = self._heard.get(words)
        if found is not None:
            return found
        text = " ".join(words)
        for letters, sound in self._spelling:
            text = letters.sub(sound, text)
        if len(self._heard) < _REMEMBERED:
            self._heard[words] = text.replace(" ", "")
        return text.replace(" ", "")

    def _strange(self, words: Sequence[str]) -> list[int]:
        known: set[int] = set()
        for start in range(len(words)):
            for end, _ in self.lexicon.at(words, start):
                known.update(range(start, end))
        return [at for at in range(len(words)) if at not in known]


def _found(sense: Sense) -> bool:
    if sense.role == "verb":
        return sense.features["ask"] in _ASKS and " " not in sense.said
    if sense.role == "head":
        return bool({"name", "kind"} & sense.features.keys()) and sense.cost < ABSENT
    return sense.role in _FOUND and sense.cost < 0


def misheard(lexicon: Lexicon) -> Misheard:
    """By letters; what depends on the home is made here, once."""
    made = Misheard(lexicon)
    made.meant(("warm",))
    return made
