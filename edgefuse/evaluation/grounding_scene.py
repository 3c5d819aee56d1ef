"""A scene as people write it, in a case or in a file of its own: who is seen where, how the things stand."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from edgefuse.config.models import Point, Site, Strict, Unit
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Path
from edgefuse.core.types import Nanoseconds
from edgefuse.grounding.scene import Box, Person, Scene, Spot, ThingState

_STATES: Mapping[str, Mapping[str, bool]] = {
    "on": {"on": True},
    "off": {"on": False},
    "open": {"open": True},
    "closed": {"open": False},
    "locked": {"locked": True},
    "unlocked": {"locked": False},
}
_STANDING = (0.12, 0.40)
"""Width and height of somebody of whom only the place is given."""
_DAY = datetime(2026, 1, 5)  # noqa: DTZ001  the zone is the home's
_NOON = time(12)
_BEGIN: Nanoseconds = 3_600_000_000_000


def _worded(value: Any) -> Any:
    if isinstance(value, str) and value not in _STATES:
        raise ValueError(f"expected {', '.join(_STATES)} or a mapping, got '{value}'")
    return _STATES[value] if isinstance(value, str) else value


def _moment(value: str) -> str:
    try:
        _when(value)
    except ValueError:
        raise ValueError(f'expected a time such as "21:30" or "2026-11-20T21:30", got \'{value}\'') from None
    return value


def _when(value: str) -> datetime:
    if "T" in value or "-" in value:
        return datetime.fromisoformat(value)
    return datetime.combine(_DAY, time.fromisoformat(value))


class StateSpec(Strict):
    """How one thing stands; what is left out is not known."""

    on: bool | None = None
    level: Annotated[float, Field(ge=0, le=100)] | None = None
    """Percent."""
    open: bool | None = None
    locked: bool | None = None
    temperature: float | None = None
    """What it is set to, degC."""
    mode: str | None = None


class PersonSpec(Strict):
    """Somebody who is seen."""

    camera: str | None = None
    """Default: one that looks at `area`."""
    area: str | None = None
    """Default: that of the camera."""
    at: Point | None = None
    """Where the feet are, as fractions of the picture."""
    box: tuple[Unit, Unit, Unit, Unit] | None = None
    """x, y, width, height as fractions of the picture."""
    facing: bool | None = None
    """Towards the microphone's device."""
    pointing: tuple[Point, Point] | None = None
    """Shoulder and wrist of an arm that points."""
    score: Unit = 1.0


ThingSpec: TypeAlias = Annotated[StateSpec, BeforeValidator(_worded)]
"""`on`, `off`, `open`, `closed`, `locked`, `unlocked`, or the keys one by one."""


class SceneSpec(Strict):
    """One moment; every key may be left out."""

    base: str | None = None
    """Name of the scene that this one changes: `states` and `readings` entry by entry, all else as a whole."""
    microphone: str | None = None
    """Name of a source, or an area; default: the device's area."""
    persons: list[PersonSpec] = Field(default_factory=list)
    cameras: list[str] | None = None
    """Those that are alive and look for people; default: those that see somebody."""
    states: dict[str, ThingSpec] = Field(default_factory=dict)
    readings: dict[str, dict[str, bool | int | float | str]] = Field(default_factory=dict)
    """Area -> quantity -> value: `{hall: {temperature: 21.5}}`."""
    armed: bool | None = None
    time: Annotated[str, AfterValidator(_moment)] | None = None
    """Local; default noon."""


def merged(spec: SceneSpec, scenes: Mapping[str, SceneSpec]) -> SceneSpec:
    """A scene with what it rests upon."""
    if spec.base is None:
        return spec
    base = merged(scenes[spec.base], scenes)
    own = {name: getattr(spec, name) for name in spec.model_fields_set if name != "base"}
    readings = dict(base.readings)
    for area, values in spec.readings.items():
        readings[area] = {**readings.get(area, {}), **values}
    return base.model_copy(update={**own, "states": {**base.states, **spec.states}, "readings": readings})


