"""A model whose runs are counted on the health of a part."""

from typing import Any

from numpy.typing import NDArray

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock, Model, Tensors


class Counted:
    """Counts the CPU time of every run; only the calling thread's, so a model of one thread is counted whole."""

    def __init__(self, model: Model, health: PartHealth, clock: Clock) -> None:
        self._model = model
        self._health = health
        self._clock = clock
        self.inputs = model.inputs
        self.outputs = model.outputs

    @property
    def runs_on(self) -> str:
        """What runs it."""
        return self._model.runs_on

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer. Raises ValueError on a wrong feed, ModelError when it cannot go on."""
        with self._health.model_call(self._clock.cpu):
            return self._model.run(inputs)

    def example(self) -> dict[str, NDArray[Any]]:
        """A feed that it takes."""
        return self._model.example()

    def close(self) -> None:
        """Free it."""
        self._model.close()
