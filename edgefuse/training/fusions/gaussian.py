"""Gaussian classes: a mean for each, one covariance for all, in closed form (linear discriminants, Fisher 1936).

Modalities count as independent given the class, so what is missing drops out exactly (Kittler et al. 1998, the product
rule). Hardly anything can be overfitted: for few days or subjects, where networks learn by heart.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_RIDGE = 1e-2
_DEEPEST = -6.0
"""Log-likelihood, against the likeliest class, below which a modality says no more: no class is impossible."""


class Gaussian(nn.Module):
    """Take encoder `values`; all that gradients learn is how sharp the probabilities are."""

    log_prior: Tensor
    weight: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        classes: int,
        hidden: int = 0,
        dropout: float = 0.0,
        trust: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        del hidden, dropout
        unknown = set(trust or {}) - set(widths)
        if unknown:
            raise ValueError(f"trust of '{min(unknown)}': no such modality (known: {', '.join(widths)})")
        self.names = list(widths)
        self.maps = nn.ModuleList(
            nn.Linear(size, classes).requires_grad_(requires_grad=False) for size in widths.values()
        )
        self.sharpness = nn.Parameter(torch.zeros(()))
        self.register_buffer("log_prior", torch.zeros(classes))
        self.register_buffer("weight", torch.tensor([float((trust or {}).get(name, 1.0)) for name in self.names]))

    def fit(self, z: Mapping[str, Tensor], present: Tensor, labels: Tensor, shares: Tensor) -> None:
        """Take means and covariances of the training data; `shares` of the classes (classes,)."""
        self.log_prior.copy_(shares.log())
        for number, name in enumerate(self.names):
            here = present[:, number] > 0
            values, own = z[name][here].double(), labels[here]
            means = torch.stack([values[own == each].mean(0) for each in range(len(shares))]).nan_to_num()
            rest = values - means[own]
            covariance = rest.T @ rest / len(rest) + _RIDGE * torch.eye(rest.shape[1], dtype=rest.dtype)
            weights = torch.linalg.solve(covariance, means.T).T
            layer = self.maps[number]
            assert isinstance(layer, nn.Linear)
            layer.weight.data.copy_(weights)
            layer.bias.data.copy_(-0.5 * (weights * means).sum(1))

    def each(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of every modality alone."""
        return {
            name: self.log_prior + self.sharpness.exp() * _bounded(layer(z[name]))
            for name, layer in zip(self.names, self.maps, strict=True)
        }

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """{modality: (B, width)}, (B, modalities) -> logits; trust is relative to the most trusted that is present."""
        told = torch.stack([_bounded(layer(each)) for layer, each in zip(self.maps, z.values(), strict=True)], 1)
        weight = self.weight * mask
        weight = weight / weight.max(1, keepdim=True).values.clamp_min(1e-6)
        return {"logits": self.log_prior + self.sharpness.exp() * (told * weight.unsqueeze(2)).sum(1)}


def _bounded(told: Tensor) -> Tensor:
    """(B, classes), 0 for the likeliest."""
    return (told - told.max(1, keepdim=True).values).clamp_min(_DEEPEST)


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: trust, {modality: weight of its word}, 1 where it is not named."""
    return Gaussian(widths, classes, **options)
