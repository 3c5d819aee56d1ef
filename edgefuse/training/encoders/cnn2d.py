"""Convolutions over a picture or a spectrogram."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_PLANE = 2


class Cnn2d(nn.Module):
    """Blocks of convolution, batch normalisation, ReLU and pooling by two, as VGG (Simonyan & Zisserman 2015).

    For sound over log-mel see Hershey et al. 2017, "CNN architectures for large-scale audio classification".
    """

    def __init__(
        self, shape: tuple[int, ...], width: int = 16, layers: int = 3, dropout: float = 0.2, grow: float = 2
    ) -> None:
        super().__init__()
        size = 1 if len(shape) == _PLANE else shape[0]
        side = min(shape[-_PLANE:])
        steps: list[nn.Module] = []
        for number in range(layers):
            wider = round(width * grow**number)
            steps += [nn.Conv2d(size, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider)]
            if side > 1:
                steps.append(nn.MaxPool2d(2))
                side //= 2
            steps.append(nn.ReLU())  # after the pooling it is the same and has less to do
            size = wider
        self.steps = nn.Sequential(*steps, nn.Dropout(dropout))
        self.steps.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # pooling is faster so
        self.width = 2 * size

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w) or (B, colours, h, w) -> (B, width): mean and maximum over the picture."""
        if x.dim() == _PLANE + 1:
            x = x.unsqueeze(1)
        h = self.steps(x.contiguous(memory_format=torch.channels_last)).flatten(2)
        return torch.cat([h.mean(2), h.amax(2)], 1)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width (of the first block), layers, dropout, grow (of the width from block to block)."""
    return Cnn2d(shape, **options)
