"""Who is there, as the cameras have it."""

from collections.abc import Sequence

from edgefuse.grounding.dialogue.seeing import looking
from edgefuse.grounding.dialogue.turn import Turn
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Order
from edgefuse.grounding.scene import Person, Spot


def people(turn: Turn, order: Order, grounding: Grounding) -> str:
    """How many persons, where; nobody only where a live camera looks, else unknown and why."""
    wording = turn.world.wording
    zone = _zone(turn, order)
    if zone is not None:
        return _at(turn, zone)
    area = _area(turn, order, grounding)
    if area is not None and not any(area == each for each in turn.scene.cameras.values()):
        return _blind(turn, area)
    there = [each for each in turn.scene.persons if area is None or each.area == area]
    if there:
        return " ".join(_counted(turn, there, each) for each in dict.fromkeys(person.area for person in there))
    if not turn.scene.cameras:
        return _blind(turn, None)
    return wording.say("nobody", where=wording.where(area))


def _area(turn: Turn, order: Order, grounding: Grounding) -> str | None:
    """Asked for by name, else here where a camera looks, else everywhere."""
    said = next((phrase.area for phrase in order.things if phrase.area), None)
    if said or grounding.targets:
        return said or turn.world.site.things[grounding.targets[0]].area
    beside = _beside(turn, order.slots.get("place", ""))
    if beside is not None:
        return beside
    here = turn.scene.here
    return here if here in turn.world.home.cameras.values() else None


def _beside(turn: Turn, place: str) -> str | None:
    """Area of the thing that is called so: `at the front door`."""
    said = place.replace("_", " ").casefold()
    for key, thing in turn.world.site.things.items():
        if said and said in {key.replace("_", " ").casefold(), *map(str.casefold, thing.names)}:
            return thing.area
    return None


def _zone(turn: Turn, order: Order) -> str | None:
    """The landmark that is spoken of, if any camera has it in its picture."""
    phrases = [order.slots.get("place", ""), *(phrase.beside or phrase.name for phrase in order.things)]
    said = {" ".join(each.replace("_", " ").split()).casefold() for each in phrases} - {""}
    zones = [name for named in turn.world.home.zones.values() for name in named]
    return next((name for name in zones if name.replace("_", " ").casefold() in said), None)


def _at(turn: Turn, zone: str) -> str:
    home, wording = turn.world.home, turn.world.wording
    cameras = [name for name, zones in home.zones.items() if zone in zones]
    at = wording.part("seen_at", zone=zone.replace("_", " "))
    there = [
        person
        for person in turn.scene.persons
        if person.camera in cameras and person.feet and inside(person.feet, home.zones[person.camera][zone])
    ]
    if there:
        return wording.say("person" if len(there) == 1 else "persons", count=len(there), where=at)
    if any(name in turn.scene.cameras for name in cameras):
        return wording.say("nobody", where=at)
    return f"{wording.say('unknown')} {wording.say('why.broken', what=wording.source(cameras[0]))}"


def _counted(turn: Turn, there: Sequence[Person], area: str | None) -> str:
    wording, count = turn.world.wording, sum(person.area == area for person in there)
    return wording.say("person" if count == 1 else "persons", count=count, where=wording.where(area))


def _blind(turn: Turn, area: str | None) -> str:
    """Why nobody can tell."""
    wording, home = turn.world.wording, turn.world.home
    cameras = [name for name, where in home.cameras.items() if area in (None, where)]
    dead = [name for name in cameras if not looking(turn.sight, home, name)]
    if not cameras:
        why = wording.say("why.no_camera", where=wording.where(area))
    else:
        why = wording.say("why.broken", what=wording.source((dead or cameras)[0]))
    return f"{wording.say('unknown')} {why}"


def inside(spot: Spot, polygon: Sequence[Spot]) -> bool:
    """Whether a point lies in a polygon: an odd number of edges crosses a ray from it (Shimrat, CACM 5, 1962)."""
    x, y = spot
    crossed = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            crossed = not crossed
    return crossed
