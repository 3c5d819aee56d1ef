"""What tests of sources share: a context around a real clock, a bus in memory, and media made on the spot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefuse.config.models import Device, Site
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Incoming
from edgefuse.core.types import Sample
from edgefuse.pipeline.clock import SystemClock


def _rising(n: int) -> int:
    return 40 + 10 * n


@dataclass
class MemoryBus:
    """Delivers at once what a test says, to every handler whose filter is the topic or a prefix of it before `#`."""

    handlers: list[tuple[str, Callable[[Incoming], None]]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def subscribe(self, topic_filter: str, handler: Callable[[Incoming], None]) -> None:
        """See `edgefuse.core.ports.Bus`."""
        self.handlers.append((topic_filter, handler))

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False, t: int = 7) -> None:
        """A message from the broker."""
        message = Incoming(topic, payload, retained, t, lambda: self.settled.append(topic))
        for topic_filter, handler in self.handlers:
            if topic_filter == topic or (topic_filter.endswith("#") and topic.startswith(topic_filter[:-1])):
                handler(message)


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def context(bus: MemoryBus) -> Context:
    no_models: Any = None
    return Context("part", SystemClock(), PartHealth("part", "source"), bus, no_models, Site(device=Device(id="test")))


@pytest.fixture
def samples() -> list[Sample]:
    return []


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small video; picture n is grey with brightness `level(n)`, or noise."""

    def write(
        name: str = "clip.avi", frames: int = 10, fps: float = 20, level: Callable[[int], int] | None = _rising
    ) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
        assert writer.isOpened()
        for n in range(frames):
            picture = np.random.default_rng(n).integers(0, 256, (48, 64, 3)) if level is None else level(n)
            writer.write(np.full((48, 64, 3), picture, np.uint8))
        writer.release()
        return path

    return write
