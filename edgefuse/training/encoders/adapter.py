"""What early fusion takes: any input as a short sequence of the same length, by one linear layer."""

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

STEPS, WIDTH = 16, 8
_STEPPED = (2, 4)
"""Axes of sequences and of frames, without the batch."""


class Adapter(nn.Module):
    """(B, steps, ...) -> (B, STEPS * WIDTH): values of a step by a linear layer, steps by linear interpolation.

    What has no steps, a table, a picture or a text, is said at every step.
    """

    between: Tensor

    def __init__(self, shape: tuple[int, ...], vocabulary: int = 0) -> None:
        super().__init__()
        steps = shape[0] if len(shape) in _STEPPED and not vocabulary else 1
        self.width = STEPS * WIDTH
        self.shape = (steps, prod(shape) // steps)
        self.layer: nn.Module = nn.Embedding(vocabulary, WIDTH, 0) if vocabulary else nn.Linear(self.shape[1], WIDTH)
        self.ids = bool(vocabulary)
        at = torch.linspace(0, steps - 1, STEPS).unsqueeze(1)
        self.register_buffer("between", (1 - (at - torch.arange(steps)).abs()).clamp_min(0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B, width)."""
        h = self.layer(x).mean(1, keepdim=True) if self.ids else self.layer(x.reshape(-1, *self.shape))
        out: Tensor = (self.between @ h).flatten(1)
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """No options; of tokens vocabulary."""
    return Adapter(shape, **options)
