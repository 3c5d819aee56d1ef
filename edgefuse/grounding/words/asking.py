"""What one group asks for: intent and slots, where its words say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefuse.grounding.words.group import Group

_PARTICLES = {
    "closed": "close",
    "open": "open",
    "locked": "lock",
    "on": "turn_on",
    "off": "turn_off",
    "up": "raise",
    "down": "lower",
}
_RESULTS = frozenset({"closed", "open", "locked"})
"""What `I want` something to be."""
_SETS = {"level": "set_level", "temperature": "set_temperature", "colour": "set_colour", "mode": "set_mode"}
_SETTING = frozenset({"change", "set", "turn_on", "raise", "lower", "open", "close"})
_TURNING = frozenset({"raise", "lower"})
_ON, _OPEN, _LOCKED = (
    frozenset({"turn_on", "turn_off", "toggle", "start", "stop"}),
    frozenset({"open", "close"}),
    frozenset({"lock", "unlock"}),
)
_WAYS = {"on": _ON, "off": _ON, "open": _OPEN, "closed": _OPEN, "locked": _LOCKED, "unlocked": _LOCKED}
_COLDEST, _HOTTEST, _HIGHEST = 5, 35, 100
_HOURS = 24
_ABOUT = frozenset({"_head", "area", "place", "degree", "beside", "side"})
"""What says of what there is to be more."""
_UNABLE, _ELSEWHERE = 0.7, 0.6
_LESS_LIKELY = 0.05


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that a group may ask for."""

    intent: str
    slots: Mapping[str, str] = field(default_factory=dict)
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is needed beside the group."""

    able: Mapping[str, frozenset[str]]
    """Name or kind -> what it can do."""
    where: Mapping[str, frozenset[str]]
    """Name -> areas of what is called so."""
    quantities: Mapping[str, str]
    """Kind -> what is meant by more of it."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Name -> kind of what is called so."""
    drops: bool = False
    """What was spoken of last may go unsaid, a verb alone is about it; and nouns do not tell one from several."""

    def penalty(self, intent: str, group: Group) -> float:
        """Cost of asking for what things of that name or kind cannot do."""
        where = self.where.get(group.get("name", ""))
        if "name" in group and (group.get("everywhere") or group.get("count") == "all"):
            return _ELSEWHERE
        if where and group.get("area", "") not in {"", *where}:
            return _ELSEWHERE
        able = self.abilities(group)
        known = any(intent in each for each in self.able.values())
        return _UNABLE if able is not None and known and intent not in able else 0.0

    def more_of(self, group: Group) -> str:
        """What is meant by more of it; empty where that is not known."""
        return self.quantities.get(group.get("kind") or self.kinds.get(group.get("name", ""), ""), "")

    def abilities(self, group: Group) -> frozenset[str] | None:
        """What can be asked of what is spoken of; None where that is not known."""
        return self.able.get(group.get("name") or group.get("kind") or "")

    def untold(self, state: str, group: Group) -> float:
        """Cost of asking whether things are as those of that name or kind never are: a lamp is not closed."""
        able = self.abilities(group)
        ways = _WAYS.get(state)
        return _UNABLE if able and ways and not able & ways else 0.0


def meanings(group: Group, asked: Asked) -> Iterator[Meaning]:
    """Every way to take a group as something that is asked for."""
    if "mood" in group:
        found = _question(group, asked)
        if found is not None:
            yield Meaning(found.intent, found.slots, asked.untold(found.slots.get("state", ""), group))
        return
    for each in _order(group, asked):
        yield Meaning(each.intent, each.slots, each.cost + asked.penalty(each.intent, group))


def _order(group: Group, asked: Asked) -> Iterator[Meaning]:
    verb: Mapping[str, Any] = group.get("verb", {})
    if not _fitting(group, verb):
        return
    if "value" in group:
        yield from _valued(group, verb, asked)
        return
    intent = _intent(group, verb)
    if intent is None:
        return
    if intent not in _TURNING:
        yield from () if {"quantity", "amount"} & group.keys() else (Meaning(intent),)
        return
    quantity = _quantity(group, verb, asked)
    if quantity or (quantity is not None and _ABOUT & group.keys()):
        said = {"quantity": quantity, "amount": group.get("amount", "")}
        yield Meaning(intent, {name: value for name, value in said.items() if value})


def _fitting(group: Group, verb: Mapping[str, Any]) -> bool:
    """Whether verb and particle go together."""
    particle = group.get("particle")
    if verb.get("valued") and "value" not in group:
        return False
    if particle is None:
        return "needs" not in verb or bool("value" in group and verb.get("value"))
    if not verb:
        changes = "quantity" in group and _PARTICLES[particle] in _TURNING
        return (bool(group.get("_head")) and particle not in _RESULTS) or changes
    return particle in verb.get("needs", ()) or particle in verb.get("may", ())


def _intent(group: Group, verb: Mapping[str, Any]) -> str | None:
    ask = verb.get("ask")
    degree = group.get("degree")
    if degree is not None:
        return degree["ask"] if ask in {None, "set", "change", degree["ask"]} and "particle" not in group else None
    if "amount" in group and ask in {"open", "close"}:
        return "raise" if ask == "open" else "lower"
    if ask in {None, "change"}:
        return _PARTICLES.get(group.get("particle", ""))
    return None if ask == "set" else ask


def _quantity(group: Group, verb: Mapping[str, Any], asked: Asked) -> str | None:
    """What is raised or lowered; empty where nothing says it, None where words contradict each other."""
    said = {each.get("quantity") for each in (group, verb, group.get("degree", {}))} - {None}
    if len(said) > 1:
        return None
    return str(said.pop()) if said else asked.more_of(group)


