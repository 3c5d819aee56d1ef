"""Reads a Rhino-style grammar file (`context: expressions, slots`) into the same Grammar that a site gives."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgefuse.config.models import Intent
from edgefuse.config.yaml import parse
from edgefuse.core.errors import ConfigError
from edgefuse.detectors.voice.grammar import Grammar, build
from edgefuse.language import language

_SLOT = re.compile(r"\$([\w.]+):(\w+)")
_CHOICE = re.compile(r"\[([^\]]*)\]")
_MAYBE = re.compile(r"\(([^)]*)\)")


def read(path: Path, code: str = "en") -> Grammar:
    """The grammar in a YAML file. Raises ConfigError for another layout."""
    try:
        document = parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if document.problems:
        raise ConfigError(*(f"{path}:{p.position[0]}:{p.position[1]}: {p.message}" for p in document.problems))
    try:
        context = document.data["context"]
        expressions, slots = context["expressions"], context.get("slots") or {}
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path}: expected a grammar with context.expressions and context.slots") from None
    user = {name: _intent(sentences, slots) for name, sentences in expressions.items()}
    return build(language(code), {}, {}, {}, user)


def _intent(sentences: Sequence[str], slots: Mapping[str, Any]) -> Intent:
    kinds = {slot: kind for text in sentences for kind, slot in _SLOT.findall(text)}
    missing = sorted(kind for kind in kinds.values() if kind not in slots)
    if missing:
        raise ConfigError(f"the grammar names slot types that it does not list: {', '.join(missing)}")
    values = {slot: [str(phrase) for phrase in slots[kind]] for slot, kind in kinds.items()}
    return Intent(sentences=[_template(text) for text in sentences], slots=values)


def _template(text: str) -> str:
    """`[a, b]` is a choice and `(a)` may be left out: in hassil `(a|b)` and `[a]`."""
    parts = re.split(r"(\[[^\]]*\]|\([^)]*\))", _SLOT.sub(r"{\2}", text))
    return "".join(_CHOICE.sub(_choice, p) if p[:1] == "[" else _MAYBE.sub(_maybe, p) for p in parts)


def _choice(found: re.Match[str]) -> str:
    return "(" + "|".join(option.strip() for option in found[1].split(",")) + ")"


def _maybe(found: re.Match[str]) -> str:
    return "[" + "|".join(option.strip() for option in found[1].split(",")) + "]"
