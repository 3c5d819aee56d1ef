"""Mean of learned vectors of words or n-grams: fastText (Joulin et al. 2017, "Bag of tricks ...")."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from edgefuse.training.layers import Steps


class Embedding(nn.Module):
    """Token ids (B, T), 0 where nothing is -> mean vector."""

    def __init__(self, shape: tuple[int, ...], vocabulary: int, width: int = 32, dropout: float = 0.2) -> None:
        super().__init__()
        self.width = width
        self.steps, self.drop = Steps(shape, width, vocabulary), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T) -> (B, width)."""
        steps, here = self.steps(x)
        out: Tensor = self.drop(steps.sum(1) / here.sum(1, keepdim=True))  # padding has the vector 0
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width, dropout, vocabulary."""
    return Embedding(shape, **options)
