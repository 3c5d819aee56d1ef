"""The network: standardisation, an encoder per modality, a fusion behind the mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefuse.training import plugins
from edgefuse.training.perturb import perturbed

_SHARED = ("embedding", "contrastive")
"""Options of any fusion: width of a common space of all modalities, weight of the contrastive loss in it."""
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
    perturb: Mapping[str, float] = field(default_factory=dict)
    """On standardised values while training, see `edgefuse.training.perturb`."""


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
        flat = torch.where(flat.isinf(), torch.nan, flat)
        mean = flat.nanmean(0)
        spread = (flat - mean).square().nanmean(0).sqrt()
        self.mean.copy_(torch.nan_to_num(mean))
        self.scale.copy_(torch.where(spread > _NOTHING, 1 / spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> the same, finite."""
        y = (x - self.mean) * self.scale
        return torch.where(torch.isnan(y), 0.0, y).clamp(-_FAR, _FAR)

    def back(self, values: Tensor) -> Tensor:
        """From standardised values to units of the input."""
        return values / self.scale + self.mean


class Network(nn.Module):
    """{modality: (B, *shape)} and a mask (B, modalities) -> log-probabilities (B, classes); masked inputs do not count.

    With everything masked it gives the prior. Modalities may have batch 1 where the mask has more rows: each is then
    encoded once for all of them.
    """

    log_prior: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        self.names = [each.name for each in design.inputs]
        self.standard = nn.ModuleList(
            nn.Identity() if each.tokens else Standardise(each.shape, pixels=each.pixels) for each in design.inputs
        )
        early = design.fusion == "early"
        made = [
            plugins.encoder("adapter", each.shape, {"vocabulary": each.options["vocabulary"]} if each.tokens else {})
            if early
            else plugins.encoder(each.encoder, each.shape, each.options)
            for each in design.inputs
        ]
        self.encoders = nn.ModuleList(made)
        widths = {name: int(getattr(one, "width")) for name, one in zip(self.names, made, strict=True)}  # noqa: B009
        own = {name: value for name, value in design.options.items() if name not in _SHARED}
        inner = {"hidden": design.hidden, "dropout": design.dropout, **own}
        self.fusion = plugins.fusion(design.fusion, widths, design.classes, inner)
        self.alone = nn.ModuleList(
            nn.Sequential(nn.Dropout(design.dropout), nn.Linear(width, design.classes)) for width in widths.values()
        )
        if hasattr(self.fusion, "each"):
            self.alone = nn.ModuleList()  # the fusion has heads of its own
        size = int(design.options.get("embedding", 0))
        self.project = nn.ModuleList(nn.Linear(width, size) for width in widths.values()) if size else nn.ModuleList()
        latent = getattr(self.fusion, "latent", 0)
        self.rebuild = nn.ModuleList(
            nn.Linear(latent, prod(each.shape)) for each in design.inputs if latent and not each.tokens
        )
        self.register_buffer("log_prior", torch.zeros(design.classes))

    def fit(self, x: Mapping[str, Tensor], present: Tensor, labels: Tensor, shares: Tensor) -> None:
        """Fit what is not learned by gradients on the training data; `shares` of the classes (classes,) add up to 1."""
        for number, name in enumerate(self.names):
            here = x[name][present[:, number] > 0]
            if isinstance(layer := self.standard[number], Standardise):
                layer.fit(here)
            if fit := getattr(self.encoders[number], "fit", None):
                fit(here)
        self.log_prior.copy_(shares.log())
        if fit := getattr(self.fusion, "fit", None):
            with torch.no_grad():
                fit(self.eval().encode(x), present, labels, shares)

    def standardised(self, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Finite values, NaN as the mean; while training, perturbed."""
        out = {}
        for number, each in enumerate(self.design.inputs):
            values = self.standard[number](x[each.name])
            if self.training and each.perturb:
                values = perturbed(values, each.perturb)
            out[each.name] = values
        return out

    def encode(self, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What every encoder makes of its modality, present or not: the mask is what `fuse` applies."""
        return self.encode_standardised(self.standardised(x))

    def encode_standardised(self, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same, of standardised values."""
        return {name: encoder(x[name]) for name, encoder in zip(self.names, self.encoders, strict=True)}

    def fuse(self, z: Mapping[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """`log_p` (B, classes), and what else the fusion gives."""
        seen = {
            name: torch.where(mask[:, number : number + 1] > 0, z[name], 0.0) for number, name in enumerate(self.names)
        }
        out: dict[str, Any] = self.fusion(seen, mask)
        anything = mask.sum(1, keepdim=True) > 0
        log_p = functional.log_softmax(out["logits"], 1)
        return {**out, "log_p": torch.where(anything, log_p, self.log_prior)}

    def each(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of every modality alone, for the auxiliary losses."""
        if not len(self.alone):
            own: dict[str, Tensor] = self.fusion.each(z)  # type: ignore[operator]
            return own
        return {name: self.alone[number](z[name]) for number, name in enumerate(self.names)}

    def embed(self, z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unit vectors (B, embedding) in the common space; empty without `embedding` in the options of the fusion."""
        pairs = zip(self.names, self.project, strict=False)
        return {name: functional.normalize(layer(z[name]), dim=1) for name, layer in pairs}

    def rebuilt(self, latent: Tensor) -> dict[str, Tensor]:
        """Standardised inputs (B, *shape) as a variational fusion makes them of its latent; empty for others."""
        inputs = [each for each in self.design.inputs if not each.tokens] if len(self.rebuild) else []
        pairs = zip(inputs, self.rebuild, strict=True)
        return {each.name: layer(latent).reshape(-1, *each.shape) for each, layer in pairs}

    def fill(self, x: Mapping[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """What every modality probably is, (B, *shape) in units of the input, from those present.

        Wu & Goodman 2018. Raises ValueError for a fusion that is not variational.
        """
        if not len(self.rebuild):
            raise ValueError(f"fusion '{self.design.fusion}' cannot fill in what is missing; take 'vae'")
        with torch.no_grad():
            made = self.rebuilt(self.fuse(self.encode(x), mask)["latent"])
        layers = dict(zip(self.names, self.standard, strict=True))
        return {name: layers[name].back(values) for name, values in made.items()}  # type: ignore[operator]

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Tensor:
        """(B, classes)."""
        log_p: Tensor = self.fuse(self.encode(x), mask)["log_p"]
        return log_p
