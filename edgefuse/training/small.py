"""Whether a copy in 8 bits still decides as the model does; the copy itself is made where it runs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import convert
from edgefuse.training.data import Data
from edgefuse.training.network import Network, Standardise

_BATCH, _RANGES, _JUDGED = 16, 8, 32
"""Samples of a feed, feeds for the ranges of numbers, feeds that the copy is judged by."""
_KEPT, _MOVED = 0.99, 0.02


def int8(data: Data, network: Network, path: Path, rows: NDArray[np.intp]) -> dict[str, Any]:
    """`passes`, and why: `kept`, the share of decisions that stay; `moved`, the mean change of a probability; `size`.

    `rows` are samples that the model is judged by; ranges come from others where there are others.
    """
    target = path.with_name(".int8.onnx")
    others = np.setdiff1d(np.arange(data.n), rows)
    try:
        known = [_known(feed, network) for feed in _feeds(data, others if len(others) else rows, _RANGES)]
        how = convert(path, target, "int8", "asymmetric", known, {}, lambda *_: True)
        kept, moved = _compared(path, target, _feeds(data, rows, _JUDGED))
        size = target.stat().st_size
    except ModelError as error:
        return {"passes": False, "why": str(error).replace(f"{path}", path.name)}
    finally:
        target.unlink(missing_ok=True)
    return {"passes": kept >= _KEPT and moved <= _MOVED, "kept": kept, "moved": moved, "size": size, "how": how}


def _compared(path: Path, target: Path, feeds: list[dict[str, NDArray[Any]]]) -> tuple[float, float]:
    whole, small = (OnnxBackend().load(each, {}) for each in (path, target))
    pairs = [(whole.run(feed)["probability"].copy(), small.run(feed)["probability"].copy()) for feed in feeds]
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return float((a.argmax(1) == b.argmax(1)).mean()), float(np.abs(a - b).mean())


def _feeds(data: Data, rows: NDArray[np.intp], count: int) -> list[dict[str, NDArray[Any]]]:
    """Up to `count` batches of samples, spread evenly."""
    picked = rows[np.linspace(0, len(rows) - 1, min(len(rows), count * _BATCH)).astype(np.intp)]
    batches = [picked[at : at + _BATCH] for at in range(0, len(picked), _BATCH)]
    return [{**{name: x[some] for name, x in data.x.items()}, "mask": data.present[some]} for some in batches]


def _known(feed: dict[str, NDArray[Any]], network: Network) -> Tensors:
    """What is unknown becomes the mean, which is what the network takes it for: ranges are those of numbers."""
    layers = dict(zip(network.names, network.standard, strict=True))
    return {
        name: np.where(np.isnan(x), layer.mean.numpy(), x) if isinstance(layer := layers.get(name), Standardise) else x
        for name, x in feed.items()
    }
