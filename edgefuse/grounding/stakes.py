"""What a mistake would cost: which orders need to be surer, somebody in sight, and a yes."""

from dataclasses import replace
from typing import Final

from edgefuse.config.models import Thing
from edgefuse.grounding.abilities import HEATING
from edgefuse.grounding.asked import Asked, spoken
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.where import attended, watched

_WAYS_IN: Final = frozenset({"door", "gate", "garage", "garage_door", "lock", "entrance"})
"""Whatever moves these lets people in, but for locking and closing; a window is opened from inside."""
_HOT: Final = HEATING - {"thermostat", "climate", "air_conditioner", "ac"} | frozenset(
    {"oven", "stove", "cooker", "hob", "iron", "kettle", "fryer", "grill", "fireplace", "sauna"}
)
"""What these do when they are turned on can burn; a thermostat only goes on regulating."""
_STARTS = frozenset({"turn_on", "start", "toggle"})
_WARMS = frozenset({"set_temperature", "raise"})
_SAFER = frozenset({"lock", "close", "stop", "lower"})


def high(intent: str, thing: Thing | None, slots: dict[str, str], hot_c: float) -> bool:
    """Whether doing this to the wrong thing, or for the wrong person, does harm."""
    if intent.startswith("query_") or intent in {"lock", "close"}:
        return False
    if thing is not None and thing.stake is not None:
        return thing.stake == "high"
    if intent in {"unlock", "disarm"} or (intent in _WARMS and _degrees(slots) >= hot_c):
        return True
    if thing is None or intent in _SAFER:
        return False
    return thing.kind in _WAYS_IN or (intent in _STARTS and thing.kind in _HOT)


def guard(asked: Asked, found: Grounding, *, agreed: bool = False) -> Grounding:
    """What was found, or why it is not done without more: nobody in sight, not sure enough, to be confirmed.

    `agreed`: somebody said yes to just this.
    """
    if not found.acts:
        return found
    intent = found.slots.get("intent", asked.intent)
    confirmed = agreed or intent not in asked.config.confirm
    if not _is_high(asked, intent, found):
        return found if confirmed else _confirm(found, "this is always confirmed")
    if watched(asked.scene) and not attended(asked.scene):
        because = f"nobody is seen in the {spoken(asked.scene.here)}, where this was said"
        return replace(found, targets=(), refused="unseen", because=(because, *found.because))
    doubt = "" if agreed else _doubt(asked, found) or ("" if confirmed else "this is always confirmed")
    return _confirm(found, doubt) if doubt else found


def _doubt(asked: Asked, found: Grounding) -> str:
    if found.p * asked.scene.heard < asked.config.sure_high:
        return "the stake is high, and this is not sure enough"
    if not watched(asked.scene):
        return "the stake is high, and no camera sees who said it"
    return "the stake is high, and several things are meant" if len(found.targets) > 1 else ""


def _is_high(asked: Asked, intent: str, found: Grounding) -> bool:
    slots = {**asked.order.slots, **found.slots}
    things: list[Thing | None] = [asked.things[key] for key in found.targets]
    return any(high(intent, thing, slots, asked.config.hot_c) for thing in things or [None])


def _confirm(found: Grounding, because: str) -> Grounding:
    return replace(found, targets=(), asking="confirm", candidates=found.targets, because=(because, *found.because))


def _degrees(slots: dict[str, str]) -> float:
    values = [value for name, value in slots.items() if name.split(".")[0] == "temperature"]
    try:
        return max(map(float, values), default=0.0)
    except ValueError:
        return 0.0
