"""Loads each model on the best engine that is there, and says which, why, and what is still to be built."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import BlamelessError, ModelError
from edgefuse.core.ports import Backend, Clock, Model, Precision, Probe, Trial
from edgefuse.core.types import Json
from edgefuse.engines.build import Record, Workshop
from edgefuse.engines.cache import EngineCache
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.select import CPU, Rung, ladder
from edgefuse.engines.standby import Standby

_FASTER = 1.2
"""An int8 model that nobody asked for must be at least this much faster."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the composition root brings: the engine layer knows no plug-in by name but `onnx`."""

    backends: Mapping[str, Callable[[Path], Backend]] = field(default_factory=lambda: {CPU: OnnxBackend})
    broken: Mapping[str, str] = field(default_factory=dict)
    """Backends that cannot be imported, and why."""
    trial: Callable[[Entry], Trial | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that serves a model."""

    model: str
    backend: str
    precision: Precision
    path: Path
    why: str
    asked: tuple[str, str]
    """Engine and precision of the configuration, `auto` or by name."""
    missing: Rung | None = None
    """What is to be built for a better one."""
    lost: str = ""
    """Why a better one that ran failed in this process; empty where none did."""

    @property
    def name(self) -> str:
        """Of the engine as the configuration calls it."""
        return "cpu" if self.backend == CPU else self.backend

    @property
    def engine(self) -> str:
        """For people: `tensorrt fp16`."""
        return f"{self.name} {self.precision}"

    @property
    def fell_back(self) -> bool:
        """Whether it is less than what was asked for by name."""
        engine, precision = self.asked
        return engine not in {"auto", self.name, self.backend} or precision not in {"auto", self.precision}

    def as_asked(self) -> "Choice":
        """Itself. Raises ModelError where something else was asked for, or began to run, saying what to do."""
        if self.lost:
            raise ModelError(f"model '{self.model}': only {self.engine} is left: {self.lost}")
        if not self.fell_back:
            return self
        asked = " ".join(word for word in self.asked if word != "auto")
        build = f"edgefuse models build {self.model} --engine {self.asked[0]} --precision {self.asked[1]}"
        hint = f"; run `{build}`" if self.missing is not None else ""
        raise ModelError(
            f"model '{self.model}': {asked} was asked for, it would run on {self.engine}: {self.why}{hint}"
        )

    def to_json(self) -> dict[str, Json]:
        """For health and `models list`."""
        return {
            "engine": self.name,
            "precision": self.precision,
            "why": self.why,
            "to_build": None if self.missing is None else f"{self.missing.backend} {self.missing.precision}",
        }


class Engines:
    """The backends of this machine and what they have built."""

    def __init__(self, config: ModelsConfig, folder: Path, clock: Clock, plugins: Plugins) -> None:
        """Nothing is probed yet; `folder` is that of the models."""
        self.backends: dict[str, Backend] = {
            name: kind(folder / ".backends" / name) for name, kind in plugins.backends.items()
        }
        self.cpu = self.backends[CPU]
        self.cache = EngineCache(folder / ".engines", int(config.engines_mb * 1e6))
        self.workshop = Workshop(self.cache, self.backends, plugins.trial, clock, config.samples)
        self._config = config
        self._broken = plugins.broken
        self._lost: dict[tuple[str, str], str] = {}

    @cached_property
    def probes(self) -> Mapping[str, Probe]:
        """What every backend says of this machine; asked once, and only of those that somebody wants to know of."""
        broken = {name: Probe(usable=False, reason=reason) for name, reason in self._broken.items()}
        return _Probes(self.backends, broken)

    def ladder(self, entry: Entry) -> list[Rung]:
        """Engines to try for a model, best first. Raises ModelError for an unknown backend."""
        return list(ladder(entry, self._config, self.probes, self.backends))

    def choose(self, entry: Entry, source: Path) -> Choice:
        """The best engine that is built and passed; `source` is the fp32 file. Raises ModelError."""
        return self._choose(entry, source, {})

    def load(self, entry: Entry, source: Path, card: Mapping[str, Any]) -> tuple[Model, Choice]:
        """Load and run once the best engine that works here. Raises ModelError where even the CPU cannot."""
        unfit: dict[tuple[str, Precision], str] = {}
        while True:
            choice = self._choose(entry, source, unfit)
            try:
                return self._started(choice, card), choice
            except ModelError as error:
                if (choice.backend, choice.precision) == (CPU, "fp32"):
                    raise
                unfit[choice.backend, choice.precision] = str(error)
                if not self._says_nothing(choice.backend, error):
                    self.workshop.reject(entry, source, choice.backend, choice.precision, str(error))

    def serve(
        self, entry: Entry, source: Path, card: Mapping[str, Any], tell: Callable[[Model, Choice], object]
    ) -> Model:
        """As `load`; should the device fail while it runs, another backend goes on. `tell` hears of each engine.

        The backend that failed serves this model no more in this process: after a fault of the device a library
        answers every later call of the process with the same failure.
        """
        model, first = self.load(entry, source, card)
        tell(model, first)

        def spare(error: ModelError) -> Model:
            self._lost[entry.name, first.backend] = f"failed while it ran, until the next start: {error}"
            model, choice = self.load(entry, source, card)
            _log.error("engine failed", model=entry.name, engine=first.engine, reason=str(error), goes_on=choice.engine)
            tell(model, choice)
            return model

        return model if first.backend == CPU else Standby(model, spare)

    def _says_nothing(self, backend: str, error: ModelError) -> bool:
        """Whether a failure is the device's rather than the engine's: want of memory, or a fault in this process."""
        return isinstance(error, BlamelessError) or any(each == backend for _, each in self._lost)

    def _started(self, choice: Choice, card: Mapping[str, Any]) -> Model:
        model = self.backends[choice.backend].load(choice.path, {**card, "precision": choice.precision})
        try:
            model.run(model.example())
        except ModelError:
            with suppress(ModelError):  # why it does not run matters more
                model.close()
            raise
        return model

    def _choose(self, entry: Entry, source: Path, unfit: Mapping[tuple[str, Precision], str]) -> Choice:
        rungs = self.ladder(entry)
        lost = {rung.backend: self._lost.get((entry.name, rung.backend), "") for rung in rungs}
        passed_over = [f"{backend} {why}" for backend, why in lost.items() if why]
        missing: Rung | None = None
        for rung in (rung for rung in rungs if not lost[rung.backend]):
            record = self.workshop.state(entry, source, rung.backend, rung.precision)
            flaw = unfit.get((rung.backend, rung.precision)) or _flaw(rung, record)
            if record is not None and record.path is not None and flaw is None:
                why = "; ".join([rung.why, *passed_over])
                asked, failed = self._config.wanted(entry.name), next(filter(None, lost.values()), "")
                return Choice(entry.name, rung.backend, rung.precision, record.path, why, asked, missing, failed)
            if record is None and rung.build and missing is None:
                missing = rung
            if flaw is not None or rung.build:
                passed_over.append(f"{rung.backend} {rung.precision}: {flaw or 'not built yet'}")
        raise ModelError(f"model '{entry.name}': no engine can run it: {'; '.join(passed_over)}")


class _Probes(Mapping[str, Probe]):
    """Asks a backend when its answer is looked up: that of a plug-in nobody named may hang or crash."""

    def __init__(self, backends: Mapping[str, Backend], known: Mapping[str, Probe]) -> None:
        self._backends = backends
        self._known = dict(known)

    def __getitem__(self, name: str) -> Probe:
        if name not in self._known:
            self._known[name] = self._backends[name].probe()
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._backends

    def __iter__(self) -> Iterator[str]:
        return iter({**self._known, **self._backends})

    def __len__(self) -> int:
        return len({**self._known, **self._backends})


def _flaw(rung: Rung, record: Record | None) -> str | None:
    """Why an engine that was tried is not taken."""
    if record is None:
        return None
    if not record.ok:
        return record.detail
    slow = record.verdict is not None and 0 < record.verdict.speed < _FASTER
    return "it is not faster" if slow and not rung.build and rung.precision == "int8" else None
