"""A network that fuses two aligned pictures: it weighs the bands of their Laplacian pyramids, pixel by pixel."""

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from edgefuse.evaluation.picture_quality import DIRECTION, STRENGTH

_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_RANGE = 4 * 255.0
"""Of a Sobel edge."""
_BRIGHT, _EDGES = 5.0, 10.0
_TINY = 1e-6
_RADII = (1, 4, 12)
_FAINT = 0.05


class PictureFusion(nn.Module):
    """(B, 1, h, w) twice, 0..1, and a mask (B, 2) -> (B, 1, h, w); sides are multiples of 2**levels.

    Bands after Burt & Adelson (1983); a small network with dilated convolutions decides how much of each picture goes
    into each band. What is masked has no weight, so of one picture alone comes that picture.
    """

    smooth: Tensor

    def __init__(self, levels: int = 4, width: int = 16) -> None:
        super().__init__()
        self.levels = levels
        kernel = torch.tensor(_KERNEL)
        self.register_buffer("smooth", (kernel[:, None] * kernel[None, :])[None, None])
        layers: list[nn.Module] = []
        for channels, dilation in ((10, 1), (width, 2), (width, 4), (width, 8)):
            layers += [nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation), nn.GELU()]
        last = nn.Conv2d(width, levels + 1, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one
        self.decide = nn.Sequential(*layers, last)
        self.trust = nn.Parameter(torch.full((levels + 1, len(_RADII)), 1.0))

    def forward(self, first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
        """The fused picture."""
        both = [
            torch.where(mask[:, n, None, None, None] > 0, x, torch.zeros_like(x)) for n, x in enumerate((first, second))
        ]
        looked = [self._looked(x) for x in both]
        logits = self.decide(torch.cat([*looked[0], *looked[1]], 1)) + self._stronger(*looked)
        bands = [self._split(x) for x in both]
        fused: Tensor | None = None
        for level in range(self.levels, -1, -1):
            at = logits[:, level : level + 1]
            at = F.avg_pool2d(at, 2**level) if level else at
            weight = _weight(torch.sigmoid(at), mask)
            band = weight * bands[0][level] + (1 - weight) * bands[1][level]
            fused = band if fused is None else band + self._grow(fused)
        assert fused is not None
        return fused.clamp(0, 1)

    def _looked(self, x: Tensor) -> list[Tensor]:
        """The picture, its details, and how much detail there is around each pixel at three scales."""
        details = x - self._blur(x)
        around = [F.avg_pool2d(details.abs(), 2 * r + 1, 1, r, count_include_pad=False) for r in _RADII]
        return [x, 10 * details, *(20 * each for each in around)]

    def _stronger(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Where training begins: to each place the picture with more detail around it."""
        ratios = [torch.log((a + _FAINT) / (b + _FAINT)) for a, b in zip(first[2:], second[2:], strict=True)]
        return F.conv2d(torch.cat(ratios, 1), self.trust[:, :, None, None])

    def _split(self, x: Tensor) -> list[Tensor]:
        bands = []
        for _ in range(self.levels):
            smaller = self._blur(x)[:, :, ::2, ::2]
            bands.append(x - self._grow(smaller))
            x = smaller
        return [*bands, x]

    def _blur(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.smooth)

    def _grow(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _weight(weight: Tensor, mask: Tensor) -> Tensor:
    """1 where only the first picture is there, 0 where only the second."""
    first, second = mask[:, 0, None, None, None], mask[:, 1, None, None, None]
    return torch.where(second > 0, torch.where(first > 0, weight, torch.zeros_like(weight)), torch.ones_like(weight))


def loss(first: Tensor, second: Tensor, fused: Tensor) -> Tensor:
    """1 - Qabf, and how far brightness and edges are from the stronger of both.

    Qabf and SSIM alone are high for a copy of the picture with more edges, which fuses nothing; the distance to the
    brighter of the two and to the stronger edge (Ma et al., "SwinFusion", 2022) is not.
    """
    bright = (fused - torch.maximum(first, second)).abs().mean()
    (a, _), (b, _), (own, _) = _edges(first), _edges(second), _edges(fused)
    edges = (own - torch.maximum(a, b)).abs().mean() / _RANGE
    return (1 - _qabf(first, second, fused)) + _BRIGHT * bright + _EDGES * edges


def _edges(x: Tensor) -> tuple[Tensor, Tensor]:
    kernel = torch.tensor(_SOBEL)[None, None]
    padded = F.pad(x * 255, (1, 1, 1, 1), mode="reflect")
    across, down = F.conv2d(padded, kernel), F.conv2d(padded, kernel.transpose(2, 3))
    return (across**2 + down**2 + _TINY).sqrt(), torch.atan(down / torch.where(across.abs() < _TINY, _TINY, across))


def _qabf(first: Tensor, second: Tensor, fused: Tensor) -> Tensor:
    """As `edgefuse.evaluation.picture_quality.qabf`, with a gradient."""
    strength, direction = _edges(fused)
    kept, total = [], []
    for one in (first, second):
        there, way = _edges(one)
        share = torch.minimum(there, strength) / torch.maximum(there, strength)
        same = 1 - (way - direction).abs() / (torch.pi / 2)
        kept.append(_sigmoid(share, STRENGTH) * _sigmoid(same, DIRECTION) * there)
        total.append(there)
    found: Tensor = sum(kept).sum() / sum(total).sum()  # type: ignore[union-attr]
    return found


def _sigmoid(x: Tensor, of: tuple[float, float, float]) -> Tensor:
    gain, slope, middle = of
    return gain * torch.sigmoid(-slope * (x - middle))
