"""Sounds of house and street: alarm, siren, glass, knock, cry, dog, cough, scream, water, horn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edgefuse.config.models import DetectorConfig, OpenProbability
from edgefuse.core.ports import Context
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
from edgefuse.detectors.sounds.tagger import LABELS, SPEECH, Tagger, Trained, Yamnet
from edgefuse.fusion.features.embedding import EMBEDDING, MEL

Label: TypeAlias = Literal["alarm", "siren", "glass", "knock", "cry", "dog", "cough", "scream", "water", "horn"]
_GAP: Nanoseconds = SECOND // 10
_OFF = 0.6
"""An event lasts until its score falls below this share of its threshold."""
_QUIET = 1e-4
"""Root mean square, of full scale, below which (-80 dB) nothing is looked at."""


class SoundsConfig(DetectorConfig):
    """`{type: sounds, on: [hall_mic], labels: [alarm, glass]}`."""

    type: Literal["sounds"] = "sounds"
    model: str = "sounds"
    """A model of `edgefuse train sounds`, or a YAMNet-shaped .onnx file."""
    classes: Path | None = None
    """Class map (CSV with a column display_name) of a YAMNet-shaped file."""
    labels: Annotated[list[Label], Field(min_length=1)] = Field(default_factory=lambda: cast("list[Label]", [*LABELS]))
    """What is told."""
    min_score: OpenProbability | dict[str, OpenProbability] | None = None
    """Least score, for all labels or by label; default: what the model's card says."""
    every_s: Annotated[float, Field(ge=0.1, le=5)] = 0.5
    """How often the latest sound is looked at."""
    repeat_s: Annotated[float, Field(gt=0)] = 2
    """While an event lasts, tell it again this often."""

    @model_validator(mode="after")
    def _has_classes(self) -> "SoundsConfig":
        if self.model.endswith(".onnx") != (self.classes is not None):
            raise ValueError("expected `classes` with a .onnx file, and with nothing else")
        if isinstance(self.min_score, dict) and (unknown := sorted(set(self.min_score) - set(LABELS))):
            raise ValueError(f"min_score: expected labels of {', '.join(LABELS)}; got {', '.join(unknown)}")
        return self


@dataclass(slots=True)
class _Event:
    """Something that is heard now."""

    start: Nanoseconds
    told: Nanoseconds
    best: float
    again: bool = False


@dataclass(slots=True)
class _Stream:
    """What is known about the sound of one source."""

    latest: NDArray[np.int16]
    """Up to one window."""
    until: Nanoseconds | None = None
    """End of the last chunk."""
    fresh: int = 0
    """Samples since the last look."""
    events: dict[str, _Event] = field(default_factory=dict)


