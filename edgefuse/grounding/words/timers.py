"""Timers, reminders and questions why: orders that hold a time or words of the speaker's own.

Those words are kept as they were said. Nothing here commands a thing, so nothing but a time has to be understood; what
speaks of another day is still no order, because there are no days here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from edgefuse.grounding.order import Order
from edgefuse.grounding.words.lexicon import Lexicon, Sense
from edgefuse.grounding.words.numbers import Span, clocks, durations
from edgefuse.grounding.words.units import join

Edges: TypeAlias = Sequence[Sequence[tuple[int, Sense]]]
Times: TypeAlias = Mapping[Span, Mapping[str, str]]
_SILENT = frozenset({"nothing", "too"})
_INTENTS = {"make": "set_timer", "end": "cancel_timer", "left": "query_timer"}
_NO_NAME = frozenset(
    {"bar", "verb", "particle", "and", "but", "timer", "timers", "make", "end", "left", "nothing", "head"}
)
_LONGEST_NAME = 3
_COST, _LATER = 0.3, 0.3


@dataclass(frozen=True, slots=True)
class _State:
    """Words of a timer so far."""

    does: str = ""
    timer: bool = False
    every: bool = False
    slots: Mapping[str, str] | None = None
    name: tuple[str, ...] = ()
    named: int = -1
    """Index behind the name."""
    calls: bool = False
    """The name comes next."""


def free_orders(words: Sequence[str], lexicon: Lexicon) -> list[tuple[float, Order]]:
    """Every order of this kind that the words are, with its cost; all words are used."""
    edges = [list(lexicon.at(words, start)) for start in range(len(words))]
    roles = {sense.role for found in edges for _, sense in found}
    if not roles & {"timer", "timers", "left_alone", "remind", "wake", "why"}:
        return []
    times = _times(words, lexicon)
    found = list(_reminders(words, edges, times)) if roles & {"remind", "wake"} else []
    found += [_order(state) for state in _timers(words, edges, times) if state.timer or state.does == "alone"]
    why = _why(words, edges) if "why" in roles else None
    unique = [*dict.fromkeys((order.intent, tuple(order.slots.items())) for order in [*found, *([why] if why else [])])]
    return [(_COST + _LATER * at, Order(intent, slots=dict(slots))) for at, (intent, slots) in enumerate(unique)]


def _times(words: Sequence[str], lexicon: Lexicon) -> Times:
    lengths = {span: {"duration_s": _seconds(value)} for span, value in durations(words, lexicon).items()}
    times = {
        span: {"at": at} | ({"clock": "12"} if twice else {}) for span, (at, twice) in clocks(words, lexicon).items()
    }
    return {**times, **lengths}


def _seconds(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _timers(words: Sequence[str], edges: Edges, times: Times) -> Iterator[_State]:
    """Depth first; a state at the end of all words is a reading."""
    ways = [(0, _State())]
    while ways:
        at, state = ways.pop()
        if at == len(words):
            yield state
            continue
        ways += [(end, new) for end, sense in edges[at] if (new := _taken(state, sense, at)) is not None]
        if state.slots is None:
            ways += [(end, replace(state, slots=slots)) for (start, end), slots in times.items() if start == at]
        named = _named(state, words[at], edges[at], at)
        if named is not None:
            ways.append((at + 1, named))


def _taken(state: _State, sense: Sense, at: int) -> _State | None:
    role = sense.role
    if role in _SILENT or role == "when":
        return state
    if role in _INTENTS:
        return None if state.does else replace(state, does=role)
    if role == "left_alone":
        return None if state.does else replace(state, does="alone")
    if role in {"timer", "timers"}:
        if state.timer or (state.name and state.named != at):
            return None
        return replace(state, timer=True, every=role == "timers")
    if role == "call" and state.timer and not state.name:
        return replace(state, calls=True)
    return None


def _named(state: _State, word: str, senses: Sequence[tuple[int, Sense]], at: int) -> _State | None:
    """One word more of the name: right before the word for a timer, or after `called`."""
    if len(state.name) >= _LONGEST_NAME or (state.name and state.named != at) or (state.timer and not state.calls):
        return None
    if any(sense.role in _NO_NAME for _, sense in senses):
        return None
    return replace(state, name=(*state.name, word), named=at + 1)


def _order(state: _State) -> Order:
    intent = "query_timer" if state.does == "alone" else _INTENTS[state.does or "make"]
    slots = dict(state.slots or {})
    if state.name:
        slots["text"] = join(state.name)
    if state.every:
        slots["all"] = "all"
    return Order(intent, slots=slots)


def _reminders(words: Sequence[str], edges: Edges, times: Times) -> Iterator[Order]:
    for start, found in enumerate(edges):
        before = list(_timed(0, start, edges, times)) if start else [{}]
        for end, sense in found if before else ():
            if sense.role == "wake":
                yield from (
                    Order("set_timer", slots={name: value for name, value in slots.items() if name != "clock"})
                    for slots in [*_timed(end, len(words), edges, times), *(each for each in before if each)]
                )
            elif sense.role == "remind":
                yield from (
                    Order("set_reminder", slots={**before[0], **slots, **text})
                    for slots, text in _reminded(words, end, edges, {} if before[0] else times)
                )


def _reminded(
    words: Sequence[str], start: int, edges: Edges, times: Times
) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Time and text behind `remind me`: the time first, or last, or not at all."""
    count = len(words)
    for middle in range(count, start, -1):
        for slots in _timed(start, middle, edges, times):
            yield from ((slots, text) for text in _text(words, middle, count, edges))
    for middle in range(start + 1, count):
        if any(sense.role == "when" for _, sense in edges[middle]):
            for slots in _timed(middle, count, edges, times):
                yield from ((slots, text) for text in _text(words, start, middle, edges))
    yield from (({}, text) for text in _text(words, start, count, edges))


def _text(words: Sequence[str], start: int, end: int, edges: Edges) -> list[Mapping[str, str]]:
    """What is to be remembered; nothing where it speaks of a day."""
    if any(sense.features.get("day") for found in edges[start:end] for _, sense in found):
        return []
    begin = max((e for e, s in edges[start] if s.role == "about" and e <= end), default=start) if start < end else end
    return [{"text": join(tuple(words[begin:end]))}] if begin < end else [{}]


def _timed(start: int, stop: int, edges: Edges, times: Times) -> Iterator[Mapping[str, str]]:
    """Times that fill these words, with what may stand beside one."""
    ways: list[tuple[int, Mapping[str, str]]] = [(start, {})]
    while ways:
        at, slots = ways.pop()
        if at == stop:
            yield from [slots] if slots else []
        elif at < stop:
            ways += [(end, slots) for end, sense in edges[at] if sense.role in {*_SILENT, "when"}]
            ways += [(e, found) for (s, e), found in times.items() if s == at and not slots]


def _why(words: Sequence[str], edges: Edges) -> Order | None:
    """`event`: what it is about, as far as it is said."""
    begin = max((end for end, sense in edges[0] if sense.role == "why"), default=0)
    if not begin or any(end > begin and sense.role == "nothing" for end, sense in edges[0]):
        return None
    further = begin
    while further < len(words):
        ends = [end for end, sense in edges[further] if sense.role in {"nothing_why", *_SILENT}]
        if not ends:
            break
        further = max(ends)
    event = join(tuple(words[further:]))
    return Order("query_why", slots={"event": event} if event else {})