def _valued(group: Group, verb: Mapping[str, Any], asked: Asked) -> Iterator[Meaning]:
    value, marked = group["value"], group["marked"]
    ask, particle = verb.get("ask"), group.get("particle")
    if particle == "off" or "amount" in group or (ask is not None and ask not in _SETTING):
        return
    if group.get("_coloured") and (particle or ask not in {None, "set", "change"}):
        return
    if (not verb and not _said_alone(group, marked)) or not _opens(group, ask, asked):
        return
    turning = _turning(group, verb)
    if _loose(value, marked, ask, turning) or (turning and "degree" not in group and _opposed(value, turning)):
        return
    if "number" in value and turning and marked != "to":
        yield from _stepped(turning, group, verb, asked)
    elif marked != "by" and "degree" not in group:
        yield from _set(value, group, asked)


def _opens(group: Group, ask: str | None, asked: Asked) -> bool:
    """Whether what is to be opened by so much is something that opens."""
    if ask not in {"open", "close"}:
        return True
    able = asked.abilities(group)
    return bool(group.get("_head")) if able is None else ask in able


def _loose(value: Mapping[str, Any], marked: str, ask: str | None, turning: str) -> bool:
    """Whether a bare number may be something else: `two lamps`, `at nine`."""
    if "number" not in value or value["unit"]:
        return False
    if marked == "at":
        return ask != "set" or value["number"] <= _HOURS
    return not marked and ask != "set" and not turning


def _opposed(value: Mapping[str, Any], turning: str) -> bool:
    """`turn it up to the minimum`."""
    return value.get("level") == ({"raise": 1, "lower": _HIGHEST}[turning])


def _said_alone(group: Group, marked: str) -> bool:
    """Whether a value without a verb asks for something: `lamp to 20`, `21 degrees in here`."""
    value = group["value"]
    spoken = bool(group.get("_head")) or "quantity" in group
    if value.get("unit") in {"degrees", "fahrenheit"}:
        return spoken or "degree" in group or "area" in group or "place" in group or "everywhere" in group
    return ("degree" in group or spoken) and (bool(marked) or bool(value.get("unit")) or "number" not in value)


def _turning(group: Group, verb: Mapping[str, Any]) -> str:
    """`raise`, `lower`, or nothing."""
    said = {_PARTICLES.get(group.get("particle", "")), verb.get("ask"), group.get("degree", {}).get("ask")} & _TURNING
    return said.pop() if len(said) == 1 else ""


def _stepped(intent: str, group: Group, verb: Mapping[str, Any], asked: Asked) -> Iterator[Meaning]:
    value = group["value"]
    quantity = _quantity(group, verb, asked)
    unit = value["unit"]
    if quantity is None or (unit == "degrees" and quantity not in {"", "temperature"}) or unit == "fahrenheit":
        return
    if not quantity:
        quantity = {"degrees": "temperature", "percent": "level"}.get(unit, "")
    slots = {"quantity": quantity} if quantity else {}
    yield Meaning(intent, {**slots, "step": number(value["number"])})


def _set(value: Mapping[str, Any], group: Group, asked: Asked) -> Iterator[Meaning]:
    quantity = group.get("quantity", "")
    for name in ("level", "colour", "mode"):
        if name in value and quantity in {"", name, *(("volume",) if name == "level" else ())}:
            volume = {"quantity": quantity} if quantity == "volume" else {}
            yield Meaning(_SETS[name], {name: str(value[name]), **volume})
    if "number" in value:
        yield from _numbered(float(value["number"]), str(value["unit"]), group, asked)


def _numbered(value: float, unit: str, group: Group, asked: Asked) -> Iterator[Meaning]:
    quantity = group.get("quantity", "")
    if unit == "fahrenheit":
        value, unit = round((value - 32) / 1.8, 1), "degrees"
    whole = value == int(value) or unit == "percent"
    if whole and unit in {"", "percent"} and quantity in {"", "level", "volume"} and 0 <= value <= _HIGHEST:
        volume = {"quantity": quantity} if quantity == "volume" else {}
        yield Meaning("set_level", {"level": number(value), **volume})
    if quantity in {"", "temperature"} and _COLDEST <= value <= _HOTTEST and unit in {"", "degrees"}:
        able = asked.abilities(group)
        only = bool(unit or quantity) or (able is not None and "set_level" not in able)
        room = {"quantity": "temperature"} if unit and group.get("deixis") == "it" else {}
        yield Meaning("set_temperature", {"temperature": number(value), **room}, 0.0 if only else _LESS_LIKELY)


def number(value: float) -> str:
    """`20`, `20.5`."""
    return str(int(value)) if value == int(value) else str(value)


def _question(group: Group, asked: Asked) -> Meaning | None:
    mood = group["mood"]
    if {"verb", "particle", "value", "degree", "amount"} & group.keys():
        return None
    if mood == "who":
        place = group.get("area") or group.get("beside") or group.get("name") or group.get("kind")
        return Meaning("query_who", {"place": str(place)} if place else {})
    if "asked" in group:
        spoken = group.get("_head") or "area" in group or mood != "is"
        return Meaning("query_state", {"state": group["asked"]}) if spoken and "quantity" not in group else None
    if mood in {"value", "what"} and "quantity" in group:
        return Meaning("query_value", {"quantity": group["quantity"]})
    if "setting" in group and group.get("_head"):
        return Meaning("query_value", {"quantity": asked.more_of(group) or "level"})
    if mood == "what" and group.get("_head"):
        return Meaning("query_state")
    return None
