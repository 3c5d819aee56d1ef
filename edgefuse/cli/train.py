"""`edgefuse train`: from a recipe and a folder with data to a model."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, needs
from edgefuse.engines.store import models_dir
from edgefuse.fusion.card import FusionCard

_COLUMNS = {"accuracy": "accuracy", "macro F1": "macro_f1", "AUC": "auc", "ECE": "ece_after"}


def train_command(args: argparse.Namespace) -> int:
    """Train and say how good it is."""
    with needs("train", "training"):
        import torch  # noqa: F401  so that whoever lacks it is told how to get it
    from edgefuse.training.recipe import load_recipe
    from edgefuse.training.run import train

    recipe = load_recipe(args.recipe)
    out = args.out or models_dir(ModelsConfig()) / recipe.name
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bars = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with _terminable(), bars:
        card = train(recipe, args.data, out, seeds=args.seeds, progress=_bar(bars), processes=_processes())
    if args.json:
        print(json.dumps({"model": str(out), **card.model_dump(mode="json", by_alias=True)}, indent=2))
    else:
        _print(card, Console(highlight=False))
        print(f"{out}: next: edgefuse evaluate fusion {out} --data DIR")
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends what is trained beside and removes what is half written, as Ctrl-C does; exit code 143."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _processes() -> int:
    """As many as there are cores, two at most: each holds the data."""
    told = os.environ.get("EDGEFUSE_TRAIN_JOBS", "")
    if not told:
        return min(2, os.cpu_count() or 1)
    if not told.isdecimal() or int(told) < 1:
        raise ConfigError(f"EDGEFUSE_TRAIN_JOBS: expected a whole number from 1, got {told!r}")
    return int(told)


def _bar(bars: Progress) -> Callable[[str, int, int], None]:
    task = bars.add_task("", total=None)

    def tell(what: str, done: int, total: int) -> None:
        bars.update(task, description=what, completed=done, total=total)

    return tell


def _print(card: FusionCard, console: Console) -> None:
    """Expected of every pattern of present modalities, then what the fused model is compared with."""
    table = Table(box=SIMPLE_HEAD, title=f"{card.name}: groups that it has not seen", title_justify="left")
    table.add_column("present")
    for name in ("n", *_COLUMNS):
        table.add_column(name, justify="right")
    for pattern in card.patterns:
        numbers = [f"{pattern.metrics[key]:.3f}" if key in pattern.metrics else "-" for key in _COLUMNS.values()]
        table.add_row(" + ".join(pattern.present), str(pattern.n), *numbers)
    if card.patterns:
        console.print(table)
    for line in _lines(card):
        console.print(line)


def _lines(card: FusionCard) -> list[str]:
    lines = []
    if accuracy := card.metrics.get("each", {}).get("accuracy"):
        lines.append(f"accuracy of one member: {accuracy['mean']:.3f} +- {accuracy['sd']:.3f}")
    best = card.metrics.get("best_single")
    if card.task == "fuse":
        lines.extend(_pictures(card))
    elif best:
        lines.append(f"best single modality: {best['accuracy']:.3f} ({best['modality']})")
        if accuracy and accuracy["mean"] <= best["accuracy"]:
            lines.append("fusion does not beat its best single modality while all are present")
    if (majority := card.metrics.get("majority")) is not None:
        lines.append(f"always the most frequent class: {majority:.3f}")
    if rule := card.metrics.get("rule"):
        lines.append(f"a rule written by hand: {rule['accuracy']:.3f}")
    return lines


def _pictures(card: FusionCard) -> list[str]:
    """What a model that fuses pictures keeps, beside the best classical way."""
    name = card.metrics["best_classical"]
    own, theirs = card.metrics["conditions"]["clean"], card.metrics["classical"][name]
    return [f"{key}: {own[key]:.3f} (best classical way, {name}: {theirs[key]:.3f})" for key in own]
