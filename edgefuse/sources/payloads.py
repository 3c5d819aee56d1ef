"""What a sensor's message says. Pure: bytes and a topic in, values out; no input makes it raise.

Knows the JSON of zigbee2mqtt, Tasmota's nested `tele/<device>/SENSOR`, ESPHome's plain text on
`<prefix>/sensor/<id>/state`, plain numbers and ON/OFF. RFC 6901 pointers say where to look in anything else.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from edgefuse.core.types import Json, Value
from edgefuse.sources.quantities import QUANTITIES, UNITS, Quantity, snake, to_si

MAX_BYTES = 65_536
MAX_TEXT = 256
_MAX_DEPTH = 6
_MAX_VALUES = 256
_NUMBER = re.compile(r"^([-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?)\s*(\S{0,8})$", re.ASCII)
_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "detected", "wet", "occupied", "home", "locked", "lock"), True),
    **dict.fromkeys(("off", "false", "no", "clear", "dry", "unoccupied", "not_home", "unlocked", "unlock"), False),
}
_SHUT = {"open": False, "closed": True, "close": True}
_NOTHING = {"", "nan", "none", "null", "unknown", "unavailable", "n/a"}
_TAIL = {"state", "status", "value", "stat", "current", "get", "data", "result"}
"""Last parts of a topic that name no quantity."""


class Found(NamedTuple):
    """One value of a message, in SI units."""

    quantity: str
    value: Value
    unit: str


@dataclass(frozen=True, slots=True)
class Pick:
    """Where one value is and what makes it SI: value * scale + offset, then from its unit."""

    at: str
    """JSON pointer; empty is the whole message."""
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says about a message."""

    quantity: str | None = None
    """Name of a plain value."""
    unit: str = ""
    """Of a plain value."""
    values: Mapping[str, Pick] = field(default_factory=dict)


@dataclass(slots=True)
class Parsed:
    """All that a message says, and why some of it was thrown away."""

    found: list[Found] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


class _Rejected(Exception):  # noqa: N818  never leaves this module
    pass


def parse(topic: str, payload: bytes, wanted: Wanted | None = None) -> Parsed:
    """The values of a message. Reasons in `rejected` are few, fixed texts, fit for counting."""
    wanted = wanted or Wanted()
    parsed = Parsed()
    try:
        document = _decode(payload)
    except _Rejected as reason:
        parsed.rejected.append(str(reason))
        return parsed
    for quantity, pick in wanted.values.items():
        _add(parsed, quantity, partial(_picked, document, quantity, pick))
    if isinstance(document, dict | list):
        _object(parsed, document, set(wanted.values))
    elif not wanted.values:
        name = wanted.quantity or quantity_of(topic)
        _add(parsed, name, partial(_plain, document, name, wanted))
    if not parsed.found and not parsed.rejected:
        parsed.rejected.append("nothing known in it")
    return parsed


def availability(payload: bytes) -> bool | None:
    """Whether a device says that it is there: `online`, `Offline`, `{"state": "online"}`; None for anything else."""
    try:
        said = _decode(payload)
    except _Rejected:
        return None
    if isinstance(said, dict):
        said = said.get("state")
    return {"online": True, "offline": False}.get(said.lower()) if isinstance(said, str) else None


def quantity_of(topic: str) -> str:
    """What a plain value on this topic is called: the known quantity that its last part ends with, or that part.

    >>> quantity_of("esphome/sensor/living_room_temperature/state")
    'temperature'
    """
    parts = [snake(part) for part in topic.split("/")]
    parts = [part for part in parts if part and part not in _TAIL] or ["value"]
    last = parts[-1]
    words = last.split("_")
    for start in range(len(words)):
        known = QUANTITIES.get("_".join(words[start:]))
        if known:
            return known.name
    return last[:64]


def pointer(document: Json, path: str) -> Json:
    """What an RFC 6901 pointer points at. Raises LookupError when there is nothing, ValueError on a bad pointer."""
    for token in pointer_tokens(path):
        if isinstance(document, dict):
            document = document[token]
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9]\d{0,8}", token, re.ASCII):
            document = document[int(token)]
        else:
            raise LookupError(path)
    return document


def pointer_tokens(path: str) -> list[str]:
    """The steps of a pointer. Raises ValueError when it is none."""
    if path and not path.startswith("/"):
        raise ValueError(f"expected a JSON pointer such as /sensor/temperature (RFC 6901), got '{path}'")
    if re.search(r"~(?![01])", path):
        raise ValueError(f"expected ~0 for ~ and ~1 for / in a JSON pointer (RFC 6901), got '{path}'")
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]


def _decode(payload: bytes) -> Json:
    """JSON, or the text itself where it is none."""
    if len(payload) > MAX_BYTES:
        raise _Rejected("too long")
    try:
        text = payload.decode().strip("\ufeff \t\r\n\0")
    except UnicodeDecodeError:
        raise _Rejected("not UTF-8") from None
    try:
        return json.loads(text, parse_constant=_not_finite)
    except RecursionError:
        raise _Rejected("nested too deep") from None
    except ValueError:
        if text[:1] in {"{", "[", '"'}:
            raise _Rejected("broken JSON") from None
        return text


