"""Spoken commands: voice activity -> wake word -> capture -> Whisper -> intent with slots -> the thing meant."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefuse.config.models import Site
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
from edgefuse.detectors.voice.config import VoiceConfig
from edgefuse.detectors.voice.gate import threshold
from edgefuse.detectors.voice.grammar import of_site
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.orders import interpreted
from edgefuse.detectors.voice.states import Effect, Event, hear, step
from edgefuse.detectors.voice.stream import Stream, windows
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

__all__ = ["Voice", "VoiceConfig"]


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
        self._own = {name: frozenset(intent.slots) for name, intent in self._site.intents.items()}
        self._streams: dict[str, Stream] = {}
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
            self._streams[source] = Stream(Vad(vad), gate, Level(), deque(maxlen=_LATE if gate else _PRE_ROLL))
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
        return [found for window, end in windows(stream, sample) for found in self._window(stream, sample, window, end)]

    def reset(self) -> None:
        """Forget what was heard."""
        for stream in self._streams.values():
            stream.reset()

    def close(self) -> None:
        """Free the models."""
        self._streams.clear()
        self._hearing = None

    def _window(
        self, stream: Stream, sample: AudioChunk, pcm: NDArray[np.int16], end: Nanoseconds
    ) -> Iterator[Observation]:
        stream.speaking = speaks(stream.vad.speech(pcm), stream.speaking)
        woken = self._woken(stream, pcm, self._config.area or sample.area)
        stream.listener, effect = hear(
            stream.listener, self._timing, end, _WINDOW_NS, wake=woken > 0, speech=stream.speaking
        )
        if woken:
            stream.woken = round(woken, 3)
            yield self._wake(sample, woken, end)
        self._keep(stream, pcm, effect)
        if effect is Effect.RECOGNISE:
            yield self._utterance(stream, sample, end)
            stream.listener, _ = step(stream.listener, Event.RECOGNISED, end)
            stream.captured.clear()

    def _woken(self, stream: Stream, pcm: NDArray[np.int16], area: str | None) -> float:
        if stream.gate is None:
            return 0.0
        least = stream.gate.configured
        if self._config.gate:
            least = threshold(least, self._context.attention.views.get(area or ""))
        with self._context.health.model_call(self._context.clock.cpu):
            return stream.gate.opens(pcm, least)

    def _keep(self, stream: Stream, pcm: NDArray[np.int16], effect: Effect) -> None:
        """Capture from the end of the wake word on, or from a little before the first speech."""
        if effect is Effect.BEGIN:
            stream.captured = list(stream.before)
            stream.level.begin()
        if effect is Effect.FORGET:
            stream.captured.clear()
        if stream.listener.capturing:
            stream.captured.append(pcm)
        stream.before.append(pcm)
        stream.level.hear(pcm, speech=stream.speaking)

    def _wake(self, sample: AudioChunk, p: float, end: Nanoseconds) -> Observation:
        label = self._config.wake_word or ""
        return self._observe(sample, "wake", label, round(p, 3), (end - SECOND, end), {"wake_word": label})

    def _utterance(self, stream: Stream, sample: AudioChunk, end: Nanoseconds) -> Observation:
        assert self._hearing is not None
        pcm = np.concatenate(stream.captured)
        meaning = self._hearing.hear(pcm)
        begin = end - len(pcm) * SECOND // SAMPLE_RATE
        data, score = self._grounded(meaning, self._config.area or sample.area)
        data |= {
            "interpretations": [each.to_json() for each in interpreted(meaning, self._own)],
            "level_db": stream.level.db,
            "wake": stream.woken,
            "language": self._config.language,
        }
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
