"""Makes an engine: source -> precision -> backend -> verdict against ONNX Runtime in fp32 -> cache."""

import errno
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgefuse import __version__
from edgefuse.core.errors import BlamelessError, BuildCancelled, ModelError
from edgefuse.core.ports import Backend, BuildReport, Clock, Model, Precision, Tensors, Trial
from edgefuse.core.types import Nanoseconds
from edgefuse.engines.cache import NO_ROOM, EngineCache, Key, Made
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.keys import key_for
from edgefuse.engines.precision import Verdict, compare, convert, filled
from edgefuse.engines.progress import Progress, Watched
from edgefuse.engines.select import CPU

_ROOM = 3
"""A build needs about this many times the size of its source: the copy, the engine, what libraries put down."""
_DISK = NO_ROOM | {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Record:
    """What is known about one engine of one model."""

    model: str
    backend: str
    precision: Precision
    ok: bool
    """It is there and has passed its verification."""
    detail: str
    path: Path | None
    """What `Backend.load` takes; None where it failed."""
    verdict: Verdict | None
    """None where there was nothing to compare."""
    built_s: float

    def to_json(self) -> dict[str, Any]:
        """For machines; `size` is in bytes, an infinite number is None."""
        verdict = None if self.verdict is None else _finite(asdict(self.verdict))
        fields = {"model": self.model, "backend": self.backend, "precision": self.precision, "ok": self.ok}
        return {
            **fields,
            "detail": self.detail,
            "verdict": verdict,
            "path": None if self.path is None else str(self.path),
            "size": None if self.path is None else self.path.stat().st_size,
            "built_s": self.built_s,
        }


@dataclass(frozen=True, slots=True)
class _Job:
    entry: Entry
    source: Path
    key: Key
    backend: Backend
    work: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Judge:
    """What a candidate is compared with."""

    reference: Model
    feeds: Sequence[Tensors]
    trial: Trial | None


class Workshop:
    """Builds engines into a cache, and says what is there.

    `samples` has a folder per model, of the user's own; a model without one gets the bundled samples.
    """

    def __init__(
        self,
        cache: EngineCache,
        backends: Mapping[str, Backend],
        trial: Callable[[Entry], Trial | None],
        clock: Clock,
        samples: Path | None = None,
    ) -> None:
        self._cache = cache
        self._backends = backends
        self._trial = trial
        self._clock = clock
        self._samples = samples

    def state(self, entry: Entry, source: Path, backend: str, precision: Precision) -> Record | None:
        """The engine, or the record of its failure; None if nobody has tried. What needs no build is always there.

        Hashes the engine's file and builds nothing. A folder of engines that cannot be read, and a backend that
        cannot say what its engines depend on, are failures, too. Raises OSError for the source.
        """
        if self._needs_no_build(backend, precision):
            return _as_it_is(entry, source, backend, precision)
        try:
            made = self._cache.find(self._key(entry, source, backend, precision))
        except ModelError as error:
            return Record(entry.name, backend, precision, False, str(error), None, None, 0.0)  # noqa: FBT003
        return None if made is None else _record(made)

    def build(
        self,
        entry: Entry,
        source: Path,
        backend: str,
        precision: Precision,
        report: BuildReport,
        *,
        force: bool = False,
    ) -> Record:
        """Build one engine unless it is there or is known to fail; with `force` in any case.

        A failure is a record, too. Where another process builds the same engine, its result is taken. Raises
        BuildCancelled, ModelError for the folder, OSError for the source, ConfigError for a library that is missing.
        """
        if self._needs_no_build(backend, precision):
            return _as_it_is(entry, source, backend, precision)
        key = self._key(entry, source, backend, precision)
        progress = Progress(f"model '{entry.name}', {backend} {precision}", report)
        with self._cache.lock(key, progress.wait) as work:
            made = self._cache.find(key)
            there = None if made is None else _record(made)
            if there is not None and (progress.waited or not force):
                return there
            return self._make(_Job(entry, source, key, self._backends[backend], work, progress))

    def reject(self, entry: Entry, source: Path, backend: str, precision: Precision, why: str) -> bool:
        """Tell that an engine cannot be loaded; whether it is out of the way, so that it is built once more.

        False for what needs no build, and for an engine that was refused and built again before.
        """
        if self._needs_no_build(backend, precision):
            return False
        return self._cache.reject(self._key(entry, source, backend, precision), why)

    def _needs_no_build(self, backend: str, precision: Precision) -> bool:
        return precision == "fp32" and not self._backends[backend].suffix

    def _key(self, entry: Entry, source: Path, backend: str, precision: Precision) -> Key:
        return key_for(entry, source, self._backends[backend], precision, self._samples_of(entry))

    def _samples_of(self, entry: Entry) -> Path | None:
        own = None if self._samples is None else self._samples / entry.name
        return own if own is not None and own.is_dir() else None

    def _make(self, job: _Job) -> Record:
        """Try it. What keeps it from being judged at all is not recorded: it may be another next time."""
        self._enough_room(job)
        begin = self._clock.now()
        try:
            judge = self._judge(job)
        except ModelError as error:
            return _unjudged(job.key, error)
        try:
            made, how = _convert_and_build(job, judge)
            verdict = self._verdict(job, judge, made)
        except BlamelessError as error:
            job.progress.check()
            return _unjudged(job.key, error)
        except (ModelError, OSError) as error:
            job.progress.check()  # a backend that was told to stop may call it a failure
            self._disk_told(job, error)
            if isinstance(error, (BuildCancelled, OSError)):
                raise
            return _recorded(self._cache.refuse(job.key, self._note(job, begin, str(error))))
        finally:
            judge.reference.close()
        job.progress.check()
        note = self._note(job, begin, verdict.detail, verdict, how)
        return _recorded(self._cache.put(job.key, made, note) if verdict.ok else self._cache.refuse(job.key, note))

    def _judge(self, job: _Job) -> _Judge:
        """Load the reference and the samples; without a trial, what the card takes. Raises ModelError."""
        trial = self._trial(job.entry)
        if trial is None and job.key.precision == "int8":
            raise ModelError("int8 is calibrated on samples, and no detector that uses this model has any to give")
        reference = self._backends[CPU].load(job.source, job.entry.card)
        try:
            feeds = [reference.example()] if trial is None else trial.feeds(self._samples_of(job.entry))
        except ModelError:
            reference.close()
            raise
        return _Judge(reference, feeds, trial)

    def _verdict(self, job: _Job, judge: _Judge, made: Path) -> Verdict:
        candidate = job.backend.load(made, job.entry.card)
        try:
            feeds = Watched(judge.feeds, job.progress, job.progress.stage(0.8, 1.0, "verify"))
            return compare(judge.reference, candidate, feeds, judge.trial, job.key.precision, self._clock)
        finally:
            candidate.close()

    def _enough_room(self, job: _Job) -> None:
        """Try whether the disk, its quota and the process's limit give what a build needs. Raises ModelError."""
        needed = _ROOM * job.source.stat().st_size
        trial = job.work / "room"
        try:
            with trial.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, needed)
        except OSError as error:
            free = shutil.disk_usage(self._cache.folder).free
            short = f"about {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free"
            raise ModelError(self._cache.trouble(OSError(error.errno, f"{error.strerror}: {short}"))) from error
        finally:
            trial.unlink(missing_ok=True)

    def _disk_told(self, job: _Job, error: BaseException) -> None:
        """A disk that takes no more is the operator's to mend, not a failure of this engine. Raises ModelError."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OSError) and cause.errno in _DISK:
                raise ModelError(self._cache.trouble(cause)) from error
            cause = cause.__cause__
        self._enough_room(job)  # a library that cannot write says anything but that

    def _note(
        self, job: _Job, begin: Nanoseconds, detail: str, verdict: Verdict | None = None, how: str = ""
    ) -> Mapping[str, Any]:
        end = self._clock.now()
        return {
            "ok": verdict is not None and verdict.ok,
            "detail": detail,
            "verdict": None if verdict is None else _finite(asdict(verdict)),
            "how": how,
            "file": job.source.name,
            "built_s": round((end - begin) / 1e9, 3),
            "made": self._clock.wall(end).isoformat(timespec="seconds"),
            "tools": _tools(),
        }


def _convert_and_build(job: _Job, judge: _Judge) -> tuple[Path, str]:
    """The engine, in the job's folder, and how its precision came about."""
    built = bool(job.backend.suffix)
    exact, how = job.source, ""
    if job.key.precision != "fp32":
        exact = job.work / "converted.onnx"
        feeds = filled(judge.reference, judge.feeds, {} if judge.trial is None else judge.trial.carried)
        report = job.progress.stage(0.0, 0.3 if built else 0.8, f"to {job.key.precision}")
        how = convert(job.source, exact, job.key.precision, job.backend.int8, feeds, job.entry.card, report)
        job.progress.check()
    if built:
        target = job.work / f"engine{job.backend.suffix}"
        job.backend.build(exact, job.entry.card, target, job.progress.stage(0.3 if how else 0.0, 0.8, "build"))
        job.progress.check()
        return target, how
    return exact, how


