"""From `emit` to the rings and the inbox; notices who has fallen silent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgefuse.core.health import Health, PartHealth
from edgefuse.core.ports import Emit
from edgefuse.core.types import SECOND, HealthChange, Modality, Nanoseconds, Reading, Sample
from edgefuse.pipeline.stages import DetectorStage, Report, reading_report

STALE_S: dict[Modality, float | None] = {"audio": 3.0, "vision": 5.0, "sensor": None}
"""Silent for longer: no longer alive. Sensors speak when they like, so only their own `stale_s` counts."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One source as the pipeline sees it."""

    health: PartHealth
    stale_ns: Nanoseconds | None
    """Silence that makes it stale."""


def feed(health: PartHealth, modality: Modality, stale_s: float | None) -> Feed:
    """With the default of its modality where the configuration is silent."""
    limit = stale_s if stale_s is not None else STALE_S[modality]
    return Feed(health, None if limit is None else int(limit * SECOND))


def emitter(health: PartHealth, stages: Sequence[DetectorStage], post: Callable[[Report], None]) -> Emit:
    """The `emit` of one source: thread-safe, never blocks. A retained value is no sign of life."""

    def emit(sample: Sample) -> None:
        health.arrived(sample.t)
        if not health.alive and not (isinstance(sample, Reading) and sample.retained):
            health.set("ok")
        for stage in stages:
            stage.offer(sample)
        if isinstance(sample, Reading):
            post(reading_report(sample))

    return emit


def mark_stale(feeds: Sequence[Feed], now: Nanoseconds) -> None:
    """Set every live source that has been silent for too long to `stale`."""
    for source in feeds:
        silence = now - source.health.last
        if source.stale_ns is not None and source.health.alive and silence > source.stale_ns:
            source.health.set("stale", f"nothing for {silence / SECOND:.0f} s")


def follow_sources(health: Health, listens: Mapping[str, Sequence[str]], on_gap: Callable[[str], None]) -> None:
    """Let a detector's health follow that of its sources: with none alive it is stale, and forgets its stream."""

    def changed(source: PartHealth) -> None:
        for name, sources in listens.items():
            if source.name in sources:
                _follow(health.part(name, "detector"), [health.part(each, "source") for each in sources], on_gap)

    for sources in listens.values():
        for name in sources:
            part = health.part(name, "source")
            if changed not in part.listeners:
                part.listeners.append(changed)


def _follow(detector: PartHealth, sources: Sequence[PartHealth], on_gap: Callable[[str], None]) -> None:
    if any(source.alive for source in sources):
        if detector.state == "stale":
            detector.set("ok")
    elif detector.alive and not any(source.state == "starting" for source in sources):
        detector.set("stale", "no live source: " + ", ".join(f"{source.name} {source.state}" for source in sources))
        on_gap(detector.name)


def tell_changes(health: Health, post: Callable[[HealthChange], None], now: Callable[[], Nanoseconds]) -> None:
    """Post every change of a source, a detector or the broker from here on, and how they are now."""

    def changed(part: PartHealth) -> None:
        post(HealthChange(part.name, part.state, part.reason, now()))

    for part in list(health.parts.values()):
        part.listeners.append(changed)
        changed(part)
