"""Measures loaded models: latency, CPU time, memory, and what the engine layer adds to the library below it."""

import os
import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from edgefuse.core.errors import ModelError, needs
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Backend, Clock
from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.counted import Counted

_LONGEST_S = 5
"""Runs end after this, unless their number is given."""
_LEAST, _MOST = 20, 1000
_WARM = 3
_MS = 1_000_000
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Engine:
    """One thing to be measured: a model as one library runs it in one precision."""

    model: str
    backend: str
    """A backend, or the library of a model that no backend runs: `ctranslate2`, `microwakeword`."""
    precision: str
    path: str
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One line of `edgefuse models bench`; the fields are its JSON keys. None where nothing was measured."""

    model: str
    backend: str
    precision: str
    ok: bool
    detail: str
    """What runs it, or why it does not run."""
    unit: str = ""
    """What one run is."""
    threads: int | None = None
    runs: int | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    """The first run."""
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    """CPU time of the whole process per run, all threads; mean."""
    library_mb: float | None = None
    """Resident memory that importing its library adds, 10^6 bytes."""
    memory_mb: float | None = None
    """Resident memory that loading and the first runs add."""
    ratio: float | None = None
    """`Model.run` over the library's own call on the same session right before or after it; median of all pairs."""
    overhead_us: float | None = None
    """Their difference; median of all pairs."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that is loaded."""

    run: Callable[[], object]
    raw: Callable[[], object] | None
    """The library's own call, where there is one to compare with."""
    detail: str
    unit: str
    threads: int


Load: TypeAlias = Callable[[], Subject]


def engines_of(entry: Entry, path: Path, built: Iterable[tuple[str, str, Path]] = ()) -> list[Engine]:
    """What is here of a model: its file as it is, then what was built from it as (backend, precision, file)."""
    kind = str(entry.card.get("format", "none"))
    if kind == "onnx":
        found = [("onnx", "fp32", path), *built]
        return [Engine(entry.name, backend, precision, str(file), entry.card) for backend, precision, file in found]
    return [Engine(entry.name, kind, "int8", str(path), entry.card)] if kind in _LIBRARIES else []


def is_on_cpu(engine: Engine) -> bool:
    """Whether `--engine cpu` means it."""
    return engine.backend == "onnx" or engine.backend in _LIBRARIES


def measure(engine: Engine, backend: Backend | None, clock: Clock, runs: int | None = None) -> BenchRow:
    """Load it into this process, which should be a fresh one, and run it.

    `backend` is its backend, None for a library of its own. Raises ModelError when it cannot be loaded, ConfigError
    without its library.
    """
    load, library_mb = _grown(lambda: _loader(engine, backend, clock))
    start = clock.now()
    subject, loaded_mb = _grown(load)
    loaded = clock.now()
    _, run_mb = _grown(subject.run)
    first = clock.now() - loaded
    took, cpu, raw = _runs(subject, clock, runs)
    pairs = list(zip(took, raw, strict=True)) if raw else []
    return BenchRow(
        model=engine.model,
        backend=engine.backend,
        precision=engine.precision,
        ok=True,
        detail=subject.detail,
        unit=subject.unit,
        threads=subject.threads,
        runs=len(took),
        load_ms=(loaded - start) / _MS,
        first_ms=first / _MS,
        p50_ms=percentile(took, 0.5) / _MS,
        p90_ms=percentile(took, 0.9) / _MS,
        p99_ms=percentile(took, 0.99) / _MS,
        cpu_ms=cpu / len(took) * 1e3,
        library_mb=library_mb,
        memory_mb=loaded_mb + run_mb,
        ratio=median(ours / theirs for ours, theirs in pairs) if pairs else None,
        overhead_us=median(ours - theirs for ours, theirs in pairs) / 1e3 if pairs else None,
    )


