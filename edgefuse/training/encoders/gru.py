"""Gated recurrent unit (Cho et al. 2014) along time or along a text."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.layers import Steps, pool


class Gru(nn.Module):
    """Both directions; mean and maximum of the states."""

    def __init__(self, shape: tuple[int, ...], width: int = 32, vocabulary: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.width, self.features = 4 * width, 2 * width
        self.steps = Steps(shape, width, vocabulary)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(dropout)
        self.size = width

    def tokens(self, x: Tensor) -> Tensor:
        """(B, T, channels) or ids (B, T) -> (B, T, features)."""
        return self._states(self.steps(x)[0])

    def _states(self, steps: Tensor) -> Tensor:
        start = torch.zeros_like(steps[:, :2, :]).transpose(0, 1)  # its batch is that of the input, also in ONNX
        out: Tensor = self.drop(self.gru(steps, start)[0])
        return out

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, channels) or ids (B, T) -> (B, width)."""
        steps, here = self.steps(x)
        return pool(self._states(steps), here)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width (of a state; the output has four times as many), dropout; of tokens vocabulary."""
    return Gru(shape, **options)
