"""`edgefuse evaluate fusion`: a trained model on labelled data, whole, degraded, and beside what it has to beat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Model
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora.corpus import Corpus, Report
from edgefuse.engines.store import models_dir
from edgefuse.evaluation import figures, metrics
from edgefuse.evaluation.corruption import check_options
from edgefuse.evaluation.curves import curves
from edgefuse.evaluation.figures import rounded
from edgefuse.evaluation.robustness import Condition, conditions, only
from edgefuse.evaluation.scoring import Outcome, Unseen, aligned, outcomes
from edgefuse.evaluation.singles import Singles, rivals
from edgefuse.evaluation.trained import Trained, find, open_model, read_card
from edgefuse.fusion.card import FusionCard
from edgefuse.pipeline.clock import SystemClock
from edgefuse.resources import resource

_EXTRA, _CURVES = 600, 240
"""Samples at most, for conditions other than clean, gone and noisy, and for curves: each is looked at often."""
_LATER = ("delayed_", "frozen_", "desynchronised")


@dataclass(frozen=True, slots=True)
class Scored:
    """A corpus with what was said of it."""

    corpus: Corpus
    said: Mapping[str, Outcome]
    singles: Singles
    free: NDArray[np.bool_]
    """(members, n)"""


def evaluate(
    model: str | Path,
    data: Path,
    *,
    limit: int | None = None,
    models: ModelsConfig | None = None,
    progress: Report = lambda *_: None,
) -> dict[str, Any]:
    """Measure a trained model: a folder with card.json, or the name or path of a recipe whose model is kept.

    Samples of whose group or parts every member has seen some are left out and counted. `limit` takes that many at
    random. A corpus module may have `measure(corpus, outputs, card) -> dict`, whose figures are added under its keys,
    and `tried(corpus, judge) -> dict`, which may ask what is said of other inputs: `judge(corpus)` gives probability
    (n, classes), every other output as in `Outcome.more`, and `free` (n, members), who has not seen the group.
    Raises ConfigError for data that does not fit, ModelError for files that do not belong together.
    """
    config = models or ModelsConfig()
    folder = find(str(model), [models_dir(config), Path("models"), resource("models")])
    card = read_card(folder)
    if card.task == "fuse":
        result: dict[str, Any] = import_module("edgefuse.evaluation.picture_fusion").evaluate(folder, data, limit=limit)
        return result
    if card.task != "classify":
        raise ConfigError(f"{folder}: a model for the task '{card.task}'; use edgefuse evaluate {card.task} --data DIR")
    name = _corpus_of(card, folder)
    trained = open_model(folder, _loader(config))
    try:
        corpus = corpora.load(name, data, card.recipe.get("data", {}).get("options", {}), progress)
        return measured(
            trained, corpus, limit=limit, progress=progress, more=_hook(name, "measure"), again=_hook(name, "tried")
        )
    finally:
        trained.close()


def measured(
    trained: Trained,
    corpus: Corpus,
    *,
    limit: int | None = None,
    progress: Report = lambda *_: None,
    more: Callable[..., dict[str, Any]] | None = None,
    again: Callable[..., dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The figures of a model on a corpus; the keys are stable. Raises ConfigError as `evaluate` does."""
    card = trained.card
    fitting, left_out = _judgeable(aligned(corpus, card), card)
    fitting = fitting.take(_drawn(len(fitting), limit))
    noise = card.recipe.get("noise", {})
    for name, options in noise.items():
        check_options(name, options)
    tried = _tried(fitting, card, noise)
    whole = _whole(trained, fitting, [one for one in tried if not one.name.startswith(_LATER)], progress)
    part = _part(trained, whole, [one for one in tried if one.name.startswith(_LATER)], progress)
    told = {one.name for one in tried}
    few = _drawn(len(fitting), _CURVES)
    result = {
        "n": len(fitting),
        **rivals(fitting, whole.said, whole.singles),
        "conditions": {
            name: _figures(scored, name) for scored in (whole, part) for name in scored.said if name in told
        },
        **_details(whole),
        **curves(trained, fitting.take(few), whole.singles.take(few), noise, progress),
        "left_out": left_out,
        **_about(card, fitting),
    }
    clean = whole.said["clean"]
    if more is not None:
        result |= more(fitting, {"probability": clean.probability, **clean.more}, card)
    if again is not None:
        result |= again(fitting, partial(_asked, trained, tried[0]))
    done: dict[str, Any] = rounded(result)
    return done


