"""What can be said of a voice detector in the configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgefuse.config.models import DetectorConfig, OpenProbability, Service
from edgefuse.core.types import SECOND
from edgefuse.detectors.voice.runtime import Decoding, Runtime
from edgefuse.detectors.voice.states import Timing


class VoiceConfig(DetectorConfig):
    """`{type: voice, on: [hall_mic], wake_word: alexa}`."""

    type: Literal["voice"] = "voice"
    wake_word: Literal["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"] | Service | None = "alexa"
    """null: every utterance is an order. `{wyoming: tcp://host:10400, name: ok_nabu}`: a service listens for it."""
    wake_threshold: OpenProbability = 0.7
    gate: bool = True
    """Whether the threshold falls where a person is seen, and rises where nobody is or a television is on."""
    language: str = "en"
    recogniser: Literal["whisper-tiny.en", "whisper-base"] | Service = "whisper-tiny.en"
    """`{wyoming: tcp://host:10300}`: a service elsewhere, given every order as sound."""
    runtime: Runtime = "auto"
    """What runs the recogniser: CTranslate2, or the engine layer, on the engine that `models:` says."""
    decoding: Decoding = "auto"
    """Whether what is not in the grammar word for word is heard again with nothing but its sentences in mind."""
    threads: Annotated[int, Field(ge=1, le=16)] = 1
    """Of the recogniser."""
    endpoint_s: Annotated[float, Field(ge=0.2, le=3)] = 0.7
    """Silence that ends an order."""
    early_s: Annotated[float, Field(ge=0.1, le=3)] | None = 0.3
    """Silence after which the recogniser begins, in case it is the end; null: it waits for the end."""
    listen_s: Annotated[float, Field(ge=1, le=30)] = 5
    """How long to wait for an order after the wake word."""
    max_utterance_s: Annotated[float, Field(ge=2, le=28)] = 12
    min_speech_s: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Less speech than this is no order."""

    @model_validator(mode="after")
    def _knows_language(self) -> "VoiceConfig":
        if isinstance(self.recogniser, str) and self.recogniser.endswith(".en") and self.language != "en":
            raise ValueError(f"{self.recogniser} knows English alone; language: {self.language} needs whisper-base")
        return self

    @model_validator(mode="after")
    def _can_decode(self) -> "VoiceConfig":
        if self.decoding == "grammar" and self.runtime == "ctranslate2":
            raise ValueError("decoding: grammar needs runtime: onnx; expected that, or decoding: auto")
        if self.decoding == "grammar" and isinstance(self.recogniser, Service):
            raise ValueError("decoding: grammar needs a recogniser on this device; expected decoding: auto")
        return self

    @property
    def wake_name(self) -> str:
        """What the wake word is called; empty without one."""
        word = self.wake_word
        return (word.name or "wake word") if isinstance(word, Service) else word or ""

    @property
    def timing(self) -> Timing:
        """Limits for the state machine."""
        return Timing(
            endpoint=int(self.endpoint_s * SECOND),
            listen=int(self.listen_s * SECOND),
            longest=int(self.max_utterance_s * SECOND),
            shortest=int(self.min_speech_s * SECOND),
            wakes=self.wake_word is not None,
        )
