"""What a thing's own message says about how it stands. Pure: bytes in, fields of a state out; nothing makes it raise.

Knows the JSON of zigbee2mqtt, Tasmota's `POWER` and `Dimmer`, Home Assistant's statestream and its climate, cover, lock
and media states, and plain words and numbers.
"""

import json
from collections.abc import Mapping
from typing import TypeAlias

from edgefuse.core.types import Json, Value

MAX_BYTES = 65_536
_WORDS: Mapping[str, tuple[str, Value]] = {
    **dict.fromkeys(("on", "true", "playing", "paused", "idle", "home"), ("on", True)),
    **dict.fromkeys(("off", "false", "standby", "not_home"), ("on", False)),
    **dict.fromkeys(("open", "opening", "opened"), ("open", True)),
    **dict.fromkeys(("closed", "closing", "close"), ("open", False)),
    **dict.fromkeys(("locked", "locking", "lock"), ("locked", True)),
    **dict.fromkeys(("unlocked", "unlocking", "unlock", "not_fully_locked"), ("locked", False)),
}
_MODES = frozenset({"heat", "cool", "auto", "heat_cool", "dry", "fan_only", "eco"})
_STATES = ("state", "power", "power1", "lock_state", "value")
_SETPOINTS = ("occupied_heating_setpoint", "current_heating_setpoint", "setpoint", "target_temperature")
_MODE_KEYS = ("system_mode", "mode", "preset", "hvac_mode")
_BRIGHTEST = 254.0
"""Zigbee's."""
_FULL = 100.0
_MOST = 1e9
"""Greater numbers, infinity and NaN among them, are no state."""
Fields: TypeAlias = dict[str, Value]


def fields_of(payload: bytes) -> Fields | None:
    """Fields of `ThingState` that a message tells, with their values; None where it cannot be read at all.

    >>> fields_of(b'{"state": "ON", "brightness": 127}')
    {'on': True, 'level': 50.0}
    """
    if len(payload) > MAX_BYTES:
        return None
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    try:
        document = json.loads(text) if text[:1] in '{["-0123456789' else text
    except (ValueError, RecursionError):
        return None
    return _object(document) if isinstance(document, dict) else _plain(document)


def _plain(value: Json) -> Fields:
    if isinstance(value, bool):
        return {"on": value}
    if isinstance(value, int | float):
        return _level(value, _FULL)
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word in _MODES:
        return {"on": True, "mode": word}
    return dict([_WORDS[word]]) if word in _WORDS else {}


def _object(document: Mapping[str, Json]) -> Fields:
    low = {str(key).casefold(): value for key, value in document.items()}
    found: Fields = {}
    for key in _STATES:
        told = low.get(key)
        if isinstance(told, str | bool):
            found |= _plain(told)
    if isinstance(low.get("contact"), bool):
        found["open"] = not low["contact"]
    found |= _levels(low)
    for key in _SETPOINTS:
        if _is_number(low.get(key)):
            found["temperature"] = float(low[key])
    for key in _MODE_KEYS:
        if isinstance(low.get(key), str) and low[key]:
            found["mode"] = low[key].casefold()
    return found


def _levels(low: Mapping[str, Json]) -> Fields:
    """Brightness of 254 or 255, a dimmer, position or volume of 100, a volume of 1."""
    found: Fields = {}
    if _is_number(low.get("brightness")):
        found |= _level(min(low["brightness"], _BRIGHTEST), _BRIGHTEST)
    for key in ("dimmer", "position", "current_position", "volume", "percentage"):
        if _is_number(low.get(key)):
            found |= _level(low[key], _FULL)
    if _is_number(low.get("volume_level")):
        found |= _level(low["volume_level"], 1.0)
    for key in ("position", "current_position"):
        if _is_number(low.get(key)) and "open" not in found:
            found["open"] = low[key] > 0
    return found


def _level(value: float, full: float) -> Fields:
    """Compared before it is divided: an integer may be too large to be a float."""
    return {"level": round(value / full * _FULL, 1)} if 0 <= value <= full else {}


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST
