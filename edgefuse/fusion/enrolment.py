"""Phrases enrolled by examples: a sound is like a phrase when it lies near the mean of examples of it.

Snell et al. 2017, "Prototypical networks for few-shot learning", with cosines. The space is a model's own, of sounds.
"""

import numpy as np
from numpy.typing import NDArray


def prototype(examples: NDArray[np.floating]) -> NDArray[np.float64]:
    """(members, size) unit vectors of a phrase from those of its examples (m, members, size).

    Examples are what the output `sound_members` of a model gives, members second. Raises ValueError without any.
    """
    if not len(examples):
        raise ValueError("expected at least one example of the phrase, got none")
    mean = np.asarray(examples, np.float64).mean(0)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def likeness(
    sounds: NDArray[np.floating], phrase: NDArray[np.floating], free: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """(n,) cosine, -1..1, of each sound (n, members, size) with a phrase (members, size), the mean over members.

    `free` (n, members) says which members judge a sound, all unless it is given.
    """
    cosines = np.einsum("nsd,sd->ns", sounds, phrase)
    return np.asarray(np.average(cosines, axis=1, weights=None if free is None else free.astype(np.float64)))
