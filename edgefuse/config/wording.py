"""Pydantic's errors in the operator's words: what was expected and what we got, never a secret."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from edgefuse.config.rules import ACTION_KEYS, CONDITION_KEYS

_SHOWN = 40
_SECRET = re.compile(r"pass|secret|token|credential|api_?key", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/\s]*@")

_NAME = "letters, digits, '_', '.' and '-', at most 64 of them"
_PATTERNS = {
    "^[A-Za-z0-9_.-]{1,64}$": _NAME,
    r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$": 'a time of day such as "22:30"',
    r"^(embedded(:\d+)?|mqtts?://[^/\s]+)$": "mqtt://host:port, mqtts://host:port or embedded",
    r"^[^#+\s]+$": "a topic without '#', '+' and blanks",
}
_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "decimal": "a number",
    "string": "text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen": "a list",
    "iterable": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
    "none": "nothing",
    "url": "a URL",
    "uuid": "a UUID",
    "date": "a date",
    "datetime": "a date and time",
    "time": "a time or a duration",
    "bytes": "text",
}
"""First word of pydantic's error type -> what it wants."""
_SIMPLE = ("_type", "_parsing", "_required", "_number", "_from_float")
"""Ends of the error types that the first word tells all about."""
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}


def shown(value: Any, key: str | int = "") -> str:
    """A value as a message may show it: short, without passwords."""
    if isinstance(key, str) and _SECRET.search(key) and not key.endswith("_file"):
        return "a value that is not shown"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    text = masked(str(value))
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return text if isinstance(value, int | float) else f"'{text}'"


def masked(text: str) -> str:
    """Text without the passwords of URLs."""
    return _USERINFO.sub("//***@", text)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, else the known names when they are few, else nothing."""
    names = list(known)
    lower = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(name.lower(), lower, n=1)
    if near:
        return f"; did you mean '{lower[near[0]]}'?"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 12 else ""  # noqa: PLR2004  what fits a line


def expected(error: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """`expected ..., got ...` for one error of pydantic that is about the value itself."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    key = path[-1] if path else ""
    if kind in {"value_error", "assertion_error"}:
        return _own_message(context.get("error"), error["msg"], value, key)
    if kind == "union_tag_not_found":
        return _branch(value, path)
    hint = f"; write [{value}]" if kind == "list_type" and isinstance(value, str) else ""
    return f"expected {_want(kind, context, error['msg'])}, got {shown(value, key)}{hint}"


def want(error: Mapping[str, Any]) -> str:
    """Only what was expected, for unions: `a list or text`."""
    return _want(error["type"], error.get("ctx", {}), error["msg"])


def _want(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _BOUNDS:
        field, words = _BOUNDS[kind]
        return f"{words} {_number(context[field])}"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"text that matches {context['pattern']}")
    if kind in {"literal_error", "enum"}:
        return str(context["expected"])
    if kind == "union_tag_invalid":
        return f"one of {context['expected_tags']}"
    if kind.endswith(("too_short", "too_long")):
        return _length(kind, context)
    simple = _EXPECTED.get(kind.split("_", maxsplit=1)[0]) if kind.endswith(_SIMPLE) else None
    return simple or _plain(message)


def _number(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _length(kind: str, context: Mapping[str, Any]) -> str:
    least = kind.endswith("short")
    count = context["min_length" if least else "max_length"]
    unit = "character" if kind.startswith(("string", "bytes", "url")) else "item"
    return f"at {'least' if least else 'most'} {count} {unit}{'' if count == 1 else 's'}"


def _plain(message: str) -> str:
    """Pydantic's own sentence, for rare types: `Input should be a valid date` -> `a valid date`."""
    text = re.sub(r"^[\w ]*? should (be |have )?|^Value error, ", "", message)
    return text[:1].lower() + text[1:]


def _own_message(error: Any, message: str, value: Any, key: str | int) -> str:
    """What a validator of ours or of a plug-in says; it gets the value appended unless it names it."""
    text = str(error) if error is not None else _plain(message)
    if _SECRET.search(str(key)):
        return f"expected another value, got {shown(value, key)}" if str(value) in text else text
    text = masked(text)
    return text if "got" in text or isinstance(value, Mapping | list) else f"{text}, got {shown(value, key)}"


def _branch(value: Any, path: Sequence[str | int]) -> str:
    """For conditions and actions: none or more than one of the distinguishing keys is there."""
    action = "then" in path[-2:]
    keys, what = (ACTION_KEYS, "an action") if action else (CONDITION_KEYS, "a condition")
    wanted = f"expected {what} with one of {', '.join(keys)}"
    if not isinstance(value, Mapping):
        return f"{wanted}, got {shown(value)}"
    found = [key for key in keys if key in value]
    if found:
        advice = "make each a list item of its own" if action else "put them in a list under 'all' or 'any'"
        return f"{wanted}, got {' and '.join(found)} together; {advice}"
    got = ", ".join(map(str, value)) or "an empty mapping"
    return (
        f"{wanted}, got {got}{next((hint for name in value if (hint := nearest(str(name), keys)).startswith(';')), '')}"
    )
