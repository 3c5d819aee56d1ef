"""What `brighter`, `two degrees more` and `toggle` come to: values from how things stand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from edgefuse.grounding.abilities import able, moves, naturally, opens, quantity_of, ready, steps
from edgefuse.grounding.asked import Asked, refuse, title
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.scene import ThingState

_DEGREES: Final = 1.0
"""Step of a temperature, degC."""
_COLDEST, _HOTTEST = 5.0, 30.0
_LITTLE, _MUCH = 0.5, 3.0
"""Share of a step in `a little`, and steps in `much`."""
_UNTOLD: Final[Mapping[str, Mapping[str, float]]] = {
    "level": {"raise": 100.0, "lower": 50.0},
    "temperature": {"raise": 21.0, "lower": 18.0},
    "volume": {"raise": 40.0, "lower": 20.0},
}
"""Quantity -> what something ends up at that does not tell how it stands; lamps shine fully where nobody dims."""


def settle(asked: Asked, found: Grounding) -> Grounding:
    """What was found with the slots that follow from how the things stand.

    `level` or `temperature` for `raise` and `lower`; `level.<key>` and so on where things end up differently; none
    where the thing takes steps. `intent` where another payload does it: `turn_off` for a lit lamp that cannot toggle,
    `open` for a blind that is raised and takes no level. Refuses `unable` where this needs a state that is not known,
    as it does where it is said by how much; a lamp that tells no level becomes bright, or half as bright.
    """
    if not found.acts or not found.targets:
        return found
    if asked.intent == "toggle":
        return _toggled(asked, found)
    if asked.intent not in {"raise", "lower"} or {"level", "temperature"} & asked.order.slots.keys():
        return found
    ways = {moves(asked.intent, asked.things[key]) for key in found.targets}
    if len(ways) == 1 and (way := ways.pop()):
        return replace(found, slots={**found.slots, "intent": way})
    return _moved(asked, found)


def _toggled(asked: Asked, found: Grounding) -> Grounding:
    if all(asked.things[key].toggle is not None or naturally(asked.things[key]) for key in found.targets):
        return found
    lit = {ready("turn_off", asked.state(key)) for key in found.targets}
    if len(lit) != 1 or None in lit:
        return refuse("unable", "whether it is on is not known", found.area)
    return replace(found, slots={**found.slots, "intent": "turn_off" if lit.pop() else "turn_on"})


def _moved(asked: Asked, found: Grounding) -> Grounding:
    values: dict[str, tuple[str, str]] = {}
    for key in found.targets:
        ends = _value(asked, key)
        if ends is not None:
            values[key] = ends
        elif not steps(asked.things[key], asked.intent) and not naturally(asked.things[key]):
            return refuse("unable", f"how the {title(key, asked.things)} stands now is not known", found.area)
    if len(set(values.values())) == 1 and len(values) == len(found.targets):
        name, value = next(iter(values.values()))
        return replace(found, slots={**found.slots, name: value})
    each = {f"{name}.{key}": value for key, (name, value) in values.items()}
    return replace(found, slots={**found.slots, **each})


def _value(asked: Asked, key: str) -> tuple[str, str] | None:
    """Slot and value that a thing ends up with; None where its state is not known."""
    thing, state = asked.things[key], asked.state(key)
    sign = 1 if asked.intent == "raise" else -1
    if quantity_of(thing) == "temperature":
        degrees = state.temperature if state is not None else None
        if not able("set_temperature", thing):
            return None
        if degrees is None:
            return _untold(asked, key)
        return "temperature", _number(degrees + sign * _step(asked, _DEGREES), _COLDEST, _HOTTEST)
    level = _level(state, asked.intent)
    if not able("set_level", thing):
        return None
    if level is None:
        return _untold(asked, key)
    return "level", _number(level + sign * _step(asked, thing.step), 0.0, 100.0)


def _level(state: ThingState | None, intent: str) -> float | None:
    """Percent; what is closed is at 0, what is open at 100, and what is off shines at 0 where more is wanted."""
    if state is None:
        return None
    if state.level is None and state.open is not None:
        return 100.0 if state.open else 0.0
    return 0.0 if state.on is False and intent == "raise" else state.level


def _untold(asked: Asked, key: str) -> tuple[str, str] | None:
    """The same for a thing that tells no level; None for one that is off, and where it is said by how much."""
    thing, state = asked.things[key], asked.state(key)
    if "step" in asked.order.slots or (state is not None and state.on is False):
        return None
    if quantity_of(thing) == "temperature":
        return "temperature", _number(_UNTOLD["temperature"][asked.intent], _COLDEST, _HOTTEST)
    if opens(thing):
        return "level", "100" if asked.intent == "raise" else "0"
    return "level", _number(_UNTOLD[quantity_of(thing)][asked.intent], 0.0, 100.0)


def _step(asked: Asked, usual: float) -> float:
    said, amount = asked.order.slots.get("step"), asked.order.slots.get("amount", "")
    try:
        return float(said) if said else usual * {"little": _LITTLE, "much": _MUCH}.get(amount, 1.0)
    except ValueError:
        return usual


def _number(value: float, least: float, most: float) -> str:
    return f"{max(least, min(most, value)):g}"
