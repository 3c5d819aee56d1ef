"""Sounds of house and street for training: made here by rules, and recordings that may be passed on.

Nothing here is a recording of the data that the detector is evaluated on. Every clip belongs to one of a few pools;
what is made has seeds of its own in each, and every recording, speaker and voice is in one pool alone, so that no clip
mixes parts of two.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from edgefuse.config.models import Strict
from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.corpus import Corpus, Raw, Report, sha256_of
from edgefuse.corpora.sounds import recordings, scenes, spoken
from edgefuse.corpora.sounds.recordings import Recording
from edgefuse.corpora.sounds.scenes import CLASSES
from edgefuse.corpora.sounds.signals import Random, Sound, chance, put

_EVENTS = len(CLASSES) - 2
"""Classes before speech and other."""
_ENOUGH = 6
"""Recordings of a label in a pool; with fewer, more of it is made, so that no file is learned by heart."""


class Options(Strict):
    """Of the corpus; numbers of clips are those of all pools together."""

    seconds: float = Field(2.0, ge=1, le=10)
    """Length of a clip."""
    event: int = Field(200, ge=5)
    """Clips of every kind of event."""
    speech: int = Field(500, ge=5)
    other: int = Field(1000, ge=5)
    recorded: float = Field(0.3, ge=0, le=1)
    """Share of clips that are recordings, of the classes that have any."""
    synthesisers: bool = True
    """Whether the voices that are installed here speak too."""
    pools: int = Field(5, ge=2, le=20)
    seed: int = 0


@dataclass(slots=True)
class _Pool:
    """What clips of one pool are made of."""

    name: str
    rng: Random
    sounds: dict[str, list[Sound]] = field(default_factory=dict)
    """Label -> recordings."""
    voices: list[list[Sound]] = field(default_factory=list)
    """Speaker -> words."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Make the corpus: (n, samples) int16 as `audio_mel` and as `audio_embedding`, the same sound for two features.

    `path` may hold `speech_commands`; EDGEFUSE_SOUNDS names a folder of recordings (see `recordings`). Without either
    all is made here. Raises ConfigError for wrong options or recordings that cannot be read.
    """
    try:
        asked = Options.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(f"corpus 'sounds': {error}") from error
    folder = os.environ.get("EDGEFUSE_SOUNDS", "")
    real = recordings.found(Path(folder)) if folder else []
    if unknown := sorted({one.label for one in real} - set(CLASSES)):
        raise ConfigError(f"{folder}/own: expected folders named {', '.join(CLASSES)}; got {', '.join(unknown)}")
    words = spoken.recorded(path)
    pools = _pools(asked, real, words, report)
    clips, labels, groups = _clips(asked, pools, report)
    raw = Raw("waveform", clips, SAMPLE_RATE)
    return Corpus(
        {"audio_mel": raw, "audio_embedding": raw},
        np.ones((len(labels), 2), np.bool_),
        labels,
        CLASSES,
        groups,
        {one.source: sha256_of(one.path) for one in real},
        extra={"told": _told(real, words, pools)},
    )


def _told(real: Sequence[Recording], words: Sequence[Recording], pools: Sequence[_Pool]) -> dict[str, Any]:
    """What the card says of the recordings."""
    licences = {one.source.split("/")[0]: one.licence for one in real}
    return {
        "recordings": {
            name: {"licence": licence, "files": sum(one.source.startswith(f"{name}/") for one in real)}
            for name, licence in licences.items()
        },
        "speech_commands": {"licence": "CC BY 4.0", "files": len(words)},
        "speakers": sum(len(pool.voices) for pool in pools),
    }


def _pool_of(source: str, count: int) -> int:
    return zlib.crc32(source.encode()) % count


def _pools(asked: Options, real: Sequence[Recording], words: Sequence[Recording], report: Report) -> list[_Pool]:
    pools = [_Pool(f"pool {k}", np.random.default_rng([asked.seed, k])) for k in range(asked.pools)]
    for number, one in enumerate(real):
        report("recordings", number, len(real))
        pool = pools[_pool_of(one.source, len(pools))]
        sound = recordings.read(one.path)
        if one.label == "speech":
            pool.voices.append([sound])
        else:
            pool.sounds.setdefault(one.label, []).append(sound)
    speakers: dict[str, list[Path]] = {}
    for one in words:
        speakers.setdefault(one.source, []).append(one.path)
    for speaker, paths in speakers.items():
        pools[_pool_of(speaker, len(pools))].voices.append([recordings.read(each) for each in paths])
    for voice, sound in spoken.synthesised() if asked.synthesisers else ():
        pools[_pool_of(voice.rsplit(" ", 1)[0], len(pools))].voices.append([sound])
    return pools


def _clips(
    asked: Options, pools: Sequence[_Pool], report: Report
) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.str_]]:
    n = round(asked.seconds * SAMPLE_RATE)
    counts = [*[asked.event] * _EVENTS, asked.speech, asked.other]
    total = sum(counts)
    clips: list[NDArray[np.int16]] = []
    labels: list[int] = []
    groups: list[str] = []
    for k, count in enumerate(counts):
        for i in range(count):
            report("making sounds", len(clips), total)
            pool = pools[i % len(pools)]
            clips.append(scenes.record(pool.rng, _sound(asked, pool, CLASSES[k], n)))
            labels.append(k)
            groups.append(pool.name)
    return np.stack(clips), np.asarray(labels, np.int64), np.asarray(groups, np.str_)


def _sound(asked: Options, pool: _Pool, label: str, n: int) -> Sound:
    """A recording of the pool, or a sound that is made."""
    rng = pool.rng
    if label == "speech" and pool.voices and not chance(rng, 0.1):
        return spoken.talk(rng, pool.voices[int(rng.integers(len(pool.voices)))], n)
    some = pool.sounds.get(label, [])
    if chance(rng, asked.recorded * min(1.0, len(some) / _ENOUGH)):
        return _placed(rng, some[int(rng.integers(len(some)))], n)
    return scenes.make(rng, label, n)


def _placed(rng: Random, sound: Sound, n: int) -> Sound:
    """(n,) a part of a long recording, or a short one somewhere, perhaps again; a little faster or slower."""
    speed = rng.uniform(0.85, 1.18)
    sound = np.interp(np.arange(0, len(sound) - 1, speed), np.arange(len(sound)), sound)
    out = np.zeros(n)
    if len(sound) >= n:
        begin = int(rng.integers(0, len(sound) - n + 1))
        return sound[begin : begin + n]
    at = rng.uniform(0, (n - len(sound)) / SAMPLE_RATE)
    put(out, sound, at)
    if len(sound) < n // 3 and chance(rng, 0.4):
        put(out, sound * rng.uniform(0.6, 1), at + len(sound) / SAMPLE_RATE * rng.uniform(1.1, 2))
    return out
