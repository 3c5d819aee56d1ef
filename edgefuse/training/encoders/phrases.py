"""Phrases by their letters: a list of phrases becomes a list of vectors, each from its own spelling alone."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Phrases(nn.Module):
    """(B, phrases, letters) ids, 0 where nothing is -> (B, phrases * size), zeros for a phrase that is not there.

    Letters are embedded and convolved (Zhang et al. 2015, "Character-level convolutional networks for text
    classification"), and read in order by a GRU; its last state is the phrase.
    """

    def __init__(
        self, shape: tuple[int, ...], vocabulary: int, size: int = 64, width: int = 48, dropout: float = 0.1
    ) -> None:
        super().__init__()
        phrases, _ = shape
        self.size, self.width = size, phrases * size
        self.letters = nn.Embedding(vocabulary, width // 2, padding_idx=0)
        self.near = nn.Conv1d(width // 2, width, 3, padding=1)
        self.far = nn.Conv1d(width, width, 3, padding=1)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Sequential(
            nn.Linear(3 * width, 2 * size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * size, size)
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Every phrase is encoded for itself, so their order does not matter."""
        rows = ids.flatten(0, 1)
        if self.training:  # the phrases of a batch recur in it
            different, which = torch.unique(rows, dim=0, return_inverse=True)
            return self.each(different)[which].reshape(-1, self.width)
        return self.each(rows).reshape(-1, self.width)

    def each(self, ids: Tensor) -> Tensor:
        """(n, letters) -> (n, size)."""
        here = (ids > 0).float().unsqueeze(2)
        count = here.sum(1).clamp_min(1)
        near = torch.relu(self.near(self.letters(ids).transpose(1, 2))).transpose(1, 2) * here
        far = torch.relu(self.far(self.drop(near).transpose(1, 2))).transpose(1, 2) * here
        at = torch.cumsum(here, 1) / count.unsqueeze(1)
        early, late = (far * (1 - at)).sum(1) / count.sqrt(), (far * at).sum(1) / count.sqrt()
        out: Tensor = self.out(torch.cat([early, late, far.amax(1)], 1))
        return out * here.amax(1)


def make(shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """Options: size (of a phrase's vector), width, dropout."""
    return Phrases(shape, **options)
