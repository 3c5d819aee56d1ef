"""Utterance to groups: every way in which all its words make sense together, cheapest first."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from edgefuse.grounding.words.group import Group, step
from edgefuse.grounding.words.lexicon import Lexicon, Sense
from edgefuse.grounding.words.numbers import amounts
from edgefuse.grounding.words.units import Units

Join: TypeAlias = Literal["first", "and", "but", "not", "correct", "also"]
Edges: TypeAlias = Sequence[Sequence[tuple[int, Sense]]]
_WIDTH = 40
"""Readings of the first words that are followed up."""
_STEP = 0.2
_SILENT = 0.05
_SPLIT = 0.4
_MOST = 20
"""Things that can be asked for by number."""
_PLACES = frozenset({"area", "place", "beside", "everywhere"})


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand the words so far."""

    cost: float = 0.0
    done: tuple[tuple[Join, Group], ...] = ()
    join: Join = "first"
    group: Group = field(default_factory=dict)
    opened: str = ""
    """Intent of what it began with by itself: yes, no."""
    tone: Literal["", "mild", "plain"] = ""
    """Of what was begun as a correction: mild where it may as well be none, plain where it was a bare no."""

    @property
    def groups(self) -> tuple[tuple[Join, Group], ...]:
        """All groups, the last one too."""
        return (*self.done, (self.join, self.group)) if self.group or not self.done else self.done

    @property
    def leading(self) -> bool:
        """Whether all so far is what is to be left out: `all but the lamp` in languages that say this first."""
        joins = [*(join for join, _ in self.done), self.join]
        return joins[0] in {"but", "not"} and not {"first", "correct"} & set(joins)

    @property
    def corrects(self) -> bool:
        """Whether that is what was wrong: `not this, but the lamp`."""
        return [*(join for join, _ in self.done), self.join][0] == "not"

    @property
    def closed(self) -> bool:
        """Whether the words may end here."""
        if self.join == "but" and not self.group:
            return False
        return "_need" not in self.group and not self.group.get("_wants")


def lattice(units: Units, lexicon: Lexicon) -> list[list[tuple[int, Sense]]]:
    """What may begin at each word."""
    words = units.words
    edges: list[list[tuple[int, Sense]]] = [list(lexicon.at(words, start)) for start in range(len(words))]
    for amount in amounts(words, lexicon):
        plain = not amount.unit
        sense = Sense("number", {"number": amount.number, "unit": amount.unit}, said="" if plain else amount.unit)
        edges[amount.start].append((amount.end, sense))
        if plain and amount.number == int(amount.number) and 1 < amount.number <= _MOST:
            edges[amount.start].append((amount.end, Sense("several", {"count": amount.number})))
    return [[(end, s) for end, s in found if s.role != "number" or "unit" in s.features] for found in edges]


def readings(units: Units, edges: Edges, *, verb_first: bool) -> list[Reading]:
    """Complete readings, cheapest first."""
    count = len(units.words)
    beams: list[list[Reading]] = [[] for _ in range(count + 1)]
    beams[0].append(Reading())
    for at in range(count):
        for reading in heapq.nsmallest(_WIDTH, beams[at], key=lambda one: one.cost):
            for end, sense in edges[at]:
                if sense.features.get("pause") and end not in units.breaks:
                    continue
                for further in _further(reading, sense, verb_first=verb_first, pause=at in units.breaks):
                    beams[end].append(further)
    return sorted((one for one in beams[count] if one.closed and not one.leading), key=lambda one: one.cost)


def _further(reading: Reading, sense: Sense, *, verb_first: bool, pause: bool) -> Iterator[Reading]:
    cost = reading.cost + sense.cost + (_SILENT if sense.role == "nothing" else _STEP)
    if sense.role in _JOINS:
        yield from _joined(reading, sense, cost)
        return
    if sense.role == "whole":
        if not reading.group and not reading.done and not reading.opened and reading.join == "first":
            yield Reading(cost, (), "first", _whole(sense), str(sense.features["intent"]))
        return
    before = {**reading.group, "_free": True} if sense.role in _FREE and not verb_first else reading.group
    if "_whole" in before and sense.role == "nothing":
        yield replace(reading, cost=cost)
        return
    group = None if "_whole" in before else step(before, sense)
    if group is not None:
        yield Reading(cost, reading.done, reading.join, _flagged(reading.group, group), reading.opened, reading.tone)
    opens = before.get("_whole", {}).get("opens") or (reading.leading and not reading.corrects)
    apart = (
        pause
        or sense.role == "verb"
        or (not verb_first and {"verb", "_head"} <= before.keys() and sense.role in _BEGINS)
    )
    if opens or (group is None and "_whole" not in before and apart):
        yield from _split(reading, sense, cost, pause=pause)


