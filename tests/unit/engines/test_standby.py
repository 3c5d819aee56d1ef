"""A device that fails while it runs a model: the CPU goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import structlog
from onnx import TensorProto, helper

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError, NoRoomError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import BuildReport, Model, Precision, Probe, Tensors
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.serve import Plugins
from edgefuse.engines.standby import Standby
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

FEED = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


class Device:
    """Works for so many runs of all its models together; then every call fails, as CUDA's do after a fault."""

    def __init__(self) -> None:
        self.runs_left = 10**6
        self.loads = 0
        self.room = True
        self.open = 0
        """Models that were loaded and not closed."""

    def works(self) -> None:
        if self.runs_left <= 0:
            raise ModelError("CUDA: cudaStreamSynchronize failed: cudaErrorIllegalAddress (700)")


class FailingModel:
    """ONNX Runtime in place of a device; its outputs are memory that is gone once it is closed."""

    def __init__(self, device: Device, inner: Model) -> None:
        self._device, self._inner = device, inner
        self.inputs, self.outputs, self.runs_on = inner.inputs, inner.outputs, "a device"
        self._last: Mapping[str, Any] = {}
        device.open += 1

    def run(self, inputs: Tensors) -> dict[str, Any]:
        self._device.works()
        self._device.runs_left -= 1
        found = self._inner.run(inputs)
        self._last = found
        return found

    def example(self) -> dict[str, Any]:
        return self._inner.example()

    def close(self) -> None:
        for array in self._last.values():
            array.fill(np.nan)
        self._device.open -= 1
        self._inner.close()
        self._device.works()


def backend_of(device: Device) -> Callable[[Path], Any]:
    """A backend whose engines are copies of ONNX files and run on a device."""

    class FailingBackend:
        name: ClassVar[str] = "failing"
        precisions: ClassVar[tuple[Precision, ...]] = ("fp32",)
        suffix: ClassVar[str] = ".plan"
        int8: ClassVar[Literal["asymmetric", "symmetric"]] = "symmetric"

        def __init__(self, _folder: Path) -> None:
            """It keeps nothing."""

        def probe(self) -> Probe:
            return Probe(usable=True, reason="a device")

        def fingerprint(self) -> Mapping[str, str]:
            return {"version": "1"}

        def build(self, path: Path, _card: Mapping[str, Any], target: Path, _report: BuildReport) -> None:
            if not device.room:
                raise NoRoomError("the device has no memory left")
            target.write_bytes(path.read_bytes())

        def load(self, path: Path, card: Mapping[str, Any]) -> Model:
            device.loads += 1
            if not device.room:
                raise NoRoomError("the device has no memory left")
            return FailingModel(device, OnnxBackend().load(path, card))

    return FailingBackend


def counting() -> bytes:
    """An ONNX model with a state: y = x + state, and y is the next state."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "state", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "state"], ["y"])], "counting", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def store(tmp_path: Path, device: Device, catalogue: Callable[..., Store], double_model: bytes) -> Store:
    """Models `double` and `counting`, whose engines are built."""
    import hashlib

    entries = {}
    for name, data in {"double": double_model, "counting": counting()}.items():
        folder = tmp_path / f"from-{name}"
        folder.mkdir()
        (folder / "it.onnx").write_bytes(data)
        pin = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        take = [{"file": str(folder), "files": {"m.onnx": "it.onnx"}}]
        entries[name] = {"files": {"m.onnx": pin}, "sources": [{"take": take}], "card": {"format": "onnx"}}
    catalogue(**entries)
    config = ModelsConfig.model_validate({"dir": tmp_path / "models", "engine": "failing", "precision": "fp32"})
    plugins = Plugins({"onnx": OnnxBackend, "failing": backend_of(device)})
    made = Store(config, SystemClock(), plugins=plugins)
    for name in entries:
        build(made, name)
    return made


def build(store: Store, name: str) -> Any:
    return store.engines.workshop.build(store.entry(name), store.path(name), "failing", "fp32", lambda *_: True)


def told(health: PartHealth, name: str) -> dict[str, Any]:
    engines: Any = health.info["engines"]
    found: dict[str, Any] = engines[name]
    return found


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_the_cpu_goes_on_with_the_feed_that_failed(store: Store, device: Device, runs: int) -> None:
    """Each run gives its numbers, before, at and after the failure; the engine that failed is closed once."""
    model = store.load("double", PartHealth("part", "detector"))
    assert model.runs_on == "a device"
    device.runs_left = runs
    for _ in range(runs + 2):
        np.testing.assert_array_equal(model.run(FEED)["y"], 2 * FEED["x"])

    assert model.runs_on.endswith("CPUExecutionProvider")
    assert device.open == 0
    model.close()


def test_a_state_that_feeds_carry_goes_on(store: Store, device: Device) -> None:
    """The state that the engine gave last is what the CPU takes, though the engine's memory is gone."""
    model = store.load("counting", PartHealth("part", "detector"))
    state, one = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    device.runs_left = 2
    for _ in range(5):
        state = model.run({"x": one, "state": state})["y"]

    np.testing.assert_array_equal(state, 5 * one)


