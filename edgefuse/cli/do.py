"""What each command does: it imports what it needs and gives an exit code."""

import argparse
import json
import sys
from typing import Any

from edgefuse.cli import EX_CONFIG, EX_OK


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def run(args: argparse.Namespace) -> int:
    """The daemon, until it is stopped."""
    from edgefuse.app import run

    return run(args.config, log=args.log, verbose=args.verbose)


def check(args: argparse.Namespace) -> int:
    """Every mistake of a configuration."""
    from edgefuse.app.build import check_site
    from edgefuse.config.load import render

    checked = check_site(args.config)
    if args.json:
        _print_json(checked.to_json())
    else:
        print(render(checked))
    return EX_CONFIG if checked.problems else EX_OK


def doctor(args: argparse.Namespace) -> int:
    """What this machine lacks."""
    from edgefuse.cli.doctor import doctor_command

    return doctor_command(args)


def evidence(args: argparse.Namespace) -> int:
    """A page per belief."""
    from edgefuse.cli.evidence import evidence_command

    return evidence_command(args)


def schema(args: argparse.Namespace) -> int:
    """JSON Schema of the configuration."""
    from edgefuse.config.schema import json_schema
    from edgefuse.registry import installed_configs

    text = json.dumps(json_schema(installed_configs()), indent=2)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return EX_OK


def replay(args: argparse.Namespace) -> int:
    """A recorded scene as fast as possible."""
    from edgefuse.evaluation.replay import replay_to_file

    return replay_to_file(args.config, args.scene, args.out)


def diff(args: argparse.Namespace) -> int:
    """What a change of the configuration changes."""
    from edgefuse.evaluation.replay import diff, render_diff

    changes = diff(args.scene, args.old, args.new)
    if args.json:
        _print_json(changes)
    else:
        print(render_diff(changes))
    return EX_OK


def say(args: argparse.Namespace) -> int:
    """What an order would come to."""
    from edgefuse.cli.say import say_command

    return say_command(args)


def _log_to_stderr() -> None:
    """What a command prints is its result alone."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def models(args: argparse.Namespace) -> int:
    """List, pull, build, verify, bench."""
    _log_to_stderr()
    if args.action == "bench":
        from edgefuse.cli.models_bench import bench_command

        return bench_command(args)
    if args.action == "build":
        from edgefuse.cli.models_build import build_command

        return build_command(args)
    from edgefuse.cli.models import models_command

    return models_command(args)


def evaluate(args: argparse.Namespace) -> int:
    """Accuracy on labelled data."""
    _log_to_stderr()
    from edgefuse.cli.evaluate import evaluate_command

    return evaluate_command(args)


def evaluate_fusion(args: argparse.Namespace) -> int:
    """What a learned model is worth."""
    _log_to_stderr()
    from edgefuse.cli.evaluate_fusion import fusion_command

    return fusion_command(args)


def evaluate_report(args: argparse.Namespace) -> int:
    """One page about all models."""
    _log_to_stderr()
    from edgefuse.cli.evaluate_fusion import report_command

    return report_command(args)


def train(args: argparse.Namespace) -> int:
    """A model out of a recipe."""
    _log_to_stderr()
    from edgefuse.cli.train import train_command

    return train_command(args)


def demo(args: argparse.Namespace) -> int:
    """The show."""
    from edgefuse.demo.run import main as demo

    return demo(args)
