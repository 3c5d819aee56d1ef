"""What identifies an engine, and the note that lies beside it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse.core.ports import Precision
from edgefuse.engines.files import sha256_of

LAYOUT = 1
"""Part of every key: raised when the engine layer reads or feeds engines in another way."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which engine."""

    model: str
    backend: str
    precision: Precision
    depends: Mapping[str, str]
    """Everything else that decides what is built."""
    suffix: str
    """Of the file, with its dot."""

    @property
    def fields(self) -> dict[str, Any]:
        """All of it in clear, for JSON."""
        clear: dict[str, Any] = {"layout": LAYOUT, "model": self.model, "backend": self.backend}
        return {**clear, "precision": self.precision, "depends": dict(self.depends), "suffix": self.suffix}

    @property
    def digest(self) -> str:
        """SHA-256 of all of it as canonical JSON, in hex."""
        return hashlib.sha256(json.dumps(self.fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def stem(self) -> str:
        """Name of its files, without suffix."""
        return f"{self.backend}-{self.precision}-{self.digest[:16]}"


@dataclass(frozen=True, slots=True)
class Made:
    """What came of building an engine."""

    path: Path | None
    """None: it failed."""
    note: Mapping[str, Any]
    """The sidecar: the key's fields in clear, its digest, `engine` {file, sha256, size}, and what the builder noted."""


def key_of(note: Mapping[str, Any]) -> Key:
    """The key that a note is about. Raises KeyError."""
    return Key(note["model"], note["backend"], note["precision"], note["depends"], note["suffix"])


def read(sidecar: Path) -> dict[str, Any] | None:
    """The note, if it is whole and about the engine it lies beside; None also where there is none. Raises OSError."""
    if not sidecar.is_file():  # a pipe would never end
        return None
    try:
        note = json.loads(sidecar.read_text(encoding="utf-8"))
        key = key_of(note)
        engine = note["engine"]
        own = note["layout"] == LAYOUT and note["digest"] == key.digest and sidecar.stem == key.stem
        whole = engine is None or (isinstance(engine["sha256"], str) and isinstance(engine["size"], int))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return note if own and whole else None


def engine_of(sidecar: Path, note: Mapping[str, Any]) -> Path | None:
    """The file that the note is about; None for the record of a failure."""
    return None if note["engine"] is None else sidecar.with_suffix(note["suffix"])


def difference(engine: Path, note: Mapping[str, Any]) -> str:
    """What is wrong with a file that was built; empty if nothing. Raises OSError."""
    want = note["engine"]
    if not engine.exists():
        return "its file is gone"
    if engine.stat().st_size != want["size"]:
        return f"expected {want['size']} bytes, got {engine.stat().st_size}"
    got = sha256_of(engine)
    return "" if got == want["sha256"] else f"expected sha256 {want['sha256']}, got {got}"
