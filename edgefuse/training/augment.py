"""Augmented copies of raw input, made before any feature is taken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Raw

Step: TypeAlias = Callable[[NDArray[Any], Any, float, np.random.Generator], NDArray[Any]]
"""One sample, the value in the recipe, samples per second, random numbers -> the sample, changed."""


def augmented(raw: Raw, steps: Sequence[Mapping[str, Any]], seed: Sequence[int]) -> Raw:
    """A changed copy: every step, `{jitter: .05}`, in its order on every sample; the same seed gives the same copy.

    Raises ConfigError for a step that this kind of input does not have.
    """
    if not steps:
        return raw
    pairs = [(_step(raw.kind, name), value) for step in steps for name, value in step.items()]
    rng = np.random.default_rng(seed)
    out = np.empty_like(raw.data)
    for number, sample in enumerate(raw.data):
        changed = sample
        for step, value in pairs:
            changed = step(changed, value, raw.rate, rng)
        out[number] = changed
    return replace(raw, data=out)


def _step(kind: str, name: str) -> Step:
    known = _STEPS.get(kind, {})
    if name not in known:
        raise ConfigError(f"augment: {kind} has no '{name}' (known: {', '.join(known) or 'none'})")
    return known[name]


def _jitter(x: NDArray[Any], value: Any, rate: float, rng: np.random.Generator) -> NDArray[Any]:
    """Gaussian noise of `value` times the spread of each channel."""
    del rate
    with np.errstate(invalid="ignore"):
        spread = np.nan_to_num(np.sqrt(np.nanmean((x - x.mean(0)) ** 2, 0))) if x.ndim > 1 else 1.0
    return np.asarray(x + rng.standard_normal(x.shape) * spread * value, x.dtype)


_STEPS: Mapping[str, Mapping[str, Step]] = {"sequence": {"jitter": _jitter}}
