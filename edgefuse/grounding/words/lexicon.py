"""Every word that can be understood in one home, as a tree of units with what each may mean."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

from edgefuse.grounding.words.home import Home
from edgefuse.grounding.words.units import join, pieces
from edgefuse.grounding.words.variants import variants
from edgefuse.language import Language

Features: TypeAlias = Mapping[str, Any]
_NAMED = -0.15
"""What this home calls its own goes before the language."""
ABSENT = 0.5
"""A kind of thing that is not in this home."""
_OWNER = re.compile(r"\w+(?:'s|s'|\u2019s|s\u2019)(?!\w)")
_ABOUT = frozenset({"as", "say", "cost", "gives", "after", "never"})
_STANDS_FOR = 0.1
_FAR = 400
"""Numbers up to here are known in words."""


@dataclass(frozen=True, eq=False)
class Sense:
    """One meaning of an entry."""

    role: str
    """What it does in a sentence; see `parse`."""
    features: Features = field(default_factory=dict)
    cost: float = 0.0
    said: str = ""
    gives: str = ""
    """A mark on the group that other entries may ask for."""
    after: str = ""
    """Only in a group that has this mark."""
    never: str = ""
    """Only in a group that has not."""


@dataclass(eq=False)
class Node:
    """One place in the tree."""

    further: dict[str, "Node"] = field(default_factory=dict)
    senses: list[Sense] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Entries by their units."""

    language: Language
    root: Node = field(default_factory=Node)
    entries: dict[tuple[str, ...], list[Sense]] = field(default_factory=dict)
    shorts: dict[str, str] = field(default_factory=dict)
    """Name without the side that it begins with -> one of the names that it is of."""
    owners: set[str] = field(default_factory=set)
    """Words that say whose something is: `toms`."""

    def add(self, said: str, role: str, features: Features | None = None, cost: float = 0.0) -> None:
        """Enter one meaning; a phrase without units is ignored."""
        self.enter(said, Sense(role, features or {}, cost, said))

    def enter(self, said: str, sense: Sense) -> None:
        """The same with all of a meaning."""
        words = pieces(said, self.language)
        if not words:
            return
        node = self.root
        for word in words:
            node = node.further.setdefault(word, Node())
        node.senses.append(sense)
        self.entries.setdefault(words, []).append(sense)

    def at(self, words: Sequence[str], start: int) -> Iterable[tuple[int, Sense]]:
        """What may begin at a word: index behind it, and meaning."""
        node = self.root
        for end in range(start, len(words)):
            step = node.further.get(words[end])
            if step is None:
                return
            node = step
            for sense in node.senses:
                yield end + 1, sense


def lexicon(language: Language, home: Home) -> Lexicon:
    """The language's words and this home's."""
    made = Lexicon(language)
    for entry in language.data["lexicon"]:
        rest = {name: value for name, value in entry.items() if name not in _ABOUT}
        marks = {name: str(entry[name]) for name in ("gives", "after", "never") if name in entry}
        for said in (each for one in entry["say"] for each in variants(one)):
            made.enter(said, Sense(entry["as"], rest, float(entry.get("cost", 0)), said, **marks))
    _add_kinds(made, home)
    _add_home(made, home)
    _add_numbers(made)
    return made


def _add_home(made: Lexicon, home: Home) -> None:
    for said, name in home.names.items():
        made.add(said, "head", {"name": name}, _NAMED)
    for said, kind in home.keys.items():
        senses = made.entries.get(pieces(said, made.language), [])
        if said not in home.names and not any(sense.features.get("kind") == kind for sense in senses):
            made.add(said, "head", {"name": said}, _NAMED)
    for said, area in [*home.areas.items(), *_usual(made, home)]:
        made.enter(said, Sense("area", {"area": area}, _NAMED, said, gives="area"))
    for said in home.landmarks:
        made.enter(said, Sense("landmark", {"beside": said, "home": True}, _NAMED, said, gives="landmark"))
    for said, template in product(home.modes, made.language.data.get("modes", ["{mode}"])):
        made.add(template.format(mode=said), "value", {"mode": said}, _NAMED)
    made.owners.update(
        *(pieces(owner, made.language) for owner in _OWNER.findall(" ".join((*home.names, *home.areas))))
    )
    for name in home.names:
        _add_short(made, name)
        _add_alike(made, name)
    _add_nouns(made, home)


