"""From facts to a scene: who is seen where, how the things stand, what was measured, who is alive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from edgefuse.config.models import Point, Site
from edgefuse.core.attention import View
from edgefuse.core.health import ALIVE
from edgefuse.core.types import SECOND, Fact, HealthChange, Nanoseconds, Observation
from edgefuse.grounding.dialogue.state import Look, Sight, Told
from edgefuse.grounding.scene import Box, Person, Scene, Spot, ThingState

THINGS = "things"
"""Name of the source that tells the states of things: its quantities are `<thing>.on`, `.level` ..."""
_PERSON = "person"
_BLINK: Nanoseconds = SECOND
"""A detector that misses somebody in one look has not seen him leave: nobody is there after so long without him."""
_FIELDS = frozenset(ThingState.__dataclass_fields__) - {"changed"}
_DEAD = frozenset({"stale", "failed", "ended"})
_FAR = 0.3
"""Shares of the picture between the middles of two boxes that cannot be the same person."""


@dataclass(frozen=True)
class Home:
    """What of a site seeing needs."""

    things: frozenset[str]
    cameras: Mapping[str, str | None]
    """Name -> area."""
    watchers: Mapping[str, tuple[str, ...]]
    """Detector that may see persons -> its cameras."""
    zones: Mapping[str, Mapping[str, Sequence[Point]]]
    """Camera -> name of a zone -> its corners."""
    landmarks: Mapping[str, Mapping[str, Spot]]
    stale: Mapping[str, Nanoseconds]
    """Source of readings -> how long its values count."""
    media: Mapping[str, str | None]
    """Televisions and the like -> area."""
    seen: Nanoseconds
    areas: frozenset[str] = field(default_factory=frozenset)

    @staticmethod
    def of(site: Site) -> "Home":
        """A camera is what has zones, whatever its type; its detectors are those that listen to it."""
        cameras = {name: config for name, config in site.sources.items() if hasattr(config, "zones")}
        watchers = {name: tuple(s for s in config.on if s in cameras) for name, config in site.detectors.items()}
        parts: list[Any] = [*site.sources.values(), *site.detectors.values(), *site.things.values()]
        return Home(
            things=frozenset(site.things),
            cameras={name: config.area or site.device.area for name, config in cameras.items()},
            watchers={name: on for name, on in watchers.items() if on},
            zones={name: config.zones or {} for name, config in cameras.items()},
            landmarks={name: _landmarks(config.zones or {}) for name, config in cameras.items()},
            stale={
                name: int(config.stale_s * SECOND)
                for name, config in site.sources.items()
                if config.stale_s is not None and name not in cameras
            },
            media={key: thing.area for key, thing in site.things.items() if thing.kind == "media"},
            seen=int(site.dialogue.seen_s * SECOND),
            areas=frozenset(part.area for part in parts if part.area),
        )


def _landmarks(zones: Mapping[str, Sequence[Point]]) -> dict[str, Spot]:
    return {name.replace("_", " "): _middle(points) for name, points in zones.items() if points}


def _middle(points: Sequence[Point]) -> Spot:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def take(sight: Sight, facts: Sequence[Fact]) -> Sight:
    """The sight after these facts, in their order; the same object where none of them tells anything."""
    work: dict[str, dict[Any, Any]] = {}
    for fact in facts:
        if isinstance(fact, HealthChange):
            _of(work, sight, "health")[fact.part] = fact
        elif not isinstance(fact, Observation):
            continue
        elif fact.kind in {"scene", "object", "pose"}:
            looks = _of(work, sight, "looks")
            key = (fact.detector, fact.source)
            looks[key] = _looked(looks.get(key), fact)
        elif fact.detector == THINGS:
            _thing(_of(work, sight, "states"), fact)
        elif "value" in fact.data and fact.area is not None:
            _read(_of(work, sight, "readings"), fact)
    return replace(sight, **work) if work else sight


def _of(work: dict[str, dict[Any, Any]], sight: Sight, name: str) -> dict[Any, Any]:
    if name not in work:
        work[name] = dict(getattr(sight, name))
    return work[name]


def _looked(last: Look | None, fact: Observation) -> Look:
    last = last or Look(fact.end)
    if fact.end < last.t:
        return last
    if fact.kind == "scene":
        gone = last.seen is None or (fact.end - last.seen > _BLINK and not _counted(fact))
        return Look(fact.end, () if gone else last.persons, last.seen)
    if fact.kind == "pose":
        return _posed(last, fact)
    if fact.label != _PERSON:
        return replace(last, t=fact.end)
    same = last.persons if last.seen == fact.end else ()
    person = Person(fact.source, fact.area, _box(fact), fact.score)
    return Look(fact.end, (*same, _turned(person, last.persons)), fact.end)


def _counted(scene: Observation) -> int:
    return int((scene.data.get("counts") or {}).get(_PERSON, 0))


def _turned(person: Person, before: Sequence[Person]) -> Person:
    """What a pose told of the nearest person of the look before stays until the next pose."""
    near = _nearest(person.box, before)
    return person if near is None else replace(person, facing=near.facing, pointing=near.pointing)


def _posed(last: Look, fact: Observation) -> Look:
    """Tell how somebody stands; who was not seen otherwise is seen by this."""
    facing, arm = fact.data.get("facing"), fact.data.get("pointing")
    pointing = None if not arm else (_spot(arm[0]), _spot(arm[1]))
    near = _nearest(_box(fact), last.persons)
    known = near or Person(fact.source, fact.area, _box(fact), fact.score)
    person = replace(known, facing=None if facing is None else bool(facing), pointing=pointing)
    others = tuple(each for each in last.persons if each is not near) if last.persons else ()
    return Look(fact.end, (*others, person), fact.end)


def _nearest(box: Box | None, persons: Sequence[Person]) -> Person | None:
    if box is None:
        return persons[0] if len(persons) == 1 else None
    far = [(_distance(box, each.box), n) for n, each in enumerate(persons) if each.box is not None]
    if not far or min(far)[0] > _FAR:
        return None
    return persons[min(far)[1]]


def _distance(one: Box, other: Box) -> float:
    return max(abs(one[0] + one[2] / 2 - other[0] - other[2] / 2), abs(one[1] + one[3] / 2 - other[1] - other[3] / 2))


def _box(fact: Observation) -> Box | None:
    box = fact.data.get("box")
    return None if not box else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _spot(values: Sequence[float]) -> Spot:
    return float(values[0]), float(values[1])


def _thing(states: dict[str, ThingState], fact: Observation) -> None:
    """A state that is told for the first time has not changed: a broker keeps the last one for who comes later."""
    key, _, quantity = fact.label.rpartition(".")
    if quantity not in _FIELDS:
        return
    before = states.get(key, ThingState())
    known, value = getattr(before, quantity), fact.data.get("value")
    changed = fact.end if known is not None and known != value else before.changed
    states[key] = replace(before, changed=changed, **{quantity: value})


def _read(readings: dict[tuple[str, str], Told], fact: Observation) -> None:
    key = (str(fact.area), fact.label)
    last = readings.get(key)
    if last is None or fact.end >= last.t:
        readings[key] = Told(fact.data["value"], str(fact.data.get("unit") or ""), fact.end, fact.detector)


def works(sight: Sight, part: str) -> bool:
    """Whether nothing bad is known of a part."""
    change = sight.health.get(part)
    return change is None or change.state not in _DEAD


def looking(sight: Sight, home: Home, camera: str) -> bool:
    """Whether a live detector has looked through a live camera."""
    live = sight.health.get(camera)
    return (live is None or live.state in ALIVE) and any(
        source == camera and works(sight, detector) for detector, source in sight.looks if detector in home.watchers
    )


def fresh(sight: Sight, home: Home, key: tuple[str, str], t: Nanoseconds) -> Told | None:
    """A reading that still counts: not too old, and its source is alive."""
    told = sight.readings.get(key)
    if told is None or not works(sight, told.part):
        return None
    within = home.stale.get(told.part)
    return None if within is not None and t - told.t >= within else told


def scene_of(
    sight: Sight,
    home: Home,
    here: str | None,
    t: Nanoseconds,
    wall: datetime | None = None,
    armed: bool | None = None,  # noqa: FBT001
) -> Scene:
    """The scene for a microphone in `here` at monotonic `t`; `wall` is local time."""
    cameras = {name: area for name, area in home.cameras.items() if looking(sight, home, name)}
    persons = tuple(
        person
        for (detector, camera), look in sight.looks.items()
        if camera in cameras and works(sight, detector) and look.seen is not None and t - look.seen < home.seen
        for person in look.persons
    )
    readings = {key: told.value for key in sight.readings if (told := fresh(sight, home, key, t)) is not None}
    landmarks = {name: home.landmarks[name] for name in cameras if home.landmarks[name]}
    states = dict(sight.states)
    return Scene(here, persons, cameras, states, readings, landmarks, armed, t=t, wall=wall)


def views(scene: Scene, home: Home) -> dict[str, View]:
    """What detectors are told of every area."""
    on = {home.media[key] for key, state in scene.states.items() if key in home.media and state.on}
    found = {}
    for area in sorted(home.areas):
        there = [person for person in scene.persons if person.area == area]
        facing = [person.facing for person in there if person.facing is not None]
        watched = area in scene.cameras.values()
        found[area] = View(watched, bool(there), any(facing) if facing else None, area in on)
    return found
