"""Positive, neutral or negative: a face, a voice and words, composed.

Faces are photographs, voices are synthesised with the prosody of the feeling, sentences come from templates; nobody
here is seen and heard at once. Every room, voice and sentence frame comes once with each class. People, voices and
sentence frames are dealt to pools that never mix; they are the parts of a sample, and the photograph is. A photograph
shows the face alone: what surrounds it is covered.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.corpora import feelings, street
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of, sha256_of
from edgefuse.corpora.feelings import CLASSES

SIDE = 64
"""Pixels of a face."""
_MEANS = {
    "happiness": "positive",
    "neutral": "neutral",
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
    "surprise": None,
}
"""What a label of the photographs counts as; surprise may be either, and is left out."""
_OPTIONS = {"scenes": 180, "seed": 3}
_GREY = 128


@dataclass(frozen=True, slots=True)
class _Face:
    person: str
    photograph: str
    """The beginning of its file's sha256."""
    label: str
    picture: NDArray[np.uint8]


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """`path` is the folder with `labels.csv` (file, label) and the photographs, or one that has it as `faces`.

    Options: scenes (each comes with every class), seed. Raises ConfigError for labels that are not known.
    """
    if unknown := set(options) - set(_OPTIONS):
        raise ConfigError(
            f"unknown options of the corpus 'emotion': {', '.join(sorted(unknown))} (known: scenes, seed)"
        )
    wanted = {**_OPTIONS, **options}
    folder = folder_of(path, "faces")
    pools = _pools(_faces(folder))
    content = sha256_of(folder / "labels.csv")
    made: list[dict[str, Any]] = []
    for k in range(wanted["scenes"]):
        rng = np.random.default_rng([wanted["seed"], k, int(content[:8], 16)])
        number = k % len(pools)
        made += [{**one, "group": f"pool{number + 1}-{content[:6]}"} for one in _scene(rng, number, pools[number])]
        report("scenes", k + 1, wanted["scenes"])
    return _corpus(made, {"faces/labels.csv": content})


def _faces(folder: Path) -> list[_Face]:
    with needs("camera", "photographs of a corpus"):
        import cv2
    listed = folder / "labels.csv"
    if not listed.exists():
        raise ConfigError(f"{folder}: expected labels.csv (file, label) beside the photographs, found none")
    faces = []
    for number, row in enumerate(csv.reader(listed.read_text(encoding="utf-8").splitlines()), 1):
        if len(row) != 2 or row[1].strip() not in _MEANS:  # noqa: PLR2004  file, label
            raise ConfigError(f"{listed}:{number}: expected file,label with a label of {', '.join(_MEANS)}, got {row}")
        label = _MEANS[row[1].strip()]
        picture = cv2.imread(str(folder / row[0]), cv2.IMREAD_GRAYSCALE) if label else None
        if label and picture is not None:
            face = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            faces.append(_Face(row[0].rpartition("_")[0] or row[0], sha256_of(folder / row[0])[:8], label, face))
    if not faces:
        raise ConfigError(f"{listed}: none of the photographs it names can be read")
    return faces


def _pools(faces: Sequence[_Face]) -> list[list[_Face]]:
    """As many pools as there are sets of voices, or fewer where the people do not suffice for every class in each."""
    for count in range(len(feelings.VOICES), 0, -1):
        pools = _dealt(faces, count)
        lacking = {label for pool in pools for label in set(CLASSES) - {face.label for face in pool}}
        if not lacking:
            return pools
    raise ConfigError(f"too few photographs: none is {', '.join(sorted(lacking))}; expected some of every class")


def _dealt(faces: Sequence[_Face], count: int) -> list[list[_Face]]:
    """People with many photographs first, each to the pool that has the fewest of their commonest label."""
    people: dict[str, list[_Face]] = {}
    for face in faces:
        people.setdefault(face.person, []).append(face)
    pools: list[list[_Face]] = [[] for _ in range(count)]
    for _, own in sorted(people.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        most = Counter(face.label for face in own).most_common(1)[0][0]
        fewest = min(pools, key=lambda pool: (sum(face.label == most for face in pool), len(pool)))
        fewest += own
    return pools


def _scene(rng: np.random.Generator, number: int, faces: Sequence[_Face]) -> list[dict[str, Any]]:
    """One room, voice and sentence frame with each class."""
    voice, template = str(rng.choice(feelings.VOICES[number])), str(rng.choice(feelings.TEMPLATES[number]))
    room = street.noise(rng, feelings.SAMPLES, rng.uniform(0.2, 0.9)) * rng.uniform(0.01, 0.1)
    behind = {"room": street.mixed([room]), "frame": template.format("").strip()}
    scene = []
    for k, label in enumerate(CLASSES):
        text = feelings.words(rng, label, template)
        sound = feelings.speak(voice, feelings.prosody(rng, label), text)
        of = [face for face in faces if face.label == label]
        face = of[int(rng.integers(len(of)))]
        one = {"face": _looks(rng, face.picture), "voice": street.mixed([sound, room]), "words": text, "label": k}
        scene.append({**behind, **one, "parts": (face.person, face.photograph, voice, template)})
    return scene


def _looks(rng: np.random.Generator, face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Light and grain of another camera, mirrored or not; beyond an oval the photograph is covered."""
    picture = face[:, :: int(rng.choice([-1, 1]))] * rng.uniform(0.7, 1.2) + rng.normal(
        0, rng.uniform(1, 12), face.shape
    )
    rows, columns = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) * 2 - 1
    covered = (columns / 0.8) ** 2 + rows**2 > 1
    return np.clip(np.where(covered, _GREY, picture), 0, 255).astype(np.uint8)


def _corpus(made: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> Corpus:
    def stacked(name: str) -> NDArray[Any]:
        return np.stack([one[name] for one in made])

    def texts(name: str) -> NDArray[Any]:
        return np.array([one[name] for one in made], object)

    raws = {
        "face": Raw("image", stacked("face")),
        "voice": Raw("waveform", stacked("voice"), feelings.RATE),
        "words": Raw("text", texts("words")),
    }
    return Corpus(
        raws,
        np.ones((len(made), len(raws)), bool),
        np.array([one["label"] for one in made], np.int64),
        CLASSES,
        np.array([one["group"] for one in made]),
        files,
        {"voice": Raw("waveform", stacked("room"), feelings.RATE), "words": Raw("text", texts("frame"))},
        rule=feelings.lexicon_rule(list(raws["words"].data)),
        parts=[one["parts"] for one in made],
    )
