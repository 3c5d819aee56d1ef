"""Concatenation: what every modality says side by side (Ngiam et al. 2011, "Multimodal deep learning")."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.head import head


class Concat(nn.Module):
    """Masked modalities are zeros; the mask is an input, so that a zero is known from nothing."""

    def __init__(self, widths: Mapping[str, int], classes: int, hidden: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.head = head(sum(widths.values()) + len(widths), classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        return {"logits": self.head(torch.cat([*z.values(), mask], 1))}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """No options of its own."""
    return Concat(widths, classes, **options)
