"""`edgefuse models bench`: each engine is measured in a process of its own."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError, OperatorError
from edgefuse.engines.bench import BenchRow, Engine, engines_of, is_on_cpu, measure
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.select import CPU
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

_PATIENCE_S = 900
_PROMISED_RATIO, _PROMISED_US = 1.03, 50
"""What the engine layer may add: the greater of the two."""


def bench_command(args: argparse.Namespace) -> int:
    """Measure and print; 1 when an engine does not run."""
    store = model_store(ModelsConfig(dir=args.dir, pull="never"), SystemClock())
    engines = [engine for engine in _here(store, args.names) if _chosen(engine, args)]
    if not engines:
        raise ModelError(_nothing(store, args))
    _warn_of_load()
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    rows = []
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bars:
        task = bars.add_task("", total=len(engines))
        for engine in engines:
            bars.update(task, description=f"{engine.model} {engine.backend} {engine.precision}")
            rows.append(measured_apart(engine, args.runs, store.dir))
            bars.advance(task)
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print_rows(rows, Console(highlight=False))
    return 0 if all(row.ok for row in rows) else 1


def _warn_of_load() -> None:
    """Latencies of a busy machine are those of a busy machine; CPU time suffers less."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        print(f"load average {load:.1f} on {cores} cores: trust CPU time more than latency", file=sys.stderr)


def measured_apart(engine: Engine, runs: int | None, models: Path) -> BenchRow:
    """Measure in a fresh process; one that ends badly gives a row that says so."""
    order = json.dumps({"engine": asdict(engine), "runs": runs, "models": str(models)})
    command = [sys.executable, "-m", "edgefuse.cli.models_bench"]
    try:
        done = subprocess.run(command, input=order, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return _failed(engine, f"not finished within {_PATIENCE_S} s")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        return _failed(engine, f"its process ended with {done.returncode}: {said[-1]}")
    return BenchRow(**json.loads(done.stdout.splitlines()[-1]))


def _child() -> None:
    """Measure the engine that stdin names; the row goes to stdout."""
    order = json.load(sys.stdin)
    engine = Engine(**order["engine"])
    try:
        store = model_store(ModelsConfig(dir=order["models"]), SystemClock())
        backend = store.engines.backends.get(engine.backend)
        row = measure(engine, backend, SystemClock(), order["runs"])
    except OperatorError as error:
        row = _failed(engine, str(error))
    print(json.dumps(asdict(row)))


def _failed(engine: Engine, why: str) -> BenchRow:
    return BenchRow(engine.model, engine.backend, engine.precision, ok=False, detail=why)


def _here(store: Store, wanted: Sequence[str]) -> Iterator[Engine]:
    """Every engine of the named models, else of those that are here. Raises ModelError for one that is not."""
    chosen = list(wanted) or [row.name for row in store.list() if row.state == "cached"]
    for name in chosen:
        entry, path = store.entry(name), store.path(name)
        yield from engines_of(entry, path, _built(store, entry, path))


def _built(store: Store, entry: Entry, path: Path) -> Iterator[tuple[str, str, Path]]:
    """What was built from the model's file and passed: backend, precision, file."""
    engines = store.engines
    for name, backend in engines.backends.items():
        for precision in backend.precisions if engines.probes[name].usable else ():
            record = engines.workshop.state(entry, path, name, precision)
            if record is not None and record.ok and record.path not in {None, path}:
                yield name, precision, Path(str(record.path))


def _chosen(engine: Engine, args: argparse.Namespace) -> bool:
    wanted = is_on_cpu(engine) if args.engine == "cpu" else args.engine in {"auto", engine.backend}
    return wanted and args.precision in {None, engine.precision}


def _nothing(store: Store, args: argparse.Namespace) -> str:
    """Why there is nothing to measure."""
    if args.engine not in {"auto", "cpu"}:
        probe = store.engines.probes.get(args.engine)
        if probe is None:
            return f"--engine: no backend '{args.engine}' is installed (there are: {', '.join(store.engines.probes)})"
        if not probe.usable:
            return f"--engine {args.engine}: {probe.reason}"
    which = " ".join(filter(None, [args.precision, args.engine if args.engine != "auto" else None]))
    return (
        f"there is no {which + ' ' if which else ''}engine to measure; run `edgefuse models pull`, then `models build`"
    )


def print_rows(rows: Sequence[BenchRow], console: Console) -> None:
    """A table of what ran, then a line for each that did not, then what the columns mean."""
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for name in ("model", "engine"):
        table.add_column(name, no_wrap=True)
    for name in ("p50\nms", "p90\nms", "p99\nms", "CPU\nms", "load\nms", "RAM\nMB", "layer\nus"):
        table.add_column(name, no_wrap=True, justify="right")
    good = [row for row in rows if row.ok]
    for row in good:
        numbers = (row.p50_ms, row.p90_ms, row.p99_ms, row.cpu_ms, row.load_ms, row.memory_mb)
        table.add_row(row.model, _engine(row), *map(_short, numbers), _layer(row))
    if good:
        console.print(table)
        units = sorted({(row.unit, row.model) for row in good})
        for unit in dict.fromkeys(unit for unit, _ in units):
            console.print(f"one run is {unit}: {', '.join(m for u, m in units if u == unit)}", style="dim")
        console.print("layer: what Model.run takes more than session.run beside it, median", style="dim")
    for row in rows:
        if not row.ok:
            console.print(Text.assemble(("FAIL ", "red"), f"{row.model} {_engine(row)}: {row.detail}"))


def _engine(row: BenchRow) -> str:
    return f"{'cpu' if row.backend == CPU else row.backend} {row.precision}"


def _layer(row: BenchRow) -> Text:
    if row.ratio is None or row.overhead_us is None:
        return Text("-", "dim")
    good = row.ratio <= _PROMISED_RATIO or row.overhead_us <= _PROMISED_US
    return Text(f"{row.overhead_us:.0f}", "green" if good else "red")


def _short(value: float | None) -> str:
    """Two or three figures: 0.12, 1.2, 12, 123."""
    if value is None:
        return "-"
    return f"{value:.{2 if value < 1 else 1 if value < 10 else 0}f}"  # noqa: PLR2004


if __name__ == "__main__":
    _child()
