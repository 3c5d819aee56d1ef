"""Spoken commands: voice activity -> wake word -> capture -> Whisper -> intent with slots -> the thing meant."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefuse.config.models import Service, Site
from edgefuse.core.attention import View
from edgefuse.core.health import PartHealth
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
from edgefuse.detectors.voice.ahead import Ahead, Hear
from edgefuse.detectors.voice.config import VoiceConfig
from edgefuse.detectors.voice.gate import threshold
from edgefuse.detectors.voice.grammar import of_site
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.level import Level
from edgefuse.detectors.voice.orders import interpreted
from edgefuse.detectors.voice.own_voice import is_own, speaks
from edgefuse.detectors.voice.states import Effect, Event, Listener, State, hear, step
from edgefuse.detectors.voice.stream import Stream, windows
from edgefuse.detectors.voice.vad import WINDOW, Vad
from edgefuse.detectors.voice.vad_trial import VadTrial
from edgefuse.detectors.voice.wake import MicroWakeWord, Spotter, WakeGate
from edgefuse.detectors.voice.whisper_trial import whisper_trial
from edgefuse.detectors.voice.wyoming_asr import WyomingRecogniser
from edgefuse.detectors.voice.wyoming_wake import WyomingWake
from edgefuse.grounding.words import Words

_VAD = "silero-vad"
_WINDOW_NS: Nanoseconds = WINDOW * SECOND // SAMPLE_RATE
_GAP: Nanoseconds = SECOND // 10
_PRE_ROLL = 12
"""Windows (.38 s) kept from before the first speech where no wake word is used ..."""
_LATE = 7
"""... and (.22 s) from before a wake word is noticed: it has ended by then, and the order may have begun."""

_WARM = 16
"""Windows (.5 s) that voice activity hears before the one that it is asked about, after it has not looked."""
_TOGETHER = 4
"""Windows (.13 s) that are looked at in one go until a wake word is heard: waking up for each costs twice the CPU."""
_UNKNOWN = View()

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
        self._unasked = replace(config.timing, wakes=False)
        self._attention = context.attention
        self._grammar = of_site(self._site, config.language)
        self._words = Words.of_site(self._site, self._grammar.language)
        self._own = {name: frozenset(intent.slots) for name, intent in self._site.intents.items()}
        self._streams: dict[str, Stream] = {}
        self._ahead: Ahead | None = None

    @staticmethod
    def models(config: VoiceConfig) -> list[str]:
        """What has to be pulled for this configuration."""
        wake_word = [config.wake_word] if isinstance(config.wake_word, str) else []
        if isinstance(config.recogniser, Service):
            return [_VAD, *wake_word]
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
            gate = WakeGate(self._spotter(config.wake_word), config.wake_threshold) if config.wake_word else None
            roll = _LATE if gate else _PRE_ROLL
            old = self._streams.get(source)
            self._streams[source] = Stream(Vad(vad), gate, Level(), deque(maxlen=_WARM), roll)
            if old and old.gate:
                old.gate.close()
        ahead = Ahead(self._load_hearing, self._context.health, apart=config.early_s is not None)
        self._end_ahead()
        self._ahead = ahead
        silence = np.zeros(WINDOW, dtype=np.int16)
        for stream in self._streams.values():
            stream.vad.speech(silence)
            stream.reset()

    def _spotter(self, word: str | Service) -> Spotter:
        if isinstance(word, Service):
            return WyomingWake(word, self._context.health)
        return MicroWakeWord(self._context.models.path(word))

    def _load_hearing(self, health: PartHealth) -> Hear:
        config, grammar = self._config, self._grammar
        if isinstance(config.recogniser, Service):
            service = WyomingRecogniser(config.recogniser, config.language, self._context.health)
            return Hearing(service, grammar, health, self._context.clock, self._words).hear
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
        return Hearing(recogniser, grammar, health, self._context.clock, self._words).hear

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
        stream.held += windows(stream, sample)
        if stream.gate and not stream.listener.capturing and len(stream.held) < _TOGETHER:
            return []
        held, stream.held = stream.held, []
        return [found for window, end in held for found in self._window(stream, sample, window, end)]

    def reset(self) -> None:
        """Forget what was heard."""
        for stream in self._streams.values():
            stream.reset()

    def close(self) -> None:
        """Free the models."""
        self.reset()
        self._end_streams()
        self._end_ahead()

    def _end_streams(self) -> None:
        for stream in self._streams.values():
            if stream.gate:
                stream.gate.close()
        self._streams.clear()

    def _end_ahead(self) -> None:
        if self._ahead:
            self._ahead.end()
            self._ahead = None

    def _window(
        self, stream: Stream, sample: AudioChunk, pcm: NDArray[np.int16], end: Nanoseconds
    ) -> Iterator[Observation]:
        area = self._config.area or sample.area or ""
        view, own = self._attention.views.get(area, _UNKNOWN), speaks(self._attention.speaking.get(area), end)
        woken = self._woken(stream, pcm, view, own=own)
        if woken:
            self._attention.interrupt(area)
        called = stream.gate is not None and not _answers(view)
        spoken = stream.speech(pcm, wanted=stream.listener.capturing or (not called and stream.sounds(pcm)))
        if own and self._own_voice(stream, called=called):
            spoken = False
        before = stream.listener
        timing = self._timing if called else self._unasked
        stream.listener, effect = hear(before, timing, end, _WINDOW_NS, wake=woken > 0, speech=spoken)
        if woken:
            yield self._wake(sample, woken, end)
        yield from self._resumed(stream, sample)
        self._keep(stream, pcm, effect, woken)
        self._begin_early(stream, end)
        if effect is Effect.RECOGNISE:
            yield from self._utterance(stream, sample, end)
            stream.listener, _ = step(stream.listener, Event.RECOGNISED, end)
            stream.captured.clear()

    def _woken(self, stream: Stream, pcm: NDArray[np.int16], view: View, *, own: bool) -> float:
        if stream.gate is None:
            return 0.0
        least = stream.gate.configured
        if self._config.gate:
            least = threshold(least, view, speaking=own)
        with self._context.health.model_call(self._context.clock.cpu):
            return stream.gate.opens(pcm, least)

    def _own_voice(self, stream: Stream, *, called: bool) -> bool:
        """Whether speech that is heard while the device speaks is its own; a capture that nobody called for ends."""
        if stream.listener.state is State.CAPTURING:
            if called:
                return False
            stream.give_up()
            stream.captured.clear()
            stream.listener = Listener()
        return True

    def _keep(self, stream: Stream, pcm: NDArray[np.int16], effect: Effect, woken: float) -> None:
        """Capture from the end of the wake word on, or from a little before the first speech."""
        if effect is Effect.BEGIN:
            stream.give_up()
            stream.captured = list(stream.before)[-stream.roll :]
            stream.woken = round(woken, 3)
            stream.level.begin()
        if effect is Effect.FORGET:
            stream.give_up()
            stream.captured.clear()
        if stream.listener.capturing:
            stream.captured.append(pcm)
        stream.before.append(pcm)
        stream.level.hear(pcm, speech=stream.speaking)

    def _begin_early(self, stream: Stream, end: Nanoseconds) -> None:
        """Have the recogniser begin where this may be the end of an order."""
        if self._ahead is None or self._config.early_s is None or stream.early:
            return
        listener = stream.listener
        if listener.state is not State.CAPTURING or listener.spoken < self._timing.shortest:
            return
        if end - listener.quiet_from >= int(self._config.early_s * SECOND):
            stream.early = self._ahead.begin(np.concatenate(stream.captured), listener.quiet_from)

    def _resumed(self, stream: Stream, sample: AudioChunk) -> Iterator[Observation]:
        """Tell the text so far where it was not the end; the moment is the sound's, whenever the recogniser is done."""
        job = stream.early
        if self._ahead is None or job is None or stream.listener.quiet_from <= job.until:
            return
        if self._config.publish and stream.listener.state is State.CAPTURING:
            meaning = self._ahead.result(job)
            begin = job.until - len(job.pcm) * SECOND // SAMPLE_RATE
            yield self._observe(sample, "partial", "", 0.0, (begin, stream.listener.quiet_from), {"text": meaning.text})
        stream.give_up()

    def _wake(self, sample: AudioChunk, p: float, end: Nanoseconds) -> Observation:
        label = self._config.wake_name
        return self._observe(sample, "wake", label, round(p, 3), (end - SECOND, end), {"wake_word": label})

    def _utterance(self, stream: Stream, sample: AudioChunk, end: Nanoseconds) -> Iterator[Observation]:
        assert self._ahead is not None
        area = self._config.area or sample.area
        begin = end - sum(map(len, stream.captured)) * SECOND // SAMPLE_RATE
        job, stream.early = stream.early or self._ahead.begin(np.concatenate(stream.captured), end), None
        meaning = self._ahead.result(job)
        speaking = self._attention.speaking.get(area or "")
        said = self._grammar.language.normalise(speaking.text) if speaking else ""
        spoken = (stream.listener.quiet_from - stream.listener.spoken, stream.listener.quiet_from)
        if is_own(meaning.text, speaking, said, spoken):
            self._context.health.reject("its own voice")
            return
        data = {
            "text": meaning.text,
            "intent": meaning.intent,
            "slots": dict(meaning.slots),
            "because": list(meaning.because),
            "interpretations": [each.to_json() for each in meaning.interpretations or interpreted(meaning, self._own)],
            "level_db": stream.level.db,
            "wake": stream.woken,
            "language": self._config.language,
        }
        score = meaning.score if meaning.understood else 0.0
        yield self._observe(sample, "utterance", meaning.intent, score, (begin, end), data)

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


def _answers(view: View) -> bool:
    """Whether speech is listened to without wake word: the device has asked, and no television talks."""
    return view.asking and not view.television
