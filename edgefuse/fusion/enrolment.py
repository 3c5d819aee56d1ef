"""Phrases enrolled by examples: a recording is like a phrase when it lies near examples of it in the model's space.

Nearest neighbours among examples of few voices rather than their mean (Snell et al. 2017, "Prototypical networks"):
an accent that is unlike all others does not move the rest.
"""

import numpy as np
from numpy.typing import NDArray

NEAREST = 3
"""Examples that count; the others may be of voices that are nothing like the speaker's."""


def likeness(
    sounds: NDArray[np.floating], examples: NDArray[np.floating], free: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """(n,) mean cosine, -1..1, of each sound with the examples that are nearest to it.

    Unit vectors, as the output `sound_members` of a model gives them: `sounds` (n, members, size), `examples`
    (m, members, size). `free` (n, members) says which members judge a sound, all unless it is given. Raises ValueError
    without examples.
    """
    if not len(examples):
        raise ValueError("expected at least one example of the phrase, got none")
    counts = np.ones(sounds.shape[:2]) if free is None else free.astype(np.float64)
    weights = counts / counts.sum(1, keepdims=True)
    n, m = len(sounds), len(examples)
    cosines = (sounds * weights[:, :, None]).reshape(n, -1) @ examples.reshape(m, -1).T
    nearest = np.sort(cosines, axis=1)[:, -NEAREST:]
    return np.asarray(nearest.mean(1), np.float64)
