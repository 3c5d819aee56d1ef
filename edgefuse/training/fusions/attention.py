"""Cross-modal attention: every modality looks at the others that are present.

After Tsai et al. 2019, "Multimodal transformer for unaligned multimodal language sequences" and Nagrani et al. 2021,
"Attention bottlenecks for multimodal fusion". Left alone it comes to look at one modality only: it needs modality
dropout and the auxiliary losses.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.head import head
from edgefuse.training.layers import Attention


class CrossModal(nn.Module):
    """One token per modality and one that collects; the masked are not looked at."""

    def __init__(  # noqa: PLR0913
        self,
        widths: Mapping[str, int],
        classes: int,
        hidden: int = 0,
        dropout: float = 0.2,
        *,
        width: int = 64,
        heads: int = 4,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(size, width) for size in widths.values())
        self.kind = nn.Parameter(torch.randn(1 + len(widths), width) * 0.02)
        self.layers = nn.ModuleList(Attention(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = head(2 * width, classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        tokens = [layer(each) for layer, each in zip(self.project, z.values(), strict=True)]
        x = torch.stack([torch.zeros_like(tokens[0]), *tokens], 1) + self.kind
        here = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        for layer in self.layers:
            x = layer(x, here)
        x = self.norm(x)
        mean = (x[:, 1:] * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
        return {"logits": self.head(torch.cat([x[:, 0], mean], 1))}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: width, heads, layers."""
    return CrossModal(widths, classes, **options)
