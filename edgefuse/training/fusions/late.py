"""Late fusion: every modality decides alone, log-probabilities are averaged (Kittler et al. 1998, the product rule)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefuse.training.head import head


class Late(nn.Module):
    """The auxiliary losses train the heads themselves."""

    def __init__(self, widths: Mapping[str, int], classes: int, hidden: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.names = list(widths)
        self.heads = nn.ModuleList(head(size, classes, hidden, dropout) for size in widths.values())

    def each(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of every modality alone."""
        return {name: layer(z[name]) for name, layer in zip(self.names, self.heads, strict=True)}

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        log_p = torch.stack([functional.log_softmax(logits, 1) for logits in self.each(z).values()], 1)
        return {"logits": (log_p * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """No options of its own."""
    return Late(widths, classes, **options)
