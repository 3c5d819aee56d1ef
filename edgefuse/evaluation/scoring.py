"""What a trained model says of a corpus under every condition, judged only by members that have not seen the group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """Other outputs of the model, (n, ...); `<name>_members` (n, members, ...)."""


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
    classes = tuple(card.classes)
    return replace(corpus, raws=raws, present=present, labels=place[corpus.labels], classes=classes, rule=rule)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Who may judge which sample: whoever was trained neither on its group nor on any of its parts."""

    members: NDArray[np.bool_]
    """(members, n)"""
    singles: Mapping[str, NDArray[np.bool_]]
    """Modality -> (networks of its own, n)."""

    @classmethod
    def of(cls, corpus: Corpus, card: FusionCard) -> "Unseen":
        """By the card's groups and their parts; a card without parts knows groups alone."""
        parts = corpus.parts or [()] * len(corpus)
        marks = [{group, *some} for group, some in zip(corpus.groups.tolist(), parts, strict=True)]

        def free(members: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
            seen = [{*groups, *(part for group in groups for part in card.parts.get(group, ()))} for groups in members]
            found = [[each.isdisjoint(mark) for mark in marks] for each in seen]
            return np.array(found, bool).reshape(len(members), len(marks))

        return cls(free(card.members), {name: free(each) for name, each in card.extra.get("singles", {}).items()})

    def take(self, index: NDArray[np.intp]) -> "Unseen":
        """For the samples of `index`."""
        return Unseen(self.members[:, index], {name: each[:, index] for name, each in self.singles.items()})

    def scorable(self) -> NDArray[np.bool_]:
        """(n,) whether some member, and some network of every single modality, may judge."""
        fits = self.members.any(0)
        for each in self.singles.values():
            fits = fits & each.any(0)
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
    unseen = Unseen.of(corpus, trained.card)
    parts: dict[str, list[Outcome]] = {one.name: [] for one in conditions}
    for at in range(0, len(corpus), _BATCH):
        report("judging samples", at, len(corpus))
        index = np.arange(at, min(at + _BATCH, len(corpus)))
        batch, free = corpus.take(index), unseen.take(index)
        clean = trained.inputs(batch.raws)
        clean |= {name: trained.nothing(name, len(batch)) for name in trained.card.modalities if name not in clean}
        apart = _apart(trained, clean, free)
        done: dict[frozenset[str], Outcome] = {}
        for one in conditions:
            mask = batch.present & np.array([name not in one.hidden for name in trained.card.modalities])
            if one.wrong:
                inputs = clean | trained.inputs(_spoilt(batch.raws, one, scales, [seed, at]))
                said = _judged(trained, inputs, mask, free, _apart(trained, inputs, free))
            else:
                said = done.get(one.hidden) or _judged(trained, clean, mask, free, apart)
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
    unseen: Unseen,
    apart: dict[str, NDArray[np.float64]],
) -> Outcome:
    out = trained.fuse(inputs, mask)
    logs = np.asarray(out.pop("members"), np.float64)
    given = np.asarray(out.pop("probability"), np.float64)
    free = _expected(unseen.members, logs, "the model")
    warmth = temperatures(trained.card, mask)[:, None]
    pool = pooled(logs, free)
    probability = np.where(np.all(free, axis=0)[:, None], given, softmax(pool / warmth))
    more = {name: np.array(np.moveaxis(each, 0, int(name.endswith("_members")))) for name, each in out.items()}
    return Outcome(mask, probability, softmax(pool), softmax(logs / warmth), apart, more)


def _apart(trained: Trained, inputs: Mapping[str, NDArray[Any]], unseen: Unseen) -> dict[str, NDArray[np.float64]]:
    """Modality -> (n, classes) log-probabilities of its own networks that may judge."""
    out = trained.alone(inputs)
    found = {}
    for name in trained.card.modalities:
        members = out.get(f"single_{name}_members")
        if members is not None and name in unseen.singles:
            logs = np.asarray(members, np.float64)
            found[name] = pooled(logs, _expected(unseen.singles[name], logs, f"the model of '{name}' alone"))
        elif f"single_{name}" in out:
            found[name] = np.asarray(out[f"single_{name}"], np.float64)
    return found


def _expected(free: NDArray[np.bool_], logs: NDArray[Any], whose: str) -> NDArray[np.bool_]:
    if len(logs) != len(free):
        raise ModelError(f"{whose} has {len(logs)} members, its card tells the groups of {len(free)}; train it again")
    return free


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