def _usual(made: Lexicon, home: Home) -> list[tuple[str, str]]:
    """What areas are called that the home gives no name."""
    usual: Mapping[str, Sequence[str]] = made.language.data.get("areas", {})
    named = [area for said, area in home.areas.items() if said != area.replace("_", " ")]
    keys = dict.fromkeys(area for area in home.areas.values() if area not in named)
    taken = {pieces(said, made.language) for said in home.names}
    known = [(said, key) for key in keys for said in usual.get(key, ()) if pieces(said, made.language) not in taken]
    return [(said, key) for said, key in known if sum(said == other for other, _ in known) == 1]


def _add_short(made: Lexicon, name: str) -> None:
    """`bedside lamp`, where one is called `left bedside lamp`."""
    words = pieces(name, made.language)
    for end, sense in list(made.at(words, 0)):
        rest = join(words[end:])
        if sense.role == "more" and "side" in sense.features and words[end:] and words[end:] not in made.entries:
            made.shorts[rest] = name
            made.add(rest, "head", {"name": rest})
            for between in made.language.data.get("between", []):
                made.add(join((*words[:end], between, *words[end:])), "head", {"name": name}, _NAMED)


def _add_nouns(made: Lexicon, home: Home) -> None:
    """`printer`, where something is called `laser printer`; and `desk lamps`, where there is one of them."""
    kinds = made.language.data["kinds"].values()
    ones = {one: many for each in kinds for one, many in zip(each[0], each[1], strict=False)}
    last: dict[str, set[str]] = {}
    for name in home.names:
        words = pieces(name, made.language)
        if len(words) > 1 and len(words[-1]) > 1:
            last.setdefault(words[-1], set()).add(name)
            several = (*words[:-1], *pieces(ones.get(words[-1], ""), made.language))
            if len(several) == len(words) and several not in made.entries:
                made.add(join(several), "head", {"name": name, "count": "some"}, 2 * -_NAMED)
    keys = {key: pieces(key, made.language) for key in home.keys}
    for noun in sorted({words[-1] for words in keys.values() if len(words) > 1} - last.keys()):
        last[noun] = {key for key, words in keys.items() if words[-1] == noun}
    for noun, names in last.items():
        senses = [each for each in made.entries.get((noun,), ()) if each.role not in {"landmark", "bar"}]
        if all(each.cost >= ABSENT for each in senses):
            made.add(noun, "head", {"name": noun if len(names) > 1 else next(iter(names))})


def _add_alike(made: Lexicon, name: str) -> None:
    """What people say for a name: `television`, where one is called `tv`."""
    known = pieces(name, made.language)
    for group in made.language.data.get("alike", []):
        said = [pieces(each, made.language) for each in group]
        for words in said if known in said else []:
            if not any(sense.role == "head" for sense in made.entries.get(words, [])):
                made.add(join(words), "head", {"name": name})


def _add_kinds(made: Lexicon, home: Home) -> None:
    """One and several of each kind; a kind may also be said for a thing of another kind that is at home."""
    data = made.language.data
    known: dict[str, list[list[str]]] = dict(data["kinds"])
    plural = str(data["plural"])
    for kind in sorted(home.kinds - known.keys()):
        said = kind.replace("_", " ")
        known[kind] = [[said], [said + plural] if plural else []]
    own = {word for kind in home.kinds for words in known[kind] for word in words}
    for kind, words in known.items():
        at_home = kind in home.kinds
        kept = words if at_home else [[said for said in each if said not in own] for each in words]
        _add_kind(made, kept, kind, 0.0 if at_home else ABSENT)
    for kind, others in data["stands_for"].items():
        for other in (each for each in others if each in home.kinds and kind not in home.kinds):
            _add_kind(made, known.get(kind, []), other, _STANDS_FOR)


def _add_kind(made: Lexicon, words: Sequence[Sequence[str]], kind: str, cost: float) -> None:
    """`words`: for one and for several."""
    for count, said in zip(("one", "some"), words, strict=False):
        for each in said:
            made.add(each, "head", {"kind": kind, "count": count}, cost)


def _add_numbers(made: Lexicon) -> None:
    for value in range(_FAR + 1):
        made.add(made.language.number(value), "number", {"number": float(value)})
