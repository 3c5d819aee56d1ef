"""Written and spoken digits: blurred pictures paired with noisy speech of the same digit.

After AV-MNIST (Vielzeuf et al. 2018, "CentralNet: a multilayer approach for multimodal fusion"), which keeps a quarter
of the pictures' energy and adds noise to the speech. Here the pictures keep their lowest spatial frequencies, for which
nothing is fitted. Pictures are shared out among the speakers before anything is paired, so a speaker is a group and no
picture, recording or voice is on both sides of a split. Digits are drawn evenly from those that have both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import arrays, sound
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of, sha256_of
from edgefuse.fusion.features.spectrum import cosine_transform
from edgefuse.resources import resource

RATE = 8000
_SAMPLES = 8000
_SIDE = 28
_NAME = re.compile(r"^([0-9])_([A-Za-z0-9]+)_(\d+)$")
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class _Options:
    samples: int = 10000
    """Pairs, spread evenly over speakers."""
    seed: int = 0
    kept: int = 4
    """Diagonals of spatial frequencies that a picture keeps: k (k + 1) / 2 numbers of 784."""
    grain: float = 0.0
    """Standard deviation of white noise in a picture before it is blurred, in grey levels of 255."""
    snr_db: tuple[float, float] = (-8.0, 2.0)
    """Speech over noise where there is speech, evenly between."""
    complete: bool = False
    """Take pictures of digits that the npz does not have from `models/samples/digits`."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Modalities image (n, 28, 28) uint8 and speech (n, 8000) int16 at 8 kHz, ten classes, groups are speakers.

    The folder has an npz with x (n, 28, 28) uint8 and y (n,), and speech/ with `digit_speaker_take` sounds; `path` is
    it, the one above it (then it is called `digits`), or the npz. A sample's part is the content of its picture.
    Raises ConfigError for another layout and options.
    """
    wanted = _options(options)
    folder = path.parent if path.suffix == ".npz" else folder_of(path, "digits")
    pictures, digits, npz = _pictures(folder)
    own = len(pictures)
    pictures, digits = _completed(pictures, digits)
    spoken = _speech(folder / "speech", report)
    rng = np.random.default_rng(wanted.seed)
    speakers = sorted({speaker for speaker, _ in spoken})
    pools = np.array_split(rng.permutation(len(pictures)), len(speakers))
    if not wanted.complete:  # who has which picture is the same: no other speaker was trained on it
        pools = [pool[pool < own] for pool in pools]
    each = -(-wanted.samples // len(speakers))
    images, sounds, labels, groups = [], [], [], []
    parts: list[tuple[str]] = []
    for number, (speaker, pool) in enumerate(zip(speakers, pools, strict=True)):
        report("composing pairs", number, len(speakers))
        takes = {digit: found for (who, digit), found in spoken.items() if who == speaker}
        picked = _picked(pool, digits, takes, each, rng)
        grain = rng.standard_normal(pictures[picked].shape, np.float32) * np.float32(wanted.grain)
        images.append(blurred(pictures[picked] + grain, wanted.kept))
        sounds.append(_said(digits[picked], takes, wanted, rng))
        labels.append(digits[picked])
        groups += [speaker] * len(picked)
        parts += [(f"{crc32(pictures[place].tobytes()):08x}",) for place in picked]
    label = np.concatenate(labels)
    return Corpus(
        {
            "image": Raw("image", np.concatenate(images)),
            "speech": Raw("waveform", np.concatenate(sounds), RATE),
        },
        np.ones((len(label), 2), bool),
        label,
        tuple("0123456789"),
        np.array(groups),
        {npz.name: sha256_of(npz)},
        parts=parts,
    )


def _picked(
    pool: NDArray[np.intp], digits: NDArray[np.int64], takes: Mapping[int, Any], count: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Pictures of a pool, as many of every digit; those of a rare one come more than once. In random order."""
    able = [digit for digit in np.unique(digits[pool]) if digit in takes]
    shares = [pool[digits[pool] == digit] for digit in able]
    wanted = [len(share) for share in np.array_split(np.arange(count), max(1, len(able)))]
    picked = [np.resize(share, many) for share, many in zip(shares, wanted, strict=False)]
    return rng.permutation(np.concatenate(picked)) if picked else np.zeros(0, np.intp)


