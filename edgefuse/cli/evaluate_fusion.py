"""`edgefuse evaluate fusion` and `edgefuse evaluate report`: what a learned model is worth, on the terminal."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edgefuse.cli import EX_CONFIG, EX_OK
from edgefuse.core.errors import OperatorError
from edgefuse.evaluation.words import PICTURE_FIGURES, classifies, distinct, notes, picture_rows, rivals, spoken

_ROBUSTNESS = ("relative_robustness", "effective_robustness")


def fusion_command(args: argparse.Namespace) -> int:
    """Measure a trained model; print tables or JSON; with --report write the report too."""
    from edgefuse.evaluation.fusion import evaluate

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bars:
        result = evaluate(args.model, args.data, limit=args.limit, progress=_bar(bars))
    if args.report:
        from edgefuse.evaluation.report import write_report

        path = write_report(result, args.report)
        print(f"report: {path}", file=sys.stderr)
    if args.json:
        print(json.dumps(result, indent=2))
    elif classifies(result):
        show(result, Console())
    else:
        Console().print(_pictures(result))
    return 0


def report_command(args: argparse.Namespace) -> int:
    """One page with every model of a folder; with data, each is measured and has a page of its own.

    A card that cannot be read is told, on the page too, and gives the exit code 78.
    """
    from edgefuse.evaluation.overview import folders_of, overview, write_overview

    results, told = {}, set()
    for folder in folders_of(args.models) if args.data else ():
        try:
            results[folder.name] = _one(args, folder)
        except OperatorError as error:  # the others are not to wait for whose data is not here
            told.add(folder.name)
            print(f"{folder.name}: {error}", file=sys.stderr)
    rows = overview(args.models, results)
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(write_overview(rows, args.out))
    faults = {row["folder"]: row["fault"] for row in rows if "fault" in row}
    for name in sorted(set(faults) - told):
        print(f"{name}: {faults[name]}", file=sys.stderr)
    return EX_CONFIG if faults else EX_OK


def _one(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from edgefuse.evaluation.fusion import evaluate
    from edgefuse.evaluation.report import write_report

    print(f"measuring {folder.name}", file=sys.stderr)
    result = evaluate(folder, args.data, limit=args.limit)
    write_report(result, args.out / folder.name)
    return result


def _bar(bars: Progress) -> Callable[[str, int, int], None]:
    task = bars.add_task("", total=None)

    def tell(what: str, done: int, total: int) -> None:
        bars.update(task, description=what, completed=done, total=total)

    return tell


def show(result: Mapping[str, Any], console: Console) -> None:
    """The same facts as the JSON, as a person reads them."""
    console.print(f"[bold]{result['model']}[/]: {result['n']} samples, {result['groups']} groups", highlight=False)
    console.print(f"[bold]{result['verdict']}[/]", highlight=False)
    console.print(_rivals(result))
    console.print(_conditions(result))
    if result["effective_robustness"] or result["relative_robustness"]:
        console.print(_areas(result))
    for note in notes(result):
        console.print(f"- {note}", highlight=False)


def _pictures(result: Mapping[str, Any]) -> Table:
    table = Table("", *PICTURE_FIGURES, title=f"{result['n']} pairs of pictures", box=SIMPLE)
    for name, figures in picture_rows(result):
        table.add_row(name, *map(_plain, figures))
    return table


def _rivals(result: Mapping[str, Any]) -> Table:
    table = Table("", "accuracy", "95 % by group", title="Beside what it has to beat", box=SIMPLE)
    for name, accuracy, interval in rivals(result):
        table.add_row(name, percent(accuracy), f"{percent(interval[0])} - {percent(interval[1])}" if interval else "")
    return table


def _conditions(result: Mapping[str, Any]) -> Table:
    title = "Accuracy, macro F1, AUC, log-odds and seeds in %; calibration error (ECE)"
    table = Table(title=title, box=SIMPLE, pad_edge=False)
    table.add_column("when")
    for column in ("accuracy", "F1", "AUC", "ECE", "log-odds", "seeds"):
        table.add_column(column, no_wrap=True, justify="right")
    for name, one in distinct(result).items():
        seeds = one["seeds"]["accuracy"]
        table.add_row(
            spoken(name),
            *(percent(one[key]) for key in ("accuracy", "macro_f1", "auc")),
            _plain(one["ece"]),
            percent(one.get("log_odds", {}).get("accuracy")),
            f"{percent(seeds['mean'])} ± {percent(seeds['sd'])}",
        )
    return table


def _areas(result: Mapping[str, Any]) -> Table:
    table = Table(
        "while it gets worse", "relative robustness", "effective", title="Robustness (areas, MultiBench)", box=SIMPLE
    )
    relative, effective = (result[key] for key in _ROBUSTNESS)
    for name in relative:
        table.add_row(spoken(name), _plain(relative[name]), _plain(effective.get(name), "+.3f"))
    return table


def percent(value: float | None) -> str:
    """0.9631 -> 96.3; a dash for what is not known."""
    return "-" if value is None else f"{100 * value:.1f}"


def _plain(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)
