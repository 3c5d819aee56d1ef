"""Hybrid fusion: concatenation beside late fusion, mean of both (Atrey et al. 2010, a survey)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from edgefuse.training.fusions.concat import Concat
from edgefuse.training.fusions.late import Late


class Hybrid(nn.Module):
    """Log-probabilities of both are averaged."""

    def __init__(self, widths: Mapping[str, int], classes: int, hidden: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.concat = Concat(widths, classes, hidden, dropout)
        self.late = Late(widths, classes, 0, dropout)

    def each(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of every modality alone."""
        return self.late.each(z)

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits."""
        joint, late = self.concat(z, mask)["logits"], self.late(z, mask)["logits"]
        return {"logits": (functional.log_softmax(joint, 1) + functional.log_softmax(late, 1)) / 2}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """No options of its own."""
    return Hybrid(widths, classes, **options)
