"""From a corpus to tensors: augmented copies of the raw input, features, presence."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.core.ports import Model
from edgefuse.corpora.corpus import Corpus, Raw, Report
from edgefuse.fusion.card import FeatureSpec, ModalityCard
from edgefuse.fusion.features.build import Feature, build
from edgefuse.training.augment import augmented
from edgefuse.training.network import Design, Input
from edgefuse.training.recipe import Recipe

_BATCH = 256
_BUCKETS = 4096
"""Default of the feature kind `tokens`."""


@dataclass(frozen=True, slots=True)
class Data:
    """Features of a corpus; copy c of sample i lies at row c * n + i."""

    x: dict[str, NDArray[Any]]
    """Modality -> (rows, *shape)."""
    present: NDArray[np.float32]
    """(rows, modalities)"""
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    n: int
    """Samples without copies."""
    classes: tuple[str, ...]

    @property
    def modalities(self) -> list[str]:
        """In the order of the columns of `present`."""
        return list(self.x)

    def rows(self, samples: NDArray[np.intp], *, copies: bool) -> NDArray[np.intp]:
        """Rows of these samples, with their copies or without."""
        times = len(self.labels) // self.n if copies else 1
        return np.concatenate([samples + copy * self.n for copy in range(times)])

    def only(self, name: str) -> "Data":
        """One modality alone."""
        column = self.modalities.index(name)
        return replace(self, x={name: self.x[name]}, present=self.present[:, column : column + 1])


def features(
    recipe: Recipe, corpus: Corpus, load: Callable[[str], Model] | None, report: Report = lambda *_: None
) -> Data:
    """Take the features of a corpus and of its augmented copies.

    Raises ConfigError when the recipe names a modality that the corpus lacks, or wrong options of features.
    """
    if missing := [name for name in recipe.modalities if name not in corpus.raws]:
        raise ConfigError(
            f"recipe '{recipe.name}': modalities {', '.join(missing)} are not in the corpus "
            f"(it has {', '.join(corpus.raws)})"
        )
    columns = [list(corpus.raws).index(name) for name in recipe.modalities]
    copies = 1 + recipe.train.copies
    arrays = {}
    for number, (name, spec) in enumerate(recipe.modalities.items()):
        report(f"features of {name}", number, len(recipe.modalities))
        take = build(spec.features, load)
        raws = [corpus.raws[name]]
        raws += [augmented(raws[0], spec.augment, seed=[number, copy]) for copy in range(1, copies)]
        arrays[name] = np.concatenate([_batches(take, raw, name) for raw in raws])
    return Data(
        arrays,
        np.tile(corpus.present[:, columns].astype(np.float32), (copies, 1)),
        np.tile(corpus.labels, copies),
        np.tile(corpus.groups, copies),
        len(corpus),
        corpus.classes,
    )


def _batches(take: Feature, raw: Raw, name: str) -> NDArray[Any]:
    try:
        return np.concatenate([take(raw.data[at : at + _BATCH]) for at in range(0, len(raw), _BATCH)])
    except ValueError as error:
        raise ConfigError(f"features of '{name}': {error}") from error


def design(recipe: Recipe, data: Data) -> Design:
    """The network that the recipe asks for, on these features."""
    inputs = []
    for name, spec in recipe.modalities.items():
        options = dict(spec.encoder.options)
        if tokens := data.x[name].dtype == np.int64:
            options.setdefault("vocabulary", int(spec.features.options.get("buckets", _BUCKETS)) + 1)
        pixels = spec.features.kind in {"image", "frames"}
        shape = data.x[name].shape[1:]
        changes: dict[str, float] = {str(change): amount for change, amount in spec.perturb.items()}
        inputs.append(Input(name, shape, spec.encoder.kind, options, pixels, tokens, changes))
    fusion, head = recipe.fusion, recipe.head
    return Design(tuple(inputs), len(data.classes), fusion.kind, fusion.options, head.hidden, head.dropout)


def modality_cards(recipe: Recipe, corpus: Corpus, data: Data) -> dict[str, ModalityCard]:
    """What the card says of the inputs."""
    return {
        name: ModalityCard(
            raw=corpus.raws[name].kind,
            features=FeatureSpec(kind=spec.features.kind, options=spec.features.options),
            shape=list(data.x[name].shape[1:]),
            dtype="int64" if data.x[name].dtype == np.int64 else "float32",
            seen=_seen(corpus.raws[name]),
        )
        for name, spec in recipe.modalities.items()
    }


def _seen(raw: Raw) -> list[tuple[float, float]]:
    """Least and greatest value of each channel; empty for what is no sequence or table, or has an unknown channel."""
    if raw.kind not in {"sequence", "table"}:
        return []
    flat = raw.data.reshape(-1, raw.data.shape[-1])
    low, high = np.fmin.reduce(flat), np.fmax.reduce(flat)
    return list(zip(low.tolist(), high.tolist(), strict=True)) if np.isfinite([low, high]).all() else []
