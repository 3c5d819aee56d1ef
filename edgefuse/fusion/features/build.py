"""Features by name."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.core.ports import Model
from edgefuse.fusion.card import FeatureSpec

_MODULES = {
    "logmel": "audio",
    "mfcc": "audio",
    "plp": "audio",
    "speech_embedding": "embedding",
    "image": "image",
    "hog": "image",
    "detections": "detections",
    "frames": "image",
    "sequence": "sequence",
    "grid": "grid",
    "table": "sequence",
    "tokens": "text",
}


class Feature(Protocol):
    """Takes features of a batch."""

    def __call__(self, raw: NDArray[Any]) -> NDArray[np.float32] | NDArray[np.int64]:
        """(n, ...) raw -> (n, *shape), finite or NaN where nothing is known."""


def build(spec: FeatureSpec, load: Callable[[str], Model] | None = None) -> Feature:
    """Make the features of a specification: `<module>.make(kind, options, load)`.

    `load` loads a model of the store, for features that are computed by one. Raises ConfigError for wrong options.
    """
    module = import_module(f"edgefuse.fusion.features.{_MODULES[spec.kind]}")
    try:
        feature: Feature = module.make(spec.kind, spec.options, load)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"features of kind '{spec.kind}': {error}") from error
    return feature
