"""`edgefuse evaluate wake`: clips as one stream through the product's wake word."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.attention import View
from edgefuse.core.types import SAMPLE_RATE, SECOND
from edgefuse.detectors.voice import VoiceConfig
from edgefuse.detectors.voice.gate import threshold as moved
from edgefuse.detectors.voice.vad import WINDOW
from edgefuse.detectors.voice.wake import MicroWakeWord, WakeGate
from edgefuse.evaluation.babble import Babble, behind
from edgefuse.evaluation.clips import clips, progress, resampled, speech_in
from edgefuse.pipeline.clock import SystemClock

_GAP = SAMPLE_RATE
"""Samples of quiet after each clip, as between two calls in a room."""
_NOISE = 3
"""Standard deviation of that quiet, of 32768: no microphone gives zeros."""
VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "unknown": View(),
        "person": View(watched=True, person=True),
        "facing": View(watched=True, person=True, facing=True),
        "nobody": View(watched=True),
        "television": View(television=True),
    }
)
"""What the gate can be told of the area, by name."""


@dataclass(slots=True)
class _Run:
    """What came of some clips."""

    opened: list[int]
    """How often the gate opened in each clip and the quiet after it."""
    samples: int = 0
    cpu: int = 0
    """Nanoseconds."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What is heard behind every clip."""

    babble: Babble | None
    db: float
    noise: np.random.Generator

    def windows(self, clip: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
        length = _GAP + (-len(clip) - _GAP) % WINDOW
        sound = np.concatenate([clip, self.noise.normal(0, _NOISE, length).astype(np.int16)])
        if self.babble:
            power = float((clip.astype(np.float32) ** 2).mean())
            sound = behind(sound, self.babble.take(len(sound)), power, self.db)
        return (sound[at : at + WINDOW] for at in range(0, len(sound), WINDOW))


def evaluate(  # noqa: PLR0913  by name
    data: Path,
    *,
    wake_word: str = "alexa",
    threshold: float | None = None,
    limit: int | None = None,
    view: str = "unknown",
    babble_db: float | None = None,
    also: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure on DIR with a folder named after the wake word (each clip says it) and `other/` (none does).

    `n`: clips that say it; `miss_rate`: share of them unheard; `false_accepts`: how often it opened in the `hours` of
    the others; `rtf`: CPU time over duration; `threshold`: what the gate made of the configured one for this `view`, a
    key of VIEWS. `also`: folders with more speech that does not say it, looked for in their subfolders too.
    `babble_db`: ratio of the mean power of each clip, with its pauses, to that of six other voices, which say the clips
    that do not say the wake word, in an order that is the same every time. Raises ConfigError for another layout,
    ModelError.
    """
    said, others = clips(data / wake_word)[:limit], clips(data / "other")
    others = [*others, *(path for folder in also for path in speech_in(folder))][:limit]
    configured = VoiceConfig.model_fields["wake_threshold"].default if threshold is None else threshold
    least = moved(configured, VIEWS[view])
    clock = SystemClock()
    path = model_store(ModelsConfig(), clock).path(wake_word)
    voices = [resampled(other) for other in others] if babble_db is not None else []
    yes, no = (
        _listen(folder, WakeGate(MicroWakeWord(path), least), _room(voices, babble_db), clock)
        for folder in (said, others)
    )
    hours = no.samples / SAMPLE_RATE / 3600
    return {
        "n": len(said),
        "miss_rate": round(sum(not opened for opened in yes.opened) / len(said), 4),
        "false_accepts": sum(no.opened),
        "hours": round(hours, 4),
        "rtf": round((yes.cpu + no.cpu) / SECOND / ((yes.samples + no.samples) / SAMPLE_RATE), 5),
        "others": len(others),
        "opened_more_than_once": sum(opened > 1 for opened in yes.opened),
        "threshold": round(least, 4),
        "view": view,
        "babble_db": babble_db,
        "false_accepts_per_hour": round(sum(no.opened) / hours, 2),
    }


def _room(voices: Sequence[NDArray[np.int16]], db: float | None) -> _Room:
    """The same for every folder: the same noise and the same talk."""
    babble = None if db is None else Babble(voices, 0)
    return _Room(babble, db or 0.0, np.random.default_rng(0))


def _listen(paths: Sequence[Path], gate: WakeGate, room: _Room, clock: SystemClock) -> _Run:
    """One stream: the state is carried from clip to clip."""
    run = _Run([])
    for path in progress(paths, "Listening"):
        opened = 0
        for window in room.windows(resampled(path)):
            begin = clock.cpu()
            opened += gate.opens(window) > 0
            run.cpu += clock.cpu() - begin
            run.samples += len(window)
        run.opened.append(opened)
    return run
