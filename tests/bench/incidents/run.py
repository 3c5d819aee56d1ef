"""Incidents in composed episodes, and false alarms on real recordings: a trained model beside what one writes by hand.

`python tests/bench/incidents/run.py [--model MODEL] [--episodes N] [--seed S] [--json] [--tune]`; data are looked for
in EDGEFUSE_DATA or ../shared/data. Columns: the trained model, its best single modality, log-odds and rules by hand
(home.yaml), the same rules on perfect detectors, and rules on perfect detectors with a memory (the ceiling). Every way
gets the same observations, with latency, jitter, losses and drop-outs, and is asked once a second. Parts of episodes
are disjoint from those of the training; the home's detectors are worse than the average of those trained with. With
`--tune` it prints the best thresholds on episodes of the training pools instead.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fusers import HOME, Trained, by_hand, by_rules, difference
from held_out import parts
from real import false_alarms
from score import Tally, events, interval
from streams import arrivals, composed, truth

from edgefuse.corpora.incidents.home import Home, nominal
from edgefuse.corpora.incidents.parts import Parts
from edgefuse.corpora.incidents.world import INCIDENTS

ROOT = Path(__file__).resolve().parents[3]
MODALITIES = ("audio", "vision", "sensor")
PATTERNS: dict[str, frozenset[str]] = {"clean": frozenset(), **{f"without_{m}": frozenset({m}) for m in MODALITIES}}


def bench_home() -> Home:
    """Misses a twentieth more, errs half as often again and is slower than the home that is documented."""
    return nominal().changed(hits=0.95, false=1.5, slower=1.3)


def thresholds(model: Trained | None) -> dict[str, float]:
    """Of the trained model's beliefs: those of learned.yaml."""
    del model
    chosen: dict[str, float] = yaml.safe_load((Path(__file__).parent / "learned.yaml").read_text(encoding="utf-8"))[
        "thresholds"
    ]
    return chosen


def measure(takes: Sequence[Any], model: Trained | None, perfect: Sequence[Any]) -> dict[str, dict[str, Tally]]:
    """Pattern -> way -> figures."""
    found: dict[str, dict[str, Tally]] = {pattern: {} for pattern in PATTERNS}
    for taken, ideal in zip(takes, perfect, strict=True):
        seconds = taken.world.seconds
        looked = model.looks(arrivals(taken), seconds) if model else None
        for pattern, without in PATTERNS.items():
            told = by_hand(arrivals(taken, without), seconds)
            odds = {kind: HOME["beliefs"][kind]["threshold"] for kind in INCIDENTS}
            ways = {
                "log_odds": events(told.seconds, np.array(told.p), odds),
                "rules": told.events,
                "rules_perfect": by_hand(arrivals(ideal, without), seconds).events,
            }
            if model and looked:
                ways |= by_model(model, looked, without)
            if pattern == "clean":
                ways["ceiling"] = by_rules(truth(taken.world), seconds, HOME["oracle"])
            for way, each in ways.items():
                found[pattern].setdefault(way, Tally()).add(taken.world, each)
    _keep_best_single(found)
    return found


def _keep_best_single(found: dict[str, dict[str, Tally]]) -> None:
    for ways in found.values():
        alone = {way: tally for way, tally in ways.items() if way.startswith("only_")}
        if alone:
            best = max(alone, key=lambda way: alone[way].f1)
            ways[f"best single: {best.removeprefix('only_')}"] = alone[best]
        for way in alone:
            del ways[way]


def by_model(model: Trained, looked: Any, without: frozenset[str]) -> dict[str, list[tuple[float, str]]]:
    """The trained model, and each modality's own network."""
    times, features, there = looked
    mask = there * np.array([name not in without for name in model.card.modalities], np.float32)
    chosen = thresholds(model)
    ways = {"learned": events(times, model.probabilities(features, mask), chosen)}
    for name in model.card.modalities:
        if name not in without and model.singles:
            ways[f"only_{name}"] = events(times, model.alone(features, mask, name), chosen)
    return ways


