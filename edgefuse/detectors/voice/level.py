"""How loud somebody speaks over the noise that was there before, one stream."""

import math

import numpy as np
from numpy.typing import NDArray

_FALLS = 0.5
"""Share of the way to a quieter window."""
_RISES = 1.007
""".03 dB for each louder window, 1 dB a second: words have pauses, which pull it down again."""
_LOUDEST = 96.0
"""dB between the least and the greatest sample of 16 bits."""


class Level:
    """Speech level of one capture over the noise floor of its stream."""

    def __init__(self) -> None:
        self._floor: float | None = None
        self._before: float | None = None
        """The floor when the capture began."""
        self._spoken = 0.0
        self._windows = 0

    def hear(self, pcm: NDArray[np.int16], *, speech: bool) -> None:
        """Take the next window (n,)."""
        power = power_of(pcm)
        if speech:
            self._spoken += power
            self._windows += 1
        if self._floor is None:
            self._floor = power
        elif power < self._floor:
            self._floor += _FALLS * (power - self._floor)
        else:
            self._floor = min(power, self._floor * _RISES)

    def above(self, pcm: NDArray[np.int16]) -> float:
        """Power of a window over the noise floor; infinite where that is not known yet."""
        return power_of(pcm) / self._floor if self._floor else math.inf

    def begin(self) -> None:
        """A capture begins: what was spoken before does not count."""
        self._before = self._floor
        self._spoken, self._windows = 0.0, 0

    @property
    def db(self) -> float:
        """Mean power of the speech since `begin` over the noise floor; 0 without speech or below the noise."""
        floors = [floor for floor in (self._before, self._floor) if floor]
        if not self._windows or not floors:
            return 0.0
        ratio = self._spoken / self._windows / min(floors)
        return round(min(_LOUDEST, max(0.0, 10 * math.log10(ratio))), 1)

    def reset(self) -> None:
        """Forget the stream."""
        self._floor = None
        self.begin()


def power_of(pcm: NDArray[np.int16]) -> float:
    """Mean square of samples (n,), 1 more than it is: no microphone gives zeros."""
    sound = pcm.astype(np.float32)
    return float(sound @ sound) / max(1, len(sound)) + 1.0
