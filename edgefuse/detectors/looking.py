"""When a network looks at a camera's picture: when something moves, not too often, and now and then anyway."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from edgefuse.config.models import DetectorConfig, Probability
from edgefuse.core.types import SECOND, Frame, Nanoseconds
from edgefuse.detectors.motion import MotionGate


class LookConfig(DetectorConfig):
    """Settings of every detector that looks at pictures."""

    motion_gate: bool = True
    """Look only when something moves."""
    motion: Probability = 0.002
    """Share of the picture that must change."""
    look_every_s: Annotated[float, Field(gt=0)] = 10
    """Look at least this often, even if nothing moves."""
    repeat_s: Annotated[float, Field(gt=0)] = 1
    """While nothing moves, tell the last result again this often."""
    max_fps: Annotated[float, Field(gt=0)] = 10
    """Looks per second at most, for each camera."""
    threads: Annotated[int, Field(ge=1, le=64)] | None = None
    """Of the network; default: what its card says."""


@dataclass(slots=True)
class Watch:
    """What is known about the looks at one camera."""

    config: LookConfig
    gate: MotionGate = field(init=False)
    looked: Nanoseconds | None = None
    """When the network last ran."""
    told: Nanoseconds | None = None
    """When observations were last given."""
    waiting: bool = False
    """Something moved since, but `max_fps` did not allow a look."""

    def __post_init__(self) -> None:
        self.gate = MotionGate(self.config.motion)

    def due(self, frame: Frame) -> bool:
        """Whether the network must look at this frame."""
        moves = not self.config.motion_gate or self.gate.moves(frame.image)
        self.waiting = self.waiting or moves
        since = _since(self.looked, frame.t)
        if self.looked is None or since >= self.config.look_every_s * SECOND:
            return True
        return self.waiting and since * self.config.max_fps >= SECOND

    def has_looked(self, t: Nanoseconds) -> None:
        """It looked, and what it saw is told."""
        self.looked, self.told, self.waiting = t, t, False

    def repeats(self, t: Nanoseconds) -> bool:
        """Whether the last result is to be told again now."""
        if self.waiting or _since(self.told, t) < self.config.repeat_s * SECOND:
            return False
        self.told = t
        return True


def _since(before: Nanoseconds | None, now: Nanoseconds) -> Nanoseconds:
    return 0 if before is None else now - before
