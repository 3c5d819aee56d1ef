"""`edgefuse models build`."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import BuildCancelled, ConfigError, ModelError
from edgefuse.core.ports import BuildReport, Clock
from edgefuse.engines.build import Record
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.select import CPU, Rung
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

_STEP = 0.01
"""Least change of the share that `--progress json` tells."""
Job: TypeAlias = tuple[Entry, Path]


def build_command(args: argparse.Namespace) -> int:
    """Build and print; 1 when a model ended with less than was asked for, 130 or 143 when it was stopped."""
    clock = SystemClock()
    config = _config(args)
    store = model_store(config, clock)
    _usable(store, args.engine)
    jobs = _jobs(store, args.names)
    with _stoppable() as stop, _teller(args.progress, stop, clock) as teller:
        try:
            ended = [_climb(store, job, config, teller, force=args.force) for job in jobs]
        except BuildCancelled:
            print("stopped; nothing unfinished is left behind", file=sys.stderr)
            return 128 + stop.signal
    _print([record for _, records in ended for record in records], args)
    return 0 if all(good for good, _ in ended) else 1


def _config(args: argparse.Namespace) -> ModelsConfig:
    """That of the file; what the command line names wins, for every model."""
    config = ModelsConfig()
    if args.config:
        from edgefuse.app.build import read_site

        config = read_site(args.config).models
    given: dict[str, Any] = {"dir": args.dir, "samples": args.samples}
    update = {name: value for name, value in given.items() if value is not None}
    for name in ("engine", "precision"):
        value = getattr(args, name)
        if value is not None:
            update[name] = value
            own = {model: each.model_copy(update={name: None}) for model, each in config.per_model.items()}
            config = config.model_copy(update={"per_model": own})
    config = config.model_copy(update=update)
    if config.samples is not None and not config.samples.is_dir():
        where = "models.samples" if args.samples is None else "--samples"
        raise ConfigError(f"{where}: expected a folder with one folder per model, got {config.samples}")
    return config


def _usable(store: Store, engine: str | None) -> None:
    """What is asked for on the command line must be there. Raises ModelError."""
    if engine is None or engine in {"auto", "cpu"}:
        return
    probe = store.engines.probes.get(engine)
    if probe is None:
        known = ", ".join(sorted({"auto", "cpu", *store.engines.probes} - {CPU}))
        raise ModelError(f"--engine: expected one of {known}, got '{engine}'")
    if not probe.usable:
        raise ModelError(f"--engine {engine}: {probe.reason}")


def _jobs(store: Store, names: Sequence[str]) -> list[Job]:
    """The models and their fp32 files; named ones are pulled where they are missing. Raises ModelError."""
    for name in names:
        kind = store.entry(name).card.get("format", "none")
        if kind != "onnx":
            raise ModelError(f"model '{name}': expected an ONNX model, got format {kind}, which has no engines")
    here = names or [row.name for row in store.list() if row.state == "cached"]
    entries = [store.entry(name) for name in here]
    jobs = [(entry, store.path(entry.name)) for entry in entries if entry.card.get("format") == "onnx"]
    if not jobs:
        raise ModelError("no ONNX model is here yet; fetch them with `edgefuse models pull`")
    return jobs


def _climb(
    store: Store, job: Job, config: ModelsConfig, teller: "_Teller", *, force: bool
) -> tuple[bool, Sequence[Record]]:
    """Build the best engine that can be had; whether it is what was asked for, and everything that was tried."""
    entry, source = job
    shop, records = store.engines.workshop, list[Record]()
    for rung in store.engines.ladder(entry):
        engine = (entry, source, rung.backend, rung.precision)
        there = shop.build(*engine, teller.report(entry.name, rung), force=force) if rung.build else shop.state(*engine)
        if there is None or not (rung.build or there.ok):
            continue
        records.append(there)
        if not there.ok:
            teller.say(f"{entry.name}: {_named(rung)} cannot be used: {there.detail}")
            continue
        good = len(records) == 1 and _as_asked(rung, *config.wanted(entry.name))
        if not good:
            teller.say(f"{entry.name}: {_named(rung)} serves instead: {rung.why}")
        return good, records
    return False, records


def _as_asked(rung: Rung, engine: str, precision: str) -> bool:
    return engine in {"auto", _engine(rung.backend)} and precision in {"auto", rung.precision}


def _engine(backend: str) -> str:
    """As the configuration calls it."""
    return "cpu" if backend == CPU else backend


def _named(rung: Rung) -> str:
    return f"{_engine(rung.backend)} {rung.precision}"


class _Stop:
    """Whether a signal has asked to stop. A second one does not wait until a stage looks."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self, number: int, _frame: object) -> None:
        # Raised from here the first time, an exception would pass through the frames of a library written in C++.
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def _stoppable() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Teller:
    """Shows how far a build is: a bar on stderr, or a JSON object a line on stdout."""

    def __init__(self, bars: Progress | None, stop: _Stop, clock: Clock) -> None:
        self._bars = bars
        self._stop = stop
        self._clock = clock

    def say(self, text: str) -> None:
        """Tell people."""
        if self._bars is not None:
            self._bars.console.print(Text(text), soft_wrap=True)
        else:
            print(text, file=sys.stderr)

    def report(self, model: str, rung: Rung) -> BuildReport:
        """What one build is to call."""
        first: tuple[int, float] | None = None
        show = self._line(model, rung) if self._bars is None else self._bar(self._bars, f"{model} {_named(rung)}")

        def tell(share: float, phase: str) -> bool:
            nonlocal first
            now = self._clock.now()
            first = first or (now, share)  # what came before, loading samples, says nothing about the rest
            done = share - first[1]
            show(share, phase, (now - first[0]) / 1e9 * (1 - share) / done if done > _STEP else None)
            return not self._stop.signal

        return tell

    def _bar(self, bars: Progress, what: str) -> Callable[[float, str, float | None], None]:
        for done in bars.task_ids:
            bars.update(done, visible=False)
        task = bars.add_task(what, total=1.0, phase="", eta="")

        def show(share: float, phase: str, eta_s: float | None) -> None:
            eta = "" if eta_s is None else f"{eta_s:.0f} s left"
            bars.update(task, completed=share, phase=phase, eta=eta)

        return show

    def _line(self, model: str, rung: Rung) -> Callable[[float, str, float | None], None]:
        what = {"model": model, "backend": rung.backend, "precision": rung.precision}
        last = (-1.0, "")

        def show(share: float, phase: str, eta_s: float | None) -> None:
            nonlocal last
            if share - last[0] < _STEP and phase == last[1]:
                return
            last = (share, phase)
            eta = None if eta_s is None else round(eta_s, 1)
            try:
                _print_line({**what, "share": round(share, 4), "phase": phase, "eta_s": eta})
            except BrokenPipeError:  # who asked for it has gone
                self._stop.signal = self._stop.signal or signal.SIGPIPE

        return show


