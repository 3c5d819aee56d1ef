"""What a change of a sample may know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Context:
    """Of the whole modality."""

    rate: float
    """Samples or steps per second."""
    spread: NDArray[np.float64]
    """Standard deviation of each channel or column, over all samples."""
    rng: np.random.Generator


Step: TypeAlias = Callable[[Any, Any, Context], Any]
"""One sample, the value in the recipe -> the sample, changed."""
