"""What a person would write by hand: an impact and then stillness is a fall."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IMPACT_G = 3.0
STILL_G = 0.05
"""Spread of the size of acceleration from two to six seconds after the impact."""
QUIET_G = 0.03
STEPS_HZ = (1.4, 2.4)
_LATE_S = 10.0
"""The end of the window, that tells what somebody does now."""
_SURE = 0.9


def rule(acceleration: NDArray[np.float32], rate: float, classes: Sequence[str]) -> NDArray[np.float64]:
    """(n, t, 3) g -> (n, classes), rows sum to 1, for rest, walking, exercise, fall and jolt.

    Over 3 g and then still: fall; over 3 g and then not: jolt. Otherwise from the last ten seconds: hardly any change
    is rest, a rhythm of 1.4 to 2.4 Hz is walking, all else is exercise.
    """
    size = np.linalg.norm(np.nan_to_num(acceleration), axis=2)
    found = [classes.index(_of(each, rate)) for each in size]
    out = np.full((len(size), len(classes)), (1 - _SURE) / (len(classes) - 1))
    out[np.arange(len(size)), found] = _SURE
    return out


def _of(size: NDArray[np.floating], rate: float) -> str:
    peak = int(size.argmax())
    if size[peak] > IMPACT_G:
        after = size[peak + round(2 * rate) : peak + round(6 * rate)]
        return "fall" if len(after) and after.std() < STILL_G else "jolt"
    late = size[-round(_LATE_S * rate) :]
    if late.std() < QUIET_G:
        return "rest"
    power = np.abs(np.fft.rfft(late - late.mean())) ** 2
    strongest = np.fft.rfftfreq(len(late), 1 / rate)[power.argmax()]
    return "walking" if STEPS_HZ[0] <= strongest <= STEPS_HZ[1] else "exercise"
