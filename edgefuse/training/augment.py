"""Augmented copies of raw input, made before any feature is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Raw
from edgefuse.training.augmentation import numbers, pictures, sound
from edgefuse.training.augmentation.context import Context, Step


def augmented(raw: Raw, steps: Sequence[Mapping[str, Any]], seed: Sequence[int]) -> Raw:
    """A changed copy: every step, `{jitter: .05}`, in its order on every sample; the same seed gives the same copy.

    A step has a chance of its own with `chance`: `{noise: [0, 20], chance: .5}`. Raises ConfigError for a step that
    this kind of input does not have, or a wrong value.
    """
    if not steps:
        return raw
    chosen = [(_steps(raw.kind, one), float(one.get("chance", 1.0))) for one in steps]
    context = Context(raw.rate, _spread(raw), np.random.default_rng(seed))
    out = np.empty_like(raw.data)
    for number, sample in enumerate(raw.data):
        changed = sample
        for some, chance in chosen:
            if context.rng.random() < chance:
                for step, name, value in some:
                    changed = _changed(step, changed, (name, value), context)
        out[number] = changed
    return replace(raw, data=out)


def _changed(step: Step, sample: Any, told: tuple[str, Any], context: Context) -> Any:
    try:
        return step(sample, told[1], context)
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"augment: {told[0]}: {told[1]}: {error}") from error


def _steps(kind: str, told: Mapping[str, Any]) -> list[tuple[Step, str, Any]]:
    known = _STEPS[kind]
    if unknown := [name for name in told if name not in known and name != "chance"]:
        raise ConfigError(f"augment: {kind} has no '{unknown[0]}' (known: {', '.join(known)})")
    return [(known[name], name, value) for name, value in told.items() if name != "chance"]


def _spread(raw: Raw) -> Any:
    if raw.kind not in {"sequence", "table"}:
        return np.ones(1)
    flat = raw.data.reshape(-1, raw.data.shape[-1]).astype(np.float64)
    known = np.isfinite(flat)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, flat, 0).sum(0) / count
    return np.sqrt((np.where(known, flat - mean, 0) ** 2).sum(0) / count)


def _words(text: str, value: Any, context: Context) -> str:
    """Each word is left out with the chance `value`; one at least stays."""
    words = text.split()
    kept = [word for word in words if context.rng.random() >= value]
    return " ".join(kept or words[:1])


_STEPS: Mapping[str, Mapping[str, Step]] = {
    "waveform": sound.STEPS,
    "sequence": numbers.SEQUENCE,
    "table": numbers.TABLE,
    "image": pictures.IMAGE,
    "frames": pictures.FRAMES,
    "text": {"words": _words},
}
