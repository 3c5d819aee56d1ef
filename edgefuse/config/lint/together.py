"""Conditions that contradict each other."""

from collections.abc import Iterator
from itertools import combinations

from edgefuse.config.rules import All, BeliefIs, Condition, Not, ReadingBody, ReadingIs, Said, TimeBody, TimeIs

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S


def leaves(condition: Condition) -> Iterator[Condition]:
    """The conditions that must hold together: the members of an `all`, also of one inside it."""
    if isinstance(condition, All):
        for part in condition.all:
            yield from leaves(part)
    else:
        yield condition


def contradiction(together: list[Condition]) -> str:
    """Why these cannot hold at one moment; empty when they can."""
    return _of_bounds(together) or _of_values(together) or _of_pairs(together) or _of_times(together)


def _of_bounds(together: list[Condition]) -> str:
    bounds: dict[str, tuple[float, float]] = {}
    for condition in together:
        if isinstance(condition, BeliefIs):
            name, above, below = condition.belief, condition.above, condition.below
        elif isinstance(condition, ReadingIs):
            name, above, below = _name(condition.reading), condition.reading.above, condition.reading.below
        else:
            continue
        low, high = bounds.get(name, (float("-inf"), float("inf")))
        low = low if above is None else max(low, above)
        high = high if below is None else min(high, below)
        if low >= high:
            return f"{name} cannot be above {low:g} and below {high:g}"
        bounds[name] = low, high
    return ""


def _name(body: ReadingBody) -> str:
    return f"{body.quantity} of {body.of}"


def _of_values(together: list[Condition]) -> str:
    equal: dict[str, float | bool | str] = {}
    readings = [condition.reading for condition in together if isinstance(condition, ReadingIs)]
    for body in readings:
        if body.equals is None:
            continue
        name = _name(body)
        if equal.setdefault(name, body.equals) != body.equals:
            return f"{name} cannot be {equal[name]} and {body.equals}"
    for body in readings:
        name = _name(body)
        value = equal.get(name)
        if value is None or isinstance(value, str):
            continue
        if (body.above is not None and value <= body.above) or (body.below is not None and value >= body.below):
            return f"{name} cannot be {value:g} and outside of its own bounds"
    return ""


def _of_pairs(together: list[Condition]) -> str:
    for one, other in combinations(together, 2):
        if isinstance(one, Said) and isinstance(other, Said) and not _one_intent(one, other):
            return "two different things cannot be said at the same moment"
        for denied, claimed in ((one, other), (other, one)):
            if isinstance(denied, Not) and denied.not_ == claimed:
                return "a condition and its opposite cannot hold together"
    return ""


def _one_intent(one: Said, other: Said) -> bool:
    intents = [
        {said.said.intent} if isinstance(said.said.intent, str) else set(said.said.intent or ())
        for said in (one, other)
    ]
    return not all(intents) or bool(intents[0] & intents[1])


def _of_times(together: list[Condition]) -> str:
    left = [(0, _WEEK_S)]
    for condition in together:
        if isinstance(condition, TimeIs):
            spans = list(_spans(condition.time))
            left = [(max(a, c), min(b, d)) for a, b in left for c, d in spans if max(a, c) < min(b, d)]
    return "" if left else "no moment of the week lies in all of its time spans"


def _spans(body: TimeBody) -> Iterator[tuple[int, int]]:
    """Seconds since Monday 00:00; a span over the end of the week comes in two pieces."""
    after, before = _seconds(body.after), _seconds(body.before)
    length = (before - after) % _DAY_S or _DAY_S
    for day in body.days or _DAYS:
        start = _DAYS.index(day) * _DAY_S + after
        yield start, min(start + length, _WEEK_S)
        if start + length > _WEEK_S:
            yield 0, start + length - _WEEK_S


def _seconds(time: str) -> int:
    hours, minutes, seconds = (*map(int, time.split(":")), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds
