"""Outcomes as messages: what is published of a step, and when a belief is worth saying again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from edgefuse.config.models import Site
from edgefuse.core.types import Action, Decision, Json, Message, Nanoseconds, Observation
from edgefuse.pipeline.decide import Outcome
from edgefuse.publishers.homeassistant import discovery
from edgefuse.publishers.topics import Topics

P_STEP = 0.02
"""A belief is published again when p moved by this, or when anything else of it changed."""


class Renderer:
    """Remembers what was last said of each belief."""

    def __init__(self, site: Site) -> None:
        self.topics = Topics(site)
        self._site = site
        self._beliefs: dict[str, Decision] = {}
        self._told: dict[str, Decision] = {}

    def messages(self, outcome: Outcome, wall: Callable[[Nanoseconds], datetime]) -> list[Message]:
        """In the order alerts and commands, then what was said, then beliefs and observations."""
        self._beliefs.update((decision.belief, decision) for decision in outcome.decisions)
        made: list[Message] = []
        for action in outcome.actions:
            made.extend(self.topics.action(action, wall(action.t), self._beliefs))
        for observation in outcome.observations:
            made.extend(self._observation(observation, outcome.actions, wall))
        made.extend(
            self.topics.decision(decision, wall(decision.t))
            for decision in outcome.decisions
            if self._is_news(decision)
        )
        return made

    def beliefs(self, wall: Callable[[Nanoseconds], datetime]) -> list[Message]:
        """What is believed now, for a broker that may have forgotten."""
        return [self.topics.decision(decision, wall(decision.t)) for decision in self._beliefs.values()]

    def health(self, parts: Mapping[str, Json], wall: datetime) -> Message:
        """The snapshot of all parts."""
        return self.topics.health(parts, wall)

    def discovery(self, wall: datetime) -> Message:
        """The device as Home Assistant discovers it."""
        return discovery(self._site, wall)

    def _observation(
        self, seen: Observation, actions: Sequence[Action], wall: Callable[[Nanoseconds], datetime]
    ) -> list[Message]:
        made = []
        if seen.kind == "utterance" and not _acted_upon(seen, actions):
            made.append(self.topics.utterance(seen, wall(seen.end)))
        detector = self._site.detectors.get(seen.detector)
        if detector is not None and detector.publish:
            made.append(self.topics.observation(seen, wall(seen.end)))
        return made

    def _is_news(self, decision: Decision) -> bool:
        told = self._told.get(decision.belief)
        same = told is not None and _outline(told) == _outline(decision)
        if told is not None and same and abs(told.p - decision.p) < P_STEP:
            return False
        self._told[decision.belief] = decision
        return True


def _outline(decision: Decision) -> tuple[object, ...]:
    return decision.state, decision.missing, decision.suspect, decision.operating, decision.answers


def _acted_upon(heard: Observation, actions: Sequence[Action]) -> bool:
    return any(action.kind == "command" and heard.id in action.evidence for action in actions)
