"""Rules: facts in, actions out. Pure: everything it remembers is in `RuleState`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from edgefuse.config.models import Site
from edgefuse.config.rules import Alert, BeliefIs, HealthIs, ReadingIs, Rule, Said, Seen, SeenBody
from edgefuse.core.types import SECOND, Action, Decision, Fact, HealthChange, Json, Nanoseconds, Observation
from edgefuse.rules.actions import Firing
from edgefuse.rules.conditions import Node, View, compiled, look
from edgefuse.rules.reasons import reasons
from edgefuse.rules.state import Known, Look, Memory, Past, RuleState, keep, muted_until, wall_ns

__all__ = ["Engine", "RuleState"]
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule, ready to be looked at."""

    rule: Rule
    root: Node
    cooldown: Nanoseconds
    grows: bool
    """Raises an alert that can get worse while it lasts, because a belief is behind it."""


@dataclass(slots=True)
class _Work:
    """The state of one step while it changes."""

    view: View
    memory: Memory
    past: dict[str, Past]
    beliefs: dict[str, Decision]
    readings: dict[tuple[str, str], Observation]
    looks: dict[str, Mapping[tuple[str, str], Look]]
    health: dict[str, HealthChange]
    due: dict[str, Nanoseconds]
    actions: list[Action] = field(default_factory=list)

    @staticmethod
    def of(state: RuleState, now: Nanoseconds, wall: datetime, zone: ZoneInfo) -> "_Work":
        """A working copy."""
        beliefs, readings = dict(state.known.beliefs), dict(state.known.readings)
        looks, health = dict(state.known.looks), dict(state.known.health)
        known = Known(beliefs, readings, looks, health)
        t = now if state.t is None else min(state.t, now)
        view = View(known, dict(state.memory.holds), now, wall, zone, t=t, moment=t)
        return _Work(view, state.memory, dict(state.memory.past), beliefs, readings, looks, health, dict(state.due))

    def done(self) -> RuleState:
        """The state after the step; its memory is the same object when nothing worth storing changed."""
        memory = self.memory
        if self.past != memory.past or self.view.holds != memory.holds:
            memory = replace(memory, past=self.past, holds=self.view.holds)
        return RuleState(memory, self.view.known, self.due, self.view.t, stale=False)


