"""Says cheaply whether anything in a picture moves."""

import numpy as np
from numpy.typing import NDArray

_HEIGHT = 100
"""Pixels of the picture that is compared."""
_WIDEST = 1000
_LEARNING = 0.05
"""Share of each picture in the running average."""
_DIFFERENT = 25
"""Levels of grey by which a pixel must differ."""


class MotionGate:
    """Compares each picture with the running average of the earlier ones."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._average: NDArray[np.float32] | None = None

    def moves(self, image: NDArray[np.uint8]) -> bool:
        """Whether more than the threshold's share of the (height, width, 3) picture differs; the first one does."""
        import cv2

        height, width = image.shape[:2]
        size = (min(max(1, round(width * _HEIGHT / height)), _WIDEST), _HEIGHT)
        grey = cv2.GaussianBlur(cv2.cvtColor(cv2.resize(image, size), cv2.COLOR_BGR2GRAY), (3, 3), 0)
        if self._average is None or self._average.shape != grey.shape:
            self._average = grey.astype(np.float32)
            return True
        different = cv2.absdiff(grey, cv2.convertScaleAbs(self._average)) > _DIFFERENT
        cv2.accumulateWeighted(grey, self._average, _LEARNING)
        return bool(np.count_nonzero(different) > self._threshold * different.size)

    def reset(self) -> None:
        """Forget the picture."""
        self._average = None
