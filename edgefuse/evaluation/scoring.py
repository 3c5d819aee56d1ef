"""What a trained model says of a corpus under every condition, judged only by members that have not seen the group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import exp, log
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.corpora.corpus import Corpus, Raw, Report
from edgefuse.evaluation.corruption import Scale, corrupt, scale_of
from edgefuse.evaluation.robustness import Condition
from edgefuse.evaluation.trained import Trained
from edgefuse.fusion.card import FusionCard

_BATCH = 128


@dataclass(slots=True)
class Outcome:
    """What is said under one condition, rows in the order of the corpus."""

    mask: NDArray[np.bool_]
    """(n, modalities) what was really there."""
    probability: NDArray[np.float64]
    """(n, classes), the members that have not seen the group pooled, then calibrated."""
    before: NDArray[np.float64]
    """(n, classes), the same without calibration."""
    members: NDArray[np.float64]
    """(members, n, classes), calibrated, each by itself."""
    singles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Modality -> (n, classes) log-probabilities of networks of its own that have not seen the group."""
    more: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Other outputs of the model, (n, ...)."""


def aligned(corpus: Corpus, card: FusionCard) -> Corpus:
    """The corpus with the modalities and classes of the card, in its order.

    A modality that the corpus does not have is absent everywhere. Raises ConfigError for a class that the card does
    not know, and when no modality is there.
    """
    unknown = [name for name in corpus.classes if name not in card.classes]
    if unknown:
        raise ConfigError(
            f"classes of the data: '{unknown[0]}' is none of the model's ({', '.join(card.classes)}); "
            "evaluate with the data that the recipe names"
        )
    names = list(corpus.raws)
    raws = {name: corpus.raws[name] for name in card.modalities if name in corpus.raws}
    present = np.zeros((len(corpus), len(card.modalities)), bool)
    for column, name in enumerate(card.modalities):
        if name in raws:
            present[:, column] = corpus.present[:, names.index(name)]
    if not present.any():
        raise ConfigError(
            f"the data has none of the modalities {', '.join(card.modalities)} (it has {', '.join(names)})"
        )
    place = np.array([card.classes.index(name) for name in corpus.classes], np.int64)
    rule = None
    if corpus.rule is not None:
        rule = np.zeros((len(corpus), len(card.classes)))
        rule[:, place] = corpus.rule
    return Corpus(
        raws, present, place[corpus.labels], tuple(card.classes), corpus.groups,
        corpus.files, corpus.background, rule, corpus.extra,
    )  # fmt: skip


def unseen(groups: NDArray[np.str_], members: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """(members, n) whether a member was not trained on the sample's group."""
    return np.array([~np.isin(groups, list(seen)) for seen in members], bool).reshape(len(members), len(groups))


def scorable(groups: NDArray[np.str_], card: FusionCard) -> NDArray[np.bool_]:
    """(n,) whether some member, and some network of every single modality, has not seen the sample's group."""
    fits = unseen(groups, card.members).any(0)
    for members in card.extra.get("singles", {}).values():
        fits &= unseen(groups, members).any(0)
    return np.asarray(fits)


