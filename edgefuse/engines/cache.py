"""Engines that were built: found by everything they depend on, trusted by their hash, bounded in size.

::

    <folder>/<model>/<backend>-<precision>-<digest16><suffix>   an engine
    <folder>/<model>/<backend>-<precision>-<digest16>.json      its sidecar, written last; alone: a failure
    <folder>/.work/<model>/<stem>/                              what a builder is making
    <folder>/.locks/<model>/<stem>                              held by that builder
    <folder>/.quarantine/                                       what was found broken

`find` hashes the whole file every time. Size and mtime, as `files.intact` trusts them, would miss a flipped byte, and a
backend may crash on one. SHA-256 runs at over 1 GB/s on CPUs with instructions for it, and it reads into the page cache
what is loaded next: 0.1 s for the engines of all models.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from edgefuse.core.errors import ModelError
from edgefuse.engines import files
from edgefuse.engines.locks import Locks
from edgefuse.engines.sidecar import Key, Made, difference, engine_of, key_of, read

__all__ = ["NO_ROOM", "EngineCache", "Key", "Made"]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_SIDECAR = "it has no sidecar of its own that can be read"
_log = structlog.get_logger()


class EngineCache:
    """A folder of engines; any number of processes and threads may use it.

    Raises ModelError where the folder cannot be read or written, saying what to do.
    """

    def __init__(self, folder: Path, cap_bytes: int) -> None:
        self.folder = folder
        self._cap = cap_bytes
        self._locks = Locks(folder / ".locks")

    def find(self, key: Key) -> Made | None:
        """The engine, or the record that it cannot be built; None if nobody has tried.

        What is broken is moved to the quarantine, unless somebody is at work on it, and counts as not there.
        """
        made, _ = self._checked(key)
        if made is not None:
            with suppress(OSError):  # a read-only folder only forgets what was used last
                os.utime(self._sidecar(key))
        return made

    @contextmanager
    def lock(self, key: Key, waiting: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """Keep everybody else from building this engine; gives an empty folder to work in, which is gone afterwards.

        `waiting` is called again and again while another process or thread has it; what it raises ends the wait.
        """
        work = self.folder / ".work" / key.model / key.stem
        if self._locks.mine(_name(key)):
            yield work
            return
        with ExitStack() as held:
            with self._told():
                held.enter_context(self._locks.take(_name(key), waiting))
                held.callback(_clear, work)
                files.remove(work)
                work.mkdir(parents=True)
            yield work

    def put(self, key: Key, file: Path, note: Mapping[str, Any]) -> Made:
        """Take over a finished file; a crash at any moment leaves the engine whole or not there."""
        target = self._engine(key)
        with self.lock(key) as work, self._told():
            if file.parent != work:
                file = Path(shutil.copyfile(file, work / f"copied{key.suffix}"))
            files.sync(file)
            engine = {"file": target.name, "sha256": files.sha256_of(file), "size": file.stat().st_size}
            made = Made(target, self._publish(key, {**note, "engine": engine}, work, file))
        with suppress(OSError):
            self._sweep()
            self._evict(keep=target)
        return made

    def refuse(self, key: Key, note: Mapping[str, Any]) -> Made:
        """Record that this engine cannot be built; `find` gives the record."""
        with self.lock(key) as work, self._told():
            return Made(None, self._publish(key, {**note, "engine": None}, work))

    def reject(self, key: Key, why: str) -> bool:
        """Quarantine an engine that is whole, but that its backend does not take; it then counts as not there.

        False if this was done before: built twice and refused twice, a third build would be no better. False also where
        the folder cannot be written.
        """
        mark = self.folder / ".quarantine" / f"{key.stem}.refused"
        with self._locks.if_free(_name(key)) as free:
            if not free or mark.exists():
                return False
            try:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(why, encoding="utf-8")
            except OSError:
                return False
            self._set_aside(self._sidecar(key), why)
        return True

    def list(self) -> Sequence[Made]:
        """Everything that has a readable sidecar, sorted by path; nothing is hashed."""
        with self._told():
            sidecars = sorted(self.folder.glob("[!.]*/*.json"))
        found = [(path, read(path)) for path in sidecars]
        return [Made(engine_of(path, note), note) for path, note in found if note is not None]

    def verify(self, models: Sequence[str] = ()) -> Sequence[tuple[Path, str]]:
        """Hash every engine, or those of some models; each file, and what was wrong with it (empty: nothing).

        What is broken goes to the quarantine. Records of failures are left out.
        """
        with self._told():
            found = sorted(path for path in self.folder.glob("[!.]*/*") if not models or path.parent.name in models)
        verdicts = []
        for sidecar in dict.fromkeys(path.with_suffix(".json") for path in found):
            note = read(sidecar)
            engine = sidecar if note is None else engine_of(sidecar, note)
            if engine is not None:
                verdicts.append((engine, self._orphaned(sidecar) if note is None else self._checked(key_of(note))[1]))
        return verdicts

    def trouble(self, error: OSError) -> str:
        """In words, what the disk of this folder refuses."""
        if error.errno in NO_ROOM:
            return (
                f"{self.folder}: no space for an engine ({error.strerror}); free some, lower models.engines_mb, "
                "or set models.dir or EDGEFUSE_MODELS to another disk"
            )
        return (
            f"{self.folder}: engines cannot be kept here: {error}; make it writable, "
            "or set models.dir or EDGEFUSE_MODELS to another folder"
        )

    def _checked(self, key: Key) -> tuple[Made | None, str]:
        """What is there, and what was wrong with what is no longer there."""
        with self._told():
            made, trouble = self._look(key)
        if not trouble:
            return made, ""
        with self._locks.if_free(_name(key)) as free:
            if not free:
                return None, ""
            with self._told():
                made, trouble = self._look(key)
            if trouble:
                self._set_aside(self._sidecar(key), trouble)
            return made, trouble

    def _look(self, key: Key) -> tuple[Made | None, str]:
        """What is there, and what is wrong with it."""
        engine, sidecar = self._engine(key), self._sidecar(key)
        note = read(sidecar)
        if note is None or note["digest"] != key.digest:
            there = engine.exists() or sidecar.exists()
            return None, _NO_SIDECAR if there else ""
        if note["engine"] is None:
            return Made(None, note), ""
        wrong = difference(engine, note)
        return (None, wrong) if wrong else (Made(engine, note), "")

    def _orphaned(self, sidecar: Path) -> str:
        """Set aside what has no readable sidecar, unless somebody is at work on it; says what is wrong."""
        with self._locks.if_free(f"{sidecar.parent.name}/{sidecar.stem}") as free:
            if not free or read(sidecar) is not None:
                return ""
            self._set_aside(sidecar, _NO_SIDECAR)
        return _NO_SIDECAR

    def _set_aside(self, sidecar: Path, trouble: str) -> None:
        """Move a broken engine and its sidecar out of the way."""
        with suppress(OSError):  # what cannot be moved stays, unused
            for path in sidecar.parent.glob(f"{sidecar.stem}.*"):
                files.quarantine(path, self.folder)
        _log.warning("engine quarantined", model=sidecar.parent.name, engine=sidecar.stem, why=trouble)

    def _publish(self, key: Key, note: Mapping[str, Any], work: Path, engine: Path | None = None) -> Mapping[str, Any]:
        """Put an engine and its sidecar in their places; all that needs room is written before."""
        body = {**key.fields, "digest": key.digest, **note}
        staged = work / "sidecar.json"
        staged.write_text(json.dumps(body, indent=1, allow_nan=False), encoding="utf-8")
        files.sync(staged)
        sidecar = self._sidecar(key)
        sidecar.parent.mkdir(parents=True, exist_ok=True)
        files.remove(sidecar)
        if engine is None:
            files.remove(self._engine(key))
        else:
            engine.replace(self._engine(key))
        staged.replace(sidecar)
        files.sync(sidecar.parent)
        return body

    def _sweep(self) -> None:
        """Delete what killed builders left: the work of those who hold no lock."""
        for work in self.folder.glob(".work/*/*"):
            with self._locks.if_free(f"{work.parent.name}/{work.name}") as free:
                if free:
                    files.remove(work)

    def _evict(self, keep: Path) -> None:
        """Bring the folder below its cap: first what is in quarantine, then what was used least recently."""
        broken = {path: path.stat().st_size for path in self.folder.glob(".quarantine/*")}
        made = {path: key_of(each.note) for each in self.list() if (path := each.path) is not None and path.exists()}
        sizes = {path: path.stat().st_size for path in made}
        over = sum(broken.values()) + sum(sizes.values()) - self._cap
        for path, size in broken.items():
            if over > 0:
                files.remove(path)
                over -= size
        for path in sorted(made, key=lambda path: self._sidecar(made[path]).stat().st_mtime_ns):
            if over > 0 and path != keep and self._delete(made[path]):
                over -= sizes[path]

    def _delete(self, key: Key) -> bool:
        """Delete an engine unless somebody is at work on it."""
        with self._locks.if_free(_name(key)) as free:
            if free:
                files.remove(self._engine(key))
                files.remove(self._sidecar(key))
                _log.info("engine deleted", model=key.model, engine=self._engine(key).name, why="the cache is full")
        return free

    def _engine(self, key: Key) -> Path:
        return self.folder / key.model / f"{key.stem}{key.suffix}"

    def _sidecar(self, key: Key) -> Path:
        return self.folder / key.model / f"{key.stem}.json"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ModelError(self.trouble(error)) from error


def _name(key: Key) -> str:
    return f"{key.model}/{key.stem}"


def _clear(work: Path) -> None:
    with suppress(OSError):  # the next holder of the lock, or the next sweep, does it
        files.remove(work)
