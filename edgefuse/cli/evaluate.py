"""`edgefuse evaluate WHAT --data DIR [--json]`."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table


def evaluate_command(args: argparse.Namespace) -> int:
    """Measure and print; the JSON keys are stable."""
    result = _measure(args)
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    if args.task == "grounding":
        from edgefuse.cli.evaluate_grounding import show

        show(result, str(args.data), Console())
        return 0
    table = Table("figure", "value", title=f"{args.task} on {args.data}")
    for key, value in result.items():
        table.add_row(key, _short(value))
    Console().print(table)
    return 0


def _measure(args: argparse.Namespace) -> dict[str, Any]:
    from edgefuse.config.models import ModelsConfig

    if args.task == "voice":
        from edgefuse.evaluation.voice import evaluate as voice

        return voice(
            args.data,
            recogniser=args.recogniser,
            using=args.runtime,
            decoding=args.decoding,
            limit=args.limit,
            models=ModelsConfig(engine=args.engine, precision=args.precision),
            foreign=args.foreign,
        )
    if args.task == "wake":
        from edgefuse.evaluation.wake import evaluate as wake

        return wake(
            args.data,
            wake_word=args.wake_word,
            threshold=args.threshold,
            limit=args.limit,
            view=args.view,
            babble_db=args.babble,
            also=args.also,
        )
    if args.task == "sounds":
        from edgefuse.evaluation.sounds import evaluate as sounds

        return sounds(args.data, speech=args.speech, limit=args.limit, model=args.model, classes=args.classes)
    if args.task == "grounding":
        from edgefuse.evaluation.grounding import evaluate as grounding

        return grounding(args.data, limit=args.limit, details=args.details)
    from edgefuse.evaluation.objects import evaluate as objects

    return objects(args.data, limit=args.limit, models=ModelsConfig(engine=args.engine, precision=args.precision))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return str(value)