def blurred(pictures: NDArray[Any], kept: int) -> Bytes:
    """(n, 28, 28) with the lowest spatial frequencies alone: those (u, v) of the cosine transform with u + v < kept."""
    basis = cosine_transform(_SIDE, kept)
    order = np.arange(kept)
    kept_ones = (order[:, None] + order < kept).astype(np.float32)
    low = np.einsum("nhw,hu,wv->nuv", pictures.astype(np.float32), basis, basis, optimize=True) * kept_ones
    back = np.einsum("nuv,hu,wv->nhw", low, basis, basis, optimize=True)
    return np.asarray(np.clip(np.round(back), 0, 255), np.uint8)


def _options(options: Mapping[str, Any]) -> _Options:
    try:
        wanted = _Options(**options)
    except TypeError as error:
        raise ConfigError(f"options of the corpus digits: {error}") from error
    if wanted.samples < 1 or not 1 <= wanted.kept <= _SIDE or wanted.grain < 0:
        raise ConfigError(
            f"options of the corpus digits: expected samples >= 1, grain >= 0, kept 1 to {_SIDE}, got {options}"
        )
    return wanted


def _pictures(folder: Path) -> tuple[Bytes, NDArray[np.int64], Path]:
    files = sorted(folder.glob("*.npz"))
    if len(files) != 1:
        raise ConfigError(f"{folder}: expected one npz with x and y beside speech/, got {len(files)}")
    found = arrays.read(files[0], ("x", "y"))
    x, y = found["x"], arrays.whole_numbers(files[0], "y", found["y"])
    if x.shape != (len(y), _SIDE, _SIDE) or x.dtype != np.uint8 or not np.isin(y, range(10)).all():
        raise ConfigError(f"{files[0]}: expected x (n, 28, 28) uint8 and y (n,) of 0 to 9, got {x.shape} {x.dtype}")
    return x, y, files[0]


def _completed(pictures: Bytes, digits: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
    with np.load(resource("models", "samples", "digits") / "pictures.npz") as found:
        x, y = found["x"], found["y"].astype(np.int64)
    missing = ~np.isin(y, digits)
    return np.concatenate([pictures, x[missing]]), np.concatenate([digits, y[missing]])


def _speech(folder: Path, report: Report) -> dict[tuple[str, int], list[sound.Sound]]:
    """(speaker, digit) -> takes without silence around them."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected spoken digits, digit_speaker_take.flac")
    found: dict[tuple[str, int], list[sound.Sound]] = {}
    files = sound.recordings(folder)
    for number, path in enumerate(files):
        report("spoken digits", number, len(files))
        if not (named := _NAME.match(path.stem)):
            raise ConfigError(f"{path}: expected a name like 7_speaker_12")
        take = sound.trimmed(sound.read(path, RATE))
        found.setdefault((named[2], int(named[1])), []).append(take[:_SAMPLES])
    return found


def _said(
    digits: NDArray[np.int64], takes: Mapping[int, list[sound.Sound]], wanted: _Options, rng: np.random.Generator
) -> NDArray[np.int16]:
    """(n, 8000): one of the takes of each digit somewhere in a second of noise."""
    out = np.empty((len(digits), _SAMPLES), np.int16)
    for row, digit in zip(out, digits, strict=True):
        take = takes[int(digit)][rng.integers(len(takes[int(digit)]))]
        placed = sound.fitted(take, _SAMPLES, int(rng.integers(_SAMPLES - len(take) + 1)))
        kind = sound.NOISES[rng.integers(len(sound.NOISES))]
        noise = sound.noise(kind, _SAMPLES, RATE, rng)
        row[:] = sound.as_int16(sound.mixed(placed, noise, rng.uniform(*wanted.snr_db)))
    return out
