"""A recogniser elsewhere: a service that speaks Wyoming."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgefuse import wyoming
from edgefuse.config.models import Service
from edgefuse.core.health import PartHealth
from edgefuse.core.types import SAMPLE_RATE, Nanoseconds
from edgefuse.detectors.voice.recogniser import Heard

_LOGPROB = math.log(0.5)
"""A service says no probability."""


class WyomingRecogniser:
    """Sends an order when it is complete; connects anew for each, so that the service may come and go."""

    def __init__(self, service: Service, language: str, health: PartHealth) -> None:
        """`health`: is degraded while there is no answer. Raises ConfigError without the library."""
        wyoming.library()
        self._service, self._language, self._health = service, language, health
        self._failing = False

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        """Have `pcm` (n,) at 16 kHz written down. Raises ServiceError, which is counted."""
        try:
            text = self._asked(pcm)
        except wyoming.ServiceError as error:
            self._failing = True
            self._health.reject("no answer of the recogniser")
            self._health.set("degraded", f"recogniser: {error}")
            raise
        if self._failing:
            self._failing = False
            self._health.set("ok")
        return Heard(text, _LOGPROB, 0.0)

    def fit(self, heard: Heard, text: str) -> float:
        """It cannot be asked: `Heard.encoded` is None, which says so."""
        raise NotImplementedError

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        """It cannot be asked."""
        raise NotImplementedError

    def cpu(self) -> Nanoseconds:
        """None of this machine."""
        return 0

    def _asked(self, pcm: NDArray[np.int16]) -> str:
        from wyoming.asr import Transcribe
        from wyoming.audio import AudioChunk, AudioStart, AudioStop

        url = self._service.wyoming
        with wyoming.talk(url, self._service.timeout_s) as link:
            link.send(Transcribe(name=self._service.name, language=self._language))
            link.send(AudioStart(SAMPLE_RATE, 2, 1))
            for at in range(0, len(pcm), wyoming.BLOCK):
                link.send(AudioChunk(SAMPLE_RATE, 2, 1, pcm[at : at + wyoming.BLOCK].tobytes()))
            link.send(AudioStop())
            return wyoming.text_of(wyoming.answer(link, "transcript"), "text", url).strip()
