"""Weighted sum: one learned reliability per modality, shared out again among those present.

Late weighting of modalities as in Atrey et al. 2010, "Multimodal fusion for multimedia analysis: a survey".
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.head import head


class Weighted(nn.Module):
    """Weights are positive and add up to 1 over what is present."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, hidden: int = 0, dropout: float = 0.2, width: int = 64
    ) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(size, width) for size in widths.values())
        self.reliability = nn.Parameter(torch.zeros(len(widths)))
        self.head = head(width, classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        weight = torch.exp(self.reliability.clamp(-5, 5)) * mask
        weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
        common = torch.stack([layer(each) for layer, each in zip(self.project, z.values(), strict=True)], 1)
        return {"logits": self.head(torch.relu((common * weight.unsqueeze(2)).sum(1)))}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: width, of the common space."""
    return Weighted(widths, classes, **options)
