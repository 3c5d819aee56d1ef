"""What the daemon tells of its engines."""

import threading
from pathlib import Path

import anyio
import pytest

from edgefuse.app.engines import EngineBuilds
from edgefuse.config.models import ModelsConfig
from edgefuse.core.health import PartHealth
from edgefuse.engines.serve import Choice
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

GPU = Choice("m", "tensorrt", "fp16", Path("m.plan"), "an Orin", ("auto", "auto"))
CPU = Choice("m", "onnx", "fp32", Path("m.onnx"), "an Orin; tensorrt failed while it ran", ("auto", "auto"), lost="it")


@pytest.mark.parametrize("after_start", [True, False])
def test_an_engine_that_was_lost_degrades_the_daemon(tmp_path: Path, *, after_start: bool) -> None:
    """The part `engines` says which model runs on less and why, whether the engine failed before or after the start."""
    config = ModelsConfig.model_validate({"dir": tmp_path})
    store, health = Store(config, SystemClock()), PartHealth("engines", "engines")
    store.served["m"] = GPU

    async def live() -> None:
        builds = EngineBuilds(tmp_path / "site.yaml", config, store, health)
        if not after_start:
            store.served["m"] = CPU
        await builds.run()
        assert (health.state == "ok") is after_start
        store.served["m"] = CPU
        detector = threading.Thread(target=store.on_loss)
        detector.start()
        while health.state == "ok":
            await anyio.sleep(0.01)
        detector.join()

    anyio.run(live)
    assert (health.state, health.reason) == ("degraded", "m runs on cpu fp32: an Orin; tensorrt failed while it ran")
    store.on_loss()  # the loop has ended: nobody is told, and nothing breaks
