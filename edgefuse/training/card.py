"""The card: what was measured on samples that nobody was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.corpora.corpus import Corpus
from edgefuse.evaluation import metrics
from edgefuse.fusion.card import FusionCard, Pattern
from edgefuse.training.calibrate import scaled
from edgefuse.training.data import Data, modality_cards
from edgefuse.training.plan import Plan
from edgefuse.training.recipe import Recipe
from edgefuse.training.train import Job, Trained, predict

_OPERATING_CLASSES = 60
_REPORTED = ("accuracy", "macro_f1", "auc")


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions for samples by members that have not seen their groups."""

    masks: NDArray[np.float32]
    temperatures: list[float]
    rows: NDArray[np.intp]
    log_p: NDArray[np.float64]
    """(patterns, rows, classes), before calibration."""


def judge(data: Data, trainings: Plan, trained: Mapping[str, Trained], judged: Judged) -> dict[str, Any]:
    """`metrics` of the card."""
    jobs = trainings.members if len(trainings.test) or not trainings.calibration else trainings.calibration
    out: dict[str, Any] = {"n": len(judged.rows), "each": spread(data, jobs, trained)}
    out["ensemble"] = _summary(data.labels[judged.rows], scaled(judged.log_p[0], judged.temperatures[0]))
    out["majority"] = float(np.bincount(data.labels[judged.rows]).max() / len(judged.rows))
    alone = {name: spread(data.only(name), some, trained) for name, some in trainings.singles.items()}
    if alone := {name: figures for name, figures in alone.items() if figures}:
        best = max(alone, key=lambda name: alone[name]["accuracy"]["mean"])
        out |= {"singles": alone, "best_single": {"modality": best, "accuracy": alone[best]["accuracy"]["mean"]}}
    return out


def spread(data: Data, jobs: list[Job], trained: Mapping[str, Trained]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over trainings, each on the samples that it has not seen; empty without any."""
    found = []
    for job in jobs:
        p = np.exp(predict(trained[job.name].network, data, job.held)[0])
        found.append(_summary(data.labels[job.held], p))
    return {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=len(values) > 1))}
        for name in _REPORTED
        if (values := [one[name] for one in found if name in one])
    }


def _summary(labels: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, float]:
    """What can be computed: an AUC needs more than one class."""
    told = metrics.summary(labels, p) if len(labels) else {}
    return {name: value for name, value in told.items() if np.isfinite(value)}


def card_of(
    recipe: Recipe, corpus: Corpus, data: Data, trainings: Plan, measured: dict[str, Any], judged: Judged
) -> FusionCard:
    """All but the files."""
    if corpus.rule is not None:
        rows = judged.rows
        measured = {**measured, "rule": _summary(data.labels[rows], corpus.rule[rows])}
    counts = np.bincount(data.labels[trainings.train], minlength=len(data.classes)) + 0.5
    return FusionCard(
        schema=1,
        name=recipe.name,
        what=recipe.what,
        task=recipe.task,
        classes=list(data.classes),
        modalities=modality_cards(recipe, corpus, data),
        patterns=[_pattern(data, judged, number) for number in range(len(judged.masks))],
        members=[sorted(set(data.groups[job.rows].tolist())) for job in trainings.members],
        parts=_parts(corpus),
        prior=(counts / counts.sum()).tolist(),
        data={
            **recipe.data.model_dump(exclude={"options"}),
            "files": dict(corpus.files),
            "groups": sorted(set(data.groups.tolist())),
            "n": len(corpus),
            **corpus.extra.get("told", {}),
        },
        split=recipe.split.model_dump(),
        seeds=[job.seed for job in trainings.members],
        metrics=measured,
        limits=recipe.limits,
        licence=recipe.data.licence,
        recipe=recipe.model_dump(mode="json"),
    )


def _parts(corpus: Corpus) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for group, parts in zip(corpus.groups.tolist(), corpus.parts or [()] * len(corpus), strict=True):
        found.setdefault(group, set()).update(parts)
    return {group: sorted(parts) for group, parts in found.items() if parts}


def _pattern(data: Data, judged: Judged, number: int) -> Pattern:
    mask, temperature = judged.masks[number], judged.temperatures[number]
    fit = (data.present[judged.rows] >= mask).all(1)
    labels, log_p = data.labels[judged.rows][fit], judged.log_p[number][fit]
    before, after = scaled(log_p, 1.0), scaled(log_p, temperature)
    measured = {}
    if len(labels):
        told = _summary(labels, after)
        measured = {name: told[name] for name in _REPORTED if name in told}
        for end, p in (("before", before), ("after", after)):
            measured |= {f"ece_{end}": metrics.ece(labels, p), f"brier_{end}": metrics.brier(labels, p)}
    return Pattern(
        present=[name for name, here in zip(data.modalities, mask, strict=True) if here],
        temperature=temperature,
        n=len(labels),
        metrics=measured,
        operating={
            name: metrics.operating_points(labels == index, after[:, index]) for index, name in enumerate(data.classes)
        },
    )
