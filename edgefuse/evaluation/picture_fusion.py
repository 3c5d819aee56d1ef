"""`edgefuse evaluate fusion` of a model that fuses pictures: beside classical ways, and beside each picture alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora.corpus import Corpus
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.evaluation.picture_baselines import BASELINES
from edgefuse.evaluation.picture_quality import Picture, quality
from edgefuse.evaluation.trained import FUSED, read_card
from edgefuse.fusion.card import FusionCard

_NOISE = 0.1
"""Standard deviation of the noise of `noise_<modality>`, of a range of 1."""


def evaluate(folder: Path, data: Path, *, limit: int | None = None) -> dict[str, Any]:
    """Measure a trained model on pairs; a patient that all members were trained on is left out and counted.

    Raises ConfigError where nothing is left, ModelError for a model that cannot be loaded.
    """
    card = read_card(folder)
    corpus = corpora.load(str(card.data["corpus"]), data, card.recipe.get("data", {}).get("options", {}))
    return measured(folder / FUSED, card, corpus, limit)


def measured(model: Path, card: FusionCard, corpus: Corpus, limit: int | None = None) -> dict[str, Any]:
    """Means over pairs; `ci95` of the difference to the best classical way, by bootstrap over patients."""
    free = np.array([~np.isin(corpus.groups, groups) for groups in card.members])
    rows = np.flatnonzero(free.any(0))[:limit]
    if not len(rows):
        raise ConfigError(f"nothing left to judge: all members of '{card.name}' were trained on these patients")
    first, second = (corpus.raws[name].data[rows] / 255.0 for name in corpus.raws)
    names, network = list(corpus.raws), OnnxBackend().load(model, {"threads": 1})
    said = {
        condition: _fused(network, names, pair, mask, free[:, rows])
        for condition, pair, mask in _conditions(names, first, second)
    }
    network.close()
    each = {condition: _each(first, second, fused) for condition, fused in said.items()}
    rivals = {name: _each(first, second, map(fuse, first, second)) for name, fuse in BASELINES.items()}
    alone = {names[0]: _each(first, second, first), names[1]: _each(first, second, second)}
    return _result(corpus.take(rows), each, rivals, alone, len(corpus) - int(free.any(0).sum()))


def _result(
    corpus: Corpus,
    each: Mapping[str, list[dict[str, float]]],
    rivals: Mapping[str, list[dict[str, float]]],
    alone: Mapping[str, list[dict[str, float]]],
    left_out: int,
) -> dict[str, Any]:
    best = max(rivals, key=lambda name: _mean(rivals[name])["qabf"])
    single = max(alone, key=lambda name: _mean(alone[name])["qabf"])
    clean = each["clean"]
    kinds = {
        kind: {
            "n": int((corpus.labels == index).sum()),
            "learned": _mean([clean[n] for n in np.flatnonzero(corpus.labels == index)]),
            **{name: _mean([some[n] for n in np.flatnonzero(corpus.labels == index)]) for name, some in rivals.items()},
        }
        for index, kind in enumerate(corpus.classes)
        if (corpus.labels == index).any()
    }
    return {
        "n": len(corpus),
        "majority": None,
        "best_single": {"modality": single, "accuracy": None, **_mean(alone[single])},
        "conditions": {name: _mean(some) for name, some in each.items()},
        "classical": {name: _mean(some) for name, some in rivals.items()},
        "best_classical": best,
        "gain": _gain(clean, rivals[best], corpus.groups),
        "kinds": kinds,
        "left_out": left_out,
    }


def _conditions(
    names: Sequence[str], first: NDArray[Any], second: NDArray[Any]
) -> list[tuple[str, tuple[NDArray[Any], NDArray[Any]], tuple[float, float]]]:
    draw = np.random.default_rng(0)
    noisy = [np.clip(each + draw.normal(0, _NOISE, each.shape), 0, 1) for each in (first, second)]
    return [
        ("clean", (first, second), (1, 1)),
        (f"without_{names[0]}", (first, second), (0, 1)),
        (f"without_{names[1]}", (first, second), (1, 0)),
        (f"noise_{names[0]}", (noisy[0], second), (1, 1)),
        (f"noise_{names[1]}", (first, noisy[1]), (1, 1)),
    ]


def _fused(
    network: Any,
    names: Sequence[str],
    pair: tuple[NDArray[Any], NDArray[Any]],
    mask: tuple[float, float],
    free: NDArray[np.bool_],
) -> list[Picture]:
    """Each pair by the mean of the members that have not seen its patient."""
    out = []
    for n, (first, second) in enumerate(zip(*pair, strict=True)):
        feed = {names[0]: first, names[1]: second}
        feeds = {name: each[None, None].astype(np.float32) for name, each in feed.items()}
        members = network.run({**feeds, "mask": np.array([mask], np.float32)})["members"]
        out.append(members[free[:, n]].mean(0)[0, 0].astype(np.float64))
    return out


def _each(first: NDArray[Any], second: NDArray[Any], fused: Any) -> list[dict[str, float]]:
    return [quality(*three) for three in zip(first, second, fused, strict=True)]


def _mean(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([one[name] for one in some])), 4) for name in some[0]}


def _gain(
    ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]], groups: NDArray[np.str_]
) -> dict[str, Any]:
    """Mean difference and its 95 % interval, by bootstrap over patients."""
    draw, names = np.random.default_rng(0), np.unique(groups)
    places = [np.flatnonzero(groups == name) for name in names]
    drawn = [np.concatenate([places[n] for n in draw.integers(0, len(names), len(names))]) for _ in range(1000)]
    out = {}
    for key in ours[0]:
        gains = np.array([a[key] - b[key] for a, b in zip(ours, theirs, strict=True)])
        low, high = np.percentile([gains[rows].mean() for rows in drawn], [2.5, 97.5])
        out[key] = {"mean": round(float(gains.mean()), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}
    return out
