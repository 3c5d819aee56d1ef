"""`edgefuse evaluate sounds`: labelled clips and speech through the product's sound detector."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.app.models import model_store
from edgefuse.config.models import Device, ModelsConfig, Site
from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.detectors.sounds import SoundsConfig, called, load, thresholds
from edgefuse.detectors.sounds.tagger import LABELS, SPEECH, Tagger
from edgefuse.evaluation.clips import clips, progress, read
from edgefuse.evaluation.metrics import auc_of
from edgefuse.pipeline.clock import SystemClock

CATEGORIES: Mapping[str, str] = {
    "clock_alarm": "alarm",
    "siren": "siren",
    "glass_breaking": "glass",
    "crying_baby": "cry",
    "dog": "dog",
    "coughing": "cough",
    "door_wood_knock": "knock",
    "car_horn": "horn",
    "pouring_water": "water",
    "toilet_flush": "water",
    **{label: label for label in LABELS},
}
"""Category of meta.csv -> label; every other category is something else, in which nothing must be heard."""
_QUIET = SAMPLE_RATE
"""Samples of quiet before and after each clip, as in a room."""
_NOISE = 3
"""Standard deviation of that quiet, of 32768: no microphone gives zeros."""
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one clip."""

    scores: Mapping[str, float]
    """Label -> highest of its windows."""
    called: frozenset[str]
    samples: int


def evaluate(
    data: Path,
    *,
    speech: Path | None = None,
    limit: int | None = None,
    model: str = "sounds",
    classes: Path | None = None,
) -> dict[str, Any]:
    """Measure on DIR with meta.csv (file, category) and the clips it names; `speech` is a folder of speech clips.

    `classes`: for each category that is an event, its label, the area under the ROC curve of that label against all
    clips of other categories that do not mean the same, and the share of its clips found at the threshold with at most
    one false call per hour of the others (with less than an hour: at none). `speech_false`: speech clips in which any
    event is told. `confusion`: category -> label -> clips in which it is told. Raises ConfigError, ModelError.
    """
    table, spoken = _table(data)[:limit], _speech(speech)[:limit]
    clock = SystemClock()
    context = Context(
        "sounds",
        clock,
        PartHealth("sounds", "detector"),
        _NoBus(),
        model_store(ModelsConfig(), clock),
        Site(device=Device(id="evaluation")),
    )
    config = _config(model, classes)
    tagger = load(config, context)
    least = thresholds(config, tagger)
    begin = clock.cpu()
    heard = [
        _hear(tagger, least, read(data / name), config)
        for name in progress([Path(one) for one, _ in table], "Listening")
    ]
    talk = [_hear(tagger, least, read(path), config) for path in progress(spoken, "Speech")]
    spent, samples = clock.cpu() - begin, sum(one.samples for one in [*heard, *talk])
    tagger.close()
    categories = [category for _, category in table]
    return {
        "n": len(table),
        "classes": by_category(categories, heard),
        "speech_false": {"clips": len(talk), "called_event": sum(bool(one.called) for one in talk)},
        "speech_called": _counts(talk),
        "confusion": {
            category: _counts([one for one, its in zip(heard, categories, strict=True) if its == category])
            for category in sorted(set(categories))
        },
        "labels": {category: CATEGORIES[category] for category in sorted(set(categories)) if category in CATEGORIES},
        "else": sorted(set(categories) - set(CATEGORIES)),
        "thresholds": least,
        "model": model,
        "cpu_ms_per_second": round(spent / 1e6 / (samples / SAMPLE_RATE), 2),
    }


