"""What can be said of a voice detector in the configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgefuse.config.models import DetectorConfig, OpenProbability
from edgefuse.core.types import SECOND
from edgefuse.detectors.voice.runtime import Decoding, Runtime
from edgefuse.detectors.voice.states import Timing


class VoiceConfig(DetectorConfig):
    """`{type: voice, on: [hall_mic], wake_word: alexa}`."""

    type: Literal["voice"] = "voice"
    wake_word: Literal["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"] | None = "alexa"
    """null: every utterance is an order."""
    wake_threshold: OpenProbability = 0.7
    gate: bool = True
    """Whether the threshold falls where a person is seen, and rises where nobody is or a television is on."""
    language: str = "en"
    recogniser: Literal["whisper-tiny.en", "whisper-base"] = "whisper-tiny.en"
    runtime: Runtime = "auto"
    """What runs the recogniser: CTranslate2, or the engine layer, on the engine that `models:` says."""
    decoding: Decoding = "auto"
    """Whether what is not in the grammar word for word is heard again with nothing but its sentences in mind."""
    threads: Annotated[int, Field(ge=1, le=16)] = 1
    """Of the recogniser."""
    endpoint_s: Annotated[float, Field(ge=0.2, le=3)] = 0.7
    """Silence that ends an order."""
    listen_s: Annotated[float, Field(ge=1, le=30)] = 5
    """How long to wait for an order after the wake word."""
    max_utterance_s: Annotated[float, Field(ge=2, le=28)] = 12
    min_speech_s: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Less speech than this is no order."""

    @model_validator(mode="after")
    def _can_decode(self) -> "VoiceConfig":
        if self.decoding == "grammar" and self.runtime == "ctranslate2":
            raise ValueError("decoding: grammar needs runtime: onnx; expected that, or decoding: auto")
        return self

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