def outcomes(
    trained: Trained,
    corpus: Corpus,
    conditions: Sequence[Condition],
    *,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> dict[str, Outcome]:
    """Run the model on an aligned corpus under every condition; the same seed gives the same noise."""
    scales = {name: scale_of(raw) for name, raw in corpus.raws.items()}
    parts: dict[str, list[Outcome]] = {one.name: [] for one in conditions}
    for at in range(0, len(corpus), _BATCH):
        report("judging samples", at, len(corpus))
        batch = corpus.take(np.arange(at, min(at + _BATCH, len(corpus))))
        clean = trained.inputs(batch.raws)
        clean |= {name: trained.nothing(name, len(batch)) for name in trained.card.modalities if name not in clean}
        apart = _apart(trained, clean, batch.groups)
        done: dict[frozenset[str], Outcome] = {}
        for one in conditions:
            mask = batch.present & np.array([name not in one.hidden for name in trained.card.modalities])
            if one.wrong:
                inputs = clean | trained.inputs(_spoilt(batch.raws, one, scales, [seed, at]))
                said = _judged(trained, inputs, mask, batch.groups, _apart(trained, inputs, batch.groups))
            else:
                said = done.get(one.hidden) or _judged(trained, clean, mask, batch.groups, apart)
                done[one.hidden] = said
            parts[one.name].append(said)
    report("judging samples", len(corpus), len(corpus))
    return {name: _joined(each) for name, each in parts.items()}


def _spoilt(
    raws: Mapping[str, Raw], condition: Condition, scales: Mapping[str, Scale], seed: Sequence[int]
) -> dict[str, Raw]:
    return {
        name: corrupt(raws[name], what, scales[name], np.random.default_rng([*seed, crc32(name.encode())]))
        for name, what in condition.wrong.items()
        if name in raws
    }


def _judged(
    trained: Trained,
    inputs: Mapping[str, NDArray[Any]],
    mask: NDArray[np.bool_],
    groups: NDArray[np.str_],
    apart: dict[str, NDArray[np.float64]],
) -> Outcome:
    out = trained.fuse(inputs, mask)
    logs = np.asarray(out.pop("members"), np.float64)
    given = np.asarray(out.pop("probability"), np.float64)
    free = _free(groups, trained.card.members, logs, "the model")
    warmth = temperatures(trained.card, mask)[:, None]
    pool = pooled(logs, free)
    probability = np.where(np.all(free, axis=0)[:, None], given, softmax(pool / warmth))
    more = {name: np.array(each) for name, each in out.items()}
    return Outcome(mask, probability, softmax(pool), softmax(logs / warmth), apart, more)


def _apart(
    trained: Trained, inputs: Mapping[str, NDArray[Any]], groups: NDArray[np.str_]
) -> dict[str, NDArray[np.float64]]:
    """Modality -> (n, classes) log-probabilities of its own networks that have not seen the groups."""
    out = trained.alone(inputs)
    seen = trained.card.extra.get("singles", {})
    found = {}
    for name in trained.card.modalities:
        members = out.get(f"single_{name}_members")
        if members is not None and name in seen:
            logs = np.asarray(members, np.float64)
            found[name] = pooled(logs, _free(groups, seen[name], logs, f"the model of '{name}' alone"))
        elif f"single_{name}" in out:
            found[name] = np.asarray(out[f"single_{name}"], np.float64)
    return found


def _free(
    groups: NDArray[np.str_], members: Sequence[Sequence[str]], logs: NDArray[Any], whose: str
) -> NDArray[np.bool_]:
    if len(logs) != len(members):
        raise ModelError(
            f"{whose} has {len(logs)} members, its card tells the groups of {len(members)}; train it again"
        )
    return unseen(groups, members)


def pooled(logs: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, classes) log of the mean probability of the members (members, n, classes) that are free (members, n)."""
    heights = np.where(np.expand_dims(free, 2), logs, -np.inf)
    top = heights.max(0)
    count = free.sum(0)[:, None]
    return np.asarray(np.log(np.exp(heights - top).sum(0) / count) + top)


def temperatures(card: FusionCard, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) temperature of each sample's pattern, 1 with nothing present.

    A pattern that the card does not tell has the geometric mean of those with the nearest number of modalities.
    """
    known = {frozenset(one.present): one.temperature for one in card.patterns}
    names = list(card.modalities)
    patterns, place = np.unique(mask, axis=0, return_inverse=True)
    values = [_temperature(known, frozenset(compress(names, row))) for row in patterns.tolist()]
    return np.array(values)[place.reshape(-1)]


def _temperature(known: Mapping[frozenset[str], float], present: frozenset[str]) -> float:
    if not present or not known:
        return 1.0
    if present in known:
        return known[present]
    nearest = min(abs(len(each) - len(present)) for each in known)
    logs = [log(value) for each, value in known.items() if abs(len(each) - len(present)) == nearest]
    return exp(sum(logs) / len(logs))


def softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis."""
    powers = np.exp(logs - logs.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _joined(parts: Sequence[Outcome]) -> Outcome:
    def along(axis: int, arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.concatenate(arrays, axis)

    first = parts[0]
    return Outcome(
        np.concatenate([part.mask for part in parts]),
        along(0, [part.probability for part in parts]),
        along(0, [part.before for part in parts]),
        along(1, [part.members for part in parts]),
        {name: along(0, [part.singles[name] for part in parts]) for name in first.singles},
        {name: np.concatenate([part.more[name] for part in parts]) for name in first.more},
    )
