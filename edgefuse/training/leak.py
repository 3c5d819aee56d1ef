"""Does what a composed sample lies on betray its label? A classifier that sees the background alone must be at chance.

Torralba and Efros 2011, "Unbiased look at dataset bias", CVPR: a data set that can be told apart by what should not
matter is learnt by what should not matter.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.corpora.corpus import Corpus, Raw

Floats = NDArray[np.float32]
_BANDS = 24
_GRID = 6
_WORDS = 256
_FOLDS = 5
_TREES = 60
_RESAMPLED = 1000
_SEED = 20
_PICTURE_IN_COLOUR = 4
"""Dimensions of (n, h, w, 3)."""


def leak(corpus: Corpus, seeds: int = 5) -> dict[str, Any]:
    """How well labels are told from `corpus.background`, groups being kept apart.

    Logistic regression and a forest on simple statistics; the better of the two counts. `accuracy` is the mean over
    `seeds` shuffles of the folds, `chance` the share of the most frequent class, `ci95` a bootstrap over groups and
    the samples in them, `at_chance` whether its lower end is not above chance. Raises ConfigError without a
    background, or with a single group.
    """
    if not corpus.background:
        raise ConfigError("expected a composed corpus with a background, got one without: nothing to look for leaks in")
    if len(np.unique(corpus.groups)) < 2:  # noqa: PLR2004  one side to learn on, one to be tested on
        raise ConfigError("a leak is looked for between groups, got a single group")
    seen = np.concatenate([statistics(raw) for raw in corpus.background.values()], 1)
    labels = corpus.labels
    hits = {kind: np.zeros(len(labels)) for kind in ("logistic", "forest")}
    for seed in range(seeds):
        for kind in hits:
            hits[kind] += _cross(kind, seen, labels, corpus.groups, seed) / seeds
    kind, right = max(hits.items(), key=lambda pair: float(pair[1].mean()))
    chance = float(np.bincount(labels).max() / len(labels))
    low, high = _interval(right, corpus.groups)
    return {
        "accuracy": float(right.mean()),
        "chance": chance,
        "n": len(labels),
        "ci95": [low, high],
        "at_chance": low <= chance,
        "classifier": kind,
    }


def statistics(raw: Raw) -> Floats:
    """(n, columns) simple statistics of a raw input: levels and spectra, thumbnails, moments, words."""
    found: Floats = np.nan_to_num(_KINDS[raw.kind](raw.data)).astype(np.float32)
    return found


def _cross(
    kind: str, seen: Floats, labels: NDArray[np.int64], groups: NDArray[np.str_], seed: int
) -> NDArray[np.float64]:
    """(n,) 1 where a sample is told right by a classifier that has not seen its group."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    right = np.zeros(len(labels))
    for held in np.array_split(names, min(_FOLDS, len(names))):
        test = np.isin(groups, held)
        if len(np.unique(labels[~test])) > 1:
            model = _classifier(kind, seed).fit(seen[~test], labels[~test])
            right[test] = model.predict(seen[test]) == labels[test]
    return right


def _classifier(kind: str, seed: int) -> Any:
    with needs("train", "looking for leaks"):
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    if kind == "forest":
        return RandomForestClassifier(_TREES, min_samples_leaf=3, random_state=seed)
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def _interval(right: NDArray[np.float64], groups: NDArray[np.str_]) -> tuple[float, float]:
    """95 % of the mean, resampling groups and then the samples in them."""
    rng = np.random.default_rng(_SEED)
    parts = [right[groups == name] for name in np.unique(groups)]
    means = []
    for _ in range(_RESAMPLED):
        chosen = [parts[k] for k in rng.integers(len(parts), size=len(parts))]
        drawn = [part[rng.integers(len(part), size=len(part))] for part in chosen]
        means.append(float(np.concatenate(drawn).mean()))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _waveform(data: NDArray[Any]) -> NDArray[Any]:
    sound = data.astype(np.float32) / (32768 if data.dtype.kind == "i" else 1)
    power = np.abs(np.fft.rfft(sound, axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1], _BANDS + 1).astype(int))
    bands = [np.log(power[:, low:high].mean(1) + 1e-9) for low, high in pairwise(edges)]
    crossings = (np.diff(np.signbit(sound), axis=1)).mean(1)
    return np.stack([*bands, sound.std(1), np.abs(sound).max(1), crossings], 1)


def _thumbnail(data: NDArray[Any]) -> NDArray[Any]:
    """(n, h, w[, colours]) -> means over a grid, spread per colour."""
    picture = data if data.ndim == _PICTURE_IN_COLOUR else data[..., None]
    picture = picture.astype(np.float32)
    rows = np.array_split(picture, _GRID, 1)
    cells = [cell.mean((1, 2)) for row in rows for cell in np.array_split(row, _GRID, 2)]
    return np.concatenate([*cells, picture.std((1, 2))], 1)


def _frames(data: NDArray[Any]) -> NDArray[Any]:
    moving = data.astype(np.float32)
    return np.concatenate([_thumbnail(moving.mean(1)), _thumbnail(moving.std(1))], 1)


def _sequence(data: NDArray[Any]) -> NDArray[Any]:
    known = np.isfinite(data)
    filled = np.where(known, data, 0)
    ends = [filled[:, 0], filled[:, -1], filled.min(1), filled.max(1)]
    return np.concatenate([known.mean(1), filled.mean(1), filled.std(1), np.diff(filled, axis=1).std(1), *ends], 1)


def _table(data: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([np.nan_to_num(data), np.isfinite(data)], 1)


def _text(data: NDArray[Any]) -> NDArray[Any]:
    texts = [str(text).lower().split() for text in data]
    places = {word: k % _WORDS for k, word in enumerate(sorted({word for text in texts for word in text}))}
    return np.stack([_counted(text, places) for text in texts])


def _counted(text: Sequence[str], places: dict[str, int]) -> NDArray[Any]:
    return np.bincount([places[word] for word in text], minlength=_WORDS).astype(np.float32)


_KINDS = {
    "waveform": _waveform,
    "image": _thumbnail,
    "frames": _frames,
    "sequence": _sequence,
    "table": _table,
    "text": _text,
}