class Sounds:
    """Looks at the latest seconds of every source; tells each event at its onset, and again while it lasts."""

    Config: ClassVar[type] = SoundsConfig
    modality: Modality = "audio"
    accepts: ClassVar[tuple[type, ...]] = (AudioChunk,)

    def __init__(self, config: SoundsConfig, context: Context) -> None:
        """The model waits for `warm_up`."""
        self._config, self._context = config, context
        self._tagger: Tagger | None = None
        self._least: dict[str, float] = {}
        self._streams: dict[str, _Stream] = {}

    @staticmethod
    def models(config: SoundsConfig) -> list[str]:
        """What has to be here for this configuration."""
        return [config.model] if config.classes else [config.model, MEL, EMBEDDING]

    def warm_up(self) -> None:
        """Load the model and what its features need, and run them once. Raises ModelError."""
        before, self._tagger = self._tagger, load(self._config, self._context)
        self._least = thresholds(self._config, self._tagger)
        if before is not None:
            before.close()

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """Take the next sound of a source."""
        if not isinstance(sample, AudioChunk):
            self._context.health.reject("not sound")
            return []
        if self._tagger is None:
            self.warm_up()
        assert self._tagger is not None
        stream = self._streams.setdefault(sample.source, _Stream(np.zeros(0, np.int16)))
        if stream.until is not None and abs(sample.t - stream.until) > _GAP:
            self._context.health.reject("gap in the sound")
            self._streams[sample.source] = stream = _Stream(np.zeros(0, np.int16))
        stream.until = sample.end
        return [
            found
            for window, end in _windows(stream, sample, self._tagger.window, round(self._config.every_s * SAMPLE_RATE))
            for found in self._look(self._tagger, stream, sample, window, end)
        ]

    def reset(self) -> None:
        """Forget what was heard."""
        self._streams.clear()

    def close(self) -> None:
        """Free the models."""
        self._streams.clear()
        if self._tagger is not None:
            self._tagger.close()
            self._tagger = None

    def _look(
        self, tagger: Tagger, stream: _Stream, sample: AudioChunk, window: NDArray[np.int16], end: Nanoseconds
    ) -> Iterator[Observation]:
        quiet = float(np.sqrt(np.mean(np.square(window / 32768)))) < _QUIET
        scores = {} if quiet else tagger.scores(window)
        begin = end - len(window) * SECOND // SAMPLE_RATE
        heard = called(scores, self._least)
        for n, (label, least) in enumerate(sorted(self._least.items())):
            score = scores.get(label, 0.0)
            event = stream.events.get(label)
            if event is None and label in heard:
                stream.events[label] = event = _Event(begin, end, score)
                yield self._tell(sample, n, label, score, event, end)
            elif event is not None and score < least * _OFF:
                del stream.events[label]
            elif event is not None:
                event.best = max(event.best, score)
                if score >= least and end - event.told >= self._config.repeat_s * SECOND:
                    event.told, event.again = end, True
                    yield self._tell(sample, n, label, score, event, end)

    def _tell(
        self, sample: AudioChunk, n: int, label: str, score: float, event: _Event, end: Nanoseconds
    ) -> Observation:
        data: dict[str, Json] = {"onset": not event.again, "best": round(event.best, 4)}
        return Observation(
            id=observation_id(self._context.name, sample.source, end, n),
            detector=self._context.name,
            source=sample.source,
            modality=self.modality,
            kind="sound",
            label=label,
            score=round(score, 4),
            start=event.start,
            end=end,
            area=self._config.area or sample.area,
            data=data,
        )


def load(config: SoundsConfig, context: Context) -> Tagger:
    """The model of a configuration, after a first run. Raises ModelError."""
    if config.classes is not None:
        tagger: Tagger = Yamnet.load(config.model, config.classes, context)
    else:
        tagger = Trained.load(config.model, context)
    tagger.scores(np.zeros(tagger.window, np.int16))
    return tagger


def thresholds(config: SoundsConfig, tagger: Tagger) -> dict[str, float]:
    """Label -> least score, of the labels that are told."""
    own = config.min_score
    known: dict[str, float] = {label: at for label, at in tagger.thresholds.items() if label in config.labels}
    if own is None:
        return known
    return {label: own.get(label, at) if isinstance(own, dict) else own for label, at in known.items()}


def called(scores: Mapping[str, float], least: Mapping[str, float]) -> set[str]:
    """Labels that a window is called: those that reach their threshold and are surer than that somebody talks."""
    return {label for label, at in least.items() if scores.get(label, 0.0) >= max(at, scores.get(SPEECH, 0.0))}


def _windows(
    stream: _Stream, sample: AudioChunk, size: int, every: int
) -> Sequence[tuple[NDArray[np.int16], Nanoseconds]]:
    """Windows (size,) that are complete with this chunk, one for every `every` samples, with the time of their end."""
    sound = np.concatenate([stream.latest, sample.pcm])
    old, out = len(stream.latest), []
    # The next look is due `every` samples after the last one, the first as soon as a window is full.
    at = max(size, old + every - stream.fresh)
    while at <= len(sound):
        out.append((sound[at - size : at], sample.end - (len(sound) - at) * SECOND // SAMPLE_RATE))
        at += every
    stream.fresh = len(sound) - (at - every) if out else stream.fresh + len(sample.pcm)
    stream.latest = sound[-size:]
    return out
