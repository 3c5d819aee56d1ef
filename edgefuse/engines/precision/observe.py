"""Which numbers the tensors of a model hold while it runs on samples."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import BuildReport, Tensors
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision.graph import results, with_outputs

_KEPT = 32_768
"""Values of one tensor that are kept of each sample, evenly spaced."""
_CUTS = 16
"""Ends of a range that are tried on each side."""


@dataclass(slots=True)
class Spread:
    """What one float tensor held."""

    low: float = np.inf
    high: float = -np.inf
    """Of the finite values."""
    finite: bool = True
    size: int = 0
    """Numbers in the largest sample."""
    values: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, array: NDArray[np.float32]) -> None:
        """Take one sample."""
        flat = array.ravel()
        self.size = max(self.size, flat.size)
        kept = flat[np.isfinite(flat)]
        self.finite = self.finite and kept.size == flat.size
        if kept.size:
            self.low, self.high = min(self.low, float(kept.min())), max(self.high, float(kept.max()))
            self.values.append(kept[:: -(-kept.size // _KEPT)].copy())

    @property
    def largest(self) -> float:
        """Magnitude; 0 of nothing."""
        return max(abs(self.low), abs(self.high)) if self.values else 0.0

    def within(self, slope: float = 1.0) -> tuple[float, float]:
        """The range that errs least, by squares, when 8 bits tell it apart and what lies beyond is cut off.

        `slope`: by how much an activation shrinks what is negative before anything else reads it.
        """
        values = np.concatenate(self.values)
        return _least_squares(values[:: -(-values.size // _KEPT)], (self.low, self.high), slope)


def _least_squares(values: NDArray[np.float32], whole: tuple[float, float], slope: float) -> tuple[float, float]:
    """Of ranges that cut off more and more at either end, the one whose rounding and cutting harm least."""
    low, high = min(whole[0], 0.0), max(whole[1], 0.0)
    if low == high:
        return whole
    true = np.where(values < 0, slope * values, values)
    best = (np.inf, low, high)
    for bottom in np.linspace(low, 0, _CUTS) if low else [0.0]:
        for top in np.linspace(high, 0, _CUTS) if high else [0.0]:
            if top > bottom:
                step = (top - bottom) / 255
                kept = np.clip(np.round((values - bottom) / step), 0, 255) * step + bottom
                error = float(np.mean((np.where(kept < 0, slope * kept, kept) - true) ** 2))
                best = min(best, (error, float(bottom), float(top)))
    return best[1], best[2]


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
