"""Which thing is meant: by its name, or by its kind and the place where it was said. When in doubt, a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgefuse.config.models import THING_INTENTS, Thing


@dataclass(frozen=True, slots=True)
class Grounding:
    """What is meant, or what to ask."""

    targets: tuple[str, ...] = ()
    """Keys of things; several only where several were asked for."""
    p: float = 1.0
    """Probability that they are meant; 1 where nothing had to be found."""
    area: str | None = None
    question: str | None = None
    candidates: tuple[str, ...] = ()
    """What the question is between."""
    because: tuple[str, ...] = ()

    @property
    def target(self) -> str | None:
        """The thing, where it is one."""
        return self.targets[0] if len(self.targets) == 1 else None


def resolve(intent: str, slots: Mapping[str, str], here: str | None, things: Mapping[str, Thing]) -> Grounding:
    """Find the things of an order spoken in the area `here`.

    Slots: `name` wins; else `kind` (one) or `kinds` (several) in `area`, else in `here`; with `all` or `everywhere` and
    no `area`, wherever they are.
    """
    place = slots.get("area")
    if "name" in slots:
        return _able(intent, things, _named(slots["name"], place, here, things))
    if "kinds" in slots:
        return _able(intent, things, _several(slots, place, here, things))
    if "kind" in slots:
        return _able(intent, things, _one(slots["kind"], place, here, things))
    return Grounding(area=place or here)


def _named(name: str, place: str | None, here: str | None, things: Mapping[str, Thing]) -> Grounding:
    called = [key for key, thing in things.items() if _fold(name) in map(_fold, (key, *thing.names))]
    inside = [key for key in called if place is None or things[key].area == place]
    if called and not inside:
        return Grounding(p=0.0, area=place, because=(f"no '{name}' in {_say(place)}",))
    near = [key for key in inside if here is not None and things[key].area == here]
    chosen = near if len(inside) > 1 and len(near) == 1 else inside
    return _choose(chosen, things, f"called '{name}'", place or here)


def _one(kind: str, place: str | None, here: str | None, things: Mapping[str, Thing]) -> Grounding:
    where = place or here
    every = [key for key, thing in things.items() if thing.kind == kind]
    inside = [key for key in every if where is None or things[key].area == where]
    if inside or place:
        return _choose(inside, things, f"the {kind} in {_say(where)}" if where else f"the only {kind}", where)
    asked = _ask(every, things, where) if every else None
    return asked or Grounding(p=0.0, area=where, because=(f"there is no {kind}",))


def _several(slots: Mapping[str, str], place: str | None, here: str | None, things: Mapping[str, Thing]) -> Grounding:
    kind = slots["kinds"]
    anywhere = place is None and ("all" in slots or "everywhere" in slots or here is None)
    where = None if anywhere else place or here
    found = tuple(key for key, thing in things.items() if thing.kind == kind and (anywhere or thing.area == where))
    place_said = "everywhere" if anywhere else f"in {_say(where)}"
    if not found:
        return Grounding(p=0.0, area=where, because=(f"there is no {kind} {place_said}",))
    return Grounding(found, area=where, because=(f"every {kind} {place_said}",))


def _choose(found: Sequence[str], things: Mapping[str, Thing], why: str, where: str | None) -> Grounding:
    if not found:
        return Grounding(p=0.0, area=where, because=(f"nothing is {why}",))
    if len(found) > 1:
        return _ask(found, things, where)
    return Grounding((found[0],), area=things[found[0]].area or where, because=(why,))


def _ask(found: Sequence[str], things: Mapping[str, Thing], where: str | None) -> Grounding:
    """A question, also where there is a single candidate but not here."""
    names = [f"the {_title(key, things, found)}" for key in found]
    question = f"{', '.join(names[:-1])} or {names[-1]}?" if len(names) > 1 else f"Do you mean {names[0]}?"
    reason = f"{len(found)} things could be meant" if len(found) > 1 else f"it is not in {_say(where)}"
    question = question[:1].upper() + question[1:]
    return Grounding((), 1 / len(found), where, question, tuple(found), (reason,))


def _able(intent: str, things: Mapping[str, Thing], found: Grounding) -> Grounding:
    """Leave out what cannot do it."""
    ability = THING_INTENTS.get(intent)
    if ability is None or not found.targets:
        return found
    able = tuple(key for key in found.targets if getattr(things[key], ability) is not None)
    if able == found.targets:
        return found
    unable = [_spoken(key) for key in found.targets if key not in able]
    reason = f"{', '.join(unable)} cannot {intent.replace('_', ' ')}"
    return Grounding(able, found.p if able else 0.0, found.area, None, (), (*found.because, reason))


def _title(key: str, things: Mapping[str, Thing], among: Sequence[str]) -> str:
    """Its first name, or its key where another candidate has the same name."""
    names = [things[other].names[:1] or [_spoken(other)] for other in among]
    own = things[key].names[:1] or [_spoken(key)]
    return own[0] if names.count(own) == 1 else _spoken(key)


def _spoken(key: str) -> str:
    return key.replace("_", " ")


def _fold(name: str) -> str:
    return " ".join(_spoken(name).casefold().split())


def _say(place: str | None) -> str:
    return f"the {_spoken(place)}" if place else "this house"
