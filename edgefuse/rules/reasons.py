"""Why a condition holds: the facts behind it, in words and for placeholders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgefuse.config.rules import AnyOf, BeliefIs, Condition, HealthIs, Not, ReadingIs, Said, Seen, TimeIs
from edgefuse.core.types import Json, Observation
from edgefuse.rules.conditions import Node, View, look


@dataclass(frozen=True, slots=True)
class Reason:
    """One leaf of a condition that holds."""

    text: str
    fields: Mapping[str, Json] = field(default_factory=dict)
    """For placeholders."""
    evidence: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """What is behind it in turn."""
    p: float | None = None
    """How probable it is; None for what is measured and not believed."""
    utterance: Observation | None = None


def reasons(node: Node, view: View, *, denied: bool = False) -> Iterator[Reason]:
    """Of a condition that holds: of `any`, only the branches that do (below `not`, only those that do not).

    So every leaf that is reached is known.
    """
    if not node.children:
        yield _REASONS[type(node.condition)](node, view, denied)
        return
    inverted = denied != isinstance(node.condition, Not)
    one_suffices = isinstance(node.condition, AnyOf) != denied and len(node.children) > 1
    for child in node.children:
        if not one_suffices or look(child, view) is (not denied):
            yield from reasons(child, view, denied=inverted)


def percent(p: float) -> str:
    """93 %."""
    return f"{p * 100:.0f} %"


def shown(value: Json) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _belief(node: Node, view: View, denied: bool) -> Reason:  # noqa: FBT001 - one table, one signature
    condition = node.condition
    assert isinstance(condition, BeliefIs)
    decision = view.known.beliefs[condition.belief]
    negative = condition.above is None and (condition.below is not None or not decision.state)
    held = f" for {condition.for_s:g} s" if condition.for_s else ""
    return Reason(
        text=f"{condition.belief} is {percent(decision.p)} likely{_bounds(condition.above, condition.below)}{held}",
        fields={"p": decision.p, "belief": condition.belief, "area": decision.area},
        evidence=(f"belief:{condition.belief}", *decision.evidence),
        more=decision.because,
        p=1 - decision.p if negative or (denied and condition.above is not None) else decision.p,
    )


def _bounds(above: float | None, below: float | None) -> str:
    words = [f"above {percent(above)}"] if above is not None else []
    words += [f"below {percent(below)}"] if below is not None else []
    return f" ({' and '.join(words)})" if words else ""


def _said(_: Node, view: View, denied: bool) -> Reason:  # noqa: FBT001  as above
    heard = view.utterance
    if heard is None or denied:
        return Reason("nothing of the kind was said")
    data = heard.data
    fields = {
        "p": heard.score,
        "text": data.get("text"),
        "intent": heard.label,
        "target": data.get("target"),
        "area": data.get("area") or heard.area,
        "said_in": heard.area,
        **{f"slots.{name}": value for name, value in (data.get("slots") or {}).items()},
    }
    more = tuple(str(each) for each in data.get("because") or ())
    return Reason(f"'{data.get('text', heard.label)}' was said", fields, (heard.id,), more, utterance=heard)


def _seen(node: Node, view: View, denied: bool) -> Reason:  # noqa: FBT001  as above
    condition = node.condition
    assert isinstance(condition, Seen)
    body = condition.seen
    where = f" in {body.zone}" if body.zone else ""
    looks = [last for last in view.known.looks.get(node.key, {}).values() if last.enough is not None]
    last = max(looks, key=lambda each: each.enough or 0, default=None)
    if denied or last is None or last.observation is None:
        return Reason(f"no {body.label} is seen{where}")
    seen = last.observation
    fields = {
        "label": body.label,
        "zone": body.zone,
        "count": max(last.count, body.at_least),
        "score": seen.score,
        "area": seen.area,
        "source": seen.source,
    }
    return Reason(f"{seen.detector} sees {body.label}{where} ({percent(seen.score)} sure)", fields, (seen.id,))


def _reading(node: Node, view: View, _: bool) -> Reason:  # noqa: FBT001  as above
    condition = node.condition
    assert isinstance(condition, ReadingIs)
    of, quantity = condition.reading.of, condition.reading.quantity
    last = view.known.readings[of, quantity]
    value, unit = last.data.get("value"), str(last.data.get("unit") or "")
    fields = {"value": value, "unit": unit, "quantity": quantity, "area": last.area, "source": last.source}
    return Reason(f"{quantity} of {of} is {shown(value)} {unit}".rstrip(), fields, (last.id,))


def _time(node: Node, view: View, _: bool) -> Reason:  # noqa: FBT001  as above
    assert isinstance(node.condition, TimeIs)
    return Reason(f"it is {view.wall_at(view.t).astimezone(view.zone):%H:%M}")


def _health(node: Node, view: View, _: bool) -> Reason:  # noqa: FBT001  as above
    condition = node.condition
    assert isinstance(condition, HealthIs)
    change = view.known.health[condition.health.of]
    told = f": {change.reason}" if change.reason else ""
    return Reason(
        f"{change.part} is {change.state}{told}",
        {"part": change.part, "state": change.state, "reason": change.reason},
    )


_REASONS = {
    BeliefIs: _belief,
    Said: _said,
    Seen: _seen,
    ReadingIs: _reading,
    TimeIs: _time,
    HealthIs: _health,
}


_OFFERS: Mapping[type, frozenset[str]] = {
    BeliefIs: frozenset({"p", "belief", "area"}),
    Said: frozenset({"p", "text", "intent", "target", "area", "said_in"}),
    Seen: frozenset({"label", "zone", "count", "score", "area", "source"}),
    ReadingIs: frozenset({"value", "unit", "quantity", "area", "source"}),
    TimeIs: frozenset(),
    HealthIs: frozenset({"part", "state", "reason"}),
}


def offers(conditions: Iterable[Condition]) -> frozenset[str]:
    """Names of the placeholders that these leaves can fill; `slots.<name>` comes on top where something is said."""
    return frozenset({"rule", "device", "time"}).union(*(_OFFERS[type(each)] for each in conditions))


def merged(found: Sequence[Reason]) -> dict[str, Json]:
    """The fields of all reasons; where two tell the same, the first."""
    fields: dict[str, Json] = {}
    for reason in found:
        for name, value in reason.fields.items():
            if value is not None:
                fields.setdefault(name, value)
    return fields
