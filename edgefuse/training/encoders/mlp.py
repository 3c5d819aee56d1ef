"""Multi-layer perceptron over everything at once: tables, embeddings, histograms of gradients."""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Tensor, nn


class Mlp(nn.Module):
    """(B, ...) flattened -> hidden layers with ReLU (Nair & Hinton 2010) and dropout (Srivastava 2014)."""

    def __init__(self, shape: tuple[int, ...], width: int = 64, layers: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.width = width
        steps: list[nn.Module] = [nn.Flatten()]
        for number in range(layers):
            size = width if number else prod(shape)
            steps += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
        self.steps = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B, width)."""
        out: Tensor = self.steps(x)
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width, layers, dropout."""
    return Mlp(shape, **options)
