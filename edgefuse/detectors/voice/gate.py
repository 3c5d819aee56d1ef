"""How sure a wake word must be, given who is there: offsets to the log-odds of the configured threshold."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from edgefuse.core.attention import View

OFFSETS: Mapping[str, float] = MappingProxyType(
    {
        "facing": -2.7,
        "person": -2.3,
        "nobody": 1.0,
        "television": 1.4,
        "speaking": 1.4,
    }
)
"""Of .7 they make .14, .19, .86, .90 and .90; a person and a television .49: what is seen and what is heard add up."""
_LEAST, _MOST = 0.1, 0.98


def threshold(configured: float, view: View | None, *, speaking: bool = False) -> float:
    """Least probability of the wake word; `view` None or not watched: the configured one.

    `speaking`: the device itself speaks in this area. An offset never takes the threshold beyond .1 and .98.
    """
    names = [*_seen(view or View()), *(["speaking"] if speaking else [])]
    if not names:
        return configured
    odds = math.log(configured / (1 - configured)) + math.fsum(OFFSETS[name] for name in names)
    moved = 1 / (1 + math.exp(-odds))
    return min(max(_MOST, configured), max(min(_LEAST, configured), moved))


def _seen(view: View) -> list[str]:
    """Names of the offsets for one area."""
    found = ["television"] if view.television else []
    if view.person:
        return [*found, "facing" if view.facing else "person"]
    return [*found, "nobody"] if view.watched else found
