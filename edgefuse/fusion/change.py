"""When a belief is told anew: hysteresis, and the least change that is worth it."""

from edgefuse.config.models import BeliefConfig
from edgefuse.core.types import Decision, Nanoseconds

MOVED = 0.005
"""Least change of p that is told."""


def state_of(config: BeliefConfig, last: Decision | None, p: float) -> bool:
    """Whether p reaches the threshold: on from threshold + hysteresis, off below threshold - hysteresis."""
    before = last is not None and last.state
    return p >= config.threshold + (-config.hysteresis if before else config.hysteresis)


def is_news(last: Decision | None, p: float, *, state: bool, missing: tuple[str, ...]) -> bool:
    """Whether p moved, or state or missing changed."""
    return last is None or abs(p - last.p) >= MOVED or (state, missing) != (last.state, last.missing)


def since(last: Decision | None, t: Nanoseconds, *, state: bool) -> Nanoseconds:
    """When the state last changed."""
    return last.since if last and last.state == state else t


def area_of(belief: str, config: BeliefConfig) -> str | None:
    """Its own area, else the part of its name before the first dot."""
    area, dot, _ = belief.partition(".")
    return config.area or (area if dot else None)
