"""Sequences of pictures: the same convolutions on every one, then along time.

Donahue et al. 2015, "Long-term recurrent convolutional networks for visual recognition and description".
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from edgefuse.training.encoders.cnn1d import Cnn1d
from edgefuse.training.encoders.cnn2d import Cnn2d
from edgefuse.training.encoders.gru import Gru


class Frames(nn.Module):
    """(B, T, colours, h, w): `time` is pool (mean and maximum), conv or gru."""

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int = 16,
        layers: int = 3,
        dropout: float = 0.2,
        time: Literal["pool", "conv", "gru"] = "conv",
        time_width: int = 48,
    ) -> None:
        super().__init__()
        if time not in ("pool", "conv", "gru"):
            raise ValueError(f"time: expected pool, conv or gru, got {time!r}")
        self.steps = shape[0]
        self.picture = Cnn2d(shape[1:], width, layers, dropout)
        self.features = self.picture.width
        self.time: Cnn1d | Gru | None = None
        if time == "conv":
            self.time = Cnn1d((self.steps, self.features), time_width, 2, 3, dropout)
        elif time == "gru":
            self.time = Gru((self.steps, self.features), time_width, 0, dropout)
        self.width = self.time.width if self.time else 2 * self.features

    def tokens(self, x: Tensor) -> Tensor:
        """(B, T, colours, h, w) -> (B, T, features)."""
        out: Tensor = self.picture(x.flatten(0, 1))
        return out.reshape(-1, self.steps, self.features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, colours, h, w) -> (B, width)."""
        h = self.tokens(x)
        if self.time is None:
            return torch.cat([h.mean(1), h.amax(1)], 1)
        out: Tensor = self.time(h)
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width (of the first block), layers, dropout, time, time_width."""
    return Frames(shape, **options)
