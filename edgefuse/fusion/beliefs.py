"""Every belief with its own window, so that one fed by a sensor alone never waits for a camera."""

from collections.abc import Mapping, Sequence

from edgefuse.core.health import ALIVE
from edgefuse.core.ports import Fuser
from edgefuse.core.types import SECOND, Decision, HealthChange, Nanoseconds, Observation
from edgefuse.fusion.experience import Experience
from edgefuse.fusion.refine import Refiner, Settings
from edgefuse.fusion.window import Window

TICK: Nanoseconds = SECOND // 5
"""Finest grid on which beliefs are looked at again when nothing happens (evidence fades). Multiples of it on the
clock's own scale, so that decisions do not depend on when somebody happened to ask."""
_COARSEST = 6
"""The grid doubles, with the silence, up to TICK * 2**6 = 12.8 s."""
_SIXTEENTH = 4


class Beliefs:
    """Routes observations to the fusers that want them, in order of event time.

    A fuser is asked at every distinct event time and at every point of the grid, never in between: the decisions
    follow from the observations alone, not from how they were batched or delayed (within the lateness).
    """

    def __init__(
        self,
        fusers: Mapping[str, Fuser],
        lateness: Mapping[str, Nanoseconds],
        settings: Mapping[str, Settings] | None = None,
    ) -> None:
        """`lateness`: detector -> how long to wait for it; a part that is not named is not waited for."""
        self._fusers = dict(fusers)
        self._refiners = {name: Refiner((settings or {}).get(name, Settings())) for name in self._fusers}
        self._experience = Experience()
        self._windows = {
            name: Window({part: lateness.get(part, 0) for part in sorted(fuser.parts)})
            for name, fuser in self._fusers.items()
        }
        self._at: dict[str, Nanoseconds] = {}
        self._heard: dict[str, Nanoseconds] = {}

    @property
    def experience(self) -> Experience:
        """What the user's answers have taught."""
        return self._experience

    @experience.setter
    def experience(self, experience: Experience) -> None:
        self._experience = experience
        for name, refiner in self._refiners.items():
            refiner.adjustment = experience.lesson(name).adjustment

    def answer(self, belief: str, span: tuple[Nanoseconds, Nanoseconds], shift: Nanoseconds, *, truth: bool) -> bool:
        """Take the user's answer about the strongest moment of a span; False where nothing was believed in it.

        The span is monotonic and ends at the time of the answer or before; `shift` is wall clock minus monotonic.
        """
        moment = self._refiners[belief].strongest(*span)
        if moment is None:
            return False
        at = max(moment.told.t, span[0]) + shift
        self.experience = self._experience.answered(moment, at, span[1] + shift, truth=truth)
        return True

    @property
    def late(self) -> int:
        """Observations so far that came behind the watermark of a belief."""
        return sum(window.late for window in self._windows.values())

    def report(self, part: str, until_ns: Nanoseconds, observations: Sequence[Observation]) -> None:
        """Take what a part found; it has now told everything up to `until_ns`."""
        for name, window in self._windows.items():
            if part not in window.lateness:
                continue
            window.reported(part, until_ns)
            for observation in observations:
                if self._fusers[name].wants(observation):
                    window.add(observation)

    def health(self, change: HealthChange) -> None:
        """Take a change of health: a dead part stops holding the watermark at once."""
        for window in self._windows.values():
            if change.part in window.lateness:
                window.alive(change.part, alive=change.state in ALIVE)
                window.add(change)

    def advance(self, now: Nanoseconds) -> list[Decision]:
        """Decide everything that can be decided at `now`, ordered by (t, belief)."""
        decisions: list[Decision] = []
        for name, window in self._windows.items():
            decisions.extend(self._advance(name, window, window.advance(now)))
        return sorted(decisions, key=lambda decision: (decision.t, decision.belief))

    def _advance(self, name: str, window: Window, watermark: Nanoseconds) -> list[Decision]:
        decisions: list[Decision] = []
        if name not in self._at:
            decisions.extend(self._ask(name, window, watermark))
        while (t := self._next(name, window)) <= watermark:
            decisions.extend(self._ask(name, window, t))
        return decisions

    def _ask(self, name: str, window: Window, t: Nanoseconds) -> Sequence[Decision]:
        at = self._at[name] = max(t, self._at.get(name, t))
        facts = window.take(t)
        if facts or name not in self._heard:
            self._heard[name] = at
        return self._refiners[name].refine(self._fusers[name].update(facts, at), at)

    def _next(self, name: str, window: Window) -> Nanoseconds:
        """The next event, or point of the grid: at most a sixteenth of the silence so far ahead."""
        at = self._at[name]
        silence = (at - self._heard[name]) // TICK >> _SIXTEENTH
        step = TICK << min(_COARSEST, max(0, silence.bit_length() - 1))
        grid, waiting = (at // step + 1) * step, window.peek()
        return grid if waiting is None else min(grid, waiting)

    def next_due(self, now: Nanoseconds) -> Nanoseconds | None:
        """When `advance` will have something to do although nobody reports; None without beliefs."""
        due = [
            window.due(self._next(name, window)) if name in self._at else now for name, window in self._windows.items()
        ]
        return min(due, default=None)
