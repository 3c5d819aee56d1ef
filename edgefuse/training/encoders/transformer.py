"""A small transformer encoder (Vaswani et al. 2017) along time or along a text."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.layers import Attention, Steps, pool


class Transformer(nn.Module):
    """Learned positions, pre-norm layers; mean and maximum at the end."""

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int = 32,
        layers: int = 2,
        heads: int = 4,
        vocabulary: int = 0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.width, self.features = 2 * width, width
        self.steps = Steps(shape, width, vocabulary)
        self.places = nn.Parameter(torch.randn(shape[0], width) * 0.02)
        self.layers = nn.ModuleList(Attention(width, heads, dropout) for _ in range(layers))

    def tokens(self, x: Tensor) -> Tensor:
        """(B, T, channels) or ids (B, T) -> (B, T, features)."""
        return self._run(*self.steps(x))

    def _run(self, steps: Tensor, here: Tensor) -> Tensor:
        steps = steps + self.places
        for layer in self.layers:
            steps = layer(steps, here)
        return steps

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, channels) or ids (B, T) -> (B, width)."""
        steps, here = self.steps(x)
        return pool(self._run(steps, here), here)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width (the output has twice as many), layers, heads, dropout; of tokens vocabulary."""
    return Transformer(shape, **options)
