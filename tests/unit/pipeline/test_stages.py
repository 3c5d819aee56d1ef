import threading
from collections.abc import Iterable
from typing import ClassVar

import anyio
import numpy as np
import pytest

from edgefuse.core.errors import ModelError
from edgefuse.core.health import Health
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Frame, Modality, Observation, Reading, Sample
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.intake import emitter
from edgefuse.pipeline.stages import CAPACITY, DetectorStage, Progress, Report

pytestmark = pytest.mark.anyio


class Counting:
    """Says how many samples it has seen since its last reset, and in which thread."""

    Config = object
    accepts: ClassVar[tuple[type, ...]] = (AudioChunk, Frame)

    def __init__(self, modality: Modality = "audio") -> None:
        self.modality: Modality = modality
        self.seen = 0
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.closed = False
        self.loaded = 0
        self.flaw = ""

    def warm_up(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.loaded += 1
        if self.flaw:
            raise ModelError(self.flaw)

    def detect(self, sample: Sample) -> Iterable[Observation]:
        self.gate.wait(10)
        self.threads.add(threading.current_thread().name)
        self.seen += 1
        yield Observation(
            f"c/{sample.source}/{sample.end}/{self.seen}",
            "c",
            sample.source,
            self.modality,
            "count",
            "n",
            1.0,
            0,
            sample.end,
            data={"n": self.seen},
        )

    def reset(self) -> None:
        self.seen = 0

    def close(self) -> None:
        self.closed = True


def _chunk(n: int, source: str = "mic") -> AudioChunk:
    return AudioChunk(source, None, n * 512 * SECOND // SAMPLE_RATE, np.zeros(512, np.int16))


def _stage(detector: Counting, reports: list[Report], sources: tuple[str, ...] = ("mic",)) -> DetectorStage:
    health = Health()
    for name in sources:
        health.part(name, "source").set("ok")
    return DetectorStage("c", detector, Progress(health, sources), SystemClock(), reports.append)


async def _until(condition: object, limit_s: float = 5) -> None:
    with anyio.fail_after(limit_s):
        while not condition():  # type: ignore[operator]
            await anyio.sleep(0.005)


async def test_detector_lives_in_one_thread_and_reports_how_far_it_is() -> None:
    """warm_up and detect run in the detector's own thread; `until` is the end of the last sample."""
    detector, reports = Counting(), list[Report]()
    stage = _stage(detector, reports)
    await stage.warm_up()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        for n in range(3):
            stage.offer(_chunk(n))
        await _until(lambda: detector.seen == 3 and reports and reports[-1].until == _chunk(2).end)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert len(detector.threads) == 1
    assert reports[-1].until == _chunk(2).end
    assert detector.closed


async def test_only_the_newest_picture_waits_for_a_slow_detector() -> None:
    """While a detector works, newer pictures replace older ones, and each loss is counted."""
    detector, reports = Counting("vision"), list[Report]()
    stage = _stage(detector, reports, ("cam",))
    picture = np.zeros((4, 4, 3), np.uint8)
    detector.gate.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        stage.offer(Frame("cam", None, 0, picture))
        await _until(lambda: stage.busy_since is not None)
        for t in range(1, 6):
            stage.offer(Frame("cam", None, t, picture))
        detector.gate.set()
        await _until(lambda: detector.seen == 2)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert CAPACITY["vision"] == 1
    assert stage.health.dropped == 4
    assert [each.end for report in reports for each in report.observations][-1] in (0, 5)


async def test_gap_resets_before_the_next_sample() -> None:
    """After a gap the detector has forgotten; the sample that follows is its first."""
    detector, reports = Counting(), list[Report]()
    stage = _stage(detector, reports)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        stage.offer(_chunk(0))
        await _until(lambda: len(reports) == 1)
        stage.gap()
        stage.offer(_chunk(1))
        await _until(lambda: len(reports) == 2)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert reports[1].observations[0].data == {"n": 1}


async def test_models_are_taken_over_between_two_samples() -> None:
    """`renew` warms up again in the detector's thread and loses no sample; a failure is told and the work goes on."""
    detector, reports = Counting(), list[Report]()
    stage = _stage(detector, reports)
    await stage.warm_up()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        stage.offer(_chunk(0))
        await stage.renew()
        stage.offer(_chunk(1))
        detector.flaw = "no such engine"
        with pytest.raises(ModelError, match="no such engine"):
            await stage.renew()
        stage.offer(_chunk(2))
        await _until(lambda: detector.seen == 3)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert detector.loaded == 3
    assert len(detector.threads) == 1
    assert stage.health.dropped == 0


async def test_a_model_that_fails_while_it_runs_is_no_mistake_of_the_operator() -> None:
    """ModelError from `detect` becomes an error that ends the process for a restart, and names the detector."""

    class Failing(Counting):
        def detect(self, sample: Sample) -> Iterable[Observation]:
            yield from super().detect(sample)
            raise ModelError("out of memory")

    stage = _stage(Failing(), [])
    stage.offer(_chunk(0))

    with pytest.raises(RuntimeError, match="detector c: out of memory"):
        await stage.run()
    await stage.close()


async def test_a_renewal_that_nobody_waits_for_hurts_nobody() -> None:
    """A renewal cancelled while the detector is busy is given up; the detector goes on."""
    detector, reports = Counting(), list[Report]()
    stage = _stage(detector, reports)
    detector.gate.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        stage.offer(_chunk(0))
        await _until(lambda: stage.busy_since is not None)
        with anyio.move_on_after(0.05):
            await stage.renew()
        detector.gate.set()
        stage.offer(_chunk(1))
        await _until(lambda: detector.seen == 2)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert detector.loaded == 0


async def test_a_detector_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing returns although the detector does not; its thread cannot block the exit."""
    monkeypatch.setattr("edgefuse.pipeline.stages.CLOSE_S", 0.1)
    detector = Counting()
    detector.gate.clear()
    stage = _stage(detector, [])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run)
        stage.offer(_chunk(0))
        await _until(lambda: stage.busy_since is not None)
        tasks.cancel_scope.cancel()
    await stage.close()

    assert not detector.closed
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "edgefuse-c")
    detector.gate.set()


async def test_progress_waits_for_the_slower_live_source() -> None:
    """With two microphones `until` is that of the one behind; a dead one holds nothing up."""
    health = Health()
    for name in ("a", "b"):
        health.part(name, "source").set("ok")
    progress = Progress(health, ("a", "b"))
    progress.saw(_chunk(9, "a"))
    progress.saw(_chunk(2, "b"))
    assert progress.until == _chunk(2).end

    health.part("b", "source").set("failed", "unplugged")
    assert progress.until == _chunk(9).end


async def test_reading_goes_straight_to_the_decider() -> None:
    """emit turns a reading into a report with one observation that carries value, unit and receipt."""
    posted: list[Report] = []
    health = Health().part("door", "source")
    receipts: list[str] = []
    emit = emitter(health, [], posted.append)
    emit(Reading("door", "hall", 5, "contact", value=False, settled=lambda: receipts.append("settled")))

    assert health.state == "ok"
    (report,) = posted
    assert report.observations[0].data == {"value": False, "unit": "", "retained": False}
    assert report.observations[0].detector == "door"
    report.settled[0]()
    assert receipts == ["settled"]
