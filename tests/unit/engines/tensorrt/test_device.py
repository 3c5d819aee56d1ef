"""On an NVIDIA GPU: what is proved elsewhere by the real builder, the real names and a fake device, all together."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.engines.catalogue import load_catalogue
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.store import Store
from edgefuse.engines.tensorrt import TensorRtBackend
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing import Check, check_backend, run_all

pytestmark = pytest.mark.gpu
PATIENT = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> TensorRtBackend:
    """TensorRT on this machine; skips with what the probe says where there is none."""
    made = TensorRtBackend(tmp_path_factory.mktemp("tensorrt"))
    probe = made.probe()
    if not probe.usable:
        pytest.skip(f"no GPU to test on: {probe.reason}")
    return made


@pytest.fixture
def loaded(backend: TensorRtBackend, tmp_path: Path) -> Callable[..., Any]:
    """Builds a file and loads its engine."""

    def make(path: Path, card: Mapping[str, Any] | None = None) -> Any:
        target = tmp_path / f"{path.stem}.plan"
        backend.build(path, card or {}, target, lambda *_: True)
        return backend.load(target, card or {})

    return make


def noise(*shape: int, kind: Any = np.float32) -> Any:
    return np.random.default_rng(1).standard_normal(shape).astype(kind)


@PATIENT
def test_it_keeps_the_contract_of_backends(backend: TensorRtBackend, workshop: Any) -> None:
    """Every check that holds for a backend holds for TensorRT on this device."""
    checks: list[Check] = list(check_backend(lambda: backend, workshop.conv(), {"x": noise(1, 3, 8, 8)}))

    run_all(iter(checks))


@PATIENT
@pytest.mark.parametrize(("kind", "tolerance"), [(np.float32, 1e-5), (np.float16, 1e-2)])
def test_it_computes_what_onnx_runtime_computes(loaded: Any, workshop: Any, kind: Any, tolerance: float) -> None:
    """fp32 agrees to rounding, fp16 to its own; the run goes through a CUDA graph, again and again."""
    path, feed = workshop.conv(kind), {"x": noise(1, 3, 8, 8, kind=kind)}
    wanted = OnnxBackend().load(workshop.conv(), {}).run({"x": feed["x"].astype(np.float32)})["y"]
    model = loaded(path)

    assert "without a CUDA graph" not in model.runs_on
    for _ in range(3):
        np.testing.assert_allclose(model.run(feed)["y"], wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(model.run({"x": 0 * feed["x"]})["y"][0, :, 4, 4], np.arange(4), atol=tolerance)
    model.close()


@PATIENT
def test_a_quantised_model_runs(loaded: Any, workshop: Any) -> None:
    """Symmetric Q/DQ gives what ONNX Runtime gives of the same file, to a step of the quantisation."""
    path, feed = workshop.quantised(symmetric=True), {"x": noise(1, 3, 8, 8).clip(-1, 1)}
    wanted = OnnxBackend().load(path, {}).run(feed)["y"]
    model = loaded(path)

    np.testing.assert_allclose(model.run(feed)["y"], wanted, atol=0.02)
    model.close()


@PATIENT
def test_sizes_within_the_profile_run(loaded: Any, workshop: Any, profile: Any) -> None:
    """Every batch of the profile gives its own sizes and the right numbers, one outside is a ValueError."""
    path = workshop.conv(batch="n")
    reference, model = OnnxBackend().load(path, {}), loaded(path, profile(1, 2, 4))
    for batch in (4, 1, 3, 3, 2):
        feed = {"x": noise(batch, 3, 8, 8)}
        np.testing.assert_allclose(model.run(feed)["y"], reference.run(feed)["y"], rtol=1e-5, atol=1e-5)

    with pytest.raises(ValueError, match="expected a shape from"):
        model.run({"x": noise(5, 3, 8, 8)})
    model.close()


@PATIENT
def test_sizes_that_are_values_run(loaded: Any, workshop: Any) -> None:
    """An input on the host decides the shape of the output."""
    model = loaded(workshop.reshape(), {"profiles": {"s": {"min": [1, 1], "opt": [3, 4], "max": [12, 12]}}})
    for sizes in ([3, 4], [12, 1], [2, 6]):
        assert model.run({"x": noise(12), "s": np.array(sizes)})["y"].shape == tuple(sizes)

    model.close()


@PATIENT
def test_a_build_can_be_cancelled(backend: TensorRtBackend, workshop: Any, tmp_path: Path) -> None:
    """A report that answers False in the middle ends the build without an engine."""
    with pytest.raises(BuildCancelled):
        backend.build(workshop.conv(), {}, tmp_path / "a.plan", lambda share, _: share < 0.3)
    assert not (tmp_path / "a.plan").exists()


@PATIENT
def test_a_damaged_engine_is_refused(backend: TensorRtBackend, workshop: Any, tmp_path: Path) -> None:
    """An engine that is cut off is a ModelError with its path."""
    target = tmp_path / "a.plan"
    backend.build(workshop.conv(), {}, target, lambda *_: True)
    target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])

    with pytest.raises(ModelError, match=str(target)):
        backend.load(target, {})


@PATIENT
@pytest.mark.models
@pytest.mark.parametrize(
    "name", [entry.name for entry in load_catalogue(Path("none")).values() if entry.card.get("format") == "onnx"]
)
def test_every_model_of_the_catalogue_agrees(loaded: Any, name: str) -> None:
    """Each ONNX model of the catalogue gives on the GPU what ONNX Runtime gives, for the example of its card."""
    store = Store(ModelsConfig.model_validate({"pull": "never"}), SystemClock())
    try:
        path = store.path(name)
    except ModelError:
        pytest.skip(f"{name} is not here: run `edgefuse models pull {name}`")
    card = store.entry(name).card
    reference, model = OnnxBackend().load(path, card), loaded(path, card)
    feed = reference.example()
    got = model.run(feed)
    for output, wanted in reference.run(feed).items():
        np.testing.assert_allclose(got[output], wanted, rtol=1e-2, atol=1e-3, err_msg=output)

    model.close()
