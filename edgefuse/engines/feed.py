"""What goes into a model: checked the same way, and made up the same way, for every backend. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Tensors

Shape: TypeAlias = tuple[int | str | None, ...]
"""A str or None is a free size."""
Types: TypeAlias = Mapping[str, np.dtype[Any]]


def check(model: str, shapes: Mapping[str, Shape], types: Types, inputs: Tensors) -> None:
    """Raise ValueError naming the input that is missing, unknown or of another rank, shape or dtype."""
    if inputs.keys() != shapes.keys():
        raise ValueError(f"{model}: expected inputs {sorted(shapes)}, got {sorted(inputs)}")
    for name, array in inputs.items():
        want = shapes[name]
        fits = len(want) == array.ndim and all(
            not isinstance(size, int) or size == got for size, got in zip(want, array.shape, strict=True)
        )
        if not fits or array.dtype != types[name]:
            raise ValueError(f"{model}: input '{name}': expected {types[name]} {want}, got {array.dtype} {array.shape}")


def example(
    card: Mapping[str, Any], shapes: Mapping[str, Shape], types: Types, least: Mapping[str, Sequence[int]] | None = None
) -> dict[str, NDArray[Any]]:
    """Shapes and values of the card's `inputs`, else zeros; a free size is 1, or what `least` has if that is more."""
    cards = card.get("inputs", {})
    feed = {}
    for name, shape in shapes.items():
        told = cards.get(name, {})
        lows = (least or {}).get(name, (1,) * len(shape))
        sizes = [size if isinstance(size, int) else max(1, low) for size, low in zip(shape, lows, strict=True)]
        feed[name] = np.full(told.get("shape", sizes), told.get("value", 0), types[name])
    return feed
