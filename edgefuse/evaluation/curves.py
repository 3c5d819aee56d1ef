"""Accuracy while one modality gets worse and worse."""

from collections.abc import Mapping
from typing import Any

from edgefuse.corpora.corpus import Corpus, Report
from edgefuse.evaluation.corruption import Kind, applies
from edgefuse.evaluation.metrics import accuracy
from edgefuse.evaluation.robustness import (
    SEVERITIES,
    Condition,
    effective_robustness,
    relative_robustness,
    wrong,
)
from edgefuse.evaluation.scoring import outcomes
from edgefuse.evaluation.singles import Singles
from edgefuse.evaluation.trained import Trained

_KINDS: tuple[Kind, ...] = ("noise", "delayed", "frozen")


def curves(
    trained: Trained, few: Corpus, singles: Singles, noise: Mapping[str, Mapping[str, Any]], progress: Report
) -> dict[str, Any]:
    """`curves`, `relative_robustness` and `effective_robustness` of every corruption and modality.

    Severity 1 is the condition of the same name. `curves` holds accuracy of the fused model, of log-odds and of the
    modality's own network; what cannot be compared with log-odds has no effective robustness.
    """
    tried = {
        f"{kind}_{name}": [wrong(kind, name, noise.get(name, {}), severity) for severity in SEVERITIES[1:]]
        for kind in _KINDS
        for column, (name, card) in enumerate(trained.card.modalities.items())
        if applies(kind, card.raw) and few.present[:, column].any()
    }
    steps = [
        Condition(f"{name} {place}", wrong=one.wrong) for name, each in tried.items() for place, one in enumerate(each)
    ]
    said = outcomes(trained, few, [Condition("clean"), *steps], report=progress)
    found: dict[str, dict[str, list[float]]] = {}
    for name, each in tried.items():
        along = [said["clean"], *(said[f"{name} {place}"] for place in range(len(each)))]
        found[name] = {"fused": [accuracy(few.labels, one.probability) for one in along]}
        if along[0].singles:
            modality = next(iter(each[0].wrong))
            found[name]["log_odds"] = [accuracy(few.labels, singles.log_odds(one)) for one in along]
            found[name]["alone"] = [accuracy(few.labels, singles.alone(one, modality)) for one in along]
    return {
        "curves": {"n": len(few), "severity": list(SEVERITIES), **found},
        "relative_robustness": {name: relative_robustness(one["fused"]) for name, one in found.items()},
        "effective_robustness": {
            name: effective_robustness(one["fused"], one["log_odds"])
            for name, one in found.items()
            if "log_odds" in one
        },
    }
