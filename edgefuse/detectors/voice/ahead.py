"""Recognising in a thread of its own while the detector goes on listening."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.health import PartHealth
from edgefuse.core.types import Nanoseconds
from edgefuse.detectors.voice.understand import Meaning

Hear = Callable[[NDArray[np.int16]], Meaning]
_PATIENCE_S = 5.0
"""A library's threads that are freed while the process ends take it down with them."""


@dataclass(slots=True, eq=False)
class Job:
    """One stretch of sound to be understood."""

    pcm: NDArray[np.int16] = field(repr=False)
    until: Nanoseconds
    """End of the last speech in it."""
    dropped: bool = False
    """Nobody wants it any more: it is not begun."""
    _done: threading.Event = field(default_factory=threading.Event, repr=False)
    _meaning: Meaning | None = None
    _error: BaseException | None = None

    def work(self, hear: Hear) -> None:
        """Do it, on any thread."""
        try:
            self._meaning = None if self.dropped else hear(self.pcm)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is taken
            self._error = error
        self._done.set()

    def result(self) -> Meaning:
        """Wait for it. Raises what the recogniser raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._meaning is not None, "taken after it was dropped"
        return self._meaning


class Ahead:
    """What understands sound, on a daemon thread, which cannot hold up the exit of the process, or on the caller's."""

    def __init__(self, make: Callable[[PartHealth], Hear], health: PartHealth, *, apart: bool) -> None:
        """`make`: given where its model calls are counted. `apart`: in a thread of its own."""
        self._health = health
        self._used = PartHealth(health.name, health.kind, info=health.info)
        self._counted: Nanoseconds = 0
        self._hear = make(self._used)
        self._jobs: SimpleQueue[Job | None] | None = None
        if apart:
            self._jobs = SimpleQueue()
            name = f"{health.name} ahead"
            self._thread = threading.Thread(target=self._serve, args=(self._jobs,), name=name, daemon=True)
            self._thread.start()

    def begin(self, pcm: NDArray[np.int16], until: Nanoseconds) -> Job:
        """Have sound (n,) understood: soon, where that is apart, else before it returns."""
        job = Job(pcm, until)
        if self._jobs:
            self._jobs.put(job)
        else:
            job.work(self._hear)
        return job

    def result(self, job: Job) -> Meaning:
        """Wait for it, and count the CPU time of all model calls so far. Raises what the recogniser raised."""
        meaning = job.result()
        used = self._used.model_cpu
        self._health.model_cpu += used - self._counted
        self._counted = used
        return meaning

    def end(self) -> None:
        """Let the thread end after what it was given, and free what it used; a recogniser that hangs is left behind."""
        if self._jobs:
            self._jobs.put(None)
            self._thread.join(_PATIENCE_S)

    def _serve(self, jobs: "SimpleQueue[Job | None]") -> None:
        while (job := jobs.get()) is not None:
            job.work(self._hear)
