"""Low-rank tensor fusion: all products between modalities.

Liu et al. 2018, "Efficient low-rank multimodal fusion with modality-specific factors".
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.head import head


class LowRank(nn.Module):
    """Every modality, with a 1 beside it, by a factor of each rank; factors multiply, ranks add.

    A masked modality leaves its 1: the products without it remain.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        classes: int,
        hidden: int = 0,
        dropout: float = 0.2,
        *,
        width: int = 64,
        rank: int = 4,
    ) -> None:
        super().__init__()
        self.rank, self.width = rank, width
        self.squeeze = nn.ModuleList(nn.Linear(size, width) for size in widths.values())
        self.factors = nn.ModuleList(nn.Linear(width, rank * width) for _ in widths)
        for factor in self.factors:
            nn.init.ones_(factor.bias)  # type: ignore[arg-type]  # products of many modalities start near 1
        self.mix = nn.Parameter(torch.full((rank, 1), 1 / rank))
        self.norm = nn.LayerNorm(width)
        self.head = head(width, classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        product = torch.ones(())
        for number, each in enumerate(z.values()):
            seen = torch.tanh(self.squeeze[number](each)) * mask[:, number : number + 1]
            product = product * self.factors[number](seen).reshape(-1, self.rank, self.width)
        return {"logits": self.head(self.norm((product * self.mix).sum(1)))}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: width, rank."""
    return LowRank(widths, classes, **options)
