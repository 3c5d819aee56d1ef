"""What happens in the recorded hall, second by second, as data."""

from dataclasses import dataclass

LENGTH_S = 90.0
RECORDED_S = 95.0
"""The recordings go on a little longer, so that nothing ends while somebody watches."""
CAMERA_DIES_S = 50.0
START = "2026-01-05T21:30:00+00:00"
"""Wall time that the recording pretends to have begun at, when it is replayed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence that is spoken after the wake word."""

    at_s: float
    voice: str
    """Of flite; espeak-ng has one of its own for each."""
    text: str


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody crosses the picture; x is where the middle of the body is, as a fraction of the width."""

    begin_s: float
    end_s: float
    from_x: float
    to_x: float


WAKE_WORD = "Alexa"
LINES = (
    Line(3.0, "slt", "Turn on the hall light."),
    Line(13.0, "awb", "What a lovely evening it is."),
    Line(57.0, "rms", "Turn off the hall light."),
)
WALKS = (
    Walk(21.5, 25.0, 1.15, 0.55),
    Walk(25.0, 28.5, 0.55, 1.15),
    Walk(41.0, CAMERA_DIES_S, 0.1, 0.7),
)
"""Somebody looks in and leaves again; later somebody comes through the door."""
DOOR_OPEN_S = ((33.0, 35.5), (40.5, 60.0), (76.0, 79.0))
"""The first is the wind, the second comes with a person, at the third no camera is left."""
GLASS_S = 36.5
"""The pane of the door breaks, before that person opens it."""
WARMING_S = (46.0, 80.0)


def temperature(at_s: float) -> float:
    """degC: steady, then a heater goes on, 2.4 K a minute."""
    return 25.3 + 0.04 * _warming(at_s)


def humidity(at_s: float) -> float:
    """Percent: falls as the air warms."""
    return 47.0 - 0.066 * _warming(at_s)


def door_is_open(at_s: float) -> bool:
    """Whether the door stands open."""
    return any(begin <= at_s < end for begin, end in DOOR_OPEN_S)


def _warming(at_s: float) -> float:
    begin, end = WARMING_S
    return max(0.0, min(at_s, end) - begin)