def tune(data: Path, model: Trained | None, count: int) -> None:
    """Thresholds that give the best F1 over all patterns, on episodes of the training pools and other seeds.

    Of the trained model where there is one, else of log-odds.
    """
    from edgefuse.corpora.incidents.parts import library
    from edgefuse.training.recipe import load_recipe

    without = load_recipe("incidents").data.options["without"]
    pools = library(data, lambda name: name not in without).pools(5)
    traces: dict[str, list[Any]] = {"log_odds": [], "learned": []}
    for number, pool in enumerate(pools):
        for taken in composed(count // len(pools), nominal(), pool, 500 + number):
            seconds = taken.world.seconds
            looked = model.looks(arrivals(taken), seconds) if model else None
            for missing in PATTERNS.values():
                if not model:
                    told = by_hand(arrivals(taken, missing), seconds, rules=False)
                    traces["log_odds"].append((taken.world, told.seconds, np.array(told.p)))
                if model and looked:
                    mask = looked[2] * np.array([name not in missing for name in model.card.modalities], np.float32)
                    traces["learned"].append((taken.world, looked[0], model.probabilities(looked[1], mask)))
    for way, each in traces.items():
        if each:
            print(way, {kind: _best(each, n) for n, kind in enumerate(INCIDENTS)})


def _best(traces: Sequence[Any], place: int) -> float:
    """The threshold of one kind."""
    kind, scores = INCIDENTS[place], {}
    for threshold in np.round(np.arange(0.1, 0.94, 0.05), 2):
        tally = Tally()
        for world, seconds, p in traces:
            own = {**dict.fromkeys(INCIDENTS, 2.0), kind: float(threshold)}
            told = events(seconds, p, own)
            tally.add(world, told)
        scores[float(threshold)] = tally.by_kind[kind]
    return max(scores, key=lambda each: scores[each])


def check(folder: Path, pool: Parts, seed: int) -> None:
    """The fuser of the daemon says what this bench computes."""
    for taken, kind in zip(composed(6, bench_home(), pool, seed), INCIDENTS, strict=True):
        print(kind, taken.world.story, difference(folder, arrivals(taken), taken.world.seconds, kind))


def figures(found: dict[str, dict[str, Tally]]) -> dict[str, Any]:
    """All that `--json` prints of the composed episodes."""
    rows: dict[str, Any] = {}
    for pattern, ways in found.items():
        rows[pattern] = {
            way: {
                "f1": round(tally.f1, 3),
                "interval": [round(x, 3) for x in interval([tally])],
                "macro_f1": round(float(np.mean(list(tally.by_kind.values()))), 3),
                "by_kind": {kind: round(value, 3) for kind, value in tally.by_kind.items()},
                "false_per_hour": round(tally.per_hour, 2),
                "delay_s": round(tally.delay, 1),
            }
            for way, tally in ways.items()
        }
    return rows


def one_missing(found: dict[str, dict[str, Tally]]) -> dict[str, Any]:
    """Mean F1 with one modality missing, and what the trained model is ahead by, with 95 % over the episodes."""
    patterns = [ways for name, ways in found.items() if name != "clean"]
    out: dict[str, Any] = {}
    for way in ("learned", "log_odds", "rules", "rules_perfect"):
        if way in patterns[0]:
            out[way] = round(float(np.mean([ways[way].f1 for ways in patterns])), 3)
    for other in ("log_odds", "rules"):
        if "learned" in out:
            mine, theirs = [ways["learned"] for ways in patterns], [ways[other] for ways in patterns]
            out[f"ahead_of_{other}"] = [
                round(out["learned"] - out[other], 3),
                *(round(x, 3) for x in interval(mine, theirs)),
            ]
    return out


def table(rows: dict[str, Any], missing: dict[str, Any], real: dict[str, Any]) -> None:
    """Print it."""
    print(f"{'':16}{'way':20}{'F1':>6}{'95 %':>14}{'macro':>8}{'false/h':>9}{'delay s':>9}")
    for pattern, ways in rows.items():
        for way, row in ways.items():
            low, high = row["interval"]
            told = f"{row['f1']:6.3f}{low:8.2f}-{high:.2f}{row['macro_f1']:9.3f}"
            print(f"{pattern:16}{way:20}{told}{row['false_per_hour']:9.1f}{row['delay_s']:9.1f}")
    print("one modality missing, mean F1:", json.dumps(missing))
    print("real recordings without incident:", json.dumps(real, indent=1))


def main(arguments: Sequence[str]) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "incidents")
    parser.add_argument("--episodes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--check", action="store_true", help="compare with the fuser `learned` on a few episodes")
    args = parser.parse_args(arguments)
    data = Path(os.environ.get("EDGEFUSE_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "occupancy").is_dir():
        print(f"skipped: expected occupancy, room_occupancy ... in {data}; set EDGEFUSE_DATA")
        return
    model = Trained(args.model) if (args.model / "model.onnx").exists() else None
    if args.tune:
        tune(data, model, args.episodes)
        return
    pool = parts(data)
    if args.check:
        check(args.model, pool, args.seed)
        return
    takes = list(composed(args.episodes, bench_home(), pool, args.seed))
    ideal = list(composed(args.episodes, replace(nominal(), perfect=True), pool, args.seed))
    found = measure(takes, model, ideal)
    real = false_alarms(data, model, thresholds(model))
    result = {"episodes": len(takes), "patterns": figures(found), "one_missing": one_missing(found), "real": real}
    if args.json:
        print(json.dumps(result))
    else:
        table(result["patterns"], result["one_missing"], real)


if __name__ == "__main__":
    main(sys.argv[1:])
