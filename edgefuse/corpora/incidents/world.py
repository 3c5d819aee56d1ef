"""What happens in a room for a minute or two: who is there, what sounds, what opens, and whether it is an incident.

The truth alone, at 2 steps per second; what detectors make of it is in `home`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RATE = 2
"""Steps per second."""
SOUNDS = ("alarm", "siren", "glass", "knock", "cry", "scream", "speech")
FLAGS = (*SOUNDS, "view", "room", "still", "lying", "stop", "tv", "door", "window", "smoke")
"""view: somebody is where the camera looks; room: somebody is in the room; still: nobody moves; stop: somebody makes
the sign for stop; door, window: open."""
INCIDENTS = ("break_in", "unattended_alarm", "cry_alone", "fall", "fire", "command_against_gesture")
END = 1e9


@dataclass(frozen=True, slots=True)
class Incident:
    """What should be told, and when. Seconds from the beginning of the episode."""

    kind: str
    onset: float
    """From here on it can be known by definition: an alarm is unattended once nobody came for 10 s."""
    offset: float = END
    first: float = 0.0
    """Its first sign; before that it is no incident."""


@dataclass(slots=True)
class World:
    """The truth of one episode."""

    seconds: int
    story: str = ""
    at: float = 0.0
    """Second at which the story begins; before that it is an ordinary day."""
    incident: Incident | None = None
    flags: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Of FLAGS, each (seconds * RATE,)."""
    heat: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(seconds * RATE,) degC on top of the room's own temperature."""
    damp: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(seconds * RATE,) % of relative humidity on top."""
    impacts: list[tuple[float, float]] = field(default_factory=list)
    """(second, g) of jolts at the wrist."""
    exercise: tuple[float, float] = (0.0, 0.0)
    """From when to when the wrist moves as in sport."""
    commands: list[float] = field(default_factory=list)
    """Seconds at which a command has been spoken."""

    def __post_init__(self) -> None:
        steps = self.seconds * RATE
        self.flags = {name: np.zeros(steps, np.bool_) for name in FLAGS}
        self.heat, self.damp = np.zeros(steps), np.zeros(steps)

    def during(self, flag: str, start: float, end: float = END, *, value: bool = True) -> None:
        """Set a flag from `start` to `end`."""
        first, last = max(0, round(start * RATE)), max(0, round(min(end, self.seconds) * RATE))
        self.flags[flag][first:last] = value

    def rise(self, start: float, heat: float, damp: float = 0.0) -> None:
        """Temperature and humidity climb by so much per minute from `start` on."""
        minutes = np.maximum(0, np.arange(self.seconds * RATE) / RATE - start) / 60
        self.heat += heat * minutes
        self.damp += damp * minutes
