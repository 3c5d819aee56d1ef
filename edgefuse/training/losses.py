"""Losses beside the classes."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgefuse.training.network import Network

_TEMPERATURE = 0.1


def contrastive(embedding: Mapping[str, Tensor], present: Tensor, labels: Tensor) -> Tensor:
    """InfoNCE between every two modalities: unit vectors (B, d) of one sample are close, of others far.

    van den Oord et al. 2018; Radford et al. 2021 (CLIP). Samples of one label are no negatives of each other (Yang et
    al. 2022, "Unified contrastive learning in image-text-label space").
    """
    loss = torch.zeros(())
    for (i, a), (j, b) in combinations(enumerate(embedding.values()), 2):
        both = (present[:, i] > 0) & (present[:, j] > 0)
        if int(both.sum()) > 1:
            score = a[both] @ b[both].T / _TEMPERATURE
            same = (labels[both].unsqueeze(0) == labels[both].unsqueeze(1)).float()
            target = same / same.sum(1, keepdim=True)
            loss = loss + (functional.cross_entropy(score, target) + functional.cross_entropy(score.T, target)) / 2
    return loss


def rebuilding(network: Network, x: Mapping[str, Tensor], out: Mapping[str, Any], present: Tensor) -> Tensor:
    """Squared error of the inputs that a variational fusion rebuilds, also of those masked; 0 for others."""
    loss = torch.zeros(())
    if "latent" not in out:
        return loss
    for name, made in network.rebuilt(out["latent"]).items():
        here = present[:, network.names.index(name)]
        error = (made - x[name]).square().flatten(1).mean(1)
        loss = loss + (error * here).sum() / here.sum().clamp_min(1)
    return float(getattr(network.fusion, "rebuild", 1.0)) * loss
