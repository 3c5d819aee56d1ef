"""CPU time of a decision of a learned belief: `python tests/bench/learned.py MODEL [--models DIR]`.

Every channel of the model is told a random value in the range of its training data, once per step of its grid; a
decision is what `update` takes then: windows, features, one run over every subset of the modalities, sentences.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.types import SECOND, Observation
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.features.grid import GridOptions
from edgefuse.fusion.learned import Learned, LearnedConfig
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing import make_context

PART = "part"


def decisions(card: FusionCard, count: int) -> Iterator[tuple[int, list[Observation]]]:
    """(time, what is told then)."""
    rng = np.random.default_rng(0)
    grids = {name: GridOptions.model_validate(each.features.options) for name, each in card.modalities.items()}
    step = round(min(grid.step_s for grid in grids.values()) * SECOND)
    for number in range(1, count + 1):
        t, told = number * step, []
        for name, grid in grids.items():
            ranges = card.modalities[name].seen or [(0.0, 1.0)] * len(grid.channels)
            for channel, (low, high) in zip(grid.channels, ranges, strict=True):
                data = {"value": float(rng.uniform(low, high))}
                one = Observation(f"{t}/{channel}", PART, "x", "sensor", "reading", channel, 1.0, t, t, data=data)
                told.append(one)
        yield t, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    store = model_store(ModelsConfig(dir=args.models), SystemClock())
    card = FusionCard.model_validate(store.card(args.model))
    channels = [each for one in card.modalities.values() for each in one.features.options["channels"]]
    inputs = {channel: {"from": PART, "label": channel} for channel in channels}
    config = LearnedConfig.model_validate({"model": args.model, "label": card.classes[-1], "inputs": inputs})
    context = make_context("bench", models=store, modalities={PART: "sensor"}, clock=SystemClock())
    fuser = Learned(config, context)
    whole, model = [], []
    for t, told in decisions(card, args.count):
        before, spent = time.thread_time_ns(), context.health.model_cpu
        fuser.update(told, t)
        whole.append(time.thread_time_ns() - before)
        model.append(context.health.model_cpu - spent)
    for what, taken in (("decision", whole), ("of that the model", model)):
        low, median, high = np.quantile(np.array(taken[args.count // 10 :]) / 1e6, [0.05, 0.5, 0.99])
        print(f"{what}: CPU ms p5 {low:.3f}, p50 {median:.3f}, p99 {high:.3f}")


if __name__ == "__main__":
    main()
