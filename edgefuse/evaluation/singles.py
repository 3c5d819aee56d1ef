"""The rivals of a fused model, measured on the same samples."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.corpora.corpus import Corpus
from edgefuse.evaluation import baselines, metrics
from edgefuse.evaluation.scoring import Outcome
from edgefuse.fusion.card import FusionCard


@dataclass(frozen=True, slots=True)
class Singles:
    """Networks of one modality each, calibrated on clean data of the other half of the groups."""

    names: list[str]
    prior: NDArray[np.float64]
    warmth: Mapping[str, NDArray[np.float64]]
    """Modality -> (2,) temperature of each half of the groups."""
    half: NDArray[np.intp]
    """(n,)"""

    @classmethod
    def of(cls, card: FusionCard, corpus: Corpus, first: Outcome) -> "Singles":
        """Calibrate on what was said when nothing was wrong."""
        names = list(card.modalities)
        warmth = {
            name: baselines.calibrated(logs, corpus.labels, corpus.groups, first.mask[:, names.index(name)])
            for name, logs in first.singles.items()
        }
        return cls(names, prior_of(card), warmth, baselines.halves(corpus.groups))

    def take(self, index: NDArray[np.intp]) -> "Singles":
        """For the samples of `index`, calibrated as before."""
        return replace(self, half=self.half[index])

    def alone(self, said: Outcome, name: str) -> NDArray[np.float64]:
        """(n, classes) what the network of one modality says."""
        return baselines.alone(self._cooled(said, name), said.mask[:, self.names.index(name)], self.prior)

    def log_odds(self, said: Outcome) -> NDArray[np.float64]:
        """(n, classes) naive fusion of all of them."""
        logs = {name: self._cooled(said, name) for name in said.singles}
        return baselines.log_odds(logs, {name: said.mask[:, self.names.index(name)] for name in logs}, self.prior)

    def _cooled(self, said: Outcome, name: str) -> NDArray[np.float64]:
        cooled: NDArray[np.float64] = said.singles[name] / self.warmth[name][self.half][:, None]
        return cooled


def prior_of(card: FusionCard) -> NDArray[np.float64]:
    """(classes,) what the networks take for the shares of the classes: all alike when they were trained balanced."""
    count = len(card.classes)
    if card.recipe.get("train", {}).get("balanced") or len(card.prior) != count:
        return np.full(count, 1 / count)
    return np.array(card.prior) / sum(card.prior)


def rivals(corpus: Corpus, said: Mapping[str, Outcome], singles: Singles) -> dict[str, Any]:
    """majority, best_single, singles, rule, log_odds, gain and verdict.

    A single modality counts with its own network or with the fused one when all else is masked, whichever is better.
    `gain` is the fused accuracy minus that of the best single one, with its 95 % interval by group.
    """
    clean = said["clean"]
    found = {name: _of_one(corpus, said, singles, name) for name in singles.names}
    best = max(found, key=lambda name: max(p[1] for p in found[name].values()))
    way = max(found[best], key=lambda name: found[best][name][1])
    right, accuracy = found[best][way]
    fused = clean.probability.argmax(1) == corpus.labels
    gain = (fused.mean() - accuracy, *metrics.interval_of_mean(fused.astype(float) - right, corpus.groups))
    return {
        "majority": baselines.majority(corpus.labels),
        "best_single": {"modality": best, "accuracy": accuracy, "trained": way},
        "singles": {name: {way: each[1] for way, each in ways.items()} for name, ways in found.items()},
        "rule": None if corpus.rule is None else metrics.summary(corpus.labels, corpus.rule),
        "log_odds": metrics.summary(corpus.labels, singles.log_odds(clean)) if clean.singles else None,
        "gain": {"points": 100 * gain[0], "ci95": [100 * gain[1], 100 * gain[2]]},
        "verdict": verdict(float(fused.mean()), best, accuracy, gain[1]),
    }


def _of_one(
    corpus: Corpus, said: Mapping[str, Outcome], singles: Singles, name: str
) -> dict[str, tuple[NDArray[np.bool_], float]]:
    """`apart`: a network of its own; `masked`: the fused one with all else masked -> right or wrong, and accuracy."""
    masked = said.get(f"only_{name}", said["clean"])  # one modality: the model is its own single
    says = {"masked": masked.probability}
    if name in said["clean"].singles:
        says["apart"] = singles.alone(said["clean"], name)
    right = {way: p.argmax(1) == corpus.labels for way, p in says.items()}
    return {way: (each, float(each.mean())) for way, each in right.items()}


def verdict(fused: float, best: str, single: float, low: float) -> str:
    """In one sentence, whether fusing was worth it; `low` is the lower end of the gain's interval."""
    points = 100 * (fused - single)
    told = f"fusion ({100 * fused:.1f} %)", f"the best single modality ({best}, {100 * single:.1f} %)"
    if points <= 0:
        return f"{told[0]} does not beat {told[1]}: {points:+.1f} points"
    if np.isnan(low):
        return f"{told[0]} beats {told[1]} by {points:.1f} points, from one group alone"
    doubt = "" if low > 0 else ", which the spread between groups does not bear out"
    return f"{told[0]} beats {told[1]} by {points:.1f} points{doubt}"
