"""From a recipe to a model: trains every member, calibrates, exports, writes the card."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora.corpus import Corpus, Report, sha256_of
from edgefuse.fusion.card import FusionCard
from edgefuse.training import calibrate
from edgefuse.training.card import Judged, card_of, judge
from edgefuse.training.curves import draw
from edgefuse.training.data import Data, design, features
from edgefuse.training.export import Ensemble, Singles, export
from edgefuse.training.folder import replaceable, whole, write_card
from edgefuse.training.jobs import train_all
from edgefuse.training.leak import leak
from edgefuse.training.plan import Plan, plan
from edgefuse.training.recipe import Recipe
from edgefuse.training.small import int8
from edgefuse.training.train import Trained, predict

_LEAK_SEEDS = 2


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    seeds: int | None = None,
    progress: Report = lambda *_: None,
    processes: int = 1,
) -> FusionCard:
    """Train a recipe on the data in a folder and write `out`: model.onnx, singles.onnx, card.json, curves.png.

    `out` appears whole or not at all. Raises ConfigError for a recipe that does not fit the data, ModelError when a
    training diverges or the file that was written does not agree with what was trained.
    """
    if recipe.task == "fuse":
        from importlib import import_module

        fuse = import_module("edgefuse.training.picture_fusion").train
        card: FusionCard = fuse(recipe, data, out, seeds=seeds, progress=progress)
        return card
    replaceable(out)
    found = corpora.load(recipe.data.corpus, data, {**recipe.data.options, **recipe.data.training}, progress)
    return train_corpus(recipe, found, out, seeds=seeds, progress=progress, processes=processes)


def train_corpus(
    recipe: Recipe,
    corpus: Corpus,
    out: Path,
    *,
    seeds: int | None = None,
    progress: Report = lambda *_: None,
    processes: int = 1,
) -> FusionCard:
    """As `train`, of a corpus that is in memory."""
    table = features(recipe, corpus, _load, progress)
    trainings = plan(recipe, table, design(recipe, table), seeds)
    with whole(out) as folder:
        trained = train_all(table, trainings.jobs(), progress, processes)
        progress("calibrating and writing", 0, 1)
        judged = _judged(table, trainings, trained)
        extra = {**_write(table, trainings, trained, judged, folder), **_leaks(corpus)}
        draw(trained, folder / "curves.png", recipe.name)
        files = {path.name: {"sha256": sha256_of(path), "size": path.stat().st_size} for path in folder.iterdir()}
        card = card_of(recipe, corpus, table, trainings, judge(table, trainings, trained, judged), judged)
        card = card.model_copy(update={"files": files, "extra": {**card.extra, **extra}})
        write_card(card, folder)
    return card


def _leaks(corpus: Corpus) -> dict[str, Any]:
    """Of a composed corpus, whether its backgrounds betray the classes."""
    return {"leak": leak(corpus, _LEAK_SEEDS)} if corpus.background else {}


def _judged(data: Data, trainings: Plan, trained: dict[str, Trained]) -> Judged:
    """Predictions for training samples by those that have not seen them, and the temperatures that follow."""
    masks = calibrate.patterns(len(data.x))
    rows = np.concatenate([data.rows(job.held, copies=True) for job in trainings.judged])
    parts = [
        predict(trained[job.name].network, data, data.rows(job.held, copies=True), masks) for job in trainings.judged
    ]
    log_p = np.concatenate(parts, axis=1)
    fits = _fits(data, masks, rows)
    temperatures = [
        calibrate.temperature(some[fit], data.labels[rows][fit]) for some, fit in zip(log_p, fits, strict=True)
    ]
    if len(trainings.test):
        members = [predict(trained[job.name].network, data, trainings.test, masks) for job in trainings.members]
        return Judged(masks, temperatures, trainings.test, calibrate.pooled(np.stack(members)))
    clean = rows < data.n
    return Judged(masks, temperatures, rows[clean], log_p[:, clean])


def _fits(data: Data, masks: NDArray[np.float32], rows: NDArray[np.intp]) -> list[NDArray[np.bool_]]:
    """Rows that have at least what a pattern has."""
    return [(data.present[rows] >= mask).all(1) for mask in masks]


def _write(data: Data, trainings: Plan, trained: dict[str, Trained], judged: Judged, folder: Path) -> dict[str, Any]:
    networks = [trained[job.name].network for job in trainings.members]
    table = calibrate.table(judged.masks, judged.temperatures)
    extra: dict[str, Any] = {"onnx_difference": export(Ensemble(networks, table), data, folder / "model.onnx")}
    extra["int8"] = int8(data, networks[0], folder / "model.onnx", judged.rows)
    if trainings.singles:
        singles = {name: [trained[job.name].network for job in jobs] for name, jobs in trainings.singles.items()}
        extra["singles_difference"] = export(Singles(singles), data, folder / "singles.onnx")
        extra["singles"] = {
            name: [sorted(set(data.groups[job.rows].tolist())) for job in jobs]
            for name, jobs in trainings.singles.items()
        }
    return extra


def _load(name: str) -> Model:
    from edgefuse.app.models import model_store
    from edgefuse.config.models import ModelsConfig
    from edgefuse.core.health import PartHealth
    from edgefuse.pipeline.clock import SystemClock

    return model_store(ModelsConfig(), SystemClock()).load(name, PartHealth("train", "trainer"))