@contextmanager
def _teller(how: str, stop: _Stop, clock: Clock) -> Iterator[_Teller]:
    if how == "json":
        yield _Teller(None, stop, clock)
        return
    phase, eta = TextColumn("{task.fields[phase]}"), TextColumn("{task.fields[eta]}")
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), phase, eta
    with Progress(*columns, console=Console(stderr=True, highlight=False), disable=not sys.stderr.isatty()) as bars:
        yield _Teller(bars, stop, clock)


def _print_line(value: Mapping[str, Any]) -> None:
    print(json.dumps(value, allow_nan=False), flush=True)


def _print(records: Sequence[Record], args: argparse.Namespace) -> None:
    plain = [record.to_json() for record in records]
    if args.progress == "json":
        _print_line({"records": plain})
    elif args.json:
        print(json.dumps(plain, indent=2, allow_nan=False))
    else:
        _print_table(records)


def _print_table(records: Sequence[Record]) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("model", "engine", "result"):
        table.add_column(name, no_wrap=True)
    for name in ("agreement", "speed", "MB", "built"):
        table.add_column(name, no_wrap=True, justify="right")
    for record in records:
        good = Text("ok", "green") if record.ok else Text("FAIL", "red")
        size = "" if record.path is None else f"{record.path.stat().st_size / 1e6:.1f}"
        built = f"{record.built_s:.1f} s" if record.built_s else ""
        engine = f"{_engine(record.backend)} {record.precision}"
        table.add_row(record.model, engine, good, *_figures(record), size, built)
    console = Console(highlight=False)
    console.print(table)
    for record in records:
        said = f"{record.model} {_engine(record.backend)} {record.precision}: {record.detail}"
        console.print(Text(said, "dim"), soft_wrap=True)


def _figures(record: Record) -> tuple[str, str]:
    verdict = record.verdict
    if verdict is None:
        return "", ""
    agreement = f"{verdict.agreement:.3f}" if verdict.metric else ""
    return agreement, f"{verdict.speed:.2f} x" if verdict.speed else ""