def _asked(trained: Trained, clean: Condition, corpus: Corpus) -> dict[str, NDArray[Any]]:
    said = outcomes(trained, corpus, [clean])[clean.name]
    return {**said.more, "probability": said.probability, "free": Unseen.of(corpus, trained.card).members.T}


def _tried(corpus: Corpus, card: FusionCard, noise: Mapping[str, Mapping[str, Any]]) -> list[Condition]:
    """Conditions of what the corpus has."""
    there = _there(corpus, card)
    kinds = {name: modality.raw for name, modality in card.modalities.items()}
    return [one for one in conditions(kinds, noise) if set(one.wrong) <= set(there)]


def _there(corpus: Corpus, card: FusionCard) -> list[str]:
    return [name for column, name in enumerate(card.modalities) if corpus.present[:, column].any()]


def _about(card: FusionCard, corpus: Corpus) -> dict[str, Any]:
    there = _there(corpus, card)
    return {
        "absent": [name for name in card.modalities if name not in there],
        "model": card.name,
        "what": card.what,
        "data": {key: card.data.get(key) for key in ("corpus", "source", "licence", "ship", "composed_of")},
        "groups": len(np.unique(corpus.groups)),
        "leak": card.extra.get("leak"),
    }


def _whole(trained: Trained, corpus: Corpus, tried: Sequence[Condition], progress: Report) -> Scored:
    """On all samples, with each modality alone, whether that is told or not: it is a rival."""
    more = [one for one in only(list(trained.card.modalities)) if one.name not in {each.name for each in tried}]
    said = outcomes(trained, corpus, [*tried, *more], report=progress)
    singles = Singles.of(trained.card, corpus, said["clean"])
    return Scored(corpus, said, singles, Unseen.of(corpus, trained.card).members)


def _judgeable(corpus: Corpus, card: FusionCard) -> tuple[Corpus, int]:
    fits = Unseen.of(corpus, card).scorable()
    if not fits.any():
        raise ConfigError(
            f"nothing left to judge: every member of '{card.name}' was trained on all {len(corpus)} samples' groups "
            f"({', '.join(np.unique(corpus.groups)[:5])} ...), or parts of them; give data of another "
            f"{card.split.get('by', 'group')}"
        )
    return corpus.take(np.flatnonzero(fits)), int((~fits).sum())


def _drawn(n: int, limit: int | None) -> NDArray[np.intp]:
    """Indices of at most `limit` of n samples, at random, always the same."""
    if limit is None or n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:limit])


def _part(trained: Trained, whole: Scored, tried: Sequence[Condition], progress: Report) -> Scored:
    """The same for further conditions, on part of the samples."""
    index = _drawn(len(whole.corpus), _EXTRA)
    corpus = whole.corpus.take(index)
    said = outcomes(trained, corpus, tried, report=progress) if tried else {}
    return Scored(corpus, said, whole.singles.take(index), whole.free[:, index])


def _figures(scored: Scored, name: str) -> dict[str, Any]:
    corpus, said = scored.corpus, scored.said[name]
    found = figures.of_condition(corpus.labels, corpus.groups, said.probability, said.before)
    found["seeds"] = figures.of_members(corpus.labels, said.members, scored.free)
    if said.singles:
        told = metrics.summary(corpus.labels, scored.singles.log_odds(said))
        found["log_odds"] = {key: told[key] for key in ("accuracy", "macro_f1", "auc", "ece")}
    return found


def _details(scored: Scored) -> dict[str, Any]:
    corpus, said = scored.corpus, scored.said["clean"]
    return {
        "confusion": figures.confusion(corpus.labels, said.probability, corpus.classes),
        "reliability": {
            "before": figures.reliability(corpus.labels, said.before),
            "after": figures.reliability(corpus.labels, said.probability),
        },
        "roc": figures.roc(corpus.labels, said.probability),
    }


def _corpus_of(card: FusionCard, folder: Path) -> str:
    name = card.data.get("corpus")
    if not isinstance(name, str):
        raise ConfigError(f"{folder}: its card does not say which corpus its data is")
    return name


def _hook(corpus: str, name: str) -> Callable[..., dict[str, Any]] | None:
    module = f"edgefuse.corpora.{corpus}"
    return getattr(import_module(module), name, None) if find_spec(module) else None


def _loader(config: ModelsConfig) -> Callable[[str], Model]:
    def load(name: str) -> Model:
        return model_store(config, SystemClock()).load(name, PartHealth("evaluate", "features"))

    return load
