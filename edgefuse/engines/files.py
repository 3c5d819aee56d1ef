"""Files that can be trusted: hashes, a sidecar that remembers them, locks, moves that survive a crash."""

import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgefuse.engines.catalogue import Pin

SIDECAR = ".edgefuse.json"
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hex digest of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def matches(path: Path, pin: Pin) -> bool:
    """Whether a file is there and is what it must be."""
    try:
        return path.stat().st_size == pin.size and sha256_of(path) == pin.sha256
    except FileNotFoundError:
        return False


def intact(folder: Path, pins: Mapping[str, Pin], *, rehash: bool = False) -> bool:
    """Whether every file is what it must be.

    A file is hashed unless the sidecar recorded its hash at the size and mtime it has now.
    """
    notes = _notes(folder)
    good = all(
        (not rehash and notes.get(name) == _note(folder / name, pin)) or matches(folder / name, pin)
        for name, pin in pins.items()
    )
    if good and any(notes.get(name) != _note(folder / name, pin) for name, pin in pins.items()):
        with suppress(OSError):  # a read-only folder is only hashed again next time
            write_sidecar(folder, pins, source_of(folder) or "copied by hand")
    return good


def write_sidecar(folder: Path, pins: Mapping[str, Pin], source: str) -> None:
    """Remember what was verified. Raises OSError."""
    body = {"source": source, "files": {name: _note(folder / name, pin) for name, pin in pins.items()}}
    temporary = folder / f"{SIDECAR}.{os.getpid()}"
    temporary.write_text(json.dumps(body, indent=1), encoding="utf-8")
    sync(temporary)
    temporary.replace(folder / SIDECAR)


def source_of(folder: Path) -> str:
    """Where the files came from; empty when nobody recorded it."""
    return str(_sidecar(folder).get("source", ""))


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a crash leaves the old one, the new one or none, whole. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def publish(staging: Path, final: Path) -> None:
    """Rename a finished folder into its place so that a crash leaves the old or the new one, whole."""
    for path in staging.iterdir():
        sync(path)
    sync(staging)
    final.parent.mkdir(parents=True, exist_ok=True)
    staging.replace(final)
    sync(final.parent)


def quarantine(path: Path, root: Path) -> Path:
    """Move what has the wrong hash to `.quarantine`, in place of what lay there under its name."""
    target = root / ".quarantine" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    remove(target)
    path.replace(target)
    return target


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that other processes and threads respect; `waiting` is called if another one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _note(path: Path, pin: Pin) -> dict[str, Any]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return {}
    return {"sha256": pin.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _notes(folder: Path) -> dict[str, Any]:
    files = _sidecar(folder).get("files")
    return files if isinstance(files, dict) else {}


def _sidecar(folder: Path) -> dict[str, Any]:
    try:
        body = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}