def _as_it_is(entry: Entry, source: Path, backend: str, precision: Precision) -> Record:
    return Record(entry.name, backend, precision, True, "the model's own file", source, None, 0.0)  # noqa: FBT003


def _unjudged(key: Key, error: ModelError) -> Record:
    return Record(key.model, key.backend, key.precision, False, str(error), None, None, 0.0)  # noqa: FBT003


def _record(made: Made) -> Record | None:
    """None where the note is not one of ours: the engine counts as not there."""
    try:
        return _recorded(made)
    except (KeyError, TypeError, ValueError):
        return None


def _recorded(made: Made) -> Record:
    note = made.note
    return Record(
        model=note["model"],
        backend=note["backend"],
        precision=note["precision"],
        ok=made.path is not None and note["ok"] is True,
        detail=str(note["detail"]),
        path=made.path,
        verdict=_verdict_of(note["verdict"]),
        built_s=float(note["built_s"]),
    )


def _tools() -> dict[str, str]:
    """Versions of what took part."""
    found = {"edgefuse": __version__}
    for name in ("numpy", "onnx", "onnxruntime"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _finite(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: None stands for it."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in verdict.items()}


def _verdict_of(noted: Mapping[str, Any] | None) -> Verdict | None:
    """Raises TypeError and ValueError for what is no verdict."""
    if noted is None or set(noted) != set(Verdict.__slots__):
        return None
    fields: dict[str, Any] = {name: math.inf if value is None else value for name, value in noted.items()}
    numbers = {name: float(fields[name]) for name in ("cosine", "max_error", "agreement", "speed")}
    return Verdict(**{**fields, **numbers})
