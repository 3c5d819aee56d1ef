"""A model that goes on elsewhere when the device that runs it fails."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Model, Tensors

Spare: TypeAlias = Callable[[ModelError], Model]
"""Loads what is to run the model from now on; is told why."""


class Standby:
    """Runs a model until its device fails, then the spare one: with the feed that failed, and for good.

    One thread at a time. A state that feeds carry goes on, for the spare takes and gives the same tensors.
    """

    def __init__(self, model: Model, spare: Spare) -> None:
        self._model = model
        self._spare: Spare | None = spare
        self.inputs = model.inputs
        self.outputs = model.outputs

    @property
    def runs_on(self) -> str:
        """What runs it now."""
        return self._model.runs_on

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer. Raises ValueError on a wrong feed, ModelError when the spare cannot be loaded, or fails as well."""
        if self._spare is None:
            return self._model.run(inputs)
        try:
            return self._model.run(inputs)
        except ModelError as error:
            kept = {name: array.copy() for name, array in inputs.items()}  # it may lie in memory of what is closed
            self._change(self._spare, error)
        return self._model.run(kept)

    def example(self) -> dict[str, NDArray[Any]]:
        """A feed that it takes."""
        return self._model.example()

    def close(self) -> None:
        """Free it."""
        self._model.close()

    def _change(self, spare: Spare, error: ModelError) -> None:
        self._spare = None
        with suppress(ModelError):  # a device that failed gives nothing back; why it failed is told
            self._model.close()
        self._model = spare(error)
        for wanted, got in ((self.inputs, self._model.inputs), (self.outputs, self._model.outputs)):
            if wanted.keys() != got.keys():
                raise ModelError(f"{error}; its spare was expected to have {sorted(wanted)}, got {sorted(got)}")
