"""Which things can be meant at all: hard constraints of one phrase."""

from dataclasses import dataclass

from edgefuse.config.models import Thing
from edgefuse.grounding.abilities import HEATING, HOUSE, MEDIA, SCREENS, SOUND, able, akin, quantity_of
from edgefuse.grounding.asked import Asked, fold, refuse, spoken, wording
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.scene import ThingState


@dataclass(frozen=True, slots=True)
class Pool:
    """What is left, or why nothing is."""

    keys: tuple[str, ...] = ()
    exact: bool = False
    """A name that only this thing bears."""
    refused: Grounding | None = None


def pool(asked: Asked, phrase: Phrase) -> Pool:
    """Things that everything said in a phrase holds of, and that can do what is asked."""
    called = _called(asked, phrase)
    if not called:
        return Pool(refused=refuse("nothing", f"there is no {wording(phrase)}", asked.home))
    placed = tuple(key for key in called if not phrase.area or asked.things[key].area == phrase.area)
    if not placed:
        where = spoken(phrase.area)
        return Pool(refused=refuse("nothing", f"there is no {wording(phrase)} in the {where}", phrase.area))
    if phrase.name and phrase.everywhere and _one_of_more(asked, placed):
        return Pool(refused=refuse("nothing", f"only one of them is called '{phrase.name}'"))
    if phrase.name and phrase.side == "second" and len(placed) == 1:
        return Pool(refused=refuse("nothing", f"only one is called '{phrase.name}'"))
    standing = tuple(key for key in placed if stands(asked.state(key), phrase.state) is not False)
    if not standing:
        return Pool(refused=refuse("nothing", f"none of them is {phrase.state}", phrase.area or asked.home))
    can = _capable(asked, phrase, standing)
    if not can or _own_cannot(asked, phrase, standing, can):
        verb = asked.intent.replace("_", " ")
        return Pool(refused=refuse("unable", f"the {wording(phrase)} cannot {verb}", phrase.area or asked.home))
    return Pool(can, exact=bool(phrase.name) and len(called) == 1)


def _one_of_more(asked: Asked, keys: tuple[str, ...]) -> bool:
    """A name of one thing, said of the whole house, where there are more of its kind: `the heating everywhere`."""
    return len(keys) == 1 and sum(thing.kind == asked.things[keys[0]].kind for thing in asked.things.values()) > 1


def stands(state: ThingState | None, said: str) -> bool | None:
    """Whether a thing is as it was said to be; None where it does not tell, True where nothing was said."""
    if not said:
        return True
    if state is None:
        return None
    value = {"on": state.on, "off": state.on, "open": state.open, "closed": state.open}.get(said, state.locked)
    return None if value is None else value == (said in {"on", "open", "locked"})


def named(name: str, thing: Thing, key: str) -> bool:
    """Whether this is one of a thing's names."""
    return fold(name) in map(fold, (key, *thing.names))


def _shortly(short: str, thing: Thing) -> bool:
    """`bedside lamp` is the left bedside lamp, where no thing is called just that."""
    return any(_ends(fold(name), short) for name in thing.names)


def _ends(name: str, short: str) -> bool:
    return name.endswith(f" {short}" if name.isascii() else short)


def _locally(asked: Asked, phrase: Phrase, short: str, called: tuple[str, ...]) -> tuple[str, ...]:
    """`the fan` of another room, and in this one the bedroom fan: who is here means that."""
    area = phrase.area or asked.home
    if area is None or phrase.place == "there" or any(asked.things[key].area == area for key in called):
        return called
    if not phrase.area and any(asked.things[key].kind in HOUSE for key in called):
        return called
    own = (key for key in asked.keys if asked.things[key].area == area)
    return (*called, *(key for key in own if _sort_of(short, key, asked.things[key])))


def _sort_of(short: str, key: str, thing: Thing) -> bool:
    """Whether a name says more than this, or the same of a kind: a bedroom tv is a television."""
    names = tuple(map(fold, (key, *thing.names)))
    return any(_ends(name, short) or akin(short, name.rsplit(" ", 1)[-1]) for name in names)


