"""Variational fusion: a product of experts (Wu & Goodman 2018, "Multimodal generative models for scalable ...").

What is missing is simply not in the product. The network rebuilds the inputs from the latent, so that a missing one can
be filled in: `Network.fill`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.head import head


class ProductOfExperts(nn.Module):
    """Each modality says a normal distribution of the latent; the prior is one more expert."""

    def __init__(  # noqa: PLR0913
        self,
        widths: Mapping[str, int],
        classes: int,
        hidden: int = 0,
        dropout: float = 0.2,
        *,
        latent: int = 32,
        beta: float = 0.01,
        rebuild: float = 0.3,
    ) -> None:
        super().__init__()
        self.latent, self.beta, self.rebuild = latent, beta, rebuild
        self.experts = nn.ModuleList(nn.Linear(size, 2 * latent) for size in widths.values())
        self.head = head(latent, classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits, latent; while training a sample of it, and its loss."""
        means, precisions = [], []
        for expert, each in zip(self.experts, z.values(), strict=True):
            mean, log_precision = expert(each).chunk(2, 1)
            means.append(mean)
            precisions.append(torch.exp(log_precision.clamp(-4, 6)))
        precision = torch.stack(precisions, 1) * mask.unsqueeze(2)
        total = 1 + precision.sum(1)
        mean = (torch.stack(means, 1) * precision).sum(1) / total
        if not self.training:
            return {"logits": self.head(mean), "latent": mean}
        latent = mean + torch.randn_like(mean) * total.rsqrt()
        divergence = 0.5 * (mean.square() + 1 / total - 1 + total.log()).sum(1).mean()
        return {"logits": self.head(latent), "latent": latent, "loss": self.beta * divergence}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: latent, beta (weight of the divergence from the prior), rebuild (weight of the rebuilding error)."""
    return ProductOfExperts(widths, classes, **options)
