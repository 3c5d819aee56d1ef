"""The network: standardisation, an encoder per modality, a fusion behind the mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefuse.training import plugins

_NOTHING = 1e-6
_FAR = 10.0
"""Standard deviations from the mean beyond which a value says no more."""


@dataclass(frozen=True, slots=True)
class Input:
    """One modality as the network takes it."""

    name: str
    shape: tuple[int, ...]
    encoder: str
    options: Mapping[str, Any]
    pixels: bool = False
    """One mean for all values, not one for each of the last axis."""
    tokens: bool = False
    """Ids, int64."""


@dataclass(frozen=True, slots=True)
class Design:
    """All that makes a network, besides its weights."""

    inputs: tuple[Input, ...]
    classes: int
    fusion: str = "concat"
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: int = 0
    dropout: float = 0.2

    def only(self, name: str) -> "Design":
        """The design of one modality alone."""
        inputs = tuple(each for each in self.inputs if each.name == name)
        return Design(inputs, self.classes, "concat", {}, self.hidden, self.dropout)


class Standardise(nn.Module):
    """Zero mean, unit variance, as fitted; NaN becomes the mean."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...], *, pixels: bool) -> None:
        super().__init__()
        size = 1 if pixels else shape[-1]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def fit(self, x: Tensor) -> None:
        """Take mean and spread of (n, *shape); what never varies is only shifted."""
        flat = x.reshape(-1, len(self.mean)).double()
        mean = flat.nanmean(0)
        spread = (flat - mean).square().nanmean(0).sqrt()
        self.mean.copy_(torch.nan_to_num(mean))
        self.scale.copy_(torch.where(spread > _NOTHING, 1 / spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> the same, finite."""
        y = (x - self.mean) * self.scale
        return torch.where(torch.isnan(y), torch.zeros_like(y), y).clamp(-_FAR, _FAR)


class Network(nn.Module):
    """{modality: (B, *shape)} and a mask (B, modalities) -> log-probabilities (B, classes); masked inputs do not count.

    With everything masked it gives the prior.
    """

    log_prior: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        self.names = [each.name for each in design.inputs]
        self.standard = nn.ModuleList(
            nn.Identity() if each.tokens else Standardise(each.shape, pixels=each.pixels) for each in design.inputs
        )
        made = [plugins.encoder(each.encoder, each.shape, each.options) for each in design.inputs]
        self.encoders = nn.ModuleList(made)
        widths = {name: int(getattr(one, "width")) for name, one in zip(self.names, made, strict=True)}  # noqa: B009
        inner = {"hidden": design.hidden, "dropout": design.dropout, **design.options}
        self.fusion = plugins.fusion(design.fusion, widths, design.classes, inner)
        self.alone = nn.ModuleList(
            nn.Sequential(nn.Dropout(design.dropout), nn.Linear(width, design.classes)) for width in widths.values()
        )
        self.register_buffer("log_prior", torch.zeros(design.classes))

    def fit(self, x: Mapping[str, Tensor], present: Tensor, labels: Tensor) -> None:
        """Fit what is not learned by gradients on the training data."""
        for number, name in enumerate(self.names):
            here = x[name][present[:, number] > 0]
            if isinstance(layer := self.standard[number], Standardise):
                layer.fit(here)
            if fit := getattr(self.encoders[number], "fit", None):
                fit(here)
        counts = torch.bincount(labels, minlength=self.design.classes).float() + 0.5
        self.log_prior.copy_((counts / counts.sum()).log())

    def encode(self, x: Mapping[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """What every encoder makes of its modality."""
        z = {}
        for number, name in enumerate(self.names):
            here = mask[:, number].reshape(-1, *[1] * (x[name].dim() - 1)) > 0
            standard = self.standard[number](x[name])
            z[name] = self.encoders[number](torch.where(here, standard, torch.zeros_like(standard)))
        return z

    def fuse(self, z: Mapping[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """`log_p` (B, classes), and what else the fusion gives."""
        seen = {
            name: torch.where(mask[:, number : number + 1] > 0, z[name], torch.zeros_like(z[name]))
            for number, name in enumerate(self.names)
        }
        out: dict[str, Any] = self.fusion(seen, mask)
        anything = mask.sum(1, keepdim=True) > 0
        log_p = functional.log_softmax(out["logits"], 1)
        return {**out, "log_p": torch.where(anything, log_p, self.log_prior.expand_as(log_p))}

    def each(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of every modality alone, for the auxiliary losses."""
        return {name: self.alone[number](z[name]) for number, name in enumerate(self.names)}

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Tensor:
        """(B, classes)."""
        log_p: Tensor = self.fuse(self.encode(x, mask), mask)["log_p"]
        return log_p