def test_a_failure_is_told_once(store: Store, device: Device) -> None:
    """Health of the part, what serves and one line of the log say what failed, why, and what goes on."""
    health, losses = PartHealth("part", "detector"), []
    model = store.load("double", health)
    assert told(health, "double")["engine"] == "failing"
    store.on_loss = lambda: losses.append(store.served["double"].engine)
    device.runs_left = 0
    with structlog.testing.capture_logs() as lines:
        model.run(FEED)
        model.run(FEED)

    assert (told(health, "double")["engine"], told(health, "double")["to_build"]) == ("cpu", None)
    assert "failing failed while it ran, until the next start: CUDA: cuda" in told(health, "double")["why"]
    assert losses == ["cpu fp32"]
    (line,) = lines
    assert (line["event"], line["model"], line["engine"], line["goes_on"], line["log_level"]) == (
        "engine failed", "double", "failing fp32", "cpu fp32", "error",
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"only cpu fp32 is left: failed while it ran, .*cudaErrorIllegalAddress"):
        store.served["double"].as_asked()


def test_what_failed_is_not_loaded_again_and_not_thrown_away(store: Store, device: Device) -> None:
    """A model loads on the CPU from then on; another one's engine is tried, and kept for the next start."""
    model = store.load("double", PartHealth("part", "detector"))
    device.runs_left = 0
    model.run(FEED)
    loads = device.loads
    choice = store.choice("double")
    assert choice is not None
    assert (choice.engine, choice.missing) == ("cpu fp32", None)
    store.load("double", PartHealth("part", "detector")).close()
    assert device.loads == loads

    store.load("counting", PartHealth("part", "detector")).close()
    assert device.loads == loads + 1
    assert store.served["counting"].engine == "cpu fp32"
    assert sorted(path.parent.name for path in store.engines.cache.folder.glob("*/*.plan")) == ["counting", "double"]


def test_an_engine_for_which_there_is_no_room_is_kept(store: Store, device: Device) -> None:
    """Want of memory at the start lets the CPU serve and throws no engine away."""
    device.room = False
    store.load("double", PartHealth("part", "detector")).close()
    assert store.served["double"].engine == "cpu fp32"
    assert "no memory left" in store.served["double"].why

    device.room = True
    store.load("double", PartHealth("part", "detector")).close()
    assert store.served["double"].engine == "failing fp32"


def test_an_engine_that_does_not_run_once_is_closed(store: Store, device: Device) -> None:
    """What fails in its first run, when it is loaded, gives back what it holds."""
    device.runs_left = 0
    model = store.load("double", PartHealth("part", "detector"))

    assert device.open == 0
    np.testing.assert_array_equal(model.run(FEED)["y"], 2 * FEED["x"])


def test_a_wrong_feed_is_no_failure(store: Store, device: Device) -> None:
    """It is a ValueError, and the engine stays."""
    model = store.load("double", PartHealth("part", "detector"))
    with pytest.raises(ValueError, match="expected inputs"):
        model.run({"z": FEED["x"]})

    assert model.runs_on == "a device"
    model.close()
    assert device.open == 0


def test_a_spare_that_cannot_be_loaded_is_the_operators(store: Store, device: Device) -> None:
    """Where the model's own file is gone too, the run is a ModelError that says so."""
    model = store.load("double", PartHealth("part", "detector"))
    store.path("double").write_bytes(b"no model")
    device.runs_left = 0

    with pytest.raises(ModelError, match="cannot load it"):
        model.run(FEED)


def test_a_spare_of_other_tensors_is_refused(store: Store, device: Device) -> None:
    """A spare that takes or gives other names is no spare."""
    cpu = store.engines.cpu
    model = Standby(
        FailingModel(device, cpu.load(store.path("double"), {})), lambda _: cpu.load(store.path("counting"), {})
    )
    device.runs_left = 0

    with pytest.raises(ModelError, match=r"expected to have \['x'\], got \['state', 'x'\]"):
        model.run(FEED)


def test_a_build_without_room_is_tried_again(store: Store, device: Device) -> None:
    """It is a failed record that is not kept: the next build succeeds."""
    for path in store.engines.cache.folder.glob("double/*"):
        path.unlink()
    device.room = False
    record = build(store, "double")
    assert (record.ok, record.detail) == (False, "the device has no memory left")
    assert not list(store.engines.cache.folder.glob("double/*"))

    device.room = True
    assert build(store, "double").ok