def _not_finite(_: str) -> None:
    raise _Rejected("not a finite number")


_Value: TypeAlias = tuple[Value, str]


def _add(parsed: Parsed, quantity: str, read: Callable[[], _Value]) -> None:
    try:
        value, unit = read()
    except _Rejected as reason:
        parsed.rejected.append(str(reason))
    else:
        parsed.found.append(Found(quantity, value, unit))


def _picked(document: Json, quantity: str, pick: Pick) -> _Value:
    try:
        raw = pointer(document, pick.at)
    except (LookupError, ValueError):
        raise _Rejected("nothing where the pointer points") from None
    known = QUANTITIES.get(quantity) or Quantity(quantity, "", "text")
    if pick.scale == 1 and pick.offset == 0:
        return _value(raw, known, pick.unit)
    value, _ = _value(raw, Quantity(quantity, "", "number"), "")
    assert isinstance(value, float)
    return _finite(value * pick.scale + pick.offset, pick.unit or known.unit)


def _plain(document: Json, quantity: str, wanted: Wanted) -> _Value:
    known = QUANTITIES.get(quantity) or Quantity(quantity, "", "text" if wanted.quantity else "any")
    return _value(document, known, wanted.unit)


def _object(parsed: Parsed, document: Json, taken: set[str]) -> None:
    """Every known key, also of nested objects; a quantity met again is named after the object that it is in."""
    for path, key, raw, beside in _leaves(document):
        known = QUANTITIES.get(snake(key))
        if known is None or (path and known.kind in {"text", "action"}) or (known.kind == "action" and not raw):
            continue
        name = known.name
        if name in taken:
            name = "_".join((name, *map(snake, path)))[:64]
        if name in taken:
            continue
        taken.add(name)
        if raw is not None:
            _add(parsed, name, partial(_value, raw, known, _unit_beside(known, raw, beside)))
        if len(parsed.found) + len(parsed.rejected) >= _MAX_VALUES:
            return


def _leaves(document: Json) -> Iterator[tuple[tuple[str, ...], str, Json, dict[str, Json]]]:
    """Path, key, value and units of every plain value, in the order of the text; not deeper than any real device."""
    stack: list[tuple[tuple[str, ...], Json, dict[str, Json]]] = [((), document, {})]
    while stack:
        path, node, units = stack.pop()
        if not isinstance(node, dict) or len(path) > _MAX_DEPTH:
            continue
        units = {**units, **{key: text for key, text in node.items() if key.endswith("Unit")}}
        if "battery" in node and isinstance(node.get("voltage"), int | float) and node["voltage"] > 100:  # noqa: PLR2004 - no battery has 100 V
            units["VoltageUnit"] = "mV"  # zigbee2mqtt gives the voltage of a battery so
        for key, value in node.items():
            if not isinstance(value, dict | list):
                yield path, key, value, units
        stack.extend(((*path, key), value, units) for key, value in reversed(node.items()) if isinstance(value, dict))


def _unit_beside(known: Quantity, raw: Json, units: dict[str, Json]) -> str:
    """Tasmota writes its units once, next to the sensors: TempUnit, PressureUnit, SpeedUnit."""
    prefix = {"temperature": "Temp", "dew_point": "Temp"}.get(known.name, known.name.title())
    unit = units.get(f"{prefix}Unit", "") if not isinstance(raw, str) else ""
    return unit if isinstance(unit, str) else ""


def _value(raw: Json, known: Quantity, unit: str) -> _Value:
    """One value in SI, or _Rejected."""
    if isinstance(raw, dict | list) or raw is None:
        raise _Rejected("wrong type")
    if isinstance(raw, str):
        return _text(raw.strip(), known, unit)
    if known.kind == "switch":
        if raw in (0, 1):
            return bool(raw), ""
        raise _Rejected("neither on nor off")
    if isinstance(raw, bool):
        if known.kind == "number":
            raise _Rejected("not a number")
        return raw, ""
    return _number(raw, known, unit)


def _text(text: str, known: Quantity, unit: str) -> _Value:
    word = text.lower()
    if len(text) > MAX_TEXT or not text.isprintable():
        raise _Rejected("no readable text")
    if word in _NOTHING:
        raise _Rejected("says that it has no value")
    if known.kind == "action":
        return text, ""
    number = _NUMBER.match(text)
    if number and (not number[2] or number[2] in UNITS):
        return _value(float(number[1]), known, unit or number[2])
    if known.kind != "number" and word in _SHUT:
        return _SHUT[word] == (known.name == "contact"), ""
    if known.kind != "number" and word in _WORDS:
        return _WORDS[word], ""
    if known.kind == "text":
        return text, ""
    raise _Rejected("neither on nor off" if known.kind == "switch" else "not a number")


def _number(raw: float, known: Quantity, unit: str) -> _Value:
    try:
        value = float(raw)
    except OverflowError:
        raise _Rejected("not a finite number") from None
    return _finite(value, unit or known.unit)


def _finite(value: float, unit: str) -> _Value:
    value, unit = to_si(value, unit)
    if not math.isfinite(value):
        raise _Rejected("not a finite number")
    return value, unit
