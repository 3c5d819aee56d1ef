"""The single writer: observations in, decisions and actions out. Synchronous; live and replay run the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from edgefuse.core.ports import Clock
from edgefuse.core.types import Action, Decision, Fact, HealthChange, Nanoseconds, Observation
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.fusion.experience import Experience
from edgefuse.grounding.dialogue import DialogueState
from edgefuse.pipeline.clock import wall_ns
from edgefuse.pipeline.stages import Report
from edgefuse.pipeline.talk import Talk
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.rules.state import arm


@dataclass(frozen=True, slots=True)
class StateChange:
    """Somebody outside changes the rules' state: arming, muting."""

    apply: Callable[[RuleState], RuleState]
    settled: Sequence[Callable[[], None]] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The user says whether a belief was right, or takes every such answer back."""

    belief: str | None
    """None: all, to be forgotten."""
    truth: bool | None
    """None: forget the answers."""
    span: tuple[Nanoseconds, Nanoseconds] = (0, 0)
    """When it was, monotonic; the strongest moment in it is meant."""
    reply: Callable[[str], None] = field(default=lambda _: None, compare=False)
    """Told what is in the way, or an empty string."""
    settled: Sequence[Callable[[], None]] = ()


Item: TypeAlias = Report | HealthChange | StateChange | Answered


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step brought."""

    now: Nanoseconds
    observations: Sequence[Observation] = ()
    decisions: Sequence[Decision] = ()
    actions: Sequence[Action] = ()
    state: RuleState | None = field(default=None, repr=False)
    """The rules' state, where it, the experience or the dialogue must be stored anew."""
    experience: Experience = field(default_factory=Experience, repr=False)
    dialogue: DialogueState = field(default_factory=DialogueState, repr=False)


@dataclass(slots=True)
class _Done:
    """What a step has brought so far."""

    facts: list[Fact] = field(default_factory=list)
    """That rules have not been told yet."""
    far: dict[str, Nanoseconds] = field(default_factory=dict)
    """Part -> up to when it has told everything."""
    seen: list[Observation] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


class Decider:
    """Holds the windows, the fusers, the rules' state and what is being talked about."""

    def __init__(
        self, beliefs: Beliefs, engine: Engine, state: RuleState, clock: Clock, talk: Talk | None = None
    ) -> None:
        self._beliefs = beliefs
        self._engine = engine
        self.state = state
        self.talk = talk or Talk()
        self._clock = clock

    def step(self, items: Sequence[Item], now: Nanoseconds) -> Outcome:
        """Take what arrived, in order of arrival, and decide."""
        before = (self.state, self.experience, self.talk.state)
        done = _Done()
        for item in items:
            if isinstance(item, StateChange):
                self._settle(done, (), now)  # what happened before it was armed happened unarmed
                self.state = item.apply(self.state)
            elif isinstance(item, Answered):
                item.reply(self._answer(item, now))
            elif isinstance(item, Report):
                self._beliefs.report(item.part, item.until, item.observations)
                done.facts.extend(item.observations)
                done.far[item.part] = item.until
            else:
                self._beliefs.health(item)
                done.facts.append(item)
        decisions = self._beliefs.advance(now)
        self._settle(done, decisions, now)
        changed = (self.state, self.experience, self.talk.state) != before
        state = self.state if changed else None
        return Outcome(now, done.seen, decisions, done.actions, state, self.experience, self.talk.state)

    def _settle(self, done: _Done, decisions: Sequence[Decision], now: Nanoseconds) -> None:
        """What was said is understood first; then the rules are told of everything."""
        said = self.talk.step(done.facts, now, self._clock.wall(now), armed=self.state.memory.armed, far=done.far)
        made = self._rules([*said.facts, *decisions], now)
        self.talk.told(made)
        if said.armed is not None:
            self.state = arm(self.state, said.armed)
        done.actions += [*made, *said.actions]
        done.seen += [fact for fact in (*said.facts, *said.unheeded) if isinstance(fact, Observation)]
        done.facts = []

    @property
    def experience(self) -> Experience:
        """What the user's answers have taught."""
        return self._beliefs.experience

    def _answer(self, answered: Answered, now: Nanoseconds) -> str:
        if answered.truth is None:
            self._beliefs.experience = self._beliefs.experience.forgotten(answered.belief)
            return ""
        assert answered.belief is not None
        shift = wall_ns(self._clock.wall(now)) - now
        if self._beliefs.answer(answered.belief, answered.span, shift, truth=answered.truth):
            return ""
        return f"nothing was believed of {answered.belief} at that time, as far as this process remembers"

    def _rules(self, facts: Sequence[Fact], now: Nanoseconds) -> Sequence[Action]:
        self.state, actions = self._engine.step(self.state, facts, now, self._clock.wall(now))
        return actions

    def next_due(self, now: Nanoseconds) -> Nanoseconds | None:
        """When to step again even if nothing arrives."""
        told = self.talk.next_due(now, self._clock.wall(now))
        due = (self._beliefs.next_due(now), self._engine.next_due(self.state, now), told)
        return min((t for t in due if t is not None), default=None)
