"""Features of pictures and of short films."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.fusion.features.resample import resize, triangle

Floats = NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. ITU-R BT.601, red green blue."""
_GREY_AXES = 3
_EPSILON = 1e-6


def planes(pictures: NDArray[Any], *, grey: bool) -> Floats:
    """(..., h, w) or (..., h, w, 3) -> (..., 1 or 3, h, w) float32; 8 bits become 0 to 1.

    A last axis of exactly 3 is colour: a picture is never 3 wide.
    """
    scale = np.float32(1 / 255) if pictures.dtype == np.uint8 else np.float32(1)
    values = pictures.astype(np.float32) * scale
    if values.shape[-1] != len(_LUMA):
        return values[..., None, :, :] if grey else np.repeat(values[..., None, :, :], len(_LUMA), axis=-3)
    if grey:
        return np.asarray(values @ _LUMA, np.float32)[..., None, :, :]
    return np.moveaxis(values, -1, -3)


def _pair(size: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"size: got {size}, expected a number of pixels or [height, width]")
    return height, width


@dataclass(frozen=True, slots=True)
class Image:
    """(n, h, w[, 3]) -> (n, channels, height, width) float32."""

    size: int | tuple[int, int] | list[int]
    """Pixels, or [height, width]."""
    grey: bool = True
    normalise: bool = False
    """Whether each picture gets mean 0 and spread 1: brightness and contrast do not matter."""

    def __post_init__(self) -> None:
        """Options are checked before the first sample comes."""
        _pair(self.size)

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError for an array that holds no pictures."""
        _expect(raw, _GREY_AXES, "(n, h, w) or (n, h, w, 3)")
        values = np.stack([resize(planes(each, grey=self.grey), *_pair(self.size)) for each in raw])
        return _normalised(values, (1, 2, 3)) if self.normalise else values


@dataclass(frozen=True, slots=True)
class Frames:
    """(n, t, h, w[, 3]) -> (n, steps, channels, height, width) float32."""

    size: int | tuple[int, int] | list[int]
    """Pixels, or [height, width]."""
    steps: int = 0
    """Resampled in time to that many; 0: as many as come."""
    grey: bool = True
    normalise: bool = False
    """Whether each film gets mean 0 and spread 1."""
    depth: bool = False
    """Of a depth camera, 0 where nothing is: values become relative to the median of what is there, so the distance of
    a person does not matter, and a plane is added that is 1 where something is."""
    differences: float = 0.0
    """Adds the difference to the frame before as further channels, times this; 0: none."""

    def __post_init__(self) -> None:
        """Options are checked before the first sample comes."""
        _pair(self.size)
        if self.steps < 0:
            raise ValueError(f"steps: got {self.steps}, expected 0 or more")
        if self.depth and not self.grey:
            raise ValueError("depth: expected grey: true, depth has no colour")

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError for an array that holds no films."""
        _expect(raw, _GREY_AXES + 1, "(n, t, h, w) or (n, t, h, w, 3)")
        values = np.stack([self._one(each) for each in raw])
        values = _normalised(values, (1, 2, 3, 4)) if self.normalise else values
        if not self.differences:
            return values
        change = np.diff(values, axis=1, prepend=values[:, :1]) * np.float32(self.differences)
        return np.concatenate([values, change], axis=2)

    def _one(self, film: NDArray[Any]) -> Floats:
        pictures = planes(film, grey=self.grey)
        values = resize(_relief(pictures) if self.depth else pictures, *_pair(self.size))
        if not self.steps or self.steps == len(values):
            return values
        return np.tensordot(triangle(self.steps, len(values)), values, axes=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Hog:
    """Histograms of oriented gradients (Dalal and Triggs 2005, unsigned, L2-Hys): (n, h, w[, 3]) -> (n, d) float32.

    d = (height / cell - block + 1) * (width / cell - block + 1) * block * block * bins. Gradients are central
    differences, of the colour that has the largest; votes are shared between the nearest bins and cells.
    """

    size: int | tuple[int, int] | list[int]
    """Pixels, or [height, width]; multiples of `cell`."""
    cell: int = 8
    block: int = 2
    bins: int = 9
    clip: float = 0.2

    def __post_init__(self) -> None:
        """Options are checked before the first sample comes."""
        height, width = _pair(self.size)
        if height % self.cell or width % self.cell or min(height, width) < self.cell * self.block:
            raise ValueError(f"size: got {self.size}, expected multiples of cell {self.cell}, at least one block")

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError for an array that holds no pictures."""
        _expect(raw, _GREY_AXES, "(n, h, w) or (n, h, w, 3)")
        colour = raw.shape[-1] == len(_LUMA)
        return np.stack([self._one(resize(planes(each, grey=not colour), *_pair(self.size))) for each in raw])

    def _one(self, picture: Floats) -> Floats:
        rows, columns = (side // self.cell for side in picture.shape[1:])
        votes = self._votes(picture)
        cells = triangle(rows, picture.shape[1]) @ votes @ triangle(columns, picture.shape[2]).T
        windows = np.lib.stride_tricks.sliding_window_view(cells, (self.block, self.block), axis=(1, 2))
        blocks = np.moveaxis(windows, 0, -1).reshape(rows - self.block + 1, columns - self.block + 1, -1)
        blocks = np.minimum(_unit(blocks), self.clip)
        return _unit(blocks).astype(np.float32).ravel()

    def _votes(self, picture: Floats) -> Floats:
        """(channels, h, w) -> (bins, h, w): magnitude of the gradient, shared between two orientations."""
        padded = np.pad(picture, ((0, 0), (1, 1), (1, 1)), mode="edge")
        across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
        down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
        size = np.hypot(across, down)
        best = size.argmax(0)[None]
        across, down, size = (np.take_along_axis(each, best, 0)[0] for each in (across, down, size))
        position = np.arctan2(down, across) % np.pi * self.bins / np.pi - 0.5
        apart = np.abs(position[None] - np.arange(self.bins)[:, None, None])
        share = np.maximum(0.0, 1.0 - np.minimum(apart, self.bins - apart))
        return np.asarray(share * size, np.float32)


def _relief(film: Floats) -> Floats:
    """(t, 1, h, w) -> (t, 2, h, w): height over the median of what is there, and where that is."""
    there = film > 0
    middle = np.median(film[there]) if there.any() else 0.0
    return np.concatenate([np.where(there, film - middle, 0), there], axis=1, dtype=np.float32)


def _unit(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt((blocks**2).sum(-1, keepdims=True) + _EPSILON)
    return np.asarray(blocks / length, np.float32)


def _normalised(values: Floats, axes: tuple[int, ...]) -> Floats:
    mean, spread = values.mean(axes, keepdims=True), values.std(axes, keepdims=True)
    return np.asarray((values - mean) / (spread + _EPSILON), np.float32)


def _expect(raw: NDArray[Any], axes: int, shape: str) -> None:
    if raw.ndim not in {axes, axes + 1} or (raw.ndim == axes + 1 and raw.shape[-1] != len(_LUMA)):
        raise ValueError(f"got shape {raw.shape}, expected {shape}")


_KINDS: Mapping[str, Callable[..., Callable[[NDArray[Any]], Floats]]] = {"image": Image, "frames": Frames, "hog": Hog}


def make(kind: str, options: Mapping[str, Any], load: object = None) -> Callable[[NDArray[Any]], Floats]:
    """`image`, `frames` or `hog`, with the options of the class."""
    del load
    return _KINDS[kind](**options)
