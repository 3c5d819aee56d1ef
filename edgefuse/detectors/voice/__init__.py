"""Spoken commands: voice activity -> wake word -> capture -> Whisper -> intent with slots -> the thing meant."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edgefuse.config.models import DetectorConfig, OpenProbability, Site
from edgefuse.core.ports import Context, Trial
from edgefuse.core.types import (
    SAMPLE_RATE,
    SECOND,
    AudioChunk,
    Json,
    Modality,
    Nanoseconds,
    Observation,
    Sample,
    observation_id,
)
from edgefuse.detectors.voice import runtime
from edgefuse.detectors.voice.grammar import of_site
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.runtime import Decoding, Runtime
from edgefuse.detectors.voice.states import Effect, Event, Listener, Timing, hear, step
from edgefuse.detectors.voice.understand import Meaning
from edgefuse.detectors.voice.vad import WINDOW, Vad, speaks
from edgefuse.detectors.voice.vad_trial import VadTrial
from edgefuse.detectors.voice.wake import MicroWakeWord, WakeGate
from edgefuse.detectors.voice.whisper_trial import whisper_trial
from edgefuse.grounding.resolve import resolve

_VAD = "silero-vad"
_WINDOW_NS: Nanoseconds = WINDOW * SECOND // SAMPLE_RATE
_GAP: Nanoseconds = SECOND // 10
_PRE_ROLL = 12
"""Windows (.38 s) kept from before the first speech where no wake word is used ..."""
_LATE = 7
"""... and (.22 s) from before a wake word is noticed: it has ended by then, and the order may have begun."""


class VoiceConfig(DetectorConfig):
    """`{type: voice, on: [hall_mic], wake_word: alexa}`."""

    type: Literal["voice"] = "voice"
    wake_word: Literal["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"] | None = "alexa"
    """null: every utterance is an order."""
    wake_threshold: OpenProbability = 0.7
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


@dataclass(slots=True)
class _Stream:
    """What is known about the sound of one source."""

    vad: Vad
    gate: WakeGate | None
    before: deque[NDArray[np.int16]]
    """The latest windows."""
    listener: Listener = field(default_factory=Listener)
    pending: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    until: Nanoseconds | None = None
    """End of the last chunk."""
    captured: list[NDArray[np.int16]] = field(default_factory=list)
    speaking: bool = False

    def reset(self) -> None:
        """Forget everything."""
        self.vad.reset()
        if self.gate:
            self.gate.reset()
        self.listener, self.until, self.speaking = Listener(), None, False
        self.pending = self.pending[:0]
        self.captured.clear()
        self.before.clear()


class Voice:
    """Hears orders in one or more microphones, each on its own."""

    Config: ClassVar[type] = VoiceConfig
    modality: Modality = "audio"
    accepts: ClassVar[tuple[type, ...]] = (AudioChunk,)

    def __init__(self, config: VoiceConfig, context: Context) -> None:
        """Compile the grammar; models wait for `warm_up`. Raises ConfigError for a template that cannot be read."""
        self._config = config
        self._context = context
        self._site: Site = context.site
        self._timing = config.timing
        self._grammar = of_site(self._site, config.language)
        self._streams: dict[str, _Stream] = {}
        self._hearing: Hearing | None = None

    @staticmethod
    def models(config: VoiceConfig) -> list[str]:
        """What has to be pulled for this configuration."""
        wake_word = [config.wake_word] if config.wake_word else []
        return [_VAD, *wake_word, *runtime.needed(config.recogniser, runtime.wanted(config.runtime, config.decoding))]

    @staticmethod
    def trial(model: str) -> Trial | None:
        """How copies of the networks are judged."""
        return VadTrial() if model == _VAD else whisper_trial(model)

    def warm_up(self) -> None:
        """Load voice activity, wake word and recogniser, and run each once. Raises ModelError."""
        config, models = self._config, self._context.models
        vad = models.load(_VAD, self._context.health)
        for source in config.on:
            gate = None
            if config.wake_word:
                gate = WakeGate(MicroWakeWord(models.path(config.wake_word)), config.wake_threshold)
            self._streams[source] = _Stream(Vad(vad), gate, deque(maxlen=_LATE if gate else _PRE_ROLL))
        self._hearing = self._load_hearing()
        silence = np.zeros(WINDOW, dtype=np.int16)
        for stream in self._streams.values():
            stream.vad.speech(silence)
            stream.reset()

    def _load_hearing(self) -> Hearing:
        config, grammar, health = self._config, self._grammar, self._context.health
        recogniser = runtime.load(
            self._context.models,
            config.recogniser,
            runtime.wanted(config.runtime, config.decoding),
            config.language,
            grammar.prompt(),
            config.threads,
            health,
            None if config.decoding == "free" else grammar,
        )
        return Hearing(recogniser, grammar, health, self._context.clock)

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """Take the next sound of a source; observations of kind `wake` and `utterance` come at its end."""
        stream = self._streams.get(sample.source)
        if stream is None or not isinstance(sample, AudioChunk):
            self._context.health.reject("not the sound of a source that it listens to")
            return []
        if stream.until is not None and abs(sample.t - stream.until) > _GAP:
            self._context.health.reject("gap in the sound")
            stream.reset()
        stream.until = sample.end
        return [
            found for window, end in _windows(stream, sample) for found in self._window(stream, sample, window, end)
        ]

    def reset(self) -> None:
        """Forget what was heard."""
        for stream in self._streams.values():
            stream.reset()

    def close(self) -> None:
        """Free the models."""
        self._streams.clear()
        self._hearing = None

    def _window(
        self, stream: _Stream, sample: AudioChunk, pcm: NDArray[np.int16], end: Nanoseconds
    ) -> Iterator[Observation]:
        stream.speaking = speaks(stream.vad.speech(pcm), stream.speaking)
        woken = self._woken(stream, pcm)
        stream.listener, effect = hear(
            stream.listener, self._timing, end, _WINDOW_NS, wake=woken > 0, speech=stream.speaking
        )
        if woken:
            yield self._wake(sample, woken, end)
        self._keep(stream, pcm, effect)
        if effect is Effect.RECOGNISE:
            yield self._utterance(stream, sample, end)
            stream.listener, _ = step(stream.listener, Event.RECOGNISED, end)
            stream.captured.clear()

    def _woken(self, stream: _Stream, pcm: NDArray[np.int16]) -> float:
        if stream.gate is None:
            return 0.0
        with self._context.health.model_call(self._context.clock.cpu):
            return stream.gate.opens(pcm)

    def _keep(self, stream: _Stream, pcm: NDArray[np.int16], effect: Effect) -> None:
        """Capture from the end of the wake word on, or from a little before the first speech."""
        if effect is Effect.BEGIN:
            stream.captured = list(stream.before)
        if effect is Effect.FORGET:
            stream.captured.clear()
        if stream.listener.capturing:
            stream.captured.append(pcm)
        stream.before.append(pcm)

    def _wake(self, sample: AudioChunk, p: float, end: Nanoseconds) -> Observation:
        label = self._config.wake_word or ""
        return self._observe(sample, "wake", label, round(p, 3), (end - SECOND, end), {"wake_word": label})

    def _utterance(self, stream: _Stream, sample: AudioChunk, end: Nanoseconds) -> Observation:
        assert self._hearing is not None
        pcm = np.concatenate(stream.captured)
        meaning = self._hearing.hear(pcm)
        begin = end - len(pcm) * SECOND // SAMPLE_RATE
        data, score = self._grounded(meaning, self._config.area or sample.area)
        return self._observe(sample, "utterance", meaning.intent, score, (begin, end), data)

    def _grounded(self, meaning: Meaning, here: str | None) -> tuple[dict[str, Json], float]:
        found = resolve(meaning.intent, meaning.slots, here, self._site.things)
        p = round(meaning.score * found.p, 3) if meaning.understood else 0.0
        return {
            "text": meaning.text,
            "intent": meaning.intent,
            "slots": dict(meaning.slots),
            "target": found.target,
            "targets": list(found.targets),
            "area": found.area,
            "p": p,
            "question": found.question,
            "candidates": list(found.candidates),
            "because": [*meaning.because, *found.because],
        }, p

    def _observe(
        self,
        sample: AudioChunk,
        kind: str,
        label: str,
        score: float,
        span: tuple[Nanoseconds, Nanoseconds],
        data: dict[str, Json],
    ) -> Observation:
        begin, end = span
        return Observation(
            id=observation_id(self._context.name, sample.source, end, 0 if kind == "utterance" else 1),
            detector=self._context.name,
            source=sample.source,
            modality="audio",
            kind=kind,
            label=label,
            score=min(1.0, max(0.0, score)),
            start=begin,
            end=end,
            area=self._config.area or sample.area,
            data=data,
        )


def _windows(stream: _Stream, sample: AudioChunk) -> Iterator[tuple[NDArray[np.int16], Nanoseconds]]:
    """Cut a stream of chunks of any length into windows, each with the time of its end."""
    pcm = np.concatenate([stream.pending, sample.pcm]) if len(stream.pending) else sample.pcm
    left = len(pcm) % WINDOW
    for at in range(0, len(pcm) - left, WINDOW):
        yield pcm[at : at + WINDOW], sample.end - (len(pcm) - at - WINDOW) * SECOND // SAMPLE_RATE
    stream.pending = pcm[len(pcm) - left :]
