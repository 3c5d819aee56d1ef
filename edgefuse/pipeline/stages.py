"""Samples to observations: one ring and one thread per detector."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import anyio
import structlog

from edgefuse.core.errors import ModelError
from edgefuse.core.health import Health, PartHealth
from edgefuse.core.ports import Clock, Detector
from edgefuse.core.types import SECOND, Nanoseconds, Observation, Reading, Sample, observation_id
from edgefuse.pipeline.ring import Ring
from edgefuse.pipeline.worker import Worker

CAPACITY = {"audio": 512, "vision": 1, "sensor": 4096}
"""Samples per ring: of sound 16 s at 32 ms, of pictures the newest, of readings all that can be kept."""
PROGRESS_NS = SECOND // 5
"""A detector that finds nothing says no more often how far it is."""
CLOSE_S = 8.0
"""A detector that has not ended by then is left behind."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Report:
    """A part has told everything up to `until`."""

    part: str
    """Detector, or source for plain readings."""
    until: Nanoseconds
    observations: Sequence[Observation]
    settled: Sequence[Callable[[], None]] = field(default=(), compare=False)
    """To be called when what follows is on disk."""


def reading_report(sample: Reading) -> Report:
    """A sensor value speaks for itself."""
    observation = Observation(
        id=observation_id(sample.source, sample.quantity, sample.t),
        detector=sample.source,
        source=sample.source,
        modality="sensor",
        kind="reading",
        label=sample.quantity,
        score=1.0,
        start=sample.t,
        end=sample.t,
        area=sample.area,
        data={"value": sample.value, "unit": sample.unit, "retained": sample.retained},
    )
    return Report(sample.source, sample.t, [observation], (sample.settled,) if sample.settled else ())


@dataclass(slots=True)
class Progress:
    """How far a detector has come in each of its sources; a dead source holds nothing up."""

    health: Health
    sources: Sequence[str]
    _seen: dict[str, Nanoseconds] = field(default_factory=dict)

    def saw(self, sample: Sample) -> None:
        """Note the end of a sample."""
        self._seen[sample.source] = max(sample.end, self._seen.get(sample.source, sample.end))

    @property
    def until(self) -> Nanoseconds:
        """Event time up to which every live source has been looked at."""
        live = [t for name, t in self._seen.items() if self.health.part(name, "source").alive]
        return min(live or self._seen.values(), default=0)


class DetectorStage:
    """Runs one detector in a thread of its own, fed by a ring."""

    def __init__(
        self, name: str, detector: Detector, progress: Progress, clock: Clock, report: Callable[[Report], None]
    ) -> None:
        """`report` is called on the detector's thread."""
        self.name = name
        self.detector = detector
        self.health: PartHealth = progress.health.part(name, "detector")
        self.busy_since: Nanoseconds | None = None
        self._progress = progress
        self._clock = clock
        self._report = report
        self._reported: Nanoseconds = 0
        self._gap = False
        self._stopped = False
        self._renewal: Future[None] | None = None
        self._woken = threading.Event()
        self._ring: Ring[Sample] = Ring(CAPACITY[detector.modality], self._dropped, self._woken.set)
        self._worker = Worker(f"edgefuse-{name}")

    def offer(self, sample: Sample) -> None:
        """Queue a sample if the detector takes its kind; from any thread."""
        if isinstance(sample, self.detector.accepts):
            self._ring.put(sample)

    def gap(self) -> None:
        """The stream broke: before the next sample, forget what it taught."""
        self._gap = True

    def _dropped(self, _: Sample) -> None:
        self.health.dropped += 1

    async def warm_up(self) -> None:
        """Load the models in the detector's own thread. Raises ModelError."""
        await self._worker.do(self.detector.warm_up)
        self.health.set("ok")

    async def renew(self) -> None:
        """Load the models again, between two samples, while `run` runs. Raises ModelError; the old ones then stay."""
        self._renewal = Future()
        self._woken.set()
        await asyncio.wrap_future(self._renewal)

    async def run(self) -> None:
        """Detect until cancelled; an exception of the detector is raised here."""
        try:
            await self._worker.do(self._work)
        finally:
            self._stopped = True
            self._woken.set()

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._stopped:
                return
            if self._renewal is not None:
                self._load_again(self._renewal)
            samples = self._ring.take()
            if samples:
                self._tell(self._detect(samples))

    def _load_again(self, renewal: "Future[None]") -> None:
        self._renewal = None
        if not renewal.set_running_or_notify_cancel():
            return
        try:
            self.detector.warm_up()
        except ModelError as error:
            renewal.set_exception(error)
        else:
            renewal.set_result(None)

    def _detect(self, samples: Sequence[Sample]) -> list[Observation]:
        found: list[Observation] = []
        if self._gap:
            self._gap = False
            self.detector.reset()
        for sample in samples:
            self.busy_since = self._clock.now()
            self.health.arrived(sample.end)
            found.extend(self._looked(sample))
            self._progress.saw(sample)
            self.health.took(self._clock.now() - sample.end)
        self.busy_since = None
        self.health.observations += len(found)
        return found

    def _looked(self, sample: Sample) -> Sequence[Observation]:
        """What the detector finds. A model that loaded and then fails is not the operator's to mend; a restart may."""
        try:
            return list(self.detector.detect(sample))
        except ModelError as error:
            raise RuntimeError(f"detector {self.name}: {error}") from error

    def _tell(self, found: Sequence[Observation]) -> None:
        """Report what was found at once, and mere progress now and then."""
        until = self._progress.until
        if found or until - self._reported >= PROGRESS_NS:
            self._reported = until
            self._report(Report(self.name, until, found))

    async def close(self) -> None:
        """Wait for the sample in work and free the models; one that hangs is left behind."""
        with anyio.move_on_after(CLOSE_S, shield=True):
            await self._worker.do(self.detector.close)
            self._worker.end()
            return
        _log.error("detector does not end; it is left behind", detector=self.name)
