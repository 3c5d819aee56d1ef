"""Geometry in one picture: how far a thing is from a person, and whether an arm points at it."""

import math

from edgefuse.grounding.scene import Box, Spot

_ASPECT = 4 / 3
"""A picture is wider than high; what lies on one line does so with any ratio."""
_TOUCH = 0.03
"""A wrist this close to a thing points at it, whatever the arm does."""
_SIDEWAYS = 0.25
"""Beside the middle of a person counts a little, so that of two lamps over a head one is nearer."""


def apart(a: Spot, b: Spot) -> float:
    """Distance of two spots as a fraction of the picture."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def off(box: Box, spot: Spot) -> float:
    """How far a spot is from a person's box, as a fraction of the picture; inside it only how far to the side."""
    x, y, width, height = box
    dx = max(x - spot[0], 0.0, spot[0] - x - width)
    dy = max(y - spot[1], 0.0, spot[1] - y - height)
    return math.hypot(dx, dy) + _SIDEWAYS * min(abs(spot[0] - x - width / 2), width / 2)


def degrees(ray: tuple[Spot, Spot], spot: Spot) -> float:
    """Angle at the shoulder between the wrist and a spot, 0..180; 0 where the wrist touches it."""
    shoulder, wrist = ray
    if apart(wrist, spot) < _TOUCH:
        return 0.0
    arm = ((wrist[0] - shoulder[0]) * _ASPECT, wrist[1] - shoulder[1])
    aim = ((spot[0] - shoulder[0]) * _ASPECT, spot[1] - shoulder[1])
    length = math.hypot(*arm) * math.hypot(*aim)
    if length == 0:
        return 180.0
    return math.degrees(math.acos(max(-1.0, min(1.0, (arm[0] * aim[0] + arm[1] * aim[1]) / length))))
