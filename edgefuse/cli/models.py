"""`edgefuse models list|pull|verify`."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.engines.select import CPU
from edgefuse.engines.store import ModelRow, Store, Verdict
from edgefuse.pipeline.clock import SystemClock

DEFAULT_RECOGNISER = "whisper-tiny.en"
"""Published by a single author and therefore optional, but what `voice` uses unless told otherwise."""
_WIDE = 100
"""Columns of a terminal that has room for what each model is."""
_STYLE = {"cached": "green", "missing": "yellow", "corrupt": "red"}


def models_command(args: argparse.Namespace) -> int:
    """Do the action and print; 1 when a model fails its verification."""
    store = model_store(_config(args), SystemClock())
    if args.action == "verify":
        return _print_verdicts([*store.verify(args.names), *_engines(store, args.names)], as_json=args.json)
    if args.action == "list":
        chosen = {store.entry(name).name for name in args.names}
        return _print_rows([row for row in store.list() if not chosen or row.name in chosen], as_json=args.json)
    rows = _pull(store, wanted_names(store, args))
    return _print_rows(rows, as_json=args.json)


def _engines(store: Store, names: Sequence[str]) -> Iterator[Verdict]:
    """What was built for the models, hashed again."""
    for path, trouble in store.engines.cache.verify(names):
        model = path.parent.name
        backend, precision, *_ = [*path.stem.rsplit("-", 2), "auto"]
        how = f"--engine {'cpu' if backend == CPU else backend} --precision {precision}"
        again = f"`edgefuse models build {model} {how}` makes it again"
        detail = f"{trouble}; it is in quarantine, {again}" if trouble else "sha256 matches"
        yield Verdict(f"{model}/{path.stem}", ok=not trouble, detail=detail)


def _config(args: argparse.Namespace) -> ModelsConfig:
    """Of the file, where one is given; the folder may be another."""
    if args.action != "list" or args.config is None:
        return ModelsConfig(dir=args.dir)
    from edgefuse.app.build import read_site

    models = read_site(args.config).models
    return models if args.dir is None else models.model_copy(update={"dir": args.dir})


def wanted_names(store: Store, args: argparse.Namespace) -> list[str]:
    """Models that `pull` is to fetch: those named, those of a configuration, else all that are not trained here."""
    if args.names:
        return list(args.names)
    if args.config:
        from edgefuse.app.build import read_site
        from edgefuse.registry import load

        site = read_site(args.config)
        wanted = [m for config in site.detectors.values() for m in _needs(load("detector", config.type), config)]
        return list(dict.fromkeys(wanted))
    fetched = [row for row in store.list() if store.entry(row.name).trained is None]
    return [row.name for row in fetched if args.all or not row.optional or row.name == DEFAULT_RECOGNISER]


def _needs(detector: type, config: object) -> Sequence[str]:
    needs = getattr(detector, "models", None)
    return needs(config) if needs else ()


def _pull(store: Store, names: Sequence[str]) -> Sequence[ModelRow]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total or None)
            bars.update(tasks[name], completed=done, total=total or None)

        return store.pull(names, show)


def _print_rows(rows: Sequence[ModelRow], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("model", "state", "used by"):
        table.add_column(name, no_wrap=True)
    table.add_column("MB", no_wrap=True, justify="right")
    table.add_column("runs on", no_wrap=True)
    table.add_column("licence", overflow="fold")
    wide = console.width >= _WIDE
    if wide:
        table.add_column("what", overflow="fold")
    for row in rows:
        state = Text(row.state, _STYLE[row.state])
        model = Text.assemble(row.name, ("\noptional", "dim") if row.optional else "")
        engine = f"{row.engine} {row.precision}".strip()
        last = [Text(row.licence), *([Text(row.what)] if wide else [])]
        table.add_row(model, state, ", ".join(row.used_by), f"{row.size / 1e6:.1f}", engine, *last)
    console.print(table)
    for why, names in _reasons(rows).items():
        console.print(Text(f"{', '.join(names)}: {why}", "dim"))
    return 0


def _reasons(rows: Sequence[ModelRow]) -> Mapping[str, Sequence[str]]:
    """Why -> the models that run where they run for this reason; what nobody chose needs none."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.precision:
            reasons.setdefault(row.why, []).append(row.name)
    return reasons


def _print_verdicts(verdicts: Sequence[Verdict], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            print(f"{'ok  ' if verdict.ok else 'FAIL'} {verdict.name}: {verdict.detail}")
        if not verdicts:
            print("no model is here yet; fetch them with `edgefuse models pull`", file=sys.stderr)
    return 0 if all(verdict.ok for verdict in verdicts) else 1
