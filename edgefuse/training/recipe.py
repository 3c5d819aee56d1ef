"""A recipe: one YAML file that says what is trained, on what, and how it is judged."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from edgefuse.config.models import Strict
from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.resources import resource

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Fusion: TypeAlias = Literal[
    "early", "concat", "weighted", "attention", "tensor", "adversarial", "vae", "late", "hybrid", "gaussian", "phrases"
]


_TAKEN = {"mask", "probability", "members", "embedding"}
"""Inputs and outputs that every model has, see FusionCard."""


class EncoderSpec(Strict):
    """`{kind: cnn1d, width: 64}`; the kinds are the modules of `edgefuse.training.encoders`."""

    kind: str
    options: dict[str, Any] = Field(default_factory=dict)


class ModalitySpec(Strict):
    """Raw input -> features -> encoder."""

    features: FeatureSpec
    encoder: EncoderSpec
    augment: list[dict[str, Any]] = Field(default_factory=list)
    """On raw input, in `train.copies` copies: `{noise: [0, 20]}` dB, `{shift: .1}` s ..., see `training.augment`."""
    perturb: dict[Literal["noise", "scale", "time", "bands", "channels"], Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict
    )
    """On standardised features, anew in every batch: `{noise: .05, time: .2}`, see `training.perturb`."""


class FusionSpec(Strict):
    """How the modalities meet."""

    kind: Fusion = "concat"
    modality_dropout: Share = 0.4
    """Chance that a training sample loses a modality."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Of the kind, and of any: `{embedding: 64, contrastive: .1}` adds a common space of all modalities, in which those
    of one sample lie close; the ONNX file then gives `embedding` and `embedding_<modality>` too."""


class HeadSpec(Strict):
    """From the fused representation to classes."""

    hidden: int = 0
    dropout: Share = 0.2


class DataSpec(Strict):
    """What it is trained on."""

    corpus: str
    options: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    """More options of the corpus while it is read for training: what is never evaluated on."""
    source: str
    licence: str
    ship: bool
    """Whether a model trained on it may be passed on."""
    composed_of: str = ""
    """What was put together by us, in plain words; empty for data as it was recorded."""


class SplitSpec(Strict):
    """Who is tested on whom."""

    by: str
    """What a group is: subject, speaker, source, day, file."""
    test: list[str] = Field(default_factory=list)
    """Groups that are only tested on; with `folds` nothing."""
    always: list[str] = Field(default_factory=list)
    """Groups that every member is trained on and nobody is judged by, such as synthesised samples."""
    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """0: every member is trained on all groups but `test`. n: member k leaves the k-th share of the groups out, and
    every group is tested by the members that have not seen it."""
    calibration_folds: Annotated[int, Field(ge=2, le=20)] = 4
    """Without folds: temperatures are fitted on groups left out of that many extra trainings."""

    @model_validator(mode="after")
    def _either(self) -> "SplitSpec":
        if self.folds and self.test:
            raise ValueError("expected either folds or test groups, got both")
        return self


class TrainSpec(Strict):
    """The loop."""

    seeds: Annotated[int, Field(ge=1, le=20)] = 5
    """Members of the ensemble that is exported; with folds the number of folds wins."""
    epochs: Annotated[int, Field(ge=1)] = 40
    batch: Annotated[int, Field(ge=1)] = 64
    rate: Annotated[float, Field(gt=0)] = 4e-3
    """Highest learning rate of the one-cycle schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    label_smoothing: Share = 0.05
    copies: Annotated[int, Field(ge=0)] = 0
    """Augmented copies that are made once, before the features are taken; 0: augment is not used."""
    auxiliary: Annotated[float, Field(ge=0)] = 0.3
    """Weight of the loss of each modality alone."""
    balanced: bool = False
    """Weigh classes by the inverse of their frequency."""
    singles: Annotated[int, Field(ge=0, le=20)] = 2
    """Seeds of the models of one modality each that the fused one is compared with."""


class Recipe(Strict):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]
    """A folder is called so: letters, digits, `_`, `-`, and `.` after the first."""
    what: str
    task: Literal["classify", "sounds", "fuse"] = "classify"
    data: DataSpec
    split: SplitSpec
    modalities: Annotated[dict[str, ModalitySpec], Field(min_length=1)]
    fusion: FusionSpec = FusionSpec()
    head: HeadSpec = HeadSpec()
    train: TrainSpec = TrainSpec()
    noise: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Modality -> what `noise_<modality>` of an evaluation is, where the default does not fit: `{snr_db: 0}`."""
    limits: list[str] = Field(default_factory=list)
    """What the model cannot do, for its card."""

    @field_validator("modalities")
    @classmethod
    def _own_names(cls, modalities: dict[str, ModalitySpec]) -> dict[str, ModalitySpec]:
        if taken := sorted(_TAKEN & set(modalities)):
            raise ValueError(
                f"a modality cannot be called '{taken[0]}', as another input or output of the model is; choose another "
                "name"
            )
        return modalities


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by path, or by the name of a bundled one. Raises ConfigError with every mistake."""
    path = Path(name)
    if not path.suffix:
        path = _bundled(str(name))
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        told = (
            ": ".join(filter(None, [str(path), ".".join(map(str, one["loc"])), one["msg"]])) for one in error.errors()
        )
        raise ConfigError(*told) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not a recipe: {error}") from error


def _bundled(name: str) -> Path:
    folder = resource("models", "recipes")
    path = folder / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise ConfigError(f"unknown recipe '{name}' (known: {known}); a file of your own ends in .yaml")
    return path
