"""A trained model in memory, for fusers that ask one: a sum that can be worked out by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Model, Tensors


@dataclass(slots=True)
class Sum:
    """Log-odds are the bias and, of each modality that the mask has, its weight times its value now."""

    weights: Mapping[str, float]
    bias: float = 0.0
    fails: bool = False
    """Whether the device that it runs on is broken."""
    runs: int = 0
    runs_on: str = "memory"

    @property
    def inputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """A value per modality, and the mask."""
        return {**dict.fromkeys(self.weights, ("batch", 1)), "mask": ("batch", len(self.weights))}

    @property
    def outputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """As `edgefuse train` exports it."""
        return {"probability": ("batch", 2), "members": (1, "batch", 2)}

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer. Raises ModelError where it is broken, ValueError for other inputs."""
        if self.fails:
            raise ModelError("the device is gone")
        if inputs.keys() != self.inputs.keys():
            raise ValueError(f"expected {sorted(self.inputs)}, got {sorted(inputs)}")
        self.runs += 1
        mask = inputs["mask"] > 0
        values = [weight * inputs[name][:, 0] for name, weight in self.weights.items()]
        total = self.bias + np.where(mask, np.stack(values, axis=1), 0).sum(axis=1)
        p = 1 / (1 + np.exp(-total))
        both = np.stack([1 - p, p], axis=1).astype(np.float32)
        return {"probability": both, "members": np.log(both)[None]}

    def example(self) -> dict[str, NDArray[Any]]:
        """Nothing is known."""
        return {name: np.zeros((1, int(shape[1] or 1)), np.float32) for name, shape in self.inputs.items()}

    def close(self) -> None:
        """Nothing to free."""


@dataclass(slots=True)
class Shelf:
    """A model store with one trained model, of classes `no` and `yes`, fed by one channel per modality."""

    model: Sum
    name: str = "sum"
    seen: tuple[float, float] = (0.0, 1.0)
    """Least and greatest value in its training data."""
    grid: Mapping[str, Any] = field(default_factory=dict)
    """Options of its features besides the channel."""

    def path(self, name: str) -> Path:
        """Raise ModelError: it lies nowhere."""
        raise ModelError(f"model '{name}' is in memory only")

    def engine(self, name: str) -> tuple[str, str]:
        """The CPU."""
        self._known(name)
        return "cpu", "there is no other"

    def card(self, name: str) -> Mapping[str, Any]:
        """What `edgefuse train` would have written. Raises ModelError for another name."""
        self._known(name)
        options = {"steps": 1, "step_s": 1, "hold_s": 60, "known": False, "flat": True, **self.grid}
        features = {each: {"kind": "grid", "options": {"channels": [each], **options}} for each in self.model.weights}
        return {
            "schema": 1,
            "name": self.name,
            "what": "a sum",
            "classes": ["no", "yes"],
            "modalities": {
                name: {"raw": "sequence", "features": each, "shape": [1], "seen": [self.seen]}
                for name, each in features.items()
            },
            "patterns": [
                {"present": [each], "n": 10, "metrics": {}, "operating": {"yes": [(0.5, 0.9, 0.8)]}}
                for each in self.model.weights
            ],
            "prior": [0.5, 0.5],
            "data": {},
            "split": {},
            "seeds": [0],
            "licence": "Apache-2.0",
        }

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Model:
        """The model. Raises ModelError for another name."""
        del health, threads
        self._known(name)
        return self.model

    def _known(self, name: str) -> None:
        if name != self.name:
            raise ModelError(f"unknown model '{name}' (known: {self.name})")
