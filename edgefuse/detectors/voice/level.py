"""How loud somebody speaks over the noise that was there before, one stream."""

import math

import numpy as np
from numpy.typing import NDArray

_FALLS, _RISES = 0.5, 0.02
"""Share of the way that the floor goes to the next window's power: at once to quiet, in 1.6 s to noise that begins."""
_LOUDEST = 96.0
"""dB between the least and the greatest sample of 16 bits."""


class Level:
    """Speech level of one capture over the noise floor of its stream."""

    def __init__(self) -> None:
        self._floor: float | None = None
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
        elif not speech:
            self._floor += _RISES * (power - self._floor)

    def begin(self) -> None:
        """A capture begins: what was spoken before does not count."""
        self._spoken, self._windows = 0.0, 0

    @property
    def db(self) -> float:
        """Mean power of the speech since `begin` over the noise floor; 0 without speech or below the noise."""
        if not self._windows or not self._floor:
            return 0.0
        ratio = self._spoken / self._windows / self._floor
        return round(min(_LOUDEST, max(0.0, 10 * math.log10(ratio))), 1)

    def reset(self) -> None:
        """Forget the stream."""
        self._floor = None
        self.begin()


def power_of(pcm: NDArray[np.int16]) -> float:
    """Mean square of samples (n,), 1 more than it is: no microphone gives zeros."""
    sound = pcm.astype(np.float32)
    return float(sound @ sound) / max(1, len(sound)) + 1.0
