"""What is known at one moment: where somebody speaks, who is seen where, and how the things stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from edgefuse.core.types import Nanoseconds, Value

Spot: TypeAlias = tuple[float, float]
"""x, y as fractions of a picture, from its top left corner."""
Box: TypeAlias = tuple[float, float, float, float]
"""x, y, width, height as fractions of a picture."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is seen."""

    camera: str
    area: str | None = None
    box: Box | None = None
    score: float = 1.0
    facing: bool | None = None
    """Towards the microphone's device; None where no detector tells."""
    pointing: tuple[Spot, Spot] | None = None
    """Shoulder and wrist of an arm that points: a ray in the picture."""

    @property
    def feet(self) -> Spot | None:
        """Where the person stands."""
        return None if self.box is None else (self.box[0] + self.box[2] / 2, self.box[1] + self.box[3])


@dataclass(frozen=True, slots=True)
class ThingState:
    """How one thing stands, as far as it tells. None: not known."""

    on: bool | None = None
    level: float | None = None
    """Percent."""
    open: bool | None = None
    locked: bool | None = None
    temperature: float | None = None
    """What it is set to, degC."""
    mode: str | None = None
    changed: Nanoseconds | None = None
    """When it last told something else than before."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment. Without cameras and states it is what a plain voice assistant knows."""

    here: str | None = None
    """Area of the microphone."""
    persons: tuple[Person, ...] = ()
    cameras: Mapping[str, str | None] = field(default_factory=dict)
    """Camera that is alive and looked at for people -> its area: only there does nobody seen mean nobody there."""
    states: Mapping[str, ThingState] = field(default_factory=dict)
    """By key of a thing; one that is not here has told nothing."""
    readings: Mapping[tuple[str, str], Value] = field(default_factory=dict)
    """(area, quantity) -> latest value."""
    landmarks: Mapping[str, Mapping[str, Spot]] = field(default_factory=dict)
    """Camera -> name of a zone in its picture -> the middle of it."""
    armed: bool | None = None
    heard: float = 1.0
    """0..1: how sure it is that the words of the order were said; counts where the stake is high."""
    t: Nanoseconds = 0
    wall: datetime | None = None
    """Local time."""
