"""What an engine depends on, as a key of the cache."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from edgefuse.core.ports import Backend, Precision
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.files import sha256_of
from edgefuse.engines.precision import RECIPE
from edgefuse.engines.sidecar import Key

_NOT_ENGINE = frozenset({"about", "format", "fusion", "outputs", "prefers", "threads"})
"""What a card says that changes no engine, at any depth; all the rest counts."""


def key_for(entry: Entry, source: Path, backend: Backend, precision: Precision, samples: Path | None) -> Key:
    """The key of one engine; `samples` is the user's folder for this model. Raises OSError for unreadable files.

    The bundled samples are part of the package: the recipe stands for them, so that asking for a key loads no picture.
    """
    depends = {
        "source": _digest_of(source),
        "card": json.dumps(_relevant(entry.card), sort_keys=True, default=str),
        **{f"backend.{name}": value for name, value in backend.fingerprint().items()},
    }
    if precision != "fp32":
        depends["recipe"] = str(RECIPE)
        depends["samples"] = "bundled" if samples is None else _digest_of_folder(samples)
    if precision == "int8":
        depends["int8"] = backend.int8
    return Key(entry.name, backend.name, precision, depends, backend.suffix or ".onnx")


def _relevant(card: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _relevant(value) if isinstance(value, Mapping) else value
        for name, value in card.items()
        if name not in _NOT_ENGINE
    }


def _digest_of(path: Path) -> str:
    stat = path.stat()
    return _remembered(path, stat.st_size, stat.st_mtime_ns)


def _digest_of_folder(folder: Path) -> str:
    """Of the names and the bytes of all files in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {_digest_of(path)}" for path in found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@lru_cache(maxsize=4096)
def _remembered(path: Path, _size: int, _mtime_ns: int) -> str:
    """For the life of the process; several engines of one model are asked for, each with its source's hash."""
    return sha256_of(path)