def percentile(values: Sequence[float], q: float) -> float:
    """Nearest rank: the least value that at least the share `q` of all does not exceed."""
    return sorted(values)[max(0, ceil(q * len(values)) - 1)]


def _runs(subject: Subject, clock: Clock, runs: int | None) -> tuple[list[Nanoseconds], float, list[Nanoseconds]]:
    """Durations of the runs, seconds of CPU that they took, durations of the library's own calls."""
    calls = [subject.run] if subject.raw is None else [subject.run, subject.raw]
    for call in calls * _WARM:
        call()
    took: list[list[Nanoseconds]] = [[] for _ in calls]
    cpu = 0.0
    end = clock.now() + _LONGEST_S * SECOND
    while not _enough(len(took[0]), runs, late=clock.now() > end):
        order = range(len(calls)) if len(took[0]) % 2 else reversed(range(len(calls)))
        for which in order:
            before, start = _cpu(), clock.now()
            calls[which]()
            took[which].append(clock.now() - start)
            cpu += _cpu() - before if which == 0 else 0.0
    return took[0], cpu, took[1] if len(took) > 1 else []


def _enough(done: int, wanted: int | None, *, late: bool) -> bool:
    if wanted is not None:
        return done >= wanted
    return done >= _MOST or (late and done >= _LEAST)


def _cpu() -> float:
    """Seconds of CPU that all threads of this process have used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _grown(do: Callable[[], Any]) -> tuple[Any, float]:
    """What a call gives, and the resident memory that it added in MB."""
    before = _resident()
    result = do()
    return result, (_resident() - before) / _MB


def _resident() -> int:
    """Bytes; proc(5), statm, second field."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _loader(engine: Engine, backend: Backend | None, clock: Clock) -> Load:
    """Import what the model needs; the function that is returned loads it."""
    path = Path(engine.path)
    if backend is None:
        return _LIBRARIES[engine.backend](path, engine.card)
    backend.fingerprint()
    return lambda: _networked(backend, path, {**engine.card, "precision": engine.precision}, clock)


def _networked(backend: Backend, path: Path, card: Mapping[str, Any], clock: Clock) -> Subject:
    """As a part is given it: checked and counted."""
    model = backend.load(path, card)
    feed = model.example()
    counted = Counted(model, PartHealth("bench", "detector"), clock)
    session = getattr(model, "session", None)
    raw = None if session is None else (lambda: session.run(None, feed))
    threads = int(card.get("threads", 1))
    return Subject(lambda: counted.run(feed), raw, model.runs_on, "one example", threads)


def _ctranslate2(path: Path, card: Mapping[str, Any]) -> Load:
    import numpy as np

    with needs("voice", "to run Whisper"):
        from faster_whisper import WhisperModel

        library = version("ctranslate2")

    def load() -> Subject:
        try:
            model = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"{path}: CTranslate2 cannot load it: {error}") from error
        features = np.zeros((int(card.get("mels", 80)), 3000), np.float32)
        detail = f"CTranslate2 {library}, cpu, int8"
        return Subject(lambda: np.asarray(model.encode(features)), None, detail, "30 s encoded", 1)

    return load


def _microwakeword(path: Path, _card: Mapping[str, Any]) -> Load:
    with needs("voice", "to run wake words"):
        from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    def load() -> Subject:
        try:
            model = MicroWakeWord.from_config(path)
        except (KeyError, ValueError, OSError) as error:
            raise ModelError(f"{path}: it cannot be loaded: {error!r}") from error
        sound = MicroWakeWordFeatures()
        window = bytes(1024)

        def hear() -> None:
            for frame in sound.process_streaming(window):
                model.process_streaming(frame)

        return Subject(hear, None, "TensorFlow Lite, cpu, int8", "32 ms of sound", 1)

    return load


_LIBRARIES: Mapping[str, Callable[[Path, Mapping[str, Any]], Load]] = {
    "ctranslate2": _ctranslate2,
    "microwakeword": _microwakeword,
}
