"""A recording through the same detectors and the same decider, one sample at a time, faster than real time."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgefuse.app.build import Parts, Ports, build_beliefs, build_dialogue, build_parts
from edgefuse.app.models import model_store
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError, SourceError
from edgefuse.core.health import Health
from edgefuse.core.ports import Detector, Incoming, Models
from edgefuse.core.types import SECOND, HealthState, Nanoseconds, Sample
from edgefuse.pipeline.clock import ReplayClock
from edgefuse.pipeline.decide import Decider, Item, Outcome
from edgefuse.pipeline.intake import Feed, emitter, feed, follow_sources, mark_stale, tell_changes
from edgefuse.pipeline.stages import Progress, Report
from edgefuse.pipeline.talk import Talk
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.sources.recorded import Recorded
from edgefuse.sources.scene import Scene, read_scene

DEFAULT_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class NoBroker:
    """The bus of a replay: nobody speaks on it."""

    def subscribe(self, topic_filter: str, handler: Callable[[Incoming], None]) -> None:
        """Listen to nothing."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of one recording on the time line."""

    source: str
    end: Nanoseconds
    state: HealthState
    reason: str


def with_scene(site: Site, scene: Scene) -> Site:
    """Put the recordings of a scene in the place of the sources of the same name; others stay silent.

    Raises ConfigError for a recording of a source that is not configured.
    """
    unknown = sorted(set(scene.sources) - set(site.sources))
    if unknown:
        known = ", ".join(sorted(site.sources))
        raise ConfigError(
            f"the scene has a recording of '{unknown[0]}', which is no configured source (known: {known})"
        )
    sources = {
        name: scene.config_for(name, config) if name in scene.sources else config
        for name, config in site.sources.items()
    }
    return site.model_copy(update={"sources": sources})


class Replay:
    """One run of a recording; iterate over `outcomes` once."""

    def __init__(self, site: Site, folder: Path | None, models: Models | None = None) -> None:
        """`folder` holds scene.yaml; without it the configuration's own recorded sources are played."""
        scene = read_scene(folder) if folder else None
        self.site = with_scene(site, scene) if scene else site
        self._seconds = scene.seconds if scene else None
        self.clock = ReplayClock(scene.start if scene else DEFAULT_START)
        self.health = Health()
        ports = Ports(self.clock, self.health, NoBroker(), models or model_store(self.site.models, self.clock))
        self._parts: Parts = build_parts(self.site, ports)
        self._items: list[Item] = []
        self._listeners = self._listen()
        talk = Talk(build_dialogue(self.site), attention=ports.attention)
        beliefs = build_beliefs(self.site, ports, self._parts)
        self.decider = Decider(beliefs, Engine(self.site), RuleState(), self.clock, talk)

    def outcomes(self) -> Iterator[Outcome]:
        """Warm up, then every step of the recording in order of time."""
        for name, detector in self._parts.detectors.items():
            detector.warm_up()
            self.health.part(name, "detector").set("ok")
        tell_changes(self.health, self._items.append, self.clock.now)
        listens = {name: self.site.detectors[name].on for name in self._parts.detectors}
        follow_sources(self.health, listens, lambda name: self._parts.detectors[name].reset())
        try:
            yield from self._play()
        finally:
            for detector in self._parts.detectors.values():
                detector.close()

    def _play(self) -> Iterator[Outcome]:
        feeds = self._feeds()
        emits = {name: emitter(feeds[name].health, (), self._items.append) for name in feeds}
        end = None if self._seconds is None else int(self._seconds * SECOND)
        for entry in self._merged():
            if end is not None and entry.end > end:
                break
            yield from self._advance(entry.end, list(feeds.values()))
            if isinstance(entry, _Ending):
                self.health.part(entry.source, "source").set(entry.state, entry.reason)
            else:
                emits[entry.source](entry)
                self._detect(entry)
            yield self.decider.step(self._take(), self.clock.t)
        yield from self._advance(max(self.clock.t + 2 * SECOND, end or 0), list(feeds.values()))

    def _feeds(self) -> dict[str, Feed]:
        return {
            name: feed(self.health.part(name, "source"), source.modality, self.site.sources[name].stale_s)
            for name, source in self._parts.sources.items()
        }

    def _merged(self) -> Iterator[Sample | _Ending]:
        timelines = []
        for name, source in self._parts.sources.items():
            played: object = source
            if isinstance(played, Recorded):
                timelines.append(_with_ending(name, played))
        if not timelines:
            raise ConfigError("nothing to replay: name a scene, or configure sources of type recorded")
        return heapq.merge(*timelines, key=lambda entry: (entry.end, entry.source))

    def _listen(self) -> Mapping[str, Sequence[tuple[str, Detector, Progress]]]:
        """Source -> detectors that listen to it, in the order of the configuration."""
        progress = {name: Progress(self.health, self.site.detectors[name].on) for name in self._parts.detectors}
        return {
            source: [
                (name, detector, progress[name])
                for name, detector in self._parts.detectors.items()
                if source in self.site.detectors[name].on
            ]
            for source in self.site.sources
        }

    def _detect(self, sample: Sample) -> None:
        for name, detector, progress in self._listeners[sample.source]:
            if not isinstance(sample, detector.accepts):
                continue
            part = self.health.part(name, "detector")
            part.arrived(sample.end)
            found = list(detector.detect(sample))
            part.observations += len(found)
            progress.saw(sample)
            self._items.append(Report(name, progress.until, found))

    def _advance(self, to: Nanoseconds, feeds: Sequence[Feed]) -> Iterator[Outcome]:
        """Step wherever something is due by time alone, at least once a second."""
        while True:
            due = self.decider.next_due(self.clock.t)
            second = (self.clock.t // SECOND + 1) * SECOND
            t = second if due is None else min(second, max(due, self.clock.t + 1))
            if t >= to:
                break
            self.clock.t = t
            mark_stale(feeds, t)
            yield self.decider.step(self._take(), t)
        self.clock.t = max(to, self.clock.t)

    def _take(self) -> list[Item]:
        taken = list(self._items)
        self._items.clear()
        return taken


def _with_ending(name: str, source: Recorded) -> Iterator[Sample | _Ending]:
    """The samples of a recording and how it ends."""
    end = 0
    state: HealthState = "ended"
    reason = "it came to its end"
    try:
        for sample in source.timeline():
            end = sample.end
            yield sample
    except SourceError as error:
        state, reason = "failed", str(error)
    yield _Ending(name, end, state, reason)
