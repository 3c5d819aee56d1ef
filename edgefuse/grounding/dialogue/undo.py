"""The way back from what was done."""

from edgefuse.config.models import Thing
from edgefuse.grounding.history import Exchange
from edgefuse.grounding.order import Order
from edgefuse.grounding.scene import ThingState

_INVERSE = {
    "turn_on": "turn_off",
    "turn_off": "turn_on",
    "open": "close",
    "close": "open",
    "lock": "unlock",
    "unlock": "lock",
    "start": "stop",
    "stop": "start",
    "toggle": "toggle",
    "raise": "lower",
    "lower": "raise",
    "arm": "disarm",
    "disarm": "arm",
}
_PAIRS = (
    ("on", {"turn_on", "turn_off", "toggle"}, "turn_on", "turn_off"),
    ("open", {"open", "close"}, "open", "close"),
    ("locked", {"lock", "unlock"}, "lock", "unlock"),
)
"""Field of a state, the intents that change it, the intent that makes it true, the one that makes it false."""


def undoing(done: Exchange, key: str, thing: Thing) -> Order | None:
    """The order that takes back what was done to one thing; None where nothing changed, or nobody knows how it was."""
    before, intent = done.before.get(key, ThingState()), done.order.intent
    for field, intents, makes, unmakes in _PAIRS:
        was = getattr(before, field)
        if intent in intents and was is not None:
            back = Order(makes if was else unmakes)
            return None if back.intent == intent else back
    if intent in {"set_level", "raise", "lower", "set_colour"} and before.on is False:
        return Order("turn_off")
    if intent in {"set_level", "set_temperature", "set_mode", "raise", "lower"}:
        return _setting(done, before, thing)
    inverse = _INVERSE.get(intent)
    return None if inverse is None else Order(inverse, slots=dict(done.order.slots))


def _setting(done: Exchange, before: ThingState, thing: Thing) -> Order | None:
    """Back to the number or word that it was set to; a step that has no number is taken back by a step."""
    slots = {**done.order.slots, **done.grounding.slots}
    warmth = done.order.intent == "set_temperature" or "temperature" in (slots.get("quantity"), *slots)
    if done.order.intent == "set_mode":
        return None if before.mode is None else Order("set_mode", slots={"mode": before.mode})
    value = before.temperature if warmth else before.level
    if value is not None:
        name = "temperature" if warmth else "level"
        return Order(f"set_{name}", slots={name: f"{value:g}"})
    if done.order.intent in {"raise", "lower"} and thing.up is not None:
        return Order(_INVERSE[done.order.intent], slots=dict(done.order.slots))
    return None
