"""Conditions in three-valued logic: True, False, or None for unknown (Kleene, "Introduction to Metamathematics", 1952).

Unknown never fires a rule and never counts as no.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from edgefuse.config.models import Site
from edgefuse.config.rules import (
    All,
    AnyOf,
    BeliefIs,
    Condition,
    HealthIs,
    Not,
    ReadingIs,
    Rule,
    Said,
    Seen,
    TimeIs,
)
from edgefuse.core.types import SECOND, Decision, Json, Nanoseconds, Observation
from edgefuse.rules import timeofday
from edgefuse.rules.state import Hold, Known

Truth = bool | None
_DEAD = frozenset({"stale", "failed", "ended"})
_RECHECK: Nanoseconds = 60 * SECOND
"""Time of day is looked at this often, because the wall clock may be set."""


def all_of(values: Iterable[Truth]) -> Truth:
    """False if any is False, else unknown if any is unknown, else True."""
    found = list(values)
    return False if False in found else None if None in found else True


def any_of(values: Iterable[Truth]) -> Truth:
    """True if any is True, else unknown if any is unknown, else False."""
    found = list(values)
    return True if True in found else None if None in found else False


def opposite(value: Truth) -> Truth:
    """Unknown stays unknown."""
    return None if value is None else not value


@dataclass(slots=True)
class View:
    """What conditions look at, at one moment. Holds and `due` are written by looking."""

    known: Known
    holds: dict[str, Hold]
    now: Nanoseconds
    wall: datetime
    """At `now`."""
    zone: ZoneInfo
    t: Nanoseconds
    """The moment looked at, at or before `now`."""
    moment: Nanoseconds
    """Event time of the fact that made us look; else t."""
    utterance: Observation | None = None
    """What is being said at this very moment."""
    due: Nanoseconds | None = None
    """When time alone may change what was looked at."""

    def wake(self, t: Nanoseconds) -> None:
        """Ask to look again at `t`."""
        if t > self.t and (self.due is None or t < self.due):
            self.due = t

    def wall_at(self, t: Nanoseconds) -> datetime:
        """UTC."""
        return self.wall - timedelta(microseconds=(self.now - t) // 1000)


@dataclass(frozen=True, slots=True)
class Node:
    """A condition, ready to be looked at."""

    key: str
    """`<rule>#<digest of its conditions>/<path>`: an edited rule does not inherit what the old one held."""
    condition: Condition
    test: Callable[["Node", View], Truth]
    children: tuple["Node", ...] = ()
    hold: Nanoseconds = 0
    """for_s."""
    within: Nanoseconds | None = None
    """Older facts are unknown."""
    feeds: tuple[str, ...] = field(default=())
    """Sources behind the part of a reading: with all of them dead it is unknown."""

    def leaves(self) -> Iterator["Node"]:
        """Itself, or the leaves below."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def nodes(self) -> Iterator["Node"]:
        """Itself and everything below."""
        yield self
        for child in self.children:
            yield from child.nodes()


def children(condition: Condition) -> list[Condition]:
    """The conditions inside a condition; none inside a leaf."""
    if isinstance(condition, All):
        return condition.all
    if isinstance(condition, AnyOf):
        return condition.any
    return [condition.not_] if isinstance(condition, Not) else []


def compiled(rule: Rule, site: Site) -> Node:
    """The conditions of a rule."""
    digest = sha256(rule.when.model_dump_json(by_alias=True).encode()).hexdigest()[:8]
    return _compile(rule.when, f"{rule.name}#{digest}", site)


def _compile(condition: Condition, key: str, site: Site) -> Node:
    within, feeds = None, ()
    if isinstance(condition, Seen):
        within = condition.seen.within_s
    elif isinstance(condition, ReadingIs):
        source = site.sources.get(condition.reading.of)
        within = condition.reading.within_s or getattr(source, "stale_s", None)
        feeds = tuple(getattr(site.detectors.get(condition.reading.of), "on", ()))
    return Node(
        key=key,
        condition=condition,
        test=_TESTS[type(condition)],
        children=tuple(_compile(child, f"{key}/{n}", site) for n, child in enumerate(children(condition))),
        hold=int(getattr(condition, "for_s", 0) * SECOND),
        within=None if within is None else int(within * SECOND),
        feeds=feeds,
    )


def look(node: Node, view: View) -> Truth:
    """Whether a condition holds now, and for long enough; notes in `view` when that may change by itself."""
    raw = node.test(node, view)
    return _held(node, view, raw) if node.hold else raw


def _held(node: Node, view: View, raw: Truth) -> Truth:
    hold = view.holds.get(node.key, Hold())
    if raw is None and hold.restored:
        return None
    if raw is not True:
        if hold.since is not None or hold.restored:
            view.holds[node.key] = Hold(None, hold.on)
        return raw
    since = hold.since
    if since is None:
        since = view.t if node.children else view.moment
    end = since + node.hold
    lasted = end <= view.moment or (hold.lasted and since == hold.since)
    if since != hold.since or hold.restored or lasted != hold.lasted:
        view.holds[node.key] = Hold(since, hold.on, lasted=lasted)
    if not lasted:
        # Even where `end` has passed already: a later fact of this step may still tell that it did not last so long.
        view.due = end if view.due is None else min(view.due, end)
    return lasted


