"""Early fusion: inputs are laid side by side before anything is understood of them, then one network for all.

Baltrusaitis et al. 2019, "Multimodal machine learning: a survey and taxonomy". The encoders of the recipe are replaced
by a linear layer each (`edgefuse.training.encoders.adapter`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgefuse.training.encoders.adapter import STEPS, WIDTH
from edgefuse.training.encoders.cnn1d import Cnn1d
from edgefuse.training.head import head


class Early(nn.Module):
    """Convolutions along the common steps."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, hidden: int = 0, dropout: float = 0.2, width: int = 64
    ) -> None:
        super().__init__()
        self.joint = Cnn1d((STEPS, WIDTH * len(widths)), width, 3, 3, dropout)
        self.head = head(self.joint.width + len(widths), classes, hidden, dropout)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, STEPS * WIDTH)}, (B, modalities) -> logits."""
        joint = self.joint(torch.cat([each.reshape(-1, STEPS, WIDTH) for each in z.values()], 2))
        return {"logits": self.head(torch.cat([joint, mask], 1))}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: width, of the convolutions."""
    return Early(widths, classes, **options)
