"""What a thing can do, and which state an order wants it to be in beforehand."""

from typing import Final

from edgefuse.config.models import THING_INTENTS, Thing
from edgefuse.grounding.order import INTENTS
from edgefuse.grounding.scene import ThingState

KIN: Final[tuple[frozenset[str], ...]] = (
    frozenset({"light", "lamp"}),
    frozenset({"switch", "plug", "socket", "outlet"}),
    frozenset({"lock", "door"}),
    frozenset({"door", "gate", "garage", "garage_door"}),
    frozenset({"blind", "shade", "shutter", "cover", "roller"}),
    frozenset({"blind", "curtain", "cover", "drape"}),
    frozenset({"heater", "heating", "radiator", "thermostat", "climate", "boiler"}),
    frozenset({"thermostat", "climate", "air_conditioner", "ac"}),
    frozenset({"media", "media_player", "television", "tv"}),
    frozenset({"media", "media_player", "radio"}),
    frozenset({"media", "media_player", "speaker", "music", "stereo"}),
)
"""Kinds that one word may mean, where this home has none of the kind that was said."""
_LIGHTS, _LOCKS, _DOORS = KIN[0], KIN[2], KIN[3]
HEATING = KIN[6] | KIN[7]
MEDIA = KIN[8] | KIN[9] | KIN[10]
SCREENS, SOUND = KIN[8] - (KIN[8] & KIN[9]), (KIN[9] | KIN[10]) - (KIN[8] & KIN[9])
"""Words for media that are not one another, whatever their kind is called."""
_COVERS = KIN[4] | KIN[5] | {"awning"}
_WAYS = _DOORS | {"window"}
_NATURAL: Final[tuple[tuple[frozenset[str], frozenset[str]], ...]] = (
    (_LIGHTS | {"fan"}, frozenset({"on", "off", "toggle", "level", "colour"})),
    (_COVERS, frozenset({"open", "close", "stop", "level"})),
    (_WAYS, frozenset({"open", "close"})),
    (_LOCKS | _DOORS, frozenset({"lock", "unlock"})),
    (HEATING, frozenset({"on", "off", "temperature", "mode"})),
    (MEDIA, frozenset({"on", "off", "toggle", "start", "stop", "level"})),
    (frozenset({"sensor", "contact", "motion", "presence", "camera"}), frozenset()),
)
"""What kinds can do, for a thing that neither `set` nor a payload is configured for: rules command it."""
_PLAIN = frozenset({"on", "off", "toggle", "start", "stop"})
_PAYLOADS = frozenset(THING_INTENTS.values()) | {"up", "down"}
_NO_SWITCH = _COVERS | _WAYS | _LOCKS | {"sensor", "contact", "motion", "presence", "camera"}
"""ON and OFF, which are the default payloads of any thing, mean nothing to these unless configured."""
HOUSE = frozenset({"lock", "gate", "garage", "garage_door", "siren", "alarm", "doorbell", "vacuum", "mower", "boiler"})
"""Kinds that serve the whole house."""
_CHANGES = {"raise": "up", "lower": "down"}


def akin(said: str, kind: str) -> bool:
    """Whether a word for one kind may mean another."""
    return any(said in group and kind in group for group in KIN)


def able(intent: str, thing: Thing, quantity: str = "", mode: str = "") -> bool:
    """Whether a thing can do this; a question and a user's own intent can be about anything."""
    if intent in _CHANGES:
        return _changeable(_CHANGES[intent], thing, quantity)
    ability = THING_INTENTS.get(intent)
    if ability is None:
        return intent.startswith("query_") or intent not in INTENTS
    if ability == "level" and quantity == "volume" and thing.kind not in MEDIA:
        return False
    if ability == "toggle":
        return _can("toggle", thing) or (_can("on", thing) and _can("off", thing))
    if ability == "mode" and mode and thing.modes:
        return mode.casefold() in (each.casefold() for each in thing.modes)
    return _can(ability, thing)


def of_house(intent: str, kind: str) -> bool:
    """Whether a house has one or few of a kind, that are spoken of from any room; a door may be any room's own."""
    return kind in HOUSE or (kind == "door" and intent in {"lock", "unlock"})


def naturally(thing: Thing) -> bool:
    """Whether a thing is commanded by rules alone: neither `set` nor any payload is configured."""
    return "set" not in thing.model_fields_set and not _PAYLOADS & thing.model_fields_set


def steps(thing: Thing, intent: str) -> bool:
    """Whether a thing takes `up` or `down` as such."""
    return getattr(thing, _CHANGES[intent]) is not None


def quantity_of(thing: Thing, said: str = "") -> str:
    """What of a thing is raised or lowered: `temperature`, `volume` or `level`."""
    own = "temperature" if thing.kind in HEATING else "volume" if thing.kind in MEDIA else "level"
    return said or own


def opens(thing: Thing) -> bool:
    """Whether more of a thing means that it is farther open."""
    return thing.kind in _COVERS | _WAYS


def moves(intent: str, thing: Thing) -> str:
    """`open` or `close` where raising or lowering a thing means that, else nothing: a blind that takes no level."""
    if thing.kind not in _COVERS | _DOORS or _can("level", thing) or steps(thing, intent):
        return ""
    way = "open" if intent == "raise" else "close"
    return way if _can(way, thing) else ""


def ready(intent: str, state: ThingState | None) -> bool | None:
    """Whether a state is what an order is given in: on for `turn_off`, locked for `unlock`. None: not known, or any."""
    if state is None:
        return None
    on = state.on if state.on is not None or state.level is None else state.level > 0
    wanted = {
        "turn_off": (on, True),
        "turn_on": (on, False),
        "open": (state.open, False),
        "close": (state.open, True),
        "lock": (state.locked, False),
        "unlock": (state.locked, True),
        "raise": (on, True),
        "lower": (on, True),
    }.get(intent)
    return None if wanted is None or wanted[0] is None else wanted[0] == wanted[1]


def _can(ability: str, thing: Thing) -> bool:
    if naturally(thing):
        found = [abilities for kinds, abilities in _NATURAL if thing.kind in kinds]
        return any(ability in abilities for abilities in found) if found else ability in _PLAIN
    if ability in {"on", "off"} and ability not in thing.model_fields_set:
        return thing.kind not in _NO_SWITCH
    return getattr(thing, ability) is not None


def _changeable(step: str, thing: Thing, quantity: str) -> bool:
    own = quantity_of(thing)
    if quantity and quantity != own:
        return quantity == "temperature" and _can("temperature", thing)
    if getattr(thing, step) is not None:
        return True
    if own == "temperature":
        return _can("temperature", thing)
    return _can("level", thing) or bool(moves("raise" if step == "up" else "lower", thing))