def _whole(sense: Sense) -> Group:
    return {"_whole": sense.features}


def _flagged(before: Group, after: Group) -> Group:
    """Remember whether a place was said behind the thing, or before everything else."""
    new = _PLACES & (after.keys() - before.keys())
    if not new:
        return after
    if before.get("_head"):
        return {**after, "_tail": True}
    return after if "verb" in before else {**after, "_front": True}


def _split(reading: Reading, sense: Sense, cost: float, *, pause: bool) -> Iterator[Reading]:
    """A new group without a word between."""
    if not reading.closed or not reading.group or (sense.role == "nothing"):
        return
    if "mood" in reading.group and not pause:
        return
    group = step(_EXCEPTED if reading.leading else {}, sense)
    if group is None:
        return
    if reading.group.get("_whole"):
        yield Reading(cost, (), "first", group, reading.opened)
    elif reading.leading:
        yield Reading(cost + _SPLIT, (*reading.done, (reading.join, reading.group)), "first", group)
    else:
        done = (*reading.done, (reading.join, reading.group))
        yield Reading(cost + _SPLIT, done, "and", group, reading.opened, reading.tone)


def _begun(reading: Reading, sense: Sense, cost: float) -> Iterator[Reading]:
    """`no`, `I meant`, `and`: before everything else."""
    if not reading.group and not reading.done and not reading.opened and reading.join == "first":
        tone: Literal["", "mild", "plain"] = "mild" if sense.features.get("mild") else ""
        tone = "plain" if sense.features.get("plain") else tone
        yield Reading(cost, (), "correct" if sense.role == "correct" else "also", {}, "", tone)


def _joined(reading: Reading, sense: Sense, cost: float) -> Iterator[Reading]:
    role = sense.role
    if role in {"correct", "also"}:
        yield from _begun(reading, sense, cost)
    elif role in _EXCEPTIONS:
        yield from _excepted(reading, sense, cost)
    elif role == "too":
        if reading.group and reading.closed and not reading.done and reading.join in {"first", "also"}:
            yield Reading(cost, (), "also", reading.group, reading.opened)
    elif reading.closed and reading.group and not reading.group.get("_whole"):
        done = (*reading.done, (reading.join, reading.group))
        yield Reading(cost, done, "and" if role == "and" else "but", {}, reading.opened, reading.tone)
    elif reading.done and not reading.group and role == "and" and reading.join == "and":
        yield Reading(cost, reading.done, "and", {}, reading.opened, reading.tone)


def _excepted(reading: Reading, sense: Sense, cost: float) -> Iterator[Reading]:
    """Exceptions that come before what they are of, or that are told to be some only at their end."""
    done = (*reading.done, (reading.join, reading.group))
    if sense.role == "except":
        if not reading.group and not reading.done and not reading.opened and reading.join == "first":
            yield Reading(cost, (), "not" if sense.features.get("corrects") else "but")
    elif not reading.closed or not reading.group:
        return
    elif sense.role == "outside" and reading.leading and bool(sense.features.get("corrects")) == reading.corrects:
        if reading.corrects:
            yield Reading(cost, (), "correct")
        else:
            yield Reading(cost, done, "first", _EXCEPTED)
    elif sense.role == "excluded" and reading.done:
        yield Reading(cost, (*reading.done, ("but", reading.group)), "and", {}, reading.opened, reading.tone)


def bars(edges: Edges) -> Iterable[str]:
    """Why the words are no order."""
    return (str(sense.features["why"]) for found in edges for _, sense in found if sense.role == "bar")


def unknown(units: Units, edges: Edges) -> list[int]:
    """Words that are in no entry."""
    covered: set[int] = set()
    for start, found in enumerate(edges):
        for end, _ in found:
            covered.update(range(start, end))
    return [at for at in range(len(units.words)) if at not in covered]


_FREE = frozenset({"verb", "state", "ask", "be", "area", "head"})
"""May come last, where the language puts its verbs there."""
_BEGINS = frozenset({"head", "more", "area", "place"})
_EXCEPTIONS = ("except", "outside", "excluded")
_EXCEPTED: Group = {"_marks": frozenset({"except"})}
"""What comes after an exception that was said first."""
_JOINS: Mapping[str, None] = dict.fromkeys(("and", "but", "correct", "also", "too", *_EXCEPTIONS))
