"""The card of a model trained here: what it takes, what it was trained on, how good it is, what it cannot do."""

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

FeatureKind: TypeAlias = Literal[
    "logmel",
    "mfcc",
    "plp",
    "speech_embedding",
    "image",
    "hog",
    "detections",
    "frames",
    "sequence",
    "grid",
    "table",
    "tokens",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FeatureSpec(_Strict):
    """How raw input becomes the array that a model takes; the same at training and at run time.

    Stateless: everything that is fitted (means, document frequencies, temperatures) lies inside the ONNX file.
    """

    kind: FeatureKind
    options: dict[str, Any] = Field(default_factory=dict)
    """Of the kind, see `edgefuse.fusion.features`."""


class ModalityCard(_Strict):
    """One input of the model."""

    raw: Literal["waveform", "image", "frames", "sequence", "table", "text"]
    features: FeatureSpec
    shape: list[int]
    """Without the batch."""
    dtype: Literal["float32", "int64"] = "float32"
    seen: list[tuple[float, float]] = Field(default_factory=list)
    """Least and greatest value of each channel (last axis of a sequence or table) in the data; what is far outside is
    not believed at run time."""


class Pattern(_Strict):
    """What is expected of the model while only these modalities are present."""

    present: list[str]
    temperature: float = Field(1.0, gt=0)
    n: int
    metrics: dict[str, float]
    """accuracy, macro_f1, auc, ece_before, ece_after, brier_before, brier_after."""
    operating: dict[str, list[tuple[float, float, float]]] = Field(default_factory=dict)
    """Class -> (threshold, precision, recall), ascending thresholds, on samples that no member was trained on."""


class FusionCard(_Strict):
    """`card.json` beside `model.onnx`.

    The ONNX file takes one input per modality, (batch, *shape), and `mask`, (batch, modalities), 1 where present, in
    the order of `modalities`; what is masked may be NaN. It gives `probability`, (batch, classes), calibrated for the
    pattern of the mask, and `members`, (members, batch, classes), log-probabilities before calibration:
    probability = softmax(log(mean over members of exp(members)) / temperature of the pattern). The same holds for some
    of the members alone. With nothing present it is the prior, at temperature 1.
    """

    schema_: Literal[1] = Field(1, alias="schema")
    name: str
    what: str
    task: Literal["classify", "sounds", "fuse"] = "classify"
    classes: list[str]
    modalities: dict[str, ModalityCard]
    patterns: list[Pattern] = Field(default_factory=list)
    """The first is the one with everything present."""
    members: list[list[str]] = Field(default_factory=list)
    """Groups that each member was trained on. A sample is judged by the members that have not seen its group, nor any
    of its parts."""
    parts: dict[str, list[str]] = Field(default_factory=dict)
    """Group -> what its samples were composed of: people, films, photographs. Empty for data as it was recorded."""
    prior: list[float] = Field(default_factory=list)
    """Share of each class in the training data."""
    data: dict[str, Any]
    """corpus, source, licence, ship, files {name: sha256}, groups, n."""
    split: dict[str, Any]
    seeds: list[int]
    metrics: dict[str, Any] = Field(default_factory=dict)
    """mean and spread over seeds, best single modality, majority, rule, log-odds."""
    limits: list[str] = Field(default_factory=list)
    licence: str
    files: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """File -> {sha256, size}."""
    extra: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
