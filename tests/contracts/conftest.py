"""What the parts that come with edgefuse are tried on."""

import wave
from pathlib import Path

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.types import Frame
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing import FakeBus, ordinary


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short sound, a short video and a table."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(0)
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(rng.normal(0, 1000, 8000).astype(np.int16).tobytes())
    (folder / "table.csv").write_text("t,temperature,humidity\n0,20,50\n0.1,21,49\n0.2,22,48\n")
    return folder


@pytest.fixture(scope="session")
def video(media: Path) -> Path:
    """Eight pictures in 0.4 s."""
    cv2 = pytest.importorskip("cv2")
    path = media / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for frame in ordinary(Frame, n=8):
        assert isinstance(frame, Frame)
        writer.write(np.array(frame.image))
    writer.release()
    return path


@pytest.fixture
def bus() -> FakeBus:
    """A broker that keeps the last message of one sensor."""
    return FakeBus(SystemClock(), {"zigbee2mqtt/hall": b'{"temperature": 21.5, "humidity": 44}'})


@pytest.fixture(scope="session")
def store() -> Store:
    """The models that are on this machine; none is fetched."""
    return Store(ModelsConfig(pull="never"), SystemClock())
