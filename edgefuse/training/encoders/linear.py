"""One linear layer over everything: a baseline, and classic features as histograms of gradients."""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Tensor, nn


class Linear(nn.Module):
    """(B, ...) flattened -> (B, width)."""

    def __init__(self, shape: tuple[int, ...], width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.steps = nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B, width)."""
        out: Tensor = self.steps(x)
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width."""
    return Linear(shape, **options)
