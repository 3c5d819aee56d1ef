"""The range of numbers that eight bits tell apart, for every tensor."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from edgefuse.engines.precision.observe import Spread

Ranges: TypeAlias = Mapping[str, tuple[np.float32, np.float32]]
_HANDS_ON = {"Concat", "LeakyRelu", "MaxPool", "Relu", "Resize"}
"""What gives the numbers that it reads, at least the positive ones."""
_ALIKE = 4
"""Steps that differ more than this many times do not become one."""
_LEVELS = 255


def ranges_of(graph: Any, spreads: Mapping[str, Spread], *, aligned: bool) -> Ranges:
    """Tensor -> least and greatest number, each the range that errs least by squares.

    `aligned`: what is handed on keeps its step, so that it is not rounded again: a step that is a little coarser
    errs less than two roundings that do not fit each other.
    """
    slopes = _slopes(graph)
    found = {name: spread.within(slopes.get(name, 1)) for name, spread in spreads.items() if spread.values}
    if aligned:
        for group in _groups(graph, found):
            found.update(_aligned({name: found[name] for name in group}))
    return {name: (np.float32(low), np.float32(high)) for name, (low, high) in found.items()}


def _aligned(ranges: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The same number of levels of the same width for all, with zero among them."""
    steps = {name: (max(high, 0.0) - min(low, 0.0)) / _LEVELS for name, (low, high) in ranges.items()}
    step = max(steps.values())
    if not 0 < step <= _ALIKE * min(steps.values()):
        return {}
    below = {name: min(round(-min(low, 0.0) / step), _LEVELS) for name, (low, _) in ranges.items()}
    return {name: (-below[name] * step, (_LEVELS - below[name]) * step) for name in ranges}


def _groups(graph: Any, known: Mapping[str, Any]) -> Iterator[list[str]]:
    """Tensors between which numbers are handed on."""
    group = {name: [name] for name in known}
    for node in graph.node:
        if node.op_type in _HANDS_ON and node.output[0] in group:
            for name in node.input:
                first, second = group.get(name, []), group[node.output[0]]
                if first and first is not second:
                    first += second
                    group.update(dict.fromkeys(second, first))
    yield from {id(members): members for members in group.values()}.values()


def _slopes(graph: Any) -> dict[str, float]:
    """Tensors that only one activation reads -> by how much that shrinks what is negative."""
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(output.name for output in graph.output)
    found = {}
    for node in graph.node:
        if node.op_type in {"Relu", "LeakyRelu"} and readers[node.input[0]] == 1:
            alpha = [attribute.f for attribute in node.attribute if attribute.name == "alpha"] or [0.01]
            found[node.input[0]] = 0.0 if node.op_type == "Relu" else float(alpha[0])
    return found