def by_category(categories: Sequence[str], heard: Sequence[Heard]) -> dict[str, dict[str, Any]]:
    """Figures of every category that is an event."""
    out = {}
    meant = np.array([CATEGORIES.get(category, "") for category in categories])
    hours = np.array([one.samples for one in heard]) / SAMPLE_RATE / 3600
    for category in sorted(set(categories) & set(CATEGORIES)):
        label = CATEGORIES[category]
        score = np.array([one.scores.get(label, 0.0) for one in heard])
        positive, negative = np.array(categories) == category, meant != label
        counted = positive | negative
        out[category] = {
            "label": label,
            "clips": int(positive.sum()),
            "auc": round(auc_of(positive[counted], score[counted]), 4) if negative.any() else None,
            "recall_at_1_false_per_hour": round(
                recall(score[positive], score[negative], float(hours[negative].sum())), 4
            ),
            "recall": round(float(np.mean([label in one.called for one in np.array(heard)[positive]])), 4),
            "false": int(sum(label in one.called for one in np.array(heard)[negative])),
        }
    return out


def recall(right: NDArray[np.float64], wrong: NDArray[np.float64], hours: float) -> float:
    """Share of `right` above the lowest threshold that at most one of `wrong` for each whole hour exceeds."""
    allowed = int(hours)
    most = np.sort(wrong)[::-1]
    at = most[allowed] if len(most) > allowed else -np.inf
    return float(np.mean(right > at))


def _hear(tagger: Tagger, least: Mapping[str, float], clip: NDArray[np.int16], config: SoundsConfig) -> Heard:
    best: dict[str, float] = {}
    told: set[str] = set()
    for window in _windows(clip, tagger.window, round(config.every_s * SAMPLE_RATE)):
        scores = tagger.scores(window)
        best = {label: max(score, best.get(label, 0.0)) for label, score in scores.items()}
        told |= called(scores, least)
    return Heard({label: best.get(label, 0.0) for label in (*LABELS, SPEECH)}, frozenset(told), len(clip))


def _windows(clip: NDArray[np.int16], size: int, every: int) -> Iterator[NDArray[np.int16]]:
    """Windows of the clip with quiet around it, at least two."""
    noise = np.random.default_rng(0)
    after = max(_QUIET, size + every - len(clip) - _QUIET)
    quiet = [noise.normal(0, _NOISE, n).astype(np.int16) for n in (_QUIET, after)]
    sound = np.concatenate([quiet[0], clip, quiet[1]])
    return (sound[at : at + size] for at in range(0, len(sound) - size + 1, every))


def _counts(heard: Sequence[Heard]) -> dict[str, int]:
    names = [name for one in heard for name in (sorted(one.called) or [_NOTHING])]
    return {name: names.count(name) for name in (*LABELS, _NOTHING) if name in names}


def _speech(folder: Path | None) -> list[Path]:
    """Clips in a folder or in the folders in it, but no folder whose name begins with `_silence`."""
    if folder is None:
        return []
    inner = sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    inner = [each for each in inner if not each.name.startswith("_silence")]
    found = [path for each in inner for path in (clips(each) if any(each.iterdir()) else [])]
    return found or clips(folder)


def _table(data: Path) -> list[tuple[str, str]]:
    """(file, category) of meta.csv. Raises ConfigError."""
    path = data / "meta.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            rows = [(table.line_num, row["file"], row["category"]) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{path}: expected columns file and category, got none called {error}") from error
    if not rows:
        raise ConfigError(f"{path}: expected a line per clip, got none")
    if short := next((line for line, *both in rows if not all(both)), None):
        raise ConfigError(f"{path}:{short}: expected a file and its category; remove what is no clip")
    return [(name, category) for _, name, category in rows]


def _config(model: str, classes: Path | None) -> SoundsConfig:
    try:
        return SoundsConfig(on=["clip"], model=model, classes=classes)
    except ValidationError as error:
        told = "; ".join(each["msg"] for each in error.errors())
        raise ConfigError(f"--model {model}, --classes {classes or 'not given'}: {told}") from error


class _NoBus:
    """There is no broker here."""

    def subscribe(self, topic_filter: str, handler: Any) -> None:
        """Nothing ever comes."""
