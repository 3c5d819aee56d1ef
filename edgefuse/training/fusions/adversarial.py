"""Adversarial alignment: encodings from which nobody can tell the modality.

Gradient reversal of Ganin et al. 2016, "Domain-adversarial training of neural networks".
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefuse.training.head import head


class Adversarial(nn.Module):
    """A common space, a discriminator of modalities that it works against, and concatenation."""

    def __init__(  # noqa: PLR0913
        self,
        widths: Mapping[str, int],
        classes: int,
        hidden: int = 0,
        dropout: float = 0.2,
        *,
        width: int = 64,
        strength: float = 0.5,
        weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.strength, self.weight = strength, weight
        self.project = nn.ModuleList(nn.Sequential(nn.Linear(size, width), nn.ReLU()) for size in widths.values())
        self.discriminator = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, len(widths)))
        self.head = head(width * len(widths) + len(widths), classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits, and while training the loss of the discriminator."""
        common = torch.stack([layer(each) for layer, each in zip(self.project, z.values(), strict=True)], 1)
        common = common * mask.unsqueeze(2)
        out = {"logits": self.head(torch.cat([common.flatten(1), mask], 1))}
        if self.training:
            reversed_ = (1 + self.strength) * common.detach() - self.strength * common
            guess = functional.log_softmax(self.discriminator(reversed_), 2).diagonal(dim1=1, dim2=2)
            out["loss"] = -self.weight * (guess * mask).sum() / mask.sum().clamp_min(1)
        return out


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: width, strength (of the reversed gradient), weight (of the loss)."""
    return Adversarial(widths, classes, **options)
