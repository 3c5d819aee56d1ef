"""What somebody with a watch does, composed: real exercises (watch_imu), the rest simulated from published figures.

Every sample begins with an activity that says nothing of its label; at `onset` what the label names begins: rest,
walking, exercise, a fall, or a jolt that is no fall (the watch is dropped, a hard seat, clapping). The background is
the same stretch in which the first activity goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.arrays import find, no_options
from edgefuse.corpora.corpus import Corpus, Raw, Report, sha256_of
from edgefuse.corpora.health import motion, vitals
from edgefuse.corpora.health.rule import rule
from edgefuse.corpora.watch_imu import RATE as RECORDED_HZ
from edgefuse.corpora.watch_imu import sequences_of

CLASSES = ("rest", "walking", "exercise", "fall", "jolt")
ACTIVITIES = CLASSES[:3]
SECONDS = 24
ONSET_S = (7.0, 11.0)
_STEPS = int(SECONDS * motion.RATE)
_SIMULATED: Mapping[str, Callable[[int, np.random.Generator], motion.Floats]] = {
    "rest": motion.rest,
    "walking": motion.walking,
    "fall": motion.fall,
    "dropped": motion.dropped_watch,
    "seat": motion.hard_seat,
    "clapping": motion.clapping,
}
_JOLTS = ("dropped", "seat", "clapping")


@dataclass(frozen=True, slots=True)
class _Sample:
    """One sample, and what it lies on."""

    motion: NDArray[np.float32]
    vitals: NDArray[np.float32]
    motion_before: NDArray[np.float32]
    vitals_before: NDArray[np.float32]


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Motion (n, 600, 3) g at 25 Hz, vitals (n, 24, 3) at 1 Hz, see `vitals.CHANNELS`; as many of each class.

    Options: `samples` per pool (300), `pools` (5), `seed` (0). Subjects of watch_imu are dealt out to pools before
    anything is composed, and a sample is made of one pool; a group is a pool, named by its subjects, which are the
    parts of its samples. Raises ConfigError for another layout and unknown options. With fewer subjects than pools each
    is a pool.
    """
    no_options("health", options, ("samples", "pools", "seed"))
    samples, pools, seed = (int(options.get(name, usual)) for name, usual in _USUAL.items())
    file = find(path, "watch_imu", "watch.npz")
    recorded, _, subjects, _ = sequences_of(file, mirror=False)
    dealt = _pools(subjects, pools)
    content = sha256_of(file)
    made, labels, groups = [], [], []
    parts: list[tuple[str, ...]] = []
    for number, some in enumerate(dealt):
        report("composing", number, len(dealt))
        own = [_halved(each[:, :3]) for each, who in zip(recorded, subjects, strict=True) if who in some]
        for each in range(samples):
            rng = np.random.default_rng([seed, number, each, int(content[:8], 16)])  # other subjects, other falls
            labels.append(each % len(CLASSES))
            made.append(_composed(CLASSES[labels[-1]], own, rng))
            groups.append("watch " + "+".join(some))
            parts.append(tuple(some))
    report("composing", len(dealt), len(dealt))
    corpus = _corpus(made, np.array(labels, np.int64), np.array(groups), {file.name: content})
    return replace(corpus, parts=parts)


_USUAL = {"samples": 300, "pools": 5, "seed": 0}


def _corpus(
    made: Sequence[_Sample], labels: NDArray[np.int64], groups: NDArray[np.str_], files: Mapping[str, str]
) -> Corpus:
    moved = np.stack([each.motion for each in made])
    return Corpus(
        raws={
            "motion": Raw("sequence", moved, motion.RATE),
            "vitals": Raw("sequence", np.stack([each.vitals for each in made]), vitals.RATE),
        },
        present=np.ones((len(made), 2), bool),
        labels=labels,
        classes=CLASSES,
        groups=groups,
        files=files,
        background={
            "motion": Raw("sequence", np.stack([each.motion_before for each in made]), motion.RATE),
            "vitals": Raw("sequence", np.stack([each.vitals_before for each in made]), vitals.RATE),
        },
        rule=rule(moved, motion.RATE, CLASSES),
    )


def _pools(subjects: NDArray[np.str_], count: int) -> list[list[str]]:
    names = sorted(set(subjects.tolist()), key=lambda name: (len(name), name))
    if count < 1:
        raise ConfigError(f"corpus 'health': got pools {count}, expected at least 1")
    count = min(count, len(names))
    return [names[k::count] for k in range(count)]


def _halved(recorded: NDArray[np.float32]) -> motion.Floats:
    """From 50 to 25 Hz, by the mean of two."""
    each = round(RECORDED_HZ / motion.RATE)
    steps = len(recorded) // each
    return np.asarray(recorded[: steps * each].reshape(steps, each, 3).mean(1), np.float64)


def _composed(label: str, recorded: list[motion.Floats], rng: np.random.Generator) -> _Sample:
    onset = rng.uniform(*ONSET_S)
    first = str(rng.choice(ACTIVITIES, p=(0.4, 0.3, 0.3)))
    what = str(rng.choice(_JOLTS)) if label == "jolt" else label
    before, after = _movement(first, recorded, rng), _movement(what, recorded, rng)
    fade = 25 if label in ACTIVITIES else 3
    whole = motion.joined(before, after, round(onset * motion.RATE), fade)
    told, told_before = _vitals(first, what, onset, rng)
    return _Sample(motion.measured(whole, rng), told, motion.measured(before, rng), told_before)


def _movement(what: str, recorded: list[motion.Floats], rng: np.random.Generator) -> motion.Floats:
    if what == "exercise":
        return motion.exercise(_STEPS, rng, recorded)
    return _SIMULATED[what](_STEPS, rng)


def _vitals(
    first: str, what: str, onset: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of the sample, and of the first activity going on."""
    who = vitals.person(rng)
    start = vitals.targets(who, first, rng)
    moving = np.full(SECONDS, first != "rest")
    steady = vitals.course(who, start, start, 0, SECONDS)
    before = vitals.measured(*steady, vitals.skin(who, SECONDS, [], rng), moving, rng)
    if what == "dropped":
        on = vitals.measured(*steady, vitals.skin(who, SECONDS, [], rng), moving, rng)
        return vitals.taken_off(on, onset, rng), before
    causes = {"fall": [(onset, rng.uniform(0.5, 3))], "seat": [(onset, rng.uniform(0.05, 0.5))]}.get(what, [])
    if what == "fall":
        heart, breath = vitals.alarmed(who, start, onset, SECONDS, rng)
    else:
        then = vitals.targets(who, what if what in ACTIVITIES else "rest", rng)
        heart, breath = vitals.course(who, start, then, onset, SECONDS)
    moving[round(onset) :] = what in {"walking", "exercise", "clapping"}
    return vitals.measured(heart, breath, vitals.skin(who, SECONDS, causes, rng), moving, rng), before
