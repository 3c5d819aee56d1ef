"""The single writer: observations in, decisions and actions out. Synchronous; live and replay run the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from edgefuse.core.ports import Clock
from edgefuse.core.types import Action, Decision, Fact, HealthChange, Nanoseconds, Observation
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.pipeline.stages import Report
from edgefuse.rules.engine import Engine, RuleState


@dataclass(frozen=True, slots=True)
class StateChange:
    """Somebody outside changes the rules' state: arming, muting."""

    apply: Callable[[RuleState], RuleState]
    settled: Sequence[Callable[[], None]] = ()


Item: TypeAlias = Report | HealthChange | StateChange


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step brought."""

    now: Nanoseconds
    observations: Sequence[Observation] = ()
    decisions: Sequence[Decision] = ()
    actions: Sequence[Action] = ()
    state: RuleState | None = field(default=None, repr=False)
    """The rules' state, where it must be stored anew."""


class Decider:
    """Holds the windows, the fusers and the rules' state."""

    def __init__(self, beliefs: Beliefs, engine: Engine, state: RuleState, clock: Clock) -> None:
        self._beliefs = beliefs
        self._engine = engine
        self.state = state
        self._clock = clock

    def step(self, items: Sequence[Item], now: Nanoseconds) -> Outcome:
        """Take what arrived, in order of arrival, and decide."""
        before = self.state
        facts: list[Fact] = []
        seen: list[Observation] = []
        actions: list[Action] = []
        for item in items:
            if isinstance(item, StateChange):
                actions += self._rules(facts, now)  # what happened before it was armed happened unarmed
                facts = []
                self.state = item.apply(self.state)
            elif isinstance(item, Report):
                self._beliefs.report(item.part, item.until, item.observations)
                facts.extend(item.observations)
                seen.extend(item.observations)
            else:
                self._beliefs.health(item)
                facts.append(item)
        decisions = self._beliefs.advance(now)
        actions += self._rules([*facts, *decisions], now)
        return Outcome(now, seen, decisions, actions, self.state if self.state != before else None)

    def _rules(self, facts: Sequence[Fact], now: Nanoseconds) -> Sequence[Action]:
        self.state, actions = self._engine.step(self.state, facts, now, self._clock.wall(now))
        return actions

    def next_due(self, now: Nanoseconds) -> Nanoseconds | None:
        """When to step again even if nothing arrives."""
        due = [t for t in (self._beliefs.next_due(now), self._engine.next_due(self.state, now)) if t is not None]
        return min(due, default=None)
