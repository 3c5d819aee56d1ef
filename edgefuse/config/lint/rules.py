"""Checks of rules: what they refer to, and whether they can fire."""

from collections.abc import Iterator

from edgefuse.config.lint.firing import chance, world
from edgefuse.config.lint.parts import topic_remarks, zone_remarks
from edgefuse.config.lint.scope import Remark, Scope
from edgefuse.config.models import THING_INTENTS
from edgefuse.config.rules import (
    All,
    AnyOf,
    BeliefIs,
    Command,
    Condition,
    HealthIs,
    Not,
    Publish,
    ReadingIs,
    Rule,
    Said,
    Say,
    Seen,
)
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Path

TARGET = "{target}"


def rule_remarks(scope: Scope) -> Iterator[Remark]:
    """Everything that is wrong with the rules."""
    seen: dict[str, int] = {}
    for index, rule in zip(scope.rule_indexes, scope.site.rules, strict=True):
        path: Path = ("rules", index)
        if rule.name in seen:
            yield Remark(
                (*path, "name"), f"expected a name of its own, got '{rule.name}' again (rules[{seen[rule.name]}])"
            )
        seen.setdefault(rule.name, index)
        faults = [*_condition(scope, rule.when, (*path, "when")), *_actions(scope, rule, path)]
        faults += [
            Remark((*path, "then"), f"expected a placeholder that the condition can fill, got '{{{name}}}'")
            for name in scope.unfilled(rule)
        ]
        yield from faults
        if rule.enabled and not faults:
            yield from _firing(scope, rule, path)


def _condition(scope: Scope, condition: Condition, path: Path) -> Iterator[Remark]:
    """References of a condition and of those inside it."""
    if isinstance(condition, All | AnyOf):
        key, members = ("all", condition.all) if isinstance(condition, All) else ("any", condition.any)
        for i, member in enumerate(members):
            yield from _condition(scope, member, (*path, key, i))
    elif isinstance(condition, Not):
        yield from _condition(scope, condition.not_, (*path, "not"))
    else:
        yield from _leaf(scope, condition, path)


def _leaf(scope: Scope, condition: Condition, path: Path) -> Iterator[Remark]:
    if isinstance(condition, BeliefIs):
        yield from scope.refers((*path, "belief"), condition.belief, "a belief", "beliefs")
    elif isinstance(condition, ReadingIs):
        of = (*path, "reading", "of")
        told = ("things",) if any(thing.state for thing in scope.site.things.values()) else ()
        yield from scope.refers(of, condition.reading.of, "a source or detector", "sources", "detectors", extra=told)
    elif isinstance(condition, HealthIs):
        of, parts = (*path, "health", "of"), ("sources", "detectors", "publishers")
        yield from scope.refers(
            of, condition.health.of, "a source, a detector or broker", *parts, extra=("broker", "outbox")
        )
    elif isinstance(condition, Said):
        yield from _said(scope, condition, (*path, "said"))
    elif isinstance(condition, Seen):
        yield from _seen(scope, condition, (*path, "seen"))


def _said(scope: Scope, condition: Said, path: Path) -> Iterator[Remark]:
    intents = condition.said.intent
    for i, intent in enumerate([intents] if isinstance(intents, str) else intents or []):
        at = (*path, "intent") if isinstance(intents, str) else (*path, "intent", i)
        yield from scope.refers(at, intent, "an intent", "intents", extra=(*THING_INTENTS, "not_understood"))
    yield from _area(scope, condition.said.area, (*path, "area"))


def _seen(scope: Scope, condition: Seen, path: Path) -> Iterator[Remark]:
    body = condition.seen
    yield from _area(scope, body.area, (*path, "area"))
    if body.by is not None:
        yield from scope.refers((*path, "by"), body.by, "a detector", "detectors")
    detectors = scope.site.detectors
    eyes = (
        [detectors[body.by]] if body.by in detectors else [detectors[n] for n in detectors if scope.tells(n, "object")]
    )
    if body.zone is not None and not scope.broken.get("sources") and not scope.broken.get("detectors"):
        sources = list(dict.fromkeys(source for eye in eyes for source in eye.on))
        yield from zone_remarks(scope, (*path, "zone"), body.zone, sources)


def _area(scope: Scope, area: str | None, path: Path) -> Iterator[Remark]:
    site = scope.site
    parts = [*site.sources.values(), *site.detectors.values(), *site.things.values()]
    known = list(dict.fromkeys(a for part in (site.device, *parts) if (a := getattr(part, "area", None))))
    if area is not None and area not in known and not scope.broken:
        yield Remark(path, f"expected an area of some part, got '{area}'{nearest(area, known)}")


def _actions(scope: Scope, rule: Rule, path: Path) -> Iterator[Remark]:
    said = _hears(rule.when)
    for i, action in enumerate(rule.then):
        at = (*path, "then", i)
        if isinstance(action, Command):
            yield from _command(scope, action, at, said=said)
        elif isinstance(action, Say):
            yield from _area(scope, action.area, (*at, "area"))
        elif isinstance(action, Publish):
            yield from topic_remarks((*at, "publish"), action.publish)


def _hears(condition: Condition) -> bool:
    """Whether something was said when it is true (in some of its branches)."""
    if isinstance(condition, All | AnyOf):
        return any(map(_hears, condition.all if isinstance(condition, All) else condition.any))
    return isinstance(condition, Said)


def _command(scope: Scope, action: Command, path: Path, *, said: bool) -> Iterator[Remark]:
    if action.command == TARGET:
        if not said:
            yield Remark((*path, "command"), f"expected the name of a thing, got '{TARGET}' in a rule without `said`")
        return
    if action.intent is None and not said:
        yield Remark((*path, "command"), "expected an `intent` beside it, such as turn_on, as nothing is `said` here")
    yield from scope.refers((*path, "command"), action.command, f"a thing or '{TARGET}'", "things")
    if action.intent is not None:
        yield from scope.refers((*path, "intent"), action.intent, "an intent", "intents", extra=tuple(THING_INTENTS))
    thing = scope.site.things.get(action.command)
    if thing is None:
        return
    if thing.set is None:
        yield Remark(
            (*path, "command"),
            f"expected a thing that can be commanded, but things.{action.command} has no `set` topic",
        )
    field = THING_INTENTS.get(action.intent or "")
    if field and getattr(thing, field) is None:
        yield Remark((*path, "intent"), f"expected something {action.command} can do, but it has no payload `{field}`")


def _firing(scope: Scope, rule: Rule, path: Path) -> Iterator[Remark]:
    unsure = [name for section in ("sources", "detectors", "beliefs") for name in scope.broken.get(section, ())]
    off = [name for name, source in scope.site.sources.items() if getattr(source, "enabled", True) is False]
    now = chance(rule.when, world(scope.site, off, unsure, scope.tells))
    at = (*path, "when")
    if not now.true:
        yield Remark(at, f"rule {rule.name} cannot fire: {now.why}")
        return
    for name in scope.site.sources:
        without = chance(rule.when, world(scope.site, [*off, name], unsure, scope.tells))
        if not without.true:
            yield Remark(at, f"rule {rule.name} cannot fire when {name} is down: {without.why}", warning=True)
