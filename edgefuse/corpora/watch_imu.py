"""Shoulder exercises with a smart watch: acceleration and turning of the wrist.

Burns et al. 2018, "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch", Physiological Measurement 39 (SPAR). Every sequence is one exercise, repeated.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.arrays import adding_up, expect, find, names, no_options, whole_numbers
from edgefuse.corpora.arrays import read as arrays
from edgefuse.corpora.corpus import Corpus, Raw, Report, sha256_of

EXERCISES: Mapping[str, str] = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward_elevation",
    "IR": "internal_rotation",
    "ER": "external_rotation",
    "TRAP": "trapezius_extension",
    "ROW": "upright_row",
}
RATE = 50.0
CHANNELS = 6
"""Acceleration x y z in g, turning x y z in rad/s."""
_MIRROR = np.array([-1, 1, 1, 1, -1, -1], np.float32)
"""What a watch on the other wrist measures of the same movement: along the arm a mirror turns acceleration round, and
turning about the other two axes."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Windows of `seconds` (4), one every `step` (2) seconds: accelerometer and gyroscope, (n, 50 * seconds, 3) each.

    With `mirror` (true) side 0 of the file is mirrored to side 1: a watch knows on which wrist it is worn. A group is
    a subject. `extra["sequence"]` (n,) says which sequence a window is of. Raises ConfigError for another layout or
    unknown options.
    """
    no_options("watch_imu", options, ("seconds", "step", "mirror"))
    file = find(path, "watch_imu", "watch.npz")
    report(file.name, 0, 1)
    sequences, labels, groups, classes = sequences_of(file, mirror=bool(options.get("mirror", True)))
    length, step = (round(float(options.get(name, usual)) * RATE) for name, usual in (("seconds", 4), ("step", 2)))
    if length < 1 or step < 1:
        raise ConfigError(f"corpus 'watch_imu': seconds and step: got {dict(options)}, expected more than 0")
    starts = [range(0, max(1, len(each) - length + 1), step) for each in sequences]
    owner = np.repeat(np.arange(len(sequences)), [len(each) for each in starts])
    windows = np.stack([_window(each, at, length) for each, some in zip(sequences, starts, strict=True) for at in some])
    report(file.name, 1, 1)
    return Corpus(
        raws={
            "accelerometer": Raw("sequence", windows[..., :3], RATE),
            "gyroscope": Raw("sequence", windows[..., 3:], RATE),
        },
        present=np.ones((len(windows), 2), bool),
        labels=labels[owner],
        classes=classes,
        groups=groups[owner],
        files={file.name: sha256_of(file)},
        extra={"sequence": owner},
    )


def sequences_of(
    file: Path, *, mirror: bool
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64], NDArray[np.str_], tuple[str, ...]]:
    """Sequences (t, 6) at 50 Hz, labels, subjects, names of the classes. Raises ConfigError for another layout."""
    data = arrays(file, ("X", "lengths", "y", "y_labels", "subject", "side"))
    lengths = whole_numbers(file, "lengths", data["lengths"])
    expect(file, "X", data["X"], (None, CHANNELS))
    adding_up(file, "X", data["X"], lengths)
    for name in ("y", "subject", "side"):
        expect(file, name, data[name], (len(lengths),))
    classes = tuple(EXERCISES.get(str(each), str(each)) for each in data["y_labels"])
    labels = whole_numbers(file, "y", data["y"])
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ConfigError(f"{file}: y goes from {labels.min()} to {labels.max()}, expected 0 to {len(classes) - 1}")
    sequences = np.split(data["X"].astype(np.float32), np.cumsum(lengths)[:-1])
    if mirror:
        sides = data["side"]
        sequences = [each if side else each * _MIRROR for each, side in zip(sequences, sides, strict=True)]
    return sequences, labels, names(file, "subject", data["subject"]), classes


def _window(sequence: NDArray[np.float32], at: int, length: int) -> NDArray[np.float32]:
    """NaN after the end of a sequence that is shorter than a window."""
    some = sequence[at : at + length]
    return np.pad(some, ((0, length - len(some)), (0, 0)), constant_values=np.nan)
