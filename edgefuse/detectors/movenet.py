"""MoveNet MultiPose: a picture in, persons with 17 points of the body out.

Bottom-up pose estimation from heat maps of centres and joints; the points are those of COCO.
https://www.kaggle.com/models/google/movenet, model card of MoveNet.MultiPose (Google 2021).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Model

Floats: TypeAlias = NDArray[np.float32]
POINTS: tuple[str, ...] = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""In the network's order; left and right are the person's own."""
_VALUES = 56


@dataclass(frozen=True, slots=True)
class Body:
    """One person."""

    points: Floats
    """(17, 2) x, y as fractions of the picture."""
    scores: Floats
    """(17,) how sure each point is, 0..1."""
    box: tuple[float, float, float, float]
    """x, y, width, height as fractions of the picture."""
    score: float

    def point(self, name: str, least: float) -> Floats | None:
        """x, y of a point, or None below the least score."""
        at = POINTS.index(name)
        return self.points[at] if self.scores[at] >= least else None


class Movenet:
    """Runs the network. Raises ModelError for one that has other inputs or outputs."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._input, shape = next(iter(model.inputs.items()))
        if len(model.inputs) != 1 or len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:  # noqa: PLR2004  batch, height, width, colours
            raise ModelError(f"expected one input (1, size, size, 3) of a MoveNet, got {dict(model.inputs)}")
        assert isinstance(shape[1], int)
        self._size = shape[1]

    def look(self, image: NDArray[np.uint8], least: float) -> list[Body]:
        """Persons who score at least `least` in (height, width, 3) BGR, surest first."""
        height, width = image.shape[:2]
        scale = self._size / max(height, width)
        (found,) = self._model.run({self._input: self._letterbox(image, scale)}).values()
        if found.ndim != 3 or found.shape[2] != _VALUES:  # noqa: PLR2004  batch, persons, values
            raise ModelError(f"expected an output (1, persons, {_VALUES}) of a MoveNet, got {found.shape}")
        share = np.array([self._size / (scale * width), self._size / (scale * height)], np.float32)
        bodies = [_body(row, share) for row in found[0] if row[-1] >= least]
        return sorted(bodies, key=lambda body: -body.score)

    def close(self) -> None:
        """Free the network."""
        self._model.close()

    def _letterbox(self, image: NDArray[np.uint8], scale: float) -> Floats:
        """In the top left corner, RGB."""
        import cv2

        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        canvas = np.zeros((1, self._size, self._size, 3), np.float32)
        canvas[0, :height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        return canvas


def _body(row: Floats, share: Floats) -> Body:
    """`share` turns fractions of the network's square into fractions of the picture."""
    joints = row[:51].reshape(17, 3)
    top, left, bottom, right = row[51:55].tolist()
    corners = np.clip(np.array([[left, top], [right, bottom]], np.float32) * share, 0, 1)
    (x, y), (end_x, end_y) = corners.tolist()
    points = (joints[:, 1::-1] * share).astype(np.float32)
    return Body(points, joints[:, 2].copy(), (x, y, end_x - x, end_y - y), float(row[55]))
