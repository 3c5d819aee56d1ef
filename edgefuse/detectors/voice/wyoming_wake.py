"""Wake words by a service that speaks Wyoming, one stream."""

import threading
from queue import Empty, Full, Queue

import numpy as np
from numpy.typing import NDArray

from edgefuse import wyoming
from edgefuse.config.models import Service
from edgefuse.core.health import PartHealth
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.detectors.voice.vad import WINDOW

_WAITING = 8 * SAMPLE_RATE // WINDOW
"""Windows that may wait to be sent (8 s)."""
_AGAIN_S = 2
"""Pause before it connects again."""
_POLL_S = 0.5


class WyomingWake:
    """Streams all sound to the service, in threads of its own; the detector never waits for it.

    A detection comes when the service has noticed: it belongs to the window that is heard then.
    """

    def __init__(self, service: Service, health: PartHealth) -> None:
        """`health`: is degraded while the service is away. Raises ConfigError without the library."""
        wyoming.library()
        self._service, self._health = service, health
        self._sound: Queue[bytes] = Queue(_WAITING)
        self._found = threading.Event()
        self._stop = threading.Event()
        threading.Thread(target=self._work, name=f"{health.name} wake", daemon=True).start()

    def hear(self, pcm: NDArray[np.int16]) -> float:
        """1 when the service has found the word since the last window, else 0."""
        try:
            self._sound.put_nowait(pcm.tobytes())
        except Full:
            self._health.reject("sound that the wake word service did not take")
            self._health.set("degraded", f"wake word: {self._service.wyoming} does not keep up")
        if not self._found.is_set():
            return 0.0
        self._found.clear()
        return 1.0

    def reset(self) -> None:
        """Forget what was found."""
        self._found.clear()

    def close(self) -> None:
        """End the stream."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._stream()
            except wyoming.ServiceError as error:
                self._health.reject("no wake word service")
                self._health.set("degraded", f"wake word: {error}")
                self._stop.wait(_AGAIN_S)

    def _stream(self) -> None:
        """One connection, to its end. Raises ServiceError."""
        from wyoming.audio import AudioChunk, AudioStart

        link = wyoming.Link(self._service.wyoming, self._service.timeout_s)
        try:
            self._ask(link)
            link.send(AudioStart(SAMPLE_RATE, 2, 1))
            self._forget()
            lost = threading.Event()
            link.patient()
            threading.Thread(target=self._listen, args=(link, lost), name="wake words", daemon=True).start()
            self._health.set("ok")
            while not self._stop.is_set():
                if lost.is_set():
                    raise wyoming.ServiceError(f"{link.url}: the connection ended")
                try:
                    sound = self._sound.get(timeout=_POLL_S)
                except Empty:
                    continue
                link.send(AudioChunk(SAMPLE_RATE, 2, 1, sound))
        finally:
            link.hang_up()
            link.close()

    def _ask(self, link: wyoming.Link) -> None:
        from wyoming.wake import Detect

        link.send(Detect(names=[self._service.name] if self._service.name else None))

    def _forget(self) -> None:
        """What was said while nobody listened is old."""
        while not self._sound.empty():
            self._sound.get_nowait()

    def _listen(self, link: wyoming.Link, lost: threading.Event) -> None:
        """Take detections until the connection ends; a silent service is a good one."""
        try:
            while True:
                if link.receive().type == "detection":
                    self._found.set()
        except wyoming.ServiceError:
            lost.set()
