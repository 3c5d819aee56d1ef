"""What a window of sound is: a model trained here, or one that tags sounds as YAMNet does."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Context, Model
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.features.build import Feature, build
from edgefuse.fusion.learned_model import read_card

LABELS = ("alarm", "siren", "glass", "knock", "cry", "dog", "cough", "scream", "water", "horn")
"""Events that can be told."""
SPEECH = "speech"
_PRECISE, _LEAST, _MOST = 0.95, 0.5, 0.9
"""A threshold is the lowest with this precision on what the model was not trained on, within these bounds."""
_YAMNET_LEAST = 0.3
_YAMNET_WINDOW = 15_600
"""Samples: .975 s."""
AUDIOSET: Mapping[str, Sequence[str]] = {
    "alarm": (
        "Alarm",
        "Alarm clock",
        "Smoke detector, smoke alarm",
        "Fire alarm",
        "Buzzer",
        "Beep, bleep",
        "Car alarm",
    ),
    "siren": (
        "Siren",
        "Civil defense siren",
        "Police car (siren)",
        "Ambulance (siren)",
        "Fire engine, fire truck (siren)",
        "Emergency vehicle",
    ),
    "glass": ("Glass", "Shatter", "Breaking"),
    "knock": ("Knock",),
    "cry": ("Baby cry, infant cry",),
    "dog": ("Dog", "Bark", "Bow-wow", "Yip", "Howl", "Growling", "Whimper (dog)"),
    "cough": ("Cough",),
    "scream": ("Screaming",),
    "water": (
        "Water tap, faucet",
        "Sink (filling or washing)",
        "Bathtub (filling or washing)",
        "Toilet flush",
        "Water",
        "Stream",
    ),
    "horn": ("Vehicle horn, car horn, honking", "Air horn, truck horn", "Toot"),
    SPEECH: (
        "Speech",
        "Male speech, man speaking",
        "Female speech, woman speaking",
        "Child speech, kid speaking",
        "Conversation",
        "Narration, monologue",
    ),
}
"""Label -> names of the AudioSet ontology (Gemmeke et al. 2017) whose highest score is taken."""


class Tagger(Protocol):
    """Looks at one window."""

    window: int
    """Samples."""
    thresholds: Mapping[str, float]
    """Label -> score from which it is told; labels that it does not know are missing."""

    def scores(self, pcm: NDArray[np.int16]) -> dict[str, float]:
        """Label -> 0..1 for a window (window,). Raises ModelError."""

    def close(self) -> None:
        """Free the models."""


@dataclass(slots=True)
class Trained:
    """A model of `edgefuse train` with the task `sounds`."""

    card: FusionCard
    model: Model
    features: Mapping[str, Feature]
    window: int
    thresholds: Mapping[str, float]
    loaded: Sequence[Model]

    @classmethod
    def load(cls, name: str, context: Context) -> "Trained":
        """Load the model and what its features need. Raises ModelError for a model of another task."""
        card = read_card(context.models.card(name), name)
        if card.task != "sounds" or not set(card.classes) & set(LABELS):
            raise ModelError(f"model '{name}': expected the task sounds and classes of {LABELS}, got {card.classes}")
        loaded: list[Model] = []

        def load(inner: str) -> Model:
            loaded.append(context.models.load(inner, context.health))
            return loaded[-1]

        features = {key: build(one.features, load) for key, one in card.modalities.items()}
        window = round(float(card.recipe["data"]["options"].get("seconds", 2.0)) * SAMPLE_RATE)
        return cls(card, load(name), features, window, thresholds(card), loaded)

    def scores(self, pcm: NDArray[np.int16]) -> dict[str, float]:
        """Probabilities of all classes."""
        feed: dict[str, NDArray[np.float32]] = {"mask": np.ones((1, len(self.features)), np.float32)}
        for name, take in self.features.items():
            feed[name] = np.asarray(take(pcm[None]), np.float32)
        p = self.model.run(feed)["probability"][0]
        if not np.isfinite(p).all():
            raise ModelError(f"model '{self.card.name}' gave no finite numbers")
        return dict(zip(self.card.classes, np.clip(p, 0, 1).tolist(), strict=True))

    def close(self) -> None:
        """Free the models."""
        for model in self.loaded:
            model.close()


def thresholds(card: FusionCard) -> dict[str, float]:
    """Label -> the lowest score with a precision of .95 on groups that no member was trained on, .5 to .9.

    .9 where none has it: what is seldom right must be sure.
    """
    points = card.patterns[0].operating if card.patterns else {}
    out = {}
    for label in LABELS:
        if label in card.classes:
            right = [at for at, precision, _ in points.get(label, []) if precision >= _PRECISE]
            out[label] = round(min(_MOST, max(_LEAST, min(right, default=_MOST))), 3)
    return out


@dataclass(slots=True)
class Yamnet:
    """A model shaped as YAMNet: waveform (n,) at 16 kHz, -1..1 -> scores (frames, classes).

    M. Plakal and D. Ellis, "YAMNet", TensorFlow model garden, 2020.
    """

    model: Model
    columns: Mapping[str, NDArray[np.intp]]
    thresholds: Mapping[str, float]
    window: int = _YAMNET_WINDOW

    @classmethod
    def load(cls, name: str, classes: Path, context: Context) -> "Yamnet":
        """Load the file, and its classes from a CSV with a column `display_name`. Raises ModelError."""
        names = _class_names(classes)
        columns = {
            label: np.array([names.index(each) for each in wanted if each in names], np.intp)
            for label, wanted in AUDIOSET.items()
        }
        columns = {label: some for label, some in columns.items() if len(some)}
        if not set(columns) & set(LABELS):
            raise ModelError(f"{classes}: expected names of AudioSet such as 'Siren', got {', '.join(names[:5])} ...")
        model = context.models.load(name, context.health)
        if len(model.inputs) != 1:
            model.close()
            raise ModelError(f"{name}: expected one input, a waveform, got {', '.join(model.inputs)}")
        return cls(model, columns, dict.fromkeys(set(columns) & set(LABELS), _YAMNET_LEAST))

    def scores(self, pcm: NDArray[np.int16]) -> dict[str, float]:
        """The highest score of the names that a label stands for, over the frames of the window."""
        (name, shape), *_ = self.model.inputs.items()
        wave = pcm.astype(np.float32) / 32768
        outputs = self.model.run({name: wave if len(shape) == 1 else wave[None]})
        needed = max(int(some.max()) for some in self.columns.values()) + 1
        for array in outputs.values():
            if array.ndim >= 2 and array.shape[-1] >= needed:  # noqa: PLR2004  frames, classes
                flat = np.nan_to_num(array.reshape(-1, array.shape[-1])).max(axis=0)
                return {label: float(np.clip(flat[some].max(), 0, 1)) for label, some in self.columns.items()}
        raise ModelError(f"expected an output (frames, at least {needed} classes), got {_shapes(outputs)}")

    def close(self) -> None:
        """Free the model."""
        self.model.close()


def _shapes(outputs: Mapping[str, NDArray[np.float32]]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in outputs.items())


def _class_names(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names = [row["display_name"] for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise ModelError(f"{path}: expected a CSV with a column display_name, as yamnet_class_map.csv has") from error
    if not names:
        raise ModelError(f"{path}: expected a line per class, got none")
    return names
