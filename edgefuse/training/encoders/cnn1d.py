"""Convolutions along time: sensors, skeletons, inertial data."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Cnn1d(nn.Module):
    """Convolution, batch normalisation (Ioffe & Szegedy 2015), ReLU; at the end maximum and means over time.

    For activity from sensors see Yang et al. 2015, "Deep convolutional neural networks on multichannel time series".
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int = 64,
        layers: int = 3,
        kernel: int = 5,
        dropout: float = 0.2,
        parts: int = 1,
    ) -> None:
        super().__init__()
        length, channels = shape
        left = -(-length // 2 ** (layers - 1))
        if parts < 1 or left % parts:
            raise ValueError(f"parts: expected a divisor of the {left} steps that are left, got {parts}")
        self.width = (parts + 1) * width
        self.features, self.parts, self.each = width, parts, left // parts
        steps: list[nn.Module] = []
        for number in range(layers):
            steps += [
                nn.Conv1d(width if number else channels, width, kernel, 2 if number else 1, kernel // 2),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
        self.steps = nn.Sequential(*steps)

    def tokens(self, x: Tensor) -> Tensor:
        """(B, steps, channels) -> (B, fewer steps, features)."""
        out: Tensor = self.steps(x.transpose(1, 2))
        return out.transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, steps, channels) -> (B, width)."""
        h = self.tokens(x)
        means = h.reshape(-1, self.parts, self.each, self.features).mean(2)
        return torch.cat([means.flatten(1), h.amax(1)], 1)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width (of each layer), layers, kernel, dropout, parts (of time, whose means are kept in their order).

    The output has (parts + 1) * width.
    """
    return Cnn1d(shape, **options)
