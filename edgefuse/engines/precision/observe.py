"""Which numbers the tensors of a model hold while it runs on samples."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import BuildReport, Tensors
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision.graph import results, with_outputs

Method: TypeAlias = Literal["minmax", "percentile"]
_KEPT = 8192
"""Values of one tensor that are kept of each sample, evenly spaced."""
_PERCENT = 99.99


@dataclass(slots=True)
class Spread:
    """What one float tensor held."""

    low: float = np.inf
    high: float = -np.inf
    """Of the finite values."""
    finite: bool = True
    values: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, array: NDArray[np.float32]) -> None:
        """Take one sample."""
        flat = array.ravel()
        kept = flat[np.isfinite(flat)]
        self.finite = self.finite and kept.size == flat.size
        if kept.size:
            self.low, self.high = min(self.low, float(kept.min())), max(self.high, float(kept.max()))
            self.values.append(kept[:: -(-kept.size // _KEPT)].copy())

    @property
    def largest(self) -> float:
        """Magnitude; 0 of nothing."""
        return max(abs(self.low), abs(self.high)) if self.values else 0.0

    def within(self, method: Method) -> tuple[float, float]:
        """The range to be told apart: all of it, or what 99.99 % lie above and below."""
        if method == "minmax":
            return self.low, self.high
        low, high = np.percentile(np.concatenate(self.values), [100 - _PERCENT, _PERCENT])
        return max(self.low, float(low)), min(self.high, float(high))


def observe(model: Any, feeds: Sequence[Tensors], tell: Callable[[float], None]) -> Mapping[str, Spread]:
    """Run on all samples; the spread of every float32 tensor of the main graph but the initialisers.

    `tell` is told the share that is done. Raises ModelError for a model or a sample that does not fit.
    """
    names = results(model)
    spreads: dict[str, Spread] = {}
    for number, outputs in enumerate(run(with_outputs(model, names), feeds)):
        for name, array in {**feeds[number], **outputs}.items():
            if array.dtype == np.float32:
                spreads.setdefault(name, Spread()).add(array)
        tell((number + 1) / len(feeds))
    return spreads


def run(model: Any, feeds: Sequence[Tensors]) -> Iterator[dict[str, NDArray[Any]]]:
    """The outputs for every sample, on ONNX Runtime. Raises ModelError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        loaded = OnnxBackend().load(path, {})
    try:
        for feed in feeds:
            yield loaded.run(feed)
    except ValueError as error:
        raise ModelError(f"the samples do not fit the model: {error}") from error
    finally:
        loaded.close()


def teller(report: BuildReport, begin: float, end: float, phase: str) -> Callable[[float], None]:
    """Reports a share of a part as a share of the whole. What it gives raises BuildCancelled."""

    def tell(share: float) -> None:
        if not report(begin + (end - begin) * share, phase):
            raise BuildCancelled(f"{phase}: cancelled")

    return tell
