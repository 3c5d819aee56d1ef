"""A short film as one picture whose planes are all of its frames.

"Early fusion" of Karpathy et al. 2014, "Large-scale video classification with convolutional neural networks": the first
layer already sees what moves. Much cheaper than the same convolutions on every frame.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Film(nn.Module):
    """(B, T, planes, h, w); blocks of convolution, batch normalisation, ReLU and pooling by two.

    What is left of the picture is not averaged: where something moves tells what is done.
    """

    def __init__(self, shape: tuple[int, ...], width: int = 48, layers: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        frames, planes, height, across = shape
        if min(height, across) < 2 ** (layers - 1):
            raise ValueError(f"layers: expected fewer than {layers} for pictures of {height} x {across}")
        steps: list[nn.Module] = []
        for number in range(layers):
            steps += [
                nn.Conv2d(width if number else frames * planes, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Dropout2d(dropout),
            ]
            if number < layers - 1:
                steps.append(nn.MaxPool2d(2))
                height, across = height // 2, across // 2
        self.steps = nn.Sequential(*steps)
        self.width = width * (height * across + 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, planes, h, w) -> (B, width)."""
        h = self.steps(x.flatten(1, 2)).flatten(2)
        return torch.cat([h.flatten(1), h.amax(2)], 1)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width, layers, dropout."""
    return Film(shape, **options)
