"""Groups to orders: what is asked for, of which things, with which values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.words.asking import Asked, Meaning, meanings
from edgefuse.grounding.words.group import PHRASE, Group
from edgefuse.grounding.words.parse import Join, Reading

_ALONE = frozenset({"raise", "lower", "set_temperature", "set_level", "set_colour", "set_mode", "arm", "disarm"})
"""Intents that may come without things: what is spoken of then is the room, or what was spoken of last."""
_ASKING = frozenset({"query_value", "query_who", "query_state", "correct"})
_NAMED = ("name", "kind", "count", "deixis")
_SEEN = ("area", "place", "everywhere")
"""What somebody may be in."""
_WHERE = ("area", "place", "beside", "everywhere", "side")
_MEANT = ("verb", "particle", "value", "marked", "degree", "amount", "quantity", "asked", "mood")
_ALONE_TOO = {"pick": "first", "also": "also", "correct": "correct"}
_APART = 0.15


@dataclass(frozen=True, slots=True)
class Draft:
    """An order under construction."""

    intent: str
    slots: Mapping[str, str]
    things: tuple[Group, ...] = ()
    but: tuple[Group, ...] = ()
    open: Group | None = None
    """Words that ask for something only together with the next group: `turn the lamp` and the fan off."""
    excepting: bool = False


@dataclass(frozen=True, slots=True)
class _Way:
    cost: float
    drafts: tuple[Draft, ...]


def orders(reading: Reading, asked: Asked) -> Iterator[tuple[float, tuple[Order, ...]]]:
    """Every way to make orders of a reading: cost and orders."""
    whole = reading.group.get("_whole")
    if whole:
        fields = {name: value for name, value in whole.items() if name in PHRASE}
        yield reading.cost, (Order(reading.opened, (Phrase(**fields),) if fields else (), (), whole.get("slots", {})),)
        return
    ways = [_Way(reading.cost, ())]
    for join, group in _ordered(reading.groups):
        ways = [further for way in ways for further in _further(way, join, group, reading, asked)]
    first = (Order(reading.opened),) if reading.opened else ()
    for way in ways:
        for cost, made in _finished(way):
            yield cost, made if made and made[0].intent == "pick" and reading.opened == "yes" else (*first, *made)


def _ordered(groups: Sequence[tuple[Join, Group]]) -> Sequence[tuple[Join, Group]]:
    """Exceptions that were said first, after what they are of."""
    at = next((at for at, (join, _) in enumerate(groups) if join in {"first", "correct"}), 0)
    return [*groups[at : at + 1], *groups[:at], *groups[at + 1 :]]


def _further(way: _Way, join: Join, group: Group, reading: Reading, asked: Asked) -> Iterator[_Way]:
    """Take one more group."""
    last = way.drafts[-1] if way.drafts else None
    if join == "but":
        yield from _excepted(way, last, group, asked)
        return
    whole = _continued(last, group)
    found = list(meanings(whole, asked))
    if found and join == "correct" and reading.tone == "plain":
        return
    for meaning in found:
        yield from _meant(way, join, _left_out(whole, meaning, way.drafts, asked), meaning, reading)
    if found:
        return
    if "verb" in group or "mood" in group:
        if join != "also":
            yield _Way(way.cost, (*way.drafts, Draft("", {}, (group,) if _speaks(group) else (), (), whole)))
    elif _speaks(group) and not _means(group):
        yield from _more_things(way, join, group)


def _excepted(way: _Way, last: Draft | None, group: Group, asked: Asked) -> Iterator[_Way]:
    if last is not None and last.open is None and _speaks(group) and not _means(group):
        things = _of_same_kind(last.things, group, asked)
        yield _replaced(way, replace(last, things=things, but=(*last.but, group), excepting=True))


def _of_same_kind(things: tuple[Group, ...], group: Group, asked: Asked) -> tuple[Group, ...]:
    """`all but the desk lamp` are all lamps, where a language need not say so."""
    if any(each.get("_head") and not each.get("_unsaid") for each in things):
        return things
    kind = group.get("kind") or asked.kinds.get(group.get("name", ""))
    rest = [{name: value for name, value in each.items() if name != "deixis"} for each in things]
    return tuple({**each, "kind": kind, "count": "all"} for each in rest) if kind else ()


def _left_out(group: Group, meaning: Meaning, drafts: Sequence[Draft], asked: Asked) -> Group:
    """What goes unsaid: that which was spoken of last."""
    said = {name for name in PHRASE if name in group}
    if said == {"count"} and not group.get("_head"):
        return {**group, "deixis": "them", "_head": "deixis", "_unsaid": True}
    if asked.drops and meaning.intent == "query_state" and "kind" in group and not said & {"deixis", "side", "number"}:
        return {**group, "count": "all"}
    excepted = "except" in group.get("_marks", ())
    alone = asked.drops and not said and not drafts and "verb" in group and not excepted
    return (
        {**group, "deixis": "it", "_head": "deixis", "_bare": True}
        if alone and meaning.intent not in {*_ALONE, *_ASKING}
        else group
    )


def _continued(last: Draft | None, group: Group) -> Group:
    """With the verb of the group before, where that said no more than it."""
    if last is None or last.open is None or "verb" in group:
        return group
    return {**{name: value for name, value in last.open.items() if name in {*_MEANT, "marked"}}, **group}


def _meant(way: _Way, join: Join, group: Group, meaning: Meaning, reading: Reading) -> Iterator[_Way]:
    things = (group,) if _speaks(group) else ()
    drafts = way.drafts
    last = drafts[-1] if drafts else None
    if last is not None and _goes_on(last, join, group):
        things, drafts = (*last.things, *things), drafts[:-1]
    if join == "correct" and not reading.tone:
        drafts = (*drafts, Draft("correct", {}))
    yield _Way(way.cost + meaning.cost, (*drafts, Draft(meaning.intent, meaning.slots, things)))


def _goes_on(last: Draft, join: Join, group: Group) -> bool:
    """Whether what was said before belongs to this group: `the lamp and` the fan off, `in the hall` lights off."""
    if last.open is not None:
        return "verb" not in group or last.open.get("verb") == group["verb"]
    if last.intent != "pick":
        return False
    final = join == "and" and bool(group.get("_final"))
    return "verb" not in group or final or not any(each.get("_head") for each in last.things)


def _more_things(way: _Way, join: Join, group: Group) -> Iterator[_Way]:
    last = way.drafts[-1] if way.drafts else None
    if last is None:
        intent = next((name for name, begins in _ALONE_TOO.items() if begins == join), "")
        if intent:
            yield _Way(way.cost, (Draft(intent, {}, (group,)),))
    elif last.excepting:
        yield _replaced(way, replace(last, but=(*last.but, group)))
    elif last.things or last.open is not None:
        yield _replaced(way, replace(last, things=(*last.things, group)))


def _replaced(way: _Way, draft: Draft) -> _Way:
    return _Way(way.cost, (*way.drafts[:-1], draft))


def _speaks(group: Group) -> bool:
    """Whether it speaks of things at all."""
    return "of" in group or any(name in group for name in PHRASE)


def _means(group: Group) -> bool:
    return any(name in group for name in _MEANT)


def _finished(way: _Way) -> Iterator[tuple[float, tuple[Order, ...]]]:
    """Orders of complete drafts; none where a verb alone comes before another order.

    Where a place may be that of all or of the last thing, both.
    """
    if any(each.get("_bare") for draft in way.drafts[:-1] for each in draft.things):
        return
    if any(draft.open is not None or not _complete(draft, len(way.drafts)) for draft in way.drafts):
        return
    made = tuple(_order(draft, spread=True) for draft in way.drafts)
    apart = tuple(_order(draft, spread=False) for draft in way.drafts)
    yield way.cost, made
    if apart != made:
        yield way.cost + _APART, apart


def _complete(draft: Draft, count: int) -> bool:
    if draft.intent in {"pick", "also"}:
        return count == 1
    return bool(draft.things) or draft.intent in _ALONE or draft.intent in _ASKING


def _order(draft: Draft, *, spread: bool) -> Order:
    if draft.slots.get("state") in {"armed", "disarmed"}:
        return Order(draft.intent, slots=dict(draft.slots))
    things = _inherited(draft.things)
    if draft.intent == "query_who":
        things = [place for each in things if (place := {key: each[key] for key in _SEEN if key in each})]
    if spread:
        things = _spread(things)
    main = things[0] if things else {}
    but = _inherited(draft.but)
    return Order(
        draft.intent,
        tuple(phrase for each in things if not (phrase := _phrase(each, draft)).empty or draft.intent != "query_value"),
        tuple(_phrase(_like(each, main), draft) for each in but),
        dict(draft.slots),
    )


def _like(group: Group, main: Group) -> Group:
    """`the ones in the kitchen` are of the kind that was spoken of."""
    if {"name", "kind", "deixis"} & group.keys() or "kind" not in main:
        return group
    return {**group, "kind": main["kind"], "count": group.get("count", "all")}


def _inherited(groups: Sequence[Group]) -> list[Group]:
    """`the kitchen and hall lights`, `the lights in the kitchen and the hall`: what has no head takes a neighbour's."""
    found = list(groups)
    for at, group in enumerate(found):
        if group.get("_head") or not {"area", "side", "beside"} & group.keys():
            continue
        donors = [*reversed(found[:at]), *found[at + 1 :]]
        donor = next((each for each in donors if "kind" in each and {"area", "side", "beside"} & each.keys()), None)
        if donor is not None:
            found[at] = {**group, **{name: donor[name] for name in _NAMED if name in donor}, "_head": donor["_head"]}
    return found


def _spread(groups: Sequence[Group]) -> list[Group]:
    """A place behind the last thing, or before the first, is that of all that have none."""
    if len(groups) < 2:  # noqa: PLR2004
        return list(groups)
    giver = groups[-1] if groups[-1].get("_tail") else groups[0] if groups[0].get("_front") else None
    if giver is None:
        return list(groups)
    where = {name: giver[name] for name in _WHERE if name in giver}
    return [each if any(name in each for name in _WHERE) or "name" in each else {**each, **where} for each in groups]


def _phrase(group: Group, draft: Draft) -> Phrase:
    fields: dict[str, Any] = {name: group[name] for name in PHRASE if name in group}
    if draft.intent == "query_value" and fields.get("deixis") == "it" and draft.slots.get("quantity") != "level":
        del fields["deixis"]
    if "area" in fields or "place" in fields:
        fields.pop("everywhere", None)
    if "of" in group and not {"name", "kind", "deixis"} & fields.keys():
        fields |= {"kind": group["of"], "count": "some"}
    if fields.get("everywhere") and "kind" in fields and fields.get("count") == "one":
        fields["count"] = "all"
    if "name" in fields and fields.get("count") == "one":
        del fields["count"]
    return Phrase(**fields)