def bounded(node: Node, view: View, value: float, bounds: tuple[float | None, float | None, float]) -> bool:
    """Whether a value lies inside (above, below), with hysteresis once it did."""
    above, below, hysteresis = bounds
    hold = view.holds.get(node.key, Hold()) if hysteresis else None
    slack = hysteresis if hold and hold.on else 0.0
    inside = (above is None or value > above - slack) and (below is None or value < below + slack)
    if hold and hold.on != inside:
        view.holds[node.key] = replace(hold, on=inside)
    return inside


def _all(node: Node, view: View) -> Truth:
    return all_of([look(child, view) for child in node.children])


def _any(node: Node, view: View) -> Truth:
    return any_of([look(child, view) for child in node.children])


def _not(node: Node, view: View) -> Truth:
    return opposite(look(node.children[0], view))


def _belief(node: Node, view: View) -> Truth:
    condition = node.condition
    assert isinstance(condition, BeliefIs)
    decision = view.known.beliefs.get(condition.belief)
    if decision is None or silent(decision):
        return None
    above = condition.above
    if condition.precision is not None:
        least = decision.threshold_for(condition.precision)
        if least is None:
            return None
        above = max(least, above or 0.0)
    if above is None and condition.below is None:
        return decision.state
    return bounded(node, view, decision.p, (above, condition.below, condition.hysteresis))


def silent(decision: Decision) -> bool:
    """Whether nobody who could know anything about the belief is alive: p is then nothing but its prior."""
    return bool(decision.missing) and set(decision.missing) >= set(decision.contributions)


def _said(node: Node, view: View) -> Truth:
    condition = node.condition
    assert isinstance(condition, Said)
    heard, body = view.utterance, condition.said
    if heard is None or heard.score < body.above:
        return False
    intents = [body.intent] if isinstance(body.intent, str) else body.intent
    understood = heard.label in intents if intents else heard.label != "not_understood"
    in_area = body.area is None or body.area in (heard.data.get("area"), heard.area)
    slots: Mapping[str, Json] = heard.data.get("slots") or {}
    return understood and in_area and all(_fits(slots.get(name), want) for name, want in body.slots.items())


def _fits(value: Json, want: str | list[str]) -> bool:
    wanted = [want] if isinstance(want, str) else want
    return value is not None and str(value).casefold() in [each.casefold() for each in wanted]


def _seen(node: Node, view: View) -> Truth:
    within = node.within or 0
    values: list[Truth] = []
    for last in view.known.looks.get(node.key, {}).values():
        if last.enough is not None and view.t < last.enough + within:
            view.wake(last.enough + within)
            values.append(True)
        elif view.t < last.frame + within:
            view.wake(last.frame + within)
            values.append(False)
    return True if True in values else False if values else None


def _reading(node: Node, view: View) -> Truth:
    condition = node.condition
    assert isinstance(condition, ReadingIs)
    body = condition.reading
    last = view.known.readings.get((body.of, body.quantity))
    if last is None or _dead(node, body.of, view):
        return None
    if node.within is not None:
        view.wake(last.end + node.within)
        if view.t >= last.end + node.within:
            return None
    value = last.data.get("value")
    if body.equals is not None and value != body.equals:
        return False
    if body.above is None and body.below is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return bounded(node, view, value, (body.above, body.below, body.hysteresis))


def _dead(node: Node, part: str, view: View) -> bool:
    def dead(name: str) -> bool:
        change = view.known.health.get(name)
        return change is not None and change.state in _DEAD

    return dead(part) or (bool(node.feeds) and all(dead(feed) for feed in node.feeds))


def _time(node: Node, view: View) -> Truth:
    condition = node.condition
    assert isinstance(condition, TimeIs)
    moment = view.wall_at(view.t)
    inside, edge = timeofday.within(condition.time, moment, view.zone)
    ahead = _RECHECK if edge is None else (edge - moment) // timedelta(microseconds=1) * 1000
    view.wake(view.t + min(_RECHECK, max(1000, ahead)))
    return inside


def _health(node: Node, view: View) -> Truth:
    condition = node.condition
    assert isinstance(condition, HealthIs)
    change = view.known.health.get(condition.health.of)
    wanted = [condition.health.state] if isinstance(condition.health.state, str) else condition.health.state
    if change is None or (change.state == "starting" and "starting" not in wanted):
        return None
    return change.state in wanted


_TESTS: dict[type, Callable[[Node, View], Truth]] = {
    All: _all,
    AnyOf: _any,
    Not: _not,
    BeliefIs: _belief,
    Said: _said,
    Seen: _seen,
    ReadingIs: _reading,
    TimeIs: _time,
    HealthIs: _health,
}
