"""Features of sequences (n, t, channels) and of tables (n, columns)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.fusion.features.resample import triangle

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """How joints are made independent of where somebody stands and how tall they are."""

    root: int
    """This joint becomes the origin, at every step."""
    size: tuple[int, int] | list[int]
    """The distance of these two joints, its median over time, becomes 1."""
    path: bool = False
    """Whether the way of the root since its first step is kept, in the place of the root."""

    def __call__(self, joints: Floats) -> Floats:
        """(t, joints * 3) -> the same shape."""
        points = joints.reshape(len(joints), -1, 3)
        one, other = self.size
        length = np.median(np.linalg.norm(points[:, one] - points[:, other], axis=-1))
        origin = points[:, self.root : self.root + 1]
        moved = points - origin
        if self.path:
            moved[:, self.root] = (origin - origin[:1])[:, 0]
        return (moved / max(float(length), 1e-6)).reshape(joints.shape).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Sequence:
    """(n, t, channels), NaN where nothing is known -> (n, steps, channels') float32.

    What lies before the first and after the last known step is padding and is cut off; gaps between them are bridged
    by straight lines. A sequence of which nothing is known, or a channel of it, stays NaN.
    """

    steps: int = 0
    """The known stretch is resampled to that many, so tempo does not matter; 0: taken step by step, as it comes."""
    skeleton: Mapping[str, Any] | None = None
    """Options of `Skeleton`, for channels that are joints, x y z each."""
    centre: bool = False
    """Whether the mean over time is taken from each channel."""
    magnitude: tuple[tuple[int, ...], ...] | list[list[int]] = ()
    """Groups of channels whose Euclidean norm is added as a channel: it does not depend on how a sensor is worn."""
    derivative: float = 0.0
    """Adds the difference to the step before of every channel, times this; 0: none."""

    def __post_init__(self) -> None:
        """Options are checked before the first sample comes."""
        if self.steps < 0:
            raise ValueError(f"steps: got {self.steps}, expected 0 or more")
        if self.skeleton is not None:
            Skeleton(**self.skeleton)

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError for an array that has not three axes."""
        if raw.ndim != 3:  # noqa: PLR2004  n, t, channels
            raise ValueError(f"sequence: got shape {raw.shape}, expected (n, t, channels)")
        return np.stack([self._one(each) for each in raw.astype(np.float32, copy=False)])

    def _one(self, values: Floats) -> Floats:
        values = _resampled(values, self.steps) if self.steps else values
        if self.skeleton is not None:
            values = Skeleton(**self.skeleton)(values)
        norms = [np.linalg.norm(values[:, list(group)], axis=1, keepdims=True) for group in self.magnitude]
        if self.centre:
            values = values - values.mean(0)
        values = np.concatenate([values, *norms], axis=1)
        if self.derivative:
            change = np.diff(values, axis=0, prepend=values[:1]) * self.derivative
            values = np.concatenate([values, change], axis=1)
        return values.astype(np.float32, copy=False)


def _resampled(values: Floats, steps: int) -> Floats:
    known = np.flatnonzero(np.isfinite(values).any(1))
    if not known.size:
        return np.full((steps, values.shape[1]), np.nan, np.float32)
    stretch = values[known[0] : known[-1] + 1]
    out: Floats = triangle(steps, len(stretch)) @ (stretch if np.isfinite(stretch).all() else _bridged(stretch))
    return out


def _bridged(values: Floats) -> Floats:
    """Gaps of each channel by straight lines; a channel of which nothing is known stays NaN."""
    at = np.arange(len(values))
    columns = []
    for column in values.T:
        known = np.isfinite(column)
        columns.append(np.interp(at, at[known], column[known]) if known.any() else column)
    return np.stack(columns, axis=1).astype(np.float32)


def table(raw: NDArray[Any]) -> Floats:
    """(n, columns) -> the same, float32."""
    return raw.astype(np.float32, copy=False)


def make(kind: str, options: Mapping[str, Any], load: object = None) -> Callable[[NDArray[Any]], Floats]:
    """`sequence` with the options of `Sequence`, or `table`, which has none."""
    del load
    if kind == "table":
        if options:
            raise ValueError(f"got the options {', '.join(options)}, expected none")
        return table
    return Sequence(**options)
