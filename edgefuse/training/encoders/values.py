"""The standardised values themselves: what a closed form is fitted to."""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Tensor, nn


class Values(nn.Module):
    """(B, *shape) -> (B, all of it)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.width = prod(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Flat."""
        return x.flatten(1)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """No options."""
    return Values(shape, **options)
