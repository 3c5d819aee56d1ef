"""What others may tell the device: `set/arm`, `mute`, `reload`, `confirm`, `forget`, `models/apply`, `ack`. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from edgefuse.core.types import Json

LONGEST_BYTES = 4096
LONGEST_MUTE_S = 7 * 86_400
LONGEST_ID = 256
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a pair of surrogates: JSON can write it, neither UTF-8 nor SQLite can."""
_WORDS = {"on": True, "true": True, "arm": True, "1": True, "off": False, "false": False, "disarm": False, "0": False}


@dataclass(frozen=True, slots=True)
class Arm:
    """Rules with `armed: true` work, or rest."""

    armed: bool


@dataclass(frozen=True, slots=True)
class Mute:
    """A rule, or every rule, is silent for a while; 0 ends it."""

    rule: str | None
    for_s: float


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the configuration again."""


@dataclass(frozen=True, slots=True)
class ApplyModels:
    """Take over engines that were built meanwhile."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The controller has acted on an alert."""

    id: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """Whether a belief was right; it is calibrated by such answers."""

    belief: str
    truth: bool
    at: datetime | None
    """The moment it is about; None: the strongest of the last hour."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The way back: the answers about one belief, or about all with None, no longer count."""

    belief: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that makes no sense; count it."""

    reason: str
    """Short and of few kinds: it becomes a counter."""
    problem: str
    """For the answer: expected and got."""


Control: TypeAlias = Arm | Mute | Reload | ApplyModels | Ack | Confirm | Forget | Rejected


def parse(topic: str, payload: bytes) -> Control:
    """Understand a message on `topic`, which is relative to the device's base. Never raises."""
    if len(payload) > LONGEST_BYTES:
        return Rejected("too long", f"expected at most {LONGEST_BYTES} bytes, got {len(payload)}")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return Rejected("not UTF-8", "expected text in UTF-8")
    understand = _UNDERSTAND.get(topic)
    if understand is None:
        return Rejected("unknown topic", f"expected one of {', '.join(TOPICS)}, got {topic}")
    return understand(text)


def _arm(text: str) -> Control:
    value = _decoded(text)
    if isinstance(value, dict):
        value = value.get("armed")
    if isinstance(value, bool):
        return Arm(value)
    word = text.strip().strip('"').lower()
    if word in _WORDS:
        return Arm(_WORDS[word])
    return Rejected("bad arm", f'expected on, off or {{"armed": true}}, got {text[:80]}')


def _mute(text: str) -> Control:
    value = _decoded(text)
    wrong = Rejected("bad mute", f'expected {{"rule": "name" or null, "for_s": 0 to {LONGEST_MUTE_S}}}')
    if not isinstance(value, dict) or not set(value) <= {"rule", "for_s"}:
        return wrong
    rule, for_s = value.get("rule"), value.get("for_s")
    if not (rule is None or isinstance(rule, str)) or isinstance(for_s, bool) or not isinstance(for_s, int | float):
        return wrong
    return Mute(rule, float(for_s)) if 0 <= for_s <= LONGEST_MUTE_S else wrong


def _ack(text: str) -> Control:
    value = _decoded(text)
    name = value.get("id") if isinstance(value, dict) else text.strip().strip('"')
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or _HALF.search(name):
        return Rejected("bad ack", f'expected {{"id": "the id of an alert"}}, got {text[:80]}')
    return Ack(name)


def _confirm(text: str) -> Control:
    value = _decoded(text)
    wrong = Rejected("bad confirm", 'expected {"belief": "name", "was": true or false, "at": ISO 8601 time or null}')
    if not isinstance(value, dict) or not set(value) <= {"belief", "was", "at"}:
        return wrong
    belief, truth, at = value.get("belief"), value.get("was"), value.get("at")
    if not isinstance(belief, str) or not isinstance(truth, bool):
        return wrong
    try:
        moment = None if at is None else datetime.fromisoformat(str(at).replace("Z", "+00:00"))
    except ValueError:
        return wrong
    return wrong if moment is not None and moment.tzinfo is None else Confirm(belief, truth, moment)


def _forget(text: str) -> Control:
    value = _decoded(text)
    if isinstance(value, dict) and set(value) == {"belief"} and isinstance(value["belief"], str | None):
        return Forget(value["belief"])
    return Rejected("bad forget", f'expected {{"belief": "name", or null for all}}, got {text[:80]}')


def _decoded(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_UNDERSTAND: Mapping[str, Callable[[str], Control]] = {
    "set/arm": _arm,
    "set/mute": _mute,
    "set/reload": lambda _: Reload(),
    "set/confirm": _confirm,
    "set/forget": _forget,
    "models/apply": lambda _: ApplyModels(),
    "ack": _ack,
}
TOPICS = tuple(_UNDERSTAND)
"""Below the device's base."""