def scene_problems(spec: SceneSpec, site: Site) -> Iterator[tuple[Path, str]]:
    """Names in a scene that the home does not have: where, and what was expected."""
    if spec.microphone is not None and spec.microphone not in {*site.sources, *areas(site)}:
        known = [*site.sources, *areas(site)]
        yield ("microphone",), f"expected a source or an area, got '{spec.microphone}'{nearest(spec.microphone, known)}"
    for n, person in enumerate(spec.persons):
        yield from _person_problems(person, n, site)
    cameras = [(("cameras", n), camera) for n, camera in enumerate(spec.cameras or ())]
    yield from _unknown("a source", cameras, list(site.sources))
    yield from _unknown("a thing of the home", [(("states", key), key) for key in spec.states], list(site.things))
    yield from _unknown("an area of the home", [(("readings", area), area) for area in spec.readings], areas(site))


def _unknown(what: str, named: Sequence[tuple[Path, str]], known: Sequence[str]) -> Iterator[tuple[Path, str]]:
    for path, name in named:
        if name not in known:
            yield path, f"expected {what}, got '{name}'{nearest(name, known)}"


def _person_problems(person: PersonSpec, n: int, site: Site) -> Iterator[tuple[Path, str]]:
    if person.camera is None and person.area is None:
        yield ("persons", n), "expected 'camera' or 'area', got neither"
    if person.camera is not None:
        yield from _unknown("a source", [(("persons", n, "camera"), person.camera)], list(site.sources))
    if person.area is not None:
        yield from _unknown("an area of the home", [(("persons", n, "area"), person.area)], areas(site))


def areas(site: Site) -> Sequence[str]:
    """Every area that something is in."""
    parts = [*site.sources.values(), *site.detectors.values(), *site.things.values(), *site.beliefs.values()]
    named = [site.device.area, *site.areas, *(getattr(part, "area", None) for part in parts)]
    return list(dict.fromkeys(area for area in named if area))


def here(spec: SceneSpec, site: Site) -> str | None:
    """Area of the microphone."""
    if spec.microphone is None:
        return site.device.area
    source = site.sources.get(spec.microphone)
    if source is None:
        return spec.microphone
    return source.area or site.device.area


def scene_of(spec: SceneSpec, site: Site, passed: Nanoseconds = 0) -> Scene:
    """The scene as the dialogue knows it, `passed` after the time that it names."""
    persons = tuple(_person(person, site) for person in spec.persons)
    wanted = dict.fromkeys([*(spec.cameras or ()), *(person.camera for person in persons if person.camera)])
    cameras = {name: site.sources[name].area or site.device.area for name in wanted}
    return Scene(
        here=here(spec, site),
        persons=persons,
        cameras=cameras,
        states={key: ThingState(**state.model_dump()) for key, state in spec.states.items()},
        readings={(area, name): value for area, values in spec.readings.items() for name, value in values.items()},
        landmarks={name: _landmarks(site.sources[name]) for name in cameras},
        armed=spec.armed,
        t=_BEGIN + passed,
        wall=wall_of(spec, site) + timedelta(microseconds=passed // 1000),
    )


def wall_of(spec: SceneSpec, site: Site) -> datetime:
    """Local time of a scene."""
    moment = _when(spec.time) if spec.time else datetime.combine(_DAY, _NOON)
    return moment.replace(tzinfo=moment.tzinfo or ZoneInfo(site.device.timezone))


def _person(spec: PersonSpec, site: Site) -> Person:
    camera = spec.camera or _camera_in(spec.area, site)
    own = site.sources[camera].area or site.device.area if camera else None
    return Person(camera, spec.area or own, spec.box or _box(spec.at), spec.score, spec.facing, spec.pointing)


def _camera_in(area: str | None, site: Site) -> str:
    found = (name for name, source in site.sources.items() if source.area == area and hasattr(source, "zones"))
    return next(found, "")


def _box(at: Spot | None) -> Box | None:
    if at is None:
        return None
    width, height = _STANDING
    top = max(0.0, at[1] - height)
    return at[0] - width / 2, top, width, at[1] - top


def _landmarks(source: Any) -> dict[str, Spot]:
    zones: Mapping[str, Sequence[Point]] = getattr(source, "zones", None) or {}
    return {name.replace("_", " "): _middle(points) for name, points in zones.items() if points}


def _middle(points: Sequence[Point]) -> Spot:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