class Engine:
    """The rules of a site.

    A rule fires when its condition turns true, and again only after it turned false (not: unknown). While it is
    silenced - cooling down, muted, or not armed - it waits: it fires once that ends, if the condition still holds.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.device.timezone)
        self._rules = {rule.name: _ready(rule, site) for rule in site.rules if rule.enabled}
        self._by_fact: dict[tuple[str, ...], list[_Ready]] = {}
        self._seen: list[tuple[_Ready, Node, SeenBody]] = []
        for ready in self._rules.values():
            self._index(ready)

    def _index(self, ready: _Ready) -> None:
        for leaf in ready.root.leaves():
            if isinstance(leaf.condition, Seen):
                self._seen.append((ready, leaf, leaf.condition.seen))
            for key in _keys(leaf):
                rules = self._by_fact.setdefault(key, [])
                if ready not in rules:
                    rules.append(ready)

    def restore(self, data: Json, now: Nanoseconds, wall: datetime) -> RuleState:
        """The state that `RuleState.to_json` gave, less what is about rules that have changed; None gives a new one."""
        state = RuleState() if data is None else RuleState.from_json(data, now, wall)
        return replace(self.adopt(state), t=now)

    def adopt(self, state: RuleState) -> RuleState:
        """The state of an engine with other rules, for these: what they have in common stays."""
        keys = (node.key for ready in self._rules.values() for node in ready.root.nodes())
        return keep(state, self._rules, keys)

    def step(
        self, state: RuleState, facts: Sequence[Fact], now: Nanoseconds, wall: datetime
    ) -> tuple[RuleState, list[Action]]:
        """Take facts in the order given, then the time. `wall` is `Clock.wall(now)`."""
        work = _Work.of(state, now, wall, self._zone)
        if state.stale:
            work.due = dict.fromkeys(self._rules, work.view.t)
        for fact in facts:
            self._pass_time(work, min(now, fact.end if isinstance(fact, Observation) else fact.t))
            self._take(work, fact)
        self._pass_time(work, now)
        return work.done(), work.actions

    def next_due(self, state: RuleState, now: Nanoseconds) -> Nanoseconds | None:
        """When to step again even if no fact arrives; not before `now`."""
        if state.stale:
            return now
        return max(now, min(state.due.values())) if state.due else None

    def _pass_time(self, work: _Work, until: Nanoseconds) -> None:
        """Look at every rule that is due, in order of time, and stand at `until`."""
        view = work.view
        while work.due:
            name = min(work.due, key=lambda each: work.due[each])
            if work.due[name] > until:
                break
            view.t = view.moment = max(view.t, work.due[name])
            self._look(work, self._rules[name])
        view.t = max(view.t, until)
        view.moment = until

    def _take(self, work: _Work, fact: Fact) -> None:
        if isinstance(fact, Decision):
            work.beliefs[fact.belief] = fact
            self._look_all(work, self._by_fact.get(("belief", fact.belief), ()))
        elif isinstance(fact, HealthChange):
            work.health[fact.part] = fact
            self._look_all(work, self._by_fact.get(("health", fact.part), ()))
        elif fact.kind == "utterance":
            self._hear(work, fact)
        elif fact.kind in {"object", "scene"}:
            self._look_all(work, self._watch(work, fact))
        elif "value" in fact.data:
            self._read(work, fact)

    def _read(self, work: _Work, fact: Observation) -> None:
        """Remember what a rule asks for; nothing else, however many quantities there are."""
        rules = self._by_fact.get(("reading", fact.detector, fact.label))
        last = work.readings.get((fact.detector, fact.label))
        if rules and (last is None or fact.end >= last.end):
            work.readings[fact.detector, fact.label] = fact
            self._look_all(work, rules)

    def _hear(self, work: _Work, heard: Observation) -> None:
        """Look with the utterance and, the moment being over, without."""
        rules = self._by_fact.get(("said",), ())
        work.view.utterance = heard
        self._look_all(work, rules)
        work.view.utterance = None
        self._look_all(work, rules)

    def _watch(self, work: _Work, fact: Observation) -> list[_Ready]:
        """Count what is seen for every condition that looks for it."""
        touched: dict[str, _Ready] = {}
        camera = (fact.detector, fact.source)
        for ready, node, body in self._seen:
            if body.by not in (None, fact.detector) or body.area not in (None, fact.area):
                continue
            looks = work.looks.get(node.key, {})
            last = _counted(looks.get(camera), fact, body)
            if last is not None:
                work.looks[node.key] = {**looks, camera: last}
                touched[ready.rule.name] = ready
        return list(touched.values())

    def _look_all(self, work: _Work, rules: Sequence[_Ready]) -> None:
        for ready in rules:
            self._look(work, ready)

    def _look(self, work: _Work, ready: _Ready) -> None:
        name, view = ready.rule.name, work.view
        view.due = None
        value = look(ready.root, view)
        past = work.past.get(name, Past())
        if value is True:
            self._consider(work, ready, past)
        elif value is False and past.true:
            work.past[name] = replace(past, true=False)
        if view.due is None:
            work.due.pop(name, None)
        else:
            work.due[name] = view.due

    def _consider(self, work: _Work, ready: _Ready, past: Past) -> None:
        """Fire, unless it has been said already or the rule is silenced; a worse event breaks the cooldown."""
        view, rule = work.view, ready.rule
        spoken = view.utterance is not None and any(reason.utterance for reason in reasons(ready.root, view))
        if past.true and not spoken and not ready.grows:
            return
        if rule.armed and not work.memory.armed:
            return
        muted = muted_until(work.memory, rule.name, view.now)
        if muted is not None:
            view.wake(muted)
            return
        quiet = past.fired + ready.cooldown if past.fired is not None else view.now
        cooling, told = view.now < quiet, past.true and not spoken
        firing = self._firing(work, ready, past)
        worse = (cooling or told) and past.rank is not None and firing.rank > past.rank
        if worse or not (cooling or told):
            self._fire(work, ready, past, firing if worse else replace(firing, earlier={}))
        elif not told:
            view.wake(quiet)

    def _firing(self, work: _Work, ready: _Ready, past: Past) -> Firing:
        view = work.view
        wall = view.wall_at(view.t)
        return Firing(
            site=self._site,
            rule=ready.rule,
            reasons=tuple(reasons(ready.root, view)),
            t=view.t,
            stamp=max(wall_ns(wall) // _MS, past.stamp + 1),
            time=f"{wall.astimezone(self._zone):%H:%M}",
            earlier=past.alerts,
        )

    def _fire(self, work: _Work, ready: _Ready, past: Past, firing: Firing) -> None:
        actions = firing.actions()
        if not actions:
            work.past[ready.rule.name] = replace(past, true=True)
            return
        alerts = {action.name: action.id for action in actions if action.kind == "alert"}
        work.past[ready.rule.name] = Past(
            true=True, fired=work.view.now, rank=firing.rank, stamp=firing.stamp, alerts=alerts
        )
        work.actions.extend(actions)


def _ready(rule: Rule, site: Site) -> _Ready:
    root = compiled(rule, site)
    alerts = any(isinstance(spec, Alert) for spec in rule.then)
    believes = any(isinstance(leaf.condition, BeliefIs) for leaf in root.leaves())
    return _Ready(rule, root, int(rule.cooldown_s * SECOND), alerts and believes)


def _keys(leaf: Node) -> list[tuple[str, ...]]:
    """The facts that can change a leaf."""
    condition = leaf.condition
    if isinstance(condition, BeliefIs):
        return [("belief", condition.belief)]
    if isinstance(condition, Said):
        return [("said",)]
    if isinstance(condition, HealthIs):
        return [("health", condition.health.of)]
    if isinstance(condition, ReadingIs):
        of = condition.reading.of
        return [("reading", of, condition.reading.quantity), *(("health", part) for part in (of, *leaf.feeds))]
    return []


def _counted(last: Look | None, fact: Observation, body: SeenBody) -> Look | None:
    """What a camera shows after one more observation; None if that says nothing."""
    if fact.kind == "scene":
        return last if last and last.frame >= fact.end else Look(fact.end, 0, *_enough(last))
    in_zone = body.zone is None or body.zone in fact.data.get("zones", ())
    if fact.label != body.label or fact.score < body.above or not in_zone:
        return None
    if last and last.frame > fact.end:
        return None
    count = last.count + 1 if last and last.frame == fact.end else 1
    if count >= body.at_least:
        return Look(fact.end, count, fact.end, fact)
    return Look(fact.end, count, *_enough(last))


def _enough(last: Look | None) -> tuple[Nanoseconds | None, Observation | None]:
    return (last.enough, last.observation) if last else (None, None)
