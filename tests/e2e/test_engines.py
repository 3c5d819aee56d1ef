"""A daemon that is asked for an engine which is not built yet, with the real NanoDet and a real build."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.process import running_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(600)]
HEALTH = "edgefuse/t/health"
Wait = Callable[..., None]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of the test's own, with nothing built."""
    pytest.importorskip("onnx", reason="the extra convert is not installed")
    try:
        found = model_store(ModelsConfig(pull="never"), SystemClock()).path("nanodet")
    except ModelError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("models")
    (folder / "nanodet").symlink_to(found.parent)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of noise."""
    cv2 = pytest.importorskip("cv2")
    path = tmp_path_factory.mktemp("video") / "noise.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 2, (320, 240))
    rng = np.random.default_rng(0)
    for _ in range(120):
        writer.write(rng.integers(0, 255, (240, 320, 3), np.uint8))
    writer.release()
    return path


def config(folder: Path, url: str, models: Path, video: Path, **settings: str) -> Path:
    path = folder / "site.yaml"
    more = "".join(f", {key}: {value}" for key, value in settings.items())
    path.write_text(f"""
device: {{id: t, area: hall, state_dir: {folder / "state"}}}
mqtt: {{url: "{url}"}}
sources: {{eye: {{type: recorded, file: {video}}}}}
detectors: {{people: {{type: objects, on: [eye]}}}}
models: {{dir: {models}, pull: never{more}}}
""")
    return path


def parts(listener: Any) -> dict[str, Any]:
    """The last health that was published."""
    told = listener.on(HEALTH)
    found: dict[str, Any] = json.loads(told[-1].payload)["parts"] if told else {}
    return found


def engine(listener: Any) -> dict[str, Any]:
    """What health says of the engine of NanoDet."""
    found: dict[str, Any] = parts(listener).get("engines", {}).get("info", {}).get("nanodet", {})
    return found


def apply(listener: Any, wait_for: Wait) -> Any:
    """The answer to models/apply."""
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.ResponseTopic, properties.CorrelationData = "answers/here", b"1"
    listener._client.publish("edgefuse/t/models/apply", b"", qos=1, properties=properties)
    wait_for(lambda: listener.on("answers/here"), "the answer")
    return json.loads(listener.on("answers/here")[0].payload)


def test_it_serves_on_the_cpu_builds_and_takes_over(
    tmp_path: Path, broker: Any, wait_for: Wait, models: Path, video: Path
) -> None:
    """Asked for int8 that is not built: fp32 serves and health is degraded with the reason, the build's progress is
    told, models/apply takes the engine over without a restart, and the next start has it from the beginning."""
    listener, path = broker.listener(), config(tmp_path, broker.url, models, video, precision="int8")
    with running_daemon(path) as daemon:
        wait_for(lambda: engine(listener).get("building"), "progress of the build", 60)
        assert (engine(listener)["engine"], engine(listener)["precision"]) == ("cpu", "fp32")
        assert parts(listener)["engines"]["state"] == "degraded"
        assert "int8" in parts(listener)["engines"]["reason"]
        shares = set()

        def built() -> bool:
            building = engine(listener).get("building")
            if building:
                shares.add(building["share"])
            return "engine built" in daemon.output()

        wait_for(built, "the build", 400)
        answer = apply(listener, wait_for)
        wait_for(lambda: engine(listener).get("precision") == "int8", "int8 in health")
        assert parts(listener)["engines"]["state"] == "ok"
        assert parts(listener)["people"]["info"]["engines"]["nanodet"]["precision"] == "int8"
        assert daemon.stop() == 0
    with running_daemon(path):
        wait_for(lambda: "engines" in parts(listener), "health")
        wait_for(lambda: engine(listener).get("precision") == "int8", "int8 from the start")

    assert (answer["ok"], answer["request"]) == (True, "models/apply")
    assert len(shares) > 1
    assert all(0 <= share <= 1 for share in shares)


def test_without_a_gpu_the_cpu_serves_and_says_why(
    tmp_path: Path, broker: Any, wait_for: Wait, models: Path, video: Path
) -> None:
    """`engine: tensorrt` where there is none: the daemon is up on the CPU, degraded, with the probe's reason."""
    store = model_store(ModelsConfig(), SystemClock())
    if store.engines.probes["tensorrt"].usable:
        pytest.skip("there is a GPU here")
    listener = broker.listener()
    with running_daemon(config(tmp_path, broker.url, models, video, engine="tensorrt", precision="fp32")) as daemon:
        wait_for(lambda: engine(listener), "health of the engines")
        assert engine(listener)["engine"] == "cpu"
        assert store.engines.probes["tensorrt"].reason in parts(listener)["engines"]["reason"]
        wait_for(lambda: parts(listener)["people"]["samples"] > 0, "pictures looked at")
        assert daemon.stop() == 0
