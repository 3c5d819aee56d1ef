"""What a home brings into the language: names of things, areas, landmarks and modes, and what its things can do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgefuse.config.models import THING_INTENTS, Intent, Site, Thing
from edgefuse.grounding.abilities import able

_STEPS = ("level", "temperature", "up", "down")


@dataclass(frozen=True, eq=False)
class Home:
    """Everything that can be spoken of in one home."""

    names: Mapping[str, str] = field(default_factory=dict)
    """What a thing is called -> the same, as configured."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of things in plain words -> kind; they are names too, unless they say the kind and no more."""
    kinds: frozenset[str] = frozenset()
    areas: Mapping[str, str] = field(default_factory=dict)
    """What an area is called -> its key."""
    landmarks: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    intents: Mapping[str, Intent] = field(default_factory=dict)
    """The user's own."""
    kind_of: Mapping[str, str] = field(default_factory=dict)
    """Name -> kind of a thing that is called so."""
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name -> areas of the things that are called so; empty where one is in none."""
    able: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name or kind -> intents that a thing of it can do."""


def of_site(site: Site) -> Home:
    """What a configuration brings: things with their landmarks and modes, areas, zones of cameras, intents."""
    return Home(
        names={said: said for thing in site.things.values() for said in thing.names},
        keys={_plain(key): thing.kind for key, thing in site.things.items()},
        kinds=frozenset(thing.kind for thing in site.things.values()),
        areas=_areas(site),
        landmarks=tuple(dict.fromkeys([*_near(site.things.values()), *_zones(site)])),
        modes=tuple(dict.fromkeys(mode for thing in site.things.values() for mode in thing.modes)),
        intents=site.intents,
        kind_of={said: thing.kind for key, thing in site.things.items() for said in (_plain(key), *thing.names)},
        where=_where(site.things),
        able=_able(site.things),
    )


def can(thing: Thing) -> frozenset[str]:
    """Intents that it can do; with steps, a level or a temperature `raise` and `lower` too."""
    found = {intent for intent in THING_INTENTS if able(intent, thing)}
    if any(getattr(thing, name) is not None for name in _STEPS):
        found |= {"raise", "lower"}
    return frozenset(found)


def _able(things: Mapping[str, Thing]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for key, thing in things.items():
        for said in (thing.kind, _plain(key), *thing.names):
            found[said] = found.get(said, frozenset()) | can(thing)
    return found


def _where(things: Mapping[str, Thing]) -> dict[str, frozenset[str]]:
    found: dict[str, list[str | None]] = {}
    for key, thing in things.items():
        for said in dict.fromkeys((_plain(key), *thing.names)):
            found.setdefault(said, []).append(thing.area)
    return {
        said: frozenset(area for area in areas if area) if all(areas) else frozenset() for said, areas in found.items()
    }


def _areas(site: Site) -> dict[str, str]:
    keys: Sequence[str | None] = [
        site.device.area,
        *(thing.area for thing in site.things.values()),
        *(getattr(source, "area", None) for source in site.sources.values()),
        *site.areas,
    ]
    known = dict.fromkeys(key for key in keys if key)
    named = {said: key for key in known if key in site.areas for said in site.areas[key].names}
    return {_plain(key): key for key in known} | named


def _near(things: Iterable[Thing]) -> Iterable[str]:
    return (name for thing in things for name in thing.near)


def _zones(site: Site) -> Iterable[str]:
    """Names of the zones in pictures."""
    for source in site.sources.values():
        yield from (_plain(name) for name in getattr(source, "zones", None) or {})


def _plain(key: str) -> str:
    return key.replace("_", " ")
