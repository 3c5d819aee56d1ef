"""The sound of one source, cut into windows, and what is known about it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Nanoseconds
from edgefuse.detectors.voice.ahead import Job
from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.states import Listener
from edgefuse.detectors.voice.vad import WINDOW, Vad, speaks
from edgefuse.detectors.voice.wake import WakeGate

_OPEN = 2.0
"""3 dB: a window this far above the noise may be speech."""
_LINGER = 31
"""Windows (1 s) for which a window like that is enough to go on listening."""


@dataclass(slots=True)
class Stream:
    """What is known about the sound of one source."""

    vad: Vad
    gate: WakeGate | None
    level: Level
    before: deque[NDArray[np.int16]]
    """The latest windows."""
    roll: int
    """How many of them a capture begins with."""
    listener: Listener = field(default_factory=Listener)
    pending: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    held: list[tuple[NDArray[np.int16], Nanoseconds]] = field(default_factory=list)
    """Windows that have not been looked at yet, each with the time of its end."""
    until: Nanoseconds | None = None
    """End of the last chunk."""
    captured: list[NDArray[np.int16]] = field(default_factory=list)
    early: Job | None = None
    """Recognition that was begun before the order is known to have ended."""
    speaking: bool = False
    woken: float = 0.0
    """Probability of the wake word that opened the capture; 0 without wake word."""
    awake: bool = False
    """Whether voice activity follows the stream."""
    loud: int = 0
    """Windows left of `_LINGER`."""

    def speech(self, pcm: NDArray[np.int16], *, wanted: bool) -> bool:
        """Whether this window holds speech. Voice activity, which costs most, looks only where that is `wanted`."""
        if not wanted:
            self.awake = self.speaking = False
        else:
            if not self.awake:
                self.vad.reset()
                for window in self.before:
                    self.vad.speech(window)
                self.awake = True
            self.speaking = speaks(self.vad.speech(pcm), self.speaking)
        return self.speaking

    def sounds(self, pcm: NDArray[np.int16]) -> bool:
        """Whether a window rose above the noise within the last second, or the noise is not known yet."""
        self.loud = _LINGER if self.level.above(pcm) >= _OPEN else max(0, self.loud - 1)
        return self.loud > 0

    def give_up(self) -> None:
        """Nobody wants to know any more what was recognised ahead."""
        if self.early:
            self.early.dropped = True
            self.early = None

    def reset(self) -> None:
        """Forget everything."""
        self.vad.reset()
        if self.gate:
            self.gate.reset()
        self.level.reset()
        self.give_up()
        self.listener, self.until, self.woken = Listener(), None, 0.0
        self.speaking, self.awake, self.loud = False, False, 0
        self.pending = self.pending[:0]
        self.held.clear()
        self.captured.clear()
        self.before.clear()


def windows(stream: Stream, sample: AudioChunk) -> Iterator[tuple[NDArray[np.int16], Nanoseconds]]:
    """Cut a stream of chunks of any length into windows, each with the time of its end."""
    pcm = np.concatenate([stream.pending, sample.pcm]) if len(stream.pending) else sample.pcm
    left = len(pcm) % WINDOW
    for at in range(0, len(pcm) - left, WINDOW):
        yield pcm[at : at + WINDOW], sample.end - (len(pcm) - at - WINDOW) * SECOND // SAMPLE_RATE
    stream.pending = pcm[len(pcm) - left :]
