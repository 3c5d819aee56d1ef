"""Pictures from OpenCV: opening, masking, and noticing a picture that is black or frozen."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgefuse.config.models import Name, Point, SourceConfig
from edgefuse.core.errors import SourceError, needs
from edgefuse.core.types import SECOND, Nanoseconds

Image: TypeAlias = NDArray[np.uint8]
Polygon: TypeAlias = Annotated[list[Point], Field(min_length=3)]
Side: TypeAlias = Annotated[int, Field(ge=16, le=8192)]
_STEP = 8
"""Every 8th pixel of every 8th row is enough to see that a picture is black or frozen."""
_BLACK = 4.0
"""Mean brightness of 255."""
_ERRORS_ONLY = 2
"""LOG_LEVEL_ERROR, which OpenCV 4 gives no name in Python."""


class PictureConfig(SourceConfig):
    """What every source of pictures has."""

    fps: Annotated[float, Field(gt=0, le=240)] | None = None
    """At most this many pictures a second are decoded and passed on; default all."""
    size: tuple[Side, Side] | None = None
    """Width and height that pictures are scaled to; default as they come."""
    zones: dict[Name, Polygon] = Field(default_factory=dict)
    """Named regions, for detectors and rules: points as fractions of the picture."""
    masks: dict[Name, Polygon] = Field(default_factory=dict)
    """Regions painted black before anything else sees the picture."""


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The module cv2, kept to one thread. Raises ConfigError when it is not installed."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")  # not a line for every damaged packet
    with needs("camera", "pictures"):
        import cv2
    cv2.setNumThreads(1)
    quieten(cv2)
    return cv2


def quieten(cv2: Any) -> None:
    """No warnings from OpenCV 4 or 5: what fails to open is told by SourceError."""
    set_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel
    set_level(_ERRORS_ONLY)


class Prepare:
    """Scales a picture, burns its masks in and makes sure that it is (height, width, 3) BGR."""

    def __init__(self, config: PictureConfig) -> None:
        self._size = config.size
        self._masks = tuple(config.masks.values())
        self._cv2 = opencv()
        self._shape: tuple[int, int] = (0, 0)
        self._points: list[NDArray[np.int32]] = []
        self._seen: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)

    def __call__(self, image: Any) -> Image:
        """The picture as the rest of the program may see it."""
        if image.ndim == 2 or image.shape[2] != 3:  # noqa: PLR2004  rows and columns, blue green red
            code = "COLOR_GRAY2BGR" if image.ndim == 2 or image.shape[2] == 1 else "COLOR_BGRA2BGR"  # noqa: PLR2004  as above
            image = self._cv2.cvtColor(image, getattr(self._cv2, code))
        if self._size and (image.shape[1], image.shape[0]) != self._size:
            image = self._cv2.resize(image, self._size, interpolation=self._cv2.INTER_AREA)
        if image.shape[:2] != self._shape:
            self._measure(*image.shape[:2])
        if self._points:
            self._cv2.fillPoly(image, self._points, (0, 0, 0))
        return np.asarray(image, np.uint8)

    def sample(self, image: Image) -> Image:
        """A thinned-out copy of what no mask covers."""
        return image[::_STEP, ::_STEP][self._seen]

    def _measure(self, height: int, width: int) -> None:
        scale = np.array([width - 1, height - 1])
        self._points = [np.rint(np.array(mask) * scale).astype(np.int32) for mask in self._masks]
        covered = np.zeros((height, width), np.uint8)
        if self._points:
            self._cv2.fillPoly(covered, self._points, 1)
        self._seen = covered[::_STEP, ::_STEP] == 0
        self._shape = (height, width)


class PictureWatch:
    """Says since when a picture is black or does not change."""

    def __init__(self, frozen_s: float) -> None:
        self._patience = int(frozen_s * SECOND)
        self._last: Image | None = None
        self._changed: Nanoseconds = 0
        self._lit: Nanoseconds | None = None

    def look(self, t: Nanoseconds, sample: Image) -> str:
        """Why the picture is of no use, or an empty string."""
        if self._last is None or not np.array_equal(sample, self._last):
            self._last, self._changed = sample, t
        if self._lit is None or not sample.size or float(sample.mean()) > _BLACK:
            self._lit = t
        if t - self._lit >= self._patience:
            return f"black: darker than {_BLACK:g} of 255 for more than {self._patience / SECOND:g} s"
        if t - self._changed >= self._patience and sample.size:
            return f"frozen: the same picture for more than {self._patience / SECOND:g} s"
        return ""


def open_file(path: Path) -> Any:
    """A VideoCapture of a file. Raises SourceError when it is missing or is no video."""
    cv2 = opencv()
    if not path.is_file():
        raise SourceError(f"{path}: no such file or folder")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise SourceError(f"{path}: expected a video, OpenCV cannot open it (damaged, or an unknown format)")
    return capture


def moments(capture: Any) -> Iterator[float]:
    """Grab one picture of an open file after the other; gives its time in seconds from the first.

    Time stamps of the file count where they advance; elsewhere the pictures are one frame rate apart.
    """
    cv2 = opencv()
    period = 1 / (capture.get(cv2.CAP_PROP_FPS) or 25)
    first: float | None = None
    last = -period
    while capture.grab():
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first = stamp if first is None else first
        last = stamp - first if stamp - first > last else last + period
        yield last


def read_picture(path: Path) -> Any | None:
    """A still picture as (height, width, 3) BGR, or None when it cannot be decoded."""
    cv2 = opencv()
    try:
        data = np.fromfile(path, np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None


class Limit:
    """Lets at most `fps` moments a second pass, evenly."""

    def __init__(self, fps: float | None) -> None:
        self._period = SECOND / fps if fps else 0.0
        self._due = float("-inf")

    def due(self, t: Nanoseconds) -> bool:
        """Whether this one passes."""
        if t + self._period / 8 < self._due:
            return False
        on_time = t - self._due < self._period
        self._due = (self._due if on_time else t) + self._period
        return True
