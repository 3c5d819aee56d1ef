"""What is told of a belief: the fuser's decision, moved by the user's answers, with whom to suspect."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgefuse.core.types import SECOND, Decision, Nanoseconds
from edgefuse.fusion.calibration import UNMOVED, Adjustment
from edgefuse.fusion.explain import logit, sigmoid
from edgefuse.fusion.suspect import Contradiction

MOMENTS = 512
"""Decisions that are remembered, for answers about the past."""
_EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one belief."""

    threshold: float = 0.5
    hysteresis: float = 0.05
    suspect_after: Nanoseconds = 60 * SECOND
    learn: bool = True


@dataclass(frozen=True, slots=True)
class Moment:
    """What was said and what was told of it."""

    said: Decision
    told: Decision


@dataclass(slots=True)
class Refiner:
    """Of one belief; pure but for what it remembers."""

    settings: Settings = Settings()
    adjustment: Adjustment = UNMOVED
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=MOMENTS))
    _contradiction: Contradiction = field(init=False)
    _used: Adjustment = field(default=UNMOVED, init=False)

    def __post_init__(self) -> None:
        self._contradiction = Contradiction(self.settings.suspect_after)

    def refine(self, said: Sequence[Decision], now: Nanoseconds) -> list[Decision]:
        """What is told of the fuser's decisions; once more of the last one when an answer or a suspicion changed it."""
        told = [self._tell(each) for each in said]
        last = self.moments[-1] if self.moments else None
        if not told and last and self._stale(last, now):
            told = [self._tell(replace(last.said, t=now))]
        return told

    def strongest(self, begin: Nanoseconds, end: Nanoseconds) -> Moment | None:
        """The moment of the highest p among what was believed from `begin` to `end`; None in a span without time."""
        if begin > end:
            return None
        before = [each for each in self.moments if each.told.t < begin]
        inside = [each for each in self.moments if begin <= each.told.t <= end]
        held = before[-1:] + inside
        return max(held, key=lambda each: each.told.p, default=None)

    def _stale(self, last: Moment, now: Nanoseconds) -> bool:
        return self._active != self._used or self._contradiction.suspects(now) != last.told.suspect

    @property
    def _active(self) -> Adjustment:
        return self.adjustment if self.settings.learn else UNMOVED

    def _tell(self, said: Decision) -> Decision:
        self._contradiction.take(said.contributions, said.t)
        told = replace(said, suspect=self._contradiction.suspects(said.t))
        if told.suspect:
            told = replace(told, because=(*told.because, _suspicion(told.suspect[0])))
        self._used = self._active
        if self._used.n:
            told = self._moved(told)
        self.moments.append(Moment(said, told))
        return told

    def _moved(self, said: Decision) -> Decision:
        """Scale and shift the log-odds: the contributions still add up."""
        move = self._used
        p = _moved_p(said.p, move)
        state = self._state(p)
        last = self.moments[-1].told if self.moments else None
        return replace(
            said,
            p=p,
            state=state,
            since=last.since if last and last.state == state else said.t,
            prior=move(said.prior),
            contributions={name: move.scale * value for name, value in said.contributions.items()},
            without={name: _moved_p(value, move) for name, value in said.without.items()},
            operating=tuple((_moved_p(at, move), precision, recall) for at, precision, recall in said.operating),
            because=(*said.because, f"{move.n} answers of yours made p {p:.2f} of {said.p:.2f}"),
            answers=move.n,
        )

    def _state(self, p: float) -> bool:
        on = bool(self.moments) and self.moments[-1].told.state
        margin = -self.settings.hysteresis if on else self.settings.hysteresis
        return p >= self.settings.threshold + margin


def _moved_p(p: float, move: Adjustment) -> float:
    return sigmoid(move(logit(min(max(p, _EDGE), 1 - _EDGE))))


def _suspicion(name: str) -> str:
    return f"{name} has contradicted all the others for long: look whether it works"
