"""The sound of one source, cut into windows, and what is known about it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Nanoseconds
from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.states import Listener
from edgefuse.detectors.voice.vad import WINDOW, Vad
from edgefuse.detectors.voice.wake import WakeGate


@dataclass(slots=True)
class Stream:
    """What is known about the sound of one source."""

    vad: Vad
    gate: WakeGate | None
    level: Level
    before: deque[NDArray[np.int16]]
    """The latest windows."""
    listener: Listener = field(default_factory=Listener)
    pending: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    until: Nanoseconds | None = None
    """End of the last chunk."""
    captured: list[NDArray[np.int16]] = field(default_factory=list)
    speaking: bool = False
    woken: float = 0.0
    """Probability of the wake word that opened the capture; 0 without wake word."""

    def reset(self) -> None:
        """Forget everything."""
        self.vad.reset()
        if self.gate:
            self.gate.reset()
        self.level.reset()
        self.listener, self.until, self.speaking, self.woken = Listener(), None, False, 0.0
        self.pending = self.pending[:0]
        self.captured.clear()
        self.before.clear()


def windows(stream: Stream, sample: AudioChunk) -> Iterator[tuple[NDArray[np.int16], Nanoseconds]]:
    """Cut a stream of chunks of any length into windows, each with the time of its end."""
    pcm = np.concatenate([stream.pending, sample.pcm]) if len(stream.pending) else sample.pcm
    left = len(pcm) % WINDOW
    for at in range(0, len(pcm) - left, WINDOW):
        yield pcm[at : at + WINDOW], sample.end - (len(pcm) - at - WINDOW) * SECOND // SAMPLE_RATE
    stream.pending = pcm[len(pcm) - left :]
