"""What an object detector sees, as a few numbers per kind of thing: how sure, where, how many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model
from edgefuse.fusion.features.image import planes
from edgefuse.fusion.features.resample import resize

Floats = NDArray[np.float32]
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)[:, None, None]
_SPREAD = np.array([57.375, 57.12, 58.395], np.float32)[:, None, None]
_CLASSES = 80
_COLUMNS = 3
_BATCHED = 3


@dataclass(frozen=True)
class Detections:
    """(n, h, w[, 3]) RGB -> (n, groups, 3 + levels) float32 by a NanoDet with the 80 classes of COCO.

    Of each group: the highest score in the left, middle and right third of the picture, and for each level of the
    pyramid how many peaks of at least `floor` there are, on a logarithmic scale. The same picture is looked at once.
    """

    model: Model
    groups: Mapping[str, Sequence[int]]
    """Name -> places in COCO's list of 80."""
    floor: float = 0.3

    def __post_init__(self) -> None:
        if not self.groups or any(not 0 <= k < _CLASSES for each in self.groups.values() for k in each):
            raise ValueError(f"groups: expected name: [places in COCO's 80 classes], got {dict(self.groups)}")

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """Raises ValueError for an array that holds no pictures."""
        if raw.ndim not in {_BATCHED, _BATCHED + 1}:
            raise ValueError(f"got shape {raw.shape}, expected (n, h, w) or (n, h, w, 3)")
        seen: dict[bytes, Floats] = {}
        rows = []
        for picture in raw:
            key = picture.tobytes()
            if key not in seen:
                seen[key] = self._one(picture)
            rows.append(seen[key])
        return np.stack(rows)

    def _one(self, picture: NDArray[Any]) -> Floats:
        name, shape = next(iter(self.model.inputs.items()))
        size = shape[-1]
        assert isinstance(size, int)  # else the model is no NanoDet
        outputs = self.model.run({name: _fed(picture, size)})
        levels = [_square(each[0]) for each in outputs.values() if each.shape[-1] == _CLASSES]
        levels.sort(key=len, reverse=True)
        return np.stack([self._group(levels, list(places)) for places in self.groups.values()])

    def _group(self, levels: Sequence[Floats], places: list[int]) -> Floats:
        scores = [level[:, :, places].max(2) for level in levels]
        thirds = [[part.max() for part in np.array_split(level, _COLUMNS, 1)] for level in scores]
        peaks = [np.log1p(np.count_nonzero(_peaks(level) >= self.floor)) for level in scores]
        return np.array([*np.max(thirds, 0), *peaks], np.float32)


def _fed(picture: NDArray[Any], size: int) -> Floats:
    """(h, w[, 3]) RGB -> (1, 3, size, size) BGR, at the top left, its proportions kept, the rest black."""
    colours = planes(picture, grey=False)[::-1] * np.float32(255)
    height, width = colours.shape[1:]
    scale = size / max(height, width)
    down, across = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((3, size, size), np.float32)
    square[:, :down, :across] = resize(colours, down, across)
    return ((square - _MEAN) / _SPREAD)[None]


def _square(scores: NDArray[Any]) -> Floats:
    """(cells, classes) of one level -> (side, side, classes)."""
    side = round(len(scores) ** 0.5)
    return np.asarray(scores, np.float32).reshape(side, side, -1)


def _peaks(scores: Floats) -> Floats:
    """Scores that are the highest among their neighbours, 0 elsewhere."""
    padded = np.pad(scores, 1, constant_values=-1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max((2, 3))
    return np.where(scores >= around, scores, 0)


def make(kind: str, options: Mapping[str, Any], load: Callable[[str], Model] | None) -> Detections:
    """Options: model (name in the store), groups, floor. Raises TypeError or ValueError for wrong ones."""
    del kind
    rest = dict(options)
    name = str(rest.pop("model", "nanodet"))
    if load is None:
        raise ValueError(f"the model '{name}' is needed, and nothing here loads models")
    return Detections(load(name), **rest)
