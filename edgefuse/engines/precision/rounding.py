"""Weights of convolutions on a grid of integers, so that what comes out changes least on the samples.

Each weight is rounded in turn, and those that are not rounded yet make up for its error as far as the inputs allow:
GPTQ, Frantar et al. 2022, https://arxiv.org/abs/2210.17323. On NanoDet, weights in int8 alone
harm the scores a third as much as weights that are each rounded by themselves.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Tensors
from edgefuse.engines.precision.graph import captured, weights, with_outputs
from edgefuse.engines.precision.observe import run

_WIDEST = 4608
"""Weights per output channel up to which the equations are solved; of more, each is rounded by itself."""
_PLACES = 256
"""Of each sample, from which the equations of one convolution are made."""
_DAMPING = 0.01
"""Of the mean square of the inputs, added to each: there are fewer places than weights."""
_BLOCK = 128
"""Weights after which all that are left are corrected at once."""


@dataclass(frozen=True, slots=True)
class _Conv:
    source: str
    weight: str
    kernel: tuple[int, ...]
    strides: Sequence[int]
    dilations: Sequence[int]
    pads: Sequence[int]


def rounded(
    model: Any, names: set[str], feeds: Sequence[Tensors], largest: int, tell: Callable[[float], None]
) -> Mapping[str, NDArray[np.float32]]:
    """Weight -> its values on the grid: multiples of 1/`largest` of the greatest of each output channel.

    Of the named convolutions, if they have no groups and nothing else reads their weights.
    Raises ModelError for a feed that does not fit.
    """
    convs = _convolutions(model, names)
    arrays = weights(model.graph)
    products: dict[str, Any] = {}
    wide = with_outputs(model, {conv.source for conv in convs} - {one.name for one in model.graph.input})
    for number, outputs in enumerate(run(wide, feeds) if convs else ()):
        tensors = {**feeds[number], **outputs}
        for conv in convs:
            seen = _patches(tensors[conv.source], conv)
            products[conv.weight] = products.get(conv.weight, 0) + seen.T @ seen
        tell((number + 1) / len(feeds) / 2)
    found = {}
    for number, conv in enumerate(convs):
        found[conv.weight] = on_grid(arrays[conv.weight], products.pop(conv.weight), largest)
        tell(0.5 + (number + 1) / len(convs) / 2)
    return found


def on_grid(weight: NDArray[np.float32], products: NDArray[Any], largest: int) -> NDArray[np.float32]:
    """The weight (out, ...) on a grid per output channel, given the sums of products of its inputs (n, n).

    The greatest of each channel stays what it is, so that whoever reads the grid off the weight finds the same.
    """
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    step = np.abs(flat).max(axis=1) / largest
    step[step == 0] = 1
    order = np.argsort(-np.diag(products), kind="stable")
    left = flat[:, order]
    whole = np.rint(left / step[:, None])
    peaks = np.abs(whole) == largest
    factor = _factor(products[np.ix_(order, order)].astype(np.float32))
    made = np.empty_like(left)
    for begin in range(0, left.shape[1], _BLOCK):
        end = min(begin + _BLOCK, left.shape[1])
        errors = np.zeros((len(left), end - begin))
        for n in range(begin, end):
            near = np.clip(np.rint(left[:, n] / step), -largest, largest)
            made[:, n] = np.where(peaks[:, n], whole[:, n], near) * step
            errors[:, n - begin] = (left[:, n] - made[:, n]) / factor[n, n]
            left[:, n + 1 : end] -= errors[:, n - begin, None] * factor[n, n + 1 : end]
        left[:, end:] -= errors @ factor[begin:end, end:]
    back = np.empty_like(made)
    back[:, order] = made
    result: NDArray[np.float32] = back.reshape(weight.shape).astype(np.float32)
    return result


def _factor(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upper triangle whose product with itself is the inverse: how the error of one weight is made up for by others."""
    middle = float(np.mean(np.diag(products)))
    damped = products + np.eye(len(products), dtype=np.float32) * np.float32(_DAMPING * middle if middle > 0 else 1)
    root = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.triu(np.asarray(np.linalg.inv(root), np.float32))


def _convolutions(model: Any, names: set[str]) -> list[_Conv]:
    arrays = weights(model.graph)
    readers = Counter(name for node in model.graph.node for name in node.input)
    readers.update(captured(model))
    found = []
    for node in model.graph.node:
        if node.op_type != "Conv" or node.name not in names or readers[node.input[1]] > 1:
            continue
        if node.input[1] not in arrays:
            continue
        array = arrays[node.input[1]]
        say = {one.name: one for one in node.attribute}
        padded = "auto_pad" in say and say["auto_pad"].s != b"NOTSET"
        if padded or ("group" in say and say["group"].i > 1) or array[0].size > _WIDEST:
            continue
        ones, zeros = [1] * (array.ndim - 2), [0] * (2 * array.ndim - 4)
        strides, dilations, pads = (
            list(say[name].ints) if name in say else default
            for name, default in (("strides", ones), ("dilations", ones), ("pads", zeros))
        )
        found.append(_Conv(node.input[0], node.input[1], array.shape[2:], strides, dilations, pads))
    return found


def _patches(array: NDArray[np.float32], conv: _Conv) -> NDArray[np.float32]:
    """What the kernel sees at evenly spaced places of the first of a batch: (places, weights of a channel)."""
    sides = len(conv.kernel)
    room = [(0, 0), *zip(conv.pads[:sides], conv.pads[sides:], strict=True)]
    reach = [(size - 1) * gap + 1 for size, gap in zip(conv.kernel, conv.dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(array[0], room), reach, tuple(range(1, sides + 1)))
    thin = (slice(None), *(slice(None, None, n) for n in (*conv.strides, *conv.dilations)))
    windows = windows[thin]
    places = windows.shape[1 : sides + 1]
    total = int(np.prod(places))
    chosen = np.linspace(0, total - 1, min(total, _PLACES)).astype(np.intp)
    picked: tuple[Any, ...] = (slice(None), *np.unravel_index(chosen, places))
    seen: NDArray[np.float32] = np.moveaxis(windows[picked], 0, 1)
    return seen.reshape(len(seen), -1)