def _called(asked: Asked, phrase: Phrase) -> tuple[str, ...]:
    keys = asked.keys
    if phrase.name:
        short = fold(phrase.name)
        if not any(named(short, thing, key) for key, thing in asked.things.items()):
            keys = tuple(key for key in keys if _shortly(short, asked.things[key]))
            return _of_kind(asked, phrase, keys) if phrase.kind else keys
        kinds = {thing.kind for thing in asked.things.values()}
        generic = fold(phrase.name) in kinds
        keys = tuple(
            key
            for key in keys
            if named(phrase.name, asked.things[key], key) or (generic and asked.things[key].kind == fold(phrase.name))
        )
        keys = _locally(asked, phrase, short, keys)
    return _of_kind(asked, phrase, keys) if phrase.kind else keys


def _of_kind(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> tuple[str, ...]:
    kind, things = phrase.kind, asked.things
    exact = tuple(key for key in keys if things[key].kind == kind)
    loose = tuple(key for key in keys if _like(kind, key, things[key]) and _able(asked, things[key]))
    area = phrase.area or (asked.home if phrase.place == "here" else None)
    if kind in HEATING and area and not any(things[key].area == area for key in exact):
        exact = tuple(key for key in loose if things[key].area == area) or exact
    if any(_able(asked, things[key]) for key in exact):
        return exact
    return loose or exact


def _like(kind: str, key: str, thing: Thing) -> bool:
    """A kind that is akin, but for a radio that is asked for where there is a television, and the other way round."""
    if not akin(kind, thing.kind):
        return False
    called = {word for name in (key, *thing.names) for word in fold(name).split()}
    return not any(kind in one and called & other for one, other in ((SCREENS, SOUND), (SOUND, SCREENS)))


def _able(asked: Asked, thing: Thing) -> bool:
    slots = asked.order.slots
    return able(asked.intent, thing, slots.get("quantity", ""), slots.get("mode", ""))


def _capable(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> tuple[str, ...]:
    can = tuple(key for key in keys if _able(asked, asked.things[key]))
    if phrase.name or phrase.kind:
        return can
    return _of_quantity(asked, can)


def _of_quantity(asked: Asked, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Where no thing is said: `warmer` is about heating, `louder` about media, `brighter` about lights if any."""
    quantity, things = asked.order.slots.get("quantity", ""), asked.things
    if asked.is_question:
        return _telling(asked, keys)
    if asked.intent not in {"raise", "lower", "set_level", "set_temperature"} or not quantity:
        return keys
    if quantity == "temperature":
        return tuple(key for key in keys if things[key].kind in HEATING or things[key].temperature is not None)
    if quantity == "volume":
        return tuple(key for key in keys if things[key].kind in MEDIA)
    level = tuple(key for key in keys if quantity_of(things[key]) == "level")
    return tuple(key for key in level if akin("light", things[key].kind)) or level


_TELLS = {
    "locked": "lock",
    "unlocked": "unlock",
    "open": "open",
    "closed": "close",
    "on": "turn_on",
    "off": "turn_off",
    "temperature": "set_temperature",
    "level": "set_level",
    "volume": "raise",
}
"""State or quantity asked for -> what a thing that has it can do."""


def _telling(asked: Asked, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Things that have the state or the quantity asked for: a lock for `locked`."""
    slots = asked.order.slots
    state, quantity = slots.get("state", ""), slots.get("quantity", "")
    wanted = _TELLS.get(state or quantity)
    if wanted is None:
        return () if quantity else keys
    having = tuple(key for key in keys if able(wanted, asked.things[key], quantity))
    known = tuple(key for key in keys if state and stands(asked.state(key), state) is not None)
    return tuple(key for key in keys if key in having or key in known)


def _own_cannot(asked: Asked, phrase: Phrase, standing: tuple[str, ...], can: tuple[str, ...]) -> bool:
    """Whether the speaker's own thing of that kind cannot do it, and only another area's could."""
    if not phrase.kind or phrase.area or phrase.everywhere or phrase.count != "one" or phrase.place == "there":
        return False
    own = [key for key in standing if asked.things[key].area in asked.where]
    return bool(own) and phrase.deixis in {"", "this"} and not set(own) & set(can)
