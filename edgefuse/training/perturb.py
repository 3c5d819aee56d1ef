"""Changes of standardised features, drawn anew in every batch."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Change: TypeAlias = Callable[[Tensor, float], Tensor]
_SEQUENCE = 3
"""Axes of (B, steps, channels)."""


def perturbed(x: Tensor, changes: Mapping[str, float]) -> Tensor:
    """(B, *shape) -> the same; ids of tokens stay as they are."""
    if x.dtype == torch.int64:
        return x
    for name, amount in changes.items():
        x = _CHANGES[name](x, amount)
    return x


def _noise(x: Tensor, amount: float) -> Tensor:
    """Gaussian, in standard deviations of the feature (Bishop 1995)."""
    return x + torch.randn_like(x) * amount


def _scale(x: Tensor, amount: float) -> Tensor:
    """Each sample by a factor around 1."""
    return x * (1 + amount * torch.randn_like(_row(x)))


def _span(x: Tensor, amount: float, axis: int) -> Tensor:
    """Up to a share `amount` of an axis in a row is the mean (Park et al. 2019, SpecAugment)."""
    if x.dim() <= axis:
        return x
    size = x.shape[axis]
    width = torch.rand(len(x), 1) * amount * size
    start = torch.rand(len(x), 1) * (size - width)
    at = torch.arange(size).unsqueeze(0)
    hidden = (at >= start) & (at < start + width)
    shape = [len(x), *[1] * (axis - 1), size, *[1] * (x.dim() - axis - 1)]
    return x.masked_fill(hidden.reshape(shape), 0.0)


def _time(x: Tensor, amount: float) -> Tensor:
    """Of steps: axis 1 of a sequence, a spectrogram or frames."""
    return _span(x, amount, 1) if x.dim() >= _SEQUENCE else x


def _bands(x: Tensor, amount: float) -> Tensor:
    """Of the bands of a spectrogram, or of the columns of pictures."""
    return _span(x, amount, x.dim() - 1) if x.dim() >= _SEQUENCE else x


def _channels(x: Tensor, amount: float) -> Tensor:
    """Each channel, the last axis, is the mean with that chance."""
    kept = torch.rand(len(x), x.shape[-1]) >= amount
    return x * kept.reshape(len(x), *[1] * (x.dim() - 2), x.shape[-1])


def _row(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :1].reshape(len(x), *[1] * (x.dim() - 1))


_CHANGES: Mapping[str, Change] = {
    "noise": _noise,
    "scale": _scale,
    "time": _time,
    "bands": _bands,
    "channels": _channels,
}
