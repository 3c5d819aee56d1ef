"""Bag of words weighed by inverse document frequency (Spaerck Jones 1972), then one linear layer."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Bag(nn.Module):
    """Token ids (B, T), 0 where nothing is; rows of TF-IDF have length 1, frequencies are of the training texts."""

    idf: Tensor

    def __init__(
        self, shape: tuple[int, ...], vocabulary: int, width: int = 32, dropout: float = 0.2, *, idf: bool = True
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise ValueError(f"expected token ids, got shape {shape}")
        self.width, self.weighed = width, idf
        self.vectors = nn.Embedding(vocabulary, width, padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("idf", torch.ones(vocabulary))
        self.drop = nn.Dropout(dropout)

    def fit(self, x: Tensor) -> None:
        """Take document frequencies, smoothed by one document that has every word; what no text has counts nothing."""
        if not self.weighed:
            return
        found = torch.zeros(len(x), len(self.idf), dtype=torch.bool)
        found[torch.arange(len(x)).unsqueeze(1), x] = True
        seen = found.sum(0)
        self.idf.copy_(torch.where(seen > 0, torch.log((1 + len(x)) / (1 + seen)) + 1, torch.zeros(())))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T) -> (B, width)."""
        weight = torch.where(x > 0, self.idf[x], torch.zeros_like(self.idf[x]))
        same = (x.unsqueeze(1) == x.unsqueeze(2)).float()
        length = (weight.unsqueeze(1) @ same @ weight.unsqueeze(2)).squeeze(2)  # repeated words add before the square
        total = (self.vectors(x) * weight.unsqueeze(2)).sum(1)
        out: Tensor = self.drop(total / length.clamp_min(1e-6).sqrt() + self.bias)
        return out


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: width, dropout, vocabulary, idf (false: counts alone)."""
    return Bag(shape, **options)
