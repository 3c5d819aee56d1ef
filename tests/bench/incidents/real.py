"""False alarms on real recordings in which nothing happened: days of climate, infrared of a room, people walking by."""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fusers import HOME, INPUTS, Trained, bayes, named, site
from score import events
from streams import PARTS, told

from edgefuse.core.types import SECOND, HealthChange, Observation, Reading
from edgefuse.corpora.incidents.home import CHANNELS
from edgefuse.corpora.incidents.parts import passes
from edgefuse.corpora.incidents.world import INCIDENTS
from edgefuse.detectors.climate import Climate, ClimateConfig
from edgefuse.fusion.channels import windows
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState
from edgefuse.testing.fakes import FakeClock, make_context
from edgefuse.training.recipe import load_recipe

_GAP = 900 * SECOND
"""After a longer gap the recording begins anew."""
_ROWS = 2


def false_alarms(data: Path, model: Trained | None, thresholds: dict[str, float]) -> dict[str, Any]:
    """Recording -> hours and false alarms of each way; days that the recipe holds out, and those it is trained on."""
    without = load_recipe("incidents").data.options["without"]
    found: dict[str, dict[str, Any]] = {}
    for name, day, facts, parts in recordings(data):
        kind = "held out" if f"{name}/{day}" in without else "trained on"
        row = found.setdefault(f"{name}, {kind}", {"hours": 0.0, "learned": 0, "log_odds": 0, "rules": 0})
        row["hours"] += (facts[-1][0] - facts[0][0]) / SECOND / 3600
        for way, count in _alarms(facts, parts, model, thresholds).items():
            row[way] += count
    for row in found.values():
        row["hours"] = round(row["hours"], 2)
    hours = sum(row["hours"] for row in found.values())
    per_day = {
        way: round(24 * sum(row[way] for row in found.values()) / hours, 3) for way in ("learned", "log_odds", "rules")
    }
    return {"recordings": found, "hours": round(hours, 2), "per_day": per_day}


Facts = list[tuple[int, list[Observation]]]


def recordings(data: Path) -> Iterator[tuple[str, str, Facts, set[str]]]:
    """Name, day, observations by moment, and the parts that are there."""
    for file in sorted((data / "occupancy").glob("*.txt")):
        for day, rows in _days(_occupancy(file)).items():
            yield "occupancy", day, _observed(rows, {}), {"climate"}
    for file in sorted((data / "room_occupancy").glob("*.csv")):
        for day, rows in _days(_room(file)).items():
            yield "room_occupancy", day, _observed(rows, {"motion"}), {"climate", "hall_pir"}
    channel = next(each for each in CHANNELS["vision"] if each.name == "person")
    for name, scores in passes().items():
        facts = [
            (n * SECOND // 2, [told(channel, "vision", n * SECOND // 2, float(s))])
            for n, s in enumerate([0.0, *scores, 0.0])
        ]
        yield "video", name.split("/")[1], facts, {"people"}


def _occupancy(file: Path) -> Iterator[tuple[datetime, dict[str, float]]]:
    with file.open(encoding="utf-8", newline="") as text:
        for row in list(csv.reader(text))[1:]:
            yield datetime.fromisoformat(row[-7]), {"temperature": float(row[-6]), "humidity": float(row[-5])}


def _room(file: Path) -> Iterator[tuple[datetime, dict[str, float]]]:
    with file.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            moved = float(row["S6_PIR"]) + float(row["S7_PIR"]) > 0
            yield (
                datetime.fromisoformat(f"{row['Date']} {row['Time']}"),
                {"temperature": float(row["S1_Temp"]), "motion": moved},
            )


def _days(rows: Iterator[tuple[datetime, dict[str, float]]]) -> dict[str, list[tuple[datetime, dict[str, float]]]]:
    days: dict[str, list[Any]] = {}
    for moment, values in rows:
        days.setdefault(moment.date().isoformat(), []).append((moment, values))
    return {day: sorted(each, key=lambda row: row[0]) for day, each in days.items() if len(each) > _ROWS}


def _observed(rows: Sequence[tuple[datetime, dict[str, float]]], plain: set[str]) -> Facts:
    """What the climate detector and plain sensors tell of each row."""
    climate = Climate(ClimateConfig(on=["hall_climate"]), make_context("climate"))
    motion = next(each for each in CHANNELS["sensor"] if each.name == "motion")
    facts: Facts = []
    for moment, values in rows:
        t = (moment - rows[0][0]) // timedelta(seconds=1) * SECOND
        seen = []
        for quantity, value in values.items():
            if quantity in plain:
                seen.append(told(motion, "sensor", t, float(value)))
            else:
                seen += climate.detect(Reading("hall_climate", "hall", t, quantity, value))
        facts.append((t, seen))
    return facts


def _alarms(facts: Facts, parts: set[str], model: Trained | None, thresholds: dict[str, float]) -> dict[str, int]:
    """False alarms of each way, asked whenever something is told; parts that are not there have failed."""
    health = [HealthChange(part, "ok" if part in parts else "failed", "", -60 * SECOND) for part in PARTS]
    counts = _by_hand(facts, health)
    counts["learned"] = _by_model(facts, health, model, thresholds) if model else 0
    return counts


def _by_hand(facts: Facts, health: list[HealthChange]) -> dict[str, int]:
    fusers = {name: bayes(name, each) for name, each in {**HOME["beliefs"], **HOME["helpers"]}.items()}
    engine, state, clock, rang = Engine(site(HOME["rules"])), RuleState(), FakeClock(), 0
    for fuser in fusers.values():
        fuser.update(health, -60 * SECOND)
    state, _ = engine.step(state, health, 0, clock.start)
    times, p, latest = [], [], dict.fromkeys(INCIDENTS, 0.0)
    for t, seen in facts:
        decisions = [
            named(each, name)
            for name, fuser in fusers.items()
            for each in fuser.update([one for one in seen if fuser.wants(one)], t)
        ]
        latest |= {each.belief: each.p for each in decisions if each.belief in latest}
        state, actions = engine.step(state, [*seen, *decisions], t, clock.start + timedelta(seconds=t / SECOND))
        rang += len(actions)
        times.append(t / SECOND)
        p.append([latest[kind] for kind in INCIDENTS])
    odds = {kind: HOME["beliefs"][kind]["threshold"] for kind in INCIDENTS}
    return {"rules": rang, "log_odds": len(events(times, np.array(p), odds))}


def _by_model(facts: Facts, health: list[HealthChange], model: Trained, thresholds: dict[str, float]) -> int:
    views = windows(model.card.modalities, INPUTS)
    for change in health:
        for view in views:
            view.alive(change.part, change.t, alive=change.state == "ok")
    raws: dict[str, list[np.ndarray]] = {view.name: [] for view in views}
    there = []
    for t, seen in facts:
        for one in seen:
            for view in views:
                for channel in view.channels:
                    channel.take(one)
        sights = {view.name: view.look(t) for view in views}
        there.append([not sights[view.name].why for view in views])
        for name, sight in sights.items():
            raws[name].append(sight.raw)
    features = {view.name: view.features(np.stack(raws[view.name])) for view in views}
    p = model.probabilities(features, np.array(there, np.float32))
    return len(events([t / SECOND for t, _ in facts], p, thresholds))
