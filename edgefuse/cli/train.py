"""`edgefuse train`: from a recipe and a folder with data to a model."""

import argparse
import json
import os
import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, needs
from edgefuse.engines.store import models_dir
from edgefuse.fusion.card import FusionCard


def train_command(args: argparse.Namespace) -> int:
    """Train and say how good it is."""
    with needs("train", "training"):
        import torch  # noqa: F401  so that whoever lacks it is told how to get it
    from edgefuse.training.recipe import load_recipe
    from edgefuse.training.run import train

    recipe = load_recipe(args.recipe)
    out = args.out or models_dir(ModelsConfig()) / recipe.name
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bars:
        card = train(recipe, args.data, out, seeds=args.seeds, progress=_bar(bars), processes=_processes())
    if args.json:
        print(json.dumps({"model": str(out), **card.model_dump(mode="json", by_alias=True)}, indent=2))
    else:
        print(f"{out}{os.sep}")
        _print(card)
    return 0


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


def _print(card: FusionCard) -> None:
    for name, value in card.metrics.items():
        print(f"  {name}: {json.dumps(value)}")
