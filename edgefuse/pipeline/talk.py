"""The dialogue as the decider holds it: its state, and what detectors are told of who is where."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from edgefuse.core.attention import Attention
from edgefuse.core.types import SECOND, Action, Fact, Nanoseconds
from edgefuse.grounding.dialogue import Dialogue, DialogueState, Step

_LOOK: Nanoseconds = SECOND
"""Who is where is told at least so often: people who were seen are gone after a while."""


class Talk:
    """Without a dialogue it passes everything on as it is."""

    def __init__(
        self,
        dialogue: Dialogue | None = None,
        state: DialogueState | None = None,
        attention: Attention | None = None,
    ) -> None:
        self.dialogue = dialogue
        self.state = state or DialogueState()
        self._attention = attention or Attention()
        self._looked: Nanoseconds | None = None

    def step(
        self,
        facts: Sequence[Fact],
        now: Nanoseconds,
        wall: datetime,
        *,
        armed: bool,
        far: Mapping[str, Nanoseconds],
    ) -> Step:
        """Facts for the rules, in which utterances say what is meant; `wall` is `Clock.wall(now)`."""
        if self.dialogue is None:
            return Step(self.state, tuple(facts))
        before = self.state
        done = self.dialogue.step(before, facts, now, wall, armed=armed, far=far)
        self.state = done.state
        news = before.sight is not done.state.sight or before.memory != done.state.memory
        if news or self._looked is None or now - self._looked >= _LOOK:
            self._looked = now
            self._attention.views = self.dialogue.views(done.state, now)
        return done

    def told(self, actions: Sequence[Action]) -> None:
        """Remember what rules have raised: somebody may ask why."""
        if self.dialogue is not None and actions:
            self.state = self.dialogue.told(self.state, actions)

    def next_due(self, now: Nanoseconds, wall: datetime) -> Nanoseconds | None:
        """When something is to be said, or an utterance has waited for other microphones long enough."""
        return None if self.dialogue is None else self.dialogue.next_due(self.state, now, wall)

    def adopt(self, dialogue: Dialogue | None) -> "Talk":
        """The same conversation by another configuration."""
        return Talk(dialogue, self.state, self._attention)
