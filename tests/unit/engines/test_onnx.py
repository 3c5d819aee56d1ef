"""ONNX Runtime behind the port Backend."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ModelError
from edgefuse.engines.onnx import OnnxBackend


@pytest.fixture
def model_file(tmp_path: Path, double_model: bytes) -> Path:
    path = tmp_path / "double.onnx"
    path.write_bytes(double_model)
    return path


def test_probe_names_version_and_provider() -> None:
    """The probe says which runtime would be used."""
    probe = OnnxBackend().probe()

    assert probe.usable
    assert "CPUExecutionProvider" in probe.reason


def test_it_runs_and_tells_its_signature(model_file: Path) -> None:
    """A loaded model knows its inputs and outputs, a free dimension by its name, and infers."""
    model = OnnxBackend().load(model_file, {})

    assert (model.inputs, model.outputs) == ({"x": ("n", 3)}, {"y": ("n", 3)})
    np.testing.assert_array_equal(model.run({"x": np.ones((2, 3), np.float32)})["y"], np.full((2, 3), 2))


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({}, r"expected inputs \['x'\], got \[\]"),
        ({"z": np.ones((1, 3), np.float32)}, r"expected inputs \['x'\], got \['z'\]"),
        ({"x": np.ones((1, 3))}, r"'x': expected float32 \('n', 3\), got float64 \(1, 3\)"),
        ({"x": np.ones(3, np.float32)}, r"got float32 \(3,\)"),
        ({"x": np.ones((1, 4), np.float32)}, r"got float32 \(1, 4\)"),
    ],
)
def test_a_wrong_feed_is_a_value_error(model_file: Path, feed: dict[str, np.ndarray], message: str) -> None:
    """A missing, unknown or misshapen input is named with what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        OnnxBackend().load(model_file, {}).run(feed)


def test_the_example_follows_the_card(model_file: Path) -> None:
    """The example feed has the shape and value of the card, and zeros of size 1 without one."""
    plain = OnnxBackend().load(model_file, {}).example()["x"]
    carded = OnnxBackend().load(model_file, {"inputs": {"x": {"shape": [4, 3], "value": 7}}}).example()["x"]

    np.testing.assert_array_equal(plain, np.zeros((1, 3), np.float32))
    np.testing.assert_array_equal(carded, np.full((4, 3), 7, np.float32))


def test_the_optimised_model_is_kept_and_checked(model_file: Path, tmp_path: Path) -> None:
    """The second load reads what the first one optimised; a damaged copy is made again from the original."""
    cache = tmp_path / "cache"
    feed = {"x": np.ones((1, 3), np.float32)}
    OnnxBackend(cache).load(model_file, {})
    kept = next(cache.glob("double-*.onnx"))
    good = kept.read_bytes()
    stamp = kept.stat().st_ino
    OnnxBackend(cache).load(model_file, {})
    assert kept.stat().st_ino == stamp

    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(OnnxBackend(cache).load(model_file, {}).run(feed)["y"], 2 * feed["x"])
    assert kept.read_bytes() == good
    assert sorted(path.suffix for path in cache.iterdir()) == [".onnx", ".sha256"]


def test_a_full_disk_keeps_no_model_from_running(model_file: Path, tmp_path: Path) -> None:
    """Where the optimised model cannot be saved, the model is loaded all the same, and nothing half is left."""
    code = f"""
import resource, signal
from pathlib import Path
from edgefuse.engines.onnx import OnnxBackend
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
print(OnnxBackend(Path({str(tmp_path / "kept")!r})).load(Path({str(model_file)!r}), {{}}).inputs)
"""

    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "{'x': ('n', 3)}\n", done.stderr
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_file_that_is_no_model_is_an_error_of_the_operator(tmp_path: Path) -> None:
    """A file that cannot be loaded is a ModelError with its path and the runtime's reason."""
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"nothing")

    with pytest.raises(ModelError, match=r"bad.onnx: ONNX Runtime .* cannot load it"):
        OnnxBackend(tmp_path / "cache").load(path, {})


def test_a_closed_model_says_so(model_file: Path) -> None:
    """Closing twice is allowed; running afterwards is a ValueError."""
    model = OnnxBackend().load(model_file, {})
    model.close()
    model.close()

    with pytest.raises(ValueError, match="the model is closed"):
        model.run({"x": np.ones((1, 3), np.float32)})


def test_a_graph_that_fails_on_a_right_feed_is_a_model_error(tmp_path: Path) -> None:
    """A reshape that does not fit is told with the file's name, and the model can be asked again."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    shape = helper.make_tensor_value_info("shape", kinds.INT64, [2])
    x, y = (helper.make_tensor_value_info(name, kinds.FLOAT, None) for name in "xy")
    x = helper.make_tensor_value_info("x", kinds.FLOAT, [6])
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "shape"], ["y"])], "g", [x, shape], [y])
    path = tmp_path / "reshape.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    model = OnnxBackend().load(path, {})
    ones = np.ones(6, np.float32)

    with pytest.raises(ModelError, match=r"reshape\.onnx: ONNX Runtime cannot run it"):
        model.run({"x": ones, "shape": np.array([4, 4])})
    assert model.run({"x": ones, "shape": np.array([2, 3])})["y"].shape == (2, 3)
