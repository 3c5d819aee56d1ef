"""`edgefuse evaluate wake`: clips as one stream through the product's wake word."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.types import SAMPLE_RATE, SECOND
from edgefuse.detectors.voice import VoiceConfig
from edgefuse.detectors.voice.vad import WINDOW
from edgefuse.detectors.voice.wake import MicroWakeWord, WakeGate
from edgefuse.evaluation.clips import clips, progress, read
from edgefuse.pipeline.clock import SystemClock

_GAP = SAMPLE_RATE
"""Samples of quiet after each clip, as between two calls in a room."""
_NOISE = 3
"""Standard deviation of that quiet, of 32768: no microphone gives zeros."""


@dataclass(slots=True)
class _Run:
    """What came of one folder."""

    opened: list[int]
    """How often the gate opened in each clip and the quiet after it."""
    samples: int = 0
    cpu: int = 0
    """Nanoseconds."""


def evaluate(
    data: Path, *, wake_word: str = "alexa", threshold: float | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Measure on DIR with a folder named after the wake word (each clip says it) and `other/` (none does).

    `n`: clips that say it; `miss_rate`: share of them unheard; `false_accepts`: how often it opened in the `hours` of
    the others; `rtf`: CPU time over duration. Raises ConfigError for another layout, ModelError.
    """
    said, others = clips(data / wake_word)[:limit], clips(data / "other")[:limit]
    least = VoiceConfig.model_fields["wake_threshold"].default if threshold is None else threshold
    clock = SystemClock()
    path = model_store(ModelsConfig(), clock).path(wake_word)
    yes, no = (_listen(folder, WakeGate(MicroWakeWord(path), least), clock) for folder in (said, others))
    return {
        "n": len(said),
        "miss_rate": round(sum(not opened for opened in yes.opened) / len(said), 4),
        "false_accepts": sum(no.opened),
        "hours": round(no.samples / SAMPLE_RATE / 3600, 4),
        "rtf": round((yes.cpu + no.cpu) / SECOND / ((yes.samples + no.samples) / SAMPLE_RATE), 5),
        "others": len(others),
        "opened_more_than_once": sum(opened > 1 for opened in yes.opened),
        "threshold": least,
    }


def _listen(paths: list[Path], gate: WakeGate, clock: SystemClock) -> _Run:
    """One stream: the state is carried from clip to clip."""
    run, noise = _Run([]), np.random.default_rng(0)
    for path in progress(paths, "Listening"):
        opened = 0
        for window in _windows(read(path), noise):
            begin = clock.cpu()
            opened += gate.opens(window) > 0
            run.cpu += clock.cpu() - begin
            run.samples += len(window)
        run.opened.append(opened)
    return run


def _windows(clip: NDArray[np.int16], noise: np.random.Generator) -> Iterator[NDArray[np.int16]]:
    length = _GAP + (-len(clip) - _GAP) % WINDOW
    sound = np.concatenate([clip, noise.normal(0, _NOISE, length).astype(np.int16)])
    return (sound[at : at + WINDOW] for at in range(0, len(sound), WINDOW))
