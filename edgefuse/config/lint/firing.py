"""Whether a condition can ever come true, with all sources alive or with some of them down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edgefuse.config.lint.scope import evidence_from, evidence_of
from edgefuse.config.lint.together import contradiction, leaves
from edgefuse.config.models import Site
from edgefuse.config.rules import All, AnyOf, BeliefIs, Condition, HealthIs, Not, ReadingIs, Said, Seen, TimeIs

_DEAD = {"stale", "failed", "ended"}


@dataclass(frozen=True, slots=True)
class Chance:
    """What can become of a condition; neither means that it stays unknown."""

    true: bool
    false: bool = True
    why: str = ""
    """Why it cannot be true."""


@dataclass(frozen=True, slots=True)
class World:
    """A site in which some parts are down."""

    site: Site
    down: frozenset[str]
    """Sources, and the detectors that listen to nothing else."""
    unsure: frozenset[str]
    """Names of entries that have mistakes: nothing is concluded from them."""
    tells: Callable[[str, str], bool]
    """Whether a detector (by name) can make observations of a kind (utterance, object)."""


def world(site: Site, down: Iterable[str], unsure: Iterable[str], tells: Callable[[str, str], bool]) -> World:
    """A world in which these sources are down, and every detector that has no other."""
    sources = frozenset(down)
    deaf = {name for name, detector in site.detectors.items() if sources.issuperset(detector.on)}
    return World(site, sources | deaf, frozenset(unsure), tells)


def chance(condition: Condition, at: World) -> Chance:
    """Whether it can be true and whether it can be false."""
    if isinstance(condition, All):
        return _all(condition, at)
    if isinstance(condition, AnyOf):
        parts = [chance(part, at) for part in condition.any]
        why = "; ".join(dict.fromkeys(part.why for part in parts))
        return _lasting(condition, Chance(any(p.true for p in parts), all(p.false for p in parts), why))
    if isinstance(condition, Not):
        inner = chance(condition.not_, at)
        why = inner.why or "what it denies is always true"
        return Chance(inner.false, inner.true, "" if inner.false else why)
    against = contradiction([condition])
    return Chance(False, why=against) if against else _leaf(condition, at)  # noqa: FBT003  reads as the word it is


def _all(condition: All, at: World) -> Chance:
    parts = [chance(part, at) for part in condition.all]
    against = contradiction(list(leaves(condition)))
    why = against or next((part.why for part in parts if not part.true), "")
    true = all(part.true for part in parts) and not against
    return _lasting(condition, Chance(true, any(part.false for part in parts), why))


def _lasting(condition: All | AnyOf, found: Chance) -> Chance:
    if found.true and condition.for_s > 0 and _momentary(condition):
        return Chance(False, why=f"what is said lasts no {condition.for_s:g} s (for_s)")  # noqa: FBT003  as above
    return found


def _momentary(condition: Condition) -> bool:
    if isinstance(condition, All):
        return any(map(_momentary, condition.all))
    if isinstance(condition, AnyOf):
        return all(map(_momentary, condition.any))
    return isinstance(condition, Said)


def _leaf(condition: Condition, at: World) -> Chance:
    if isinstance(condition, BeliefIs):
        return _belief(condition, at)
    if isinstance(condition, Said):
        voices = [name for name in at.site.detectors if at.tells(name, "utterance")]
        hears = any(name not in at.down for name in voices) or bool(at.unsure)
        return Chance(hears, why="" if hears else "no voice detector is there to hear what is said")
    if isinstance(condition, Seen):
        return _seen(condition, at)
    if isinstance(condition, ReadingIs):
        known = condition.reading.of not in at.down
        return Chance(
            known, known, "" if known else f"{condition.reading.quantity} of {condition.reading.of} is unknown"
        )
    if isinstance(condition, HealthIs):
        wanted = condition.health.state if isinstance(condition.health.state, list) else [condition.health.state]
        fits = condition.health.of not in at.down or bool(_DEAD.intersection(wanted))
        return Chance(fits, why="" if fits else f"{condition.health.of} is down")
    if isinstance(condition, TimeIs):
        return Chance(true=True, false=condition.time.after != condition.time.before or bool(condition.time.days))
    return Chance(true=True)


def _belief(condition: BeliefIs, at: World) -> Chance:
    belief = at.site.beliefs.get(condition.belief)
    if belief is None or condition.belief in at.unsure or at.unsure.intersection(_evidence(belief)):
        return Chance(true=True)
    if condition.precision is not None and belief.fuser == "bayes":
        why = f"nobody has measured the precision of {condition.belief}: only learned beliefs have it"
        return Chance(False, why=why)  # noqa: FBT003  as above
    low, high = reach(belief, at.down)
    if condition.above is None and condition.below is None:
        least = belief.threshold + belief.hysteresis
        why = f"{condition.belief} turns on at {least:.3g} and gets to {high:.3g} at most"
        return Chance(high >= least, why="" if high >= least else why)
    above = -1.0 if condition.above is None else condition.above
    below = 2.0 if condition.below is None else condition.below
    false = low <= above or high >= below
    if high <= above:
        return Chance(False, false, f"{condition.belief} gets to {high:.3g} at most, not above {above:g}")  # noqa: FBT003  as above
    if low >= below:
        return Chance(False, false, f"{condition.belief} gets down to {low:.3g}, not below {below:g}")  # noqa: FBT003  as above
    return Chance(true=True, false=false)


def reach(belief: Any, down: Iterable[str]) -> tuple[float, float]:
    """Least and greatest probability, by the fuser's Config where it says so with `reach(missing)`."""
    ask = getattr(belief, "reach", None)
    if ask is None:
        return 0.0, 1.0
    low, high = ask(frozenset(down))
    return float(low), float(high)


def _evidence(belief: Any) -> set[str]:
    return {evidence_from(item) for _, item in evidence_of(belief)}


def _seen(condition: Seen, at: World) -> Chance:
    body = condition.seen
    eyes = [name for name in at.site.detectors if at.tells(name, "object") and body.by in {None, name}]
    eyes = [name for name in eyes if body.label in (getattr(at.site.detectors[name], "classes", None) or [body.label])]
    if at.unsure:
        return Chance(true=True)
    open_eyes = [n for n in eyes if any(_looks(at, source, body.area, body.zone) for source in at.site.detectors[n].on)]
    where = "".join(f" in {what}" for what in (body.zone and f"zone {body.zone}", body.area) if what)
    return Chance(bool(open_eyes), bool(open_eyes), "" if open_eyes else f"no detector looks for {body.label}{where}")


def _looks(at: World, source: str, area: str | None, zone: str | None) -> bool:
    camera = at.site.sources.get(source)
    here = camera is not None and source not in at.down
    near = area is None or area == (getattr(camera, "area", None) or at.site.device.area)
    return here and near and (zone is None or zone in (getattr(camera, "zones", None) or {}))
