"""Small ONNX files to build engines from, NVIDIA's builder that runs without a GPU, and a device that is none."""

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefuse.core.ports import BuildReport
from edgefuse.engines.tensorrt.plan import Job, build

_OPSETS = [helper.make_opsetid("", 19), helper.make_opsetid("nobody", 1)]


def tensor(name: str, dims: Sequence[int | str], kind: int = TensorProto.FLOAT) -> Any:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, dims)


class Workshop:
    """Writes ONNX files of opset 19 into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, nodes: Sequence[Any], ins: Sequence[Any], outs: Sequence[Any], **weights: Any) -> Path:
        """A model out of its parts."""
        constants = [numpy_helper.from_array(np.asarray(value), key) for key, value in weights.items()]
        graph = helper.make_graph(nodes, name, ins, outs, constants)
        path = self._folder / f"{name}.onnx"
        path.write_bytes(helper.make_model(graph, opset_imports=_OPSETS, ir_version=9).SerializeToString())
        return path

    def conv(self, kind: Any = np.float32, batch: int | str = 1) -> Path:
        """A convolution and Relu: x (batch, 3, 8, 8) -> y (batch, 4, 8, 8)."""
        code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], name="the_conv", pads=[1] * 4),
            helper.make_node("Relu", ["c"], ["y"], name="the_relu"),
        ]
        ends = [tensor("x", [batch, 3, 8, 8], code)], [tensor("y", [batch, 4, 8, 8], code)]
        kernel = np.linspace(-1, 1, 108).reshape(4, 3, 3, 3).astype(kind)
        return self.save(f"conv_{np.dtype(kind)}_{batch}", nodes, *ends, w=kernel, b=np.arange(4).astype(kind))

    def quantised(self, *, symmetric: bool) -> Path:
        """A convolution between Q/DQ: activations int8 around 0, or uint8 around 128."""
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], name="quantise"),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], name="dequantise"),
            helper.make_node("DequantizeLinear", ["w", "s", "zw"], ["dw"], name="weights"),
            helper.make_node("Conv", ["d", "dw"], ["y"], name="the_conv", pads=[1] * 4),
        ]
        zero = np.int8(0) if symmetric else np.uint8(128)
        kernel = np.linspace(-127, 127, 108).reshape(4, 3, 3, 3).astype(np.int8)
        ends = [tensor("x", [1, 3, 8, 8])], [tensor("y", [1, 4, 8, 8])]
        return self.save("quantised", nodes, *ends, s=np.float32(1 / 127), z=zero, w=kernel, zw=np.int8(0))

    def reshape(self) -> Path:
        """An input `s` whose values are sizes: x (12) -> y of the shape s."""
        ends = [tensor("x", [12]), tensor("s", [2], TensorProto.INT64)], [tensor("y", ["a", "b"])]
        return self.save("reshape", [helper.make_node("Reshape", ["x", "s"], ["y"])], *ends)

    def branches(self) -> Path:
        """y = x without its first dimension if that is 1, else x: an If on a size, with branches of other ranks."""
        inner = tensor("i", [None, None]), tensor("o", [None, None, None])
        squeezed = helper.make_graph([helper.make_node("Squeeze", ["x", "zero"], ["i"])], "then", [], [inner[0]])
        same = helper.make_graph([helper.make_node("Identity", ["x"], ["o"])], "else", [], [inner[1]])
        nodes = [
            helper.make_node("Shape", ["x"], ["sizes"]),
            helper.make_node("Gather", ["sizes", "first"], ["size"]),
            helper.make_node("Equal", ["size", "one"], ["is_one"]),
            helper.make_node("If", ["is_one"], ["y"], name="the_if", then_branch=squeezed, else_branch=same),
        ]
        constants = {"zero": np.array([0]), "first": np.array(0), "one": np.array(1)}
        ends = [tensor("x", ["a", 3, "b"])], [tensor("y", ["p", "q"])]
        return self.save("branches", nodes, *ends, **constants)

    def unsupported(self) -> Path:
        """Two operators that nobody has."""
        nodes = [
            helper.make_node("Frobnicate", ["x"], ["m"], name="frob", domain="nobody"),
            helper.make_node("Wibble", ["m"], ["y"], name="wob", domain="nobody"),
        ]
        return self.save("unsupported", nodes, [tensor("x", [1, 3, 3])], [tensor("y", [1])])


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Makes small models."""
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def rtx() -> Any:
    """TensorRT-RTX: parser, builder and profiles of TensorRT, and it builds without a GPU."""
    return pytest.importorskip("tensorrt_rtx", reason="the extra rtx is not installed: pip install 'edgefuse[rtx]'")


@pytest.fixture
def built(rtx: Any, tmp_path: Path) -> Callable[..., bytes]:
    """Builds a file by TensorRT-RTX and gives the engine's bytes; always uses one workspace limit."""

    def make(path: Path, card: Mapping[str, Any] | None = None, report: BuildReport = lambda *_: True) -> bytes:
        target = tmp_path / "engine.plan"
        build(rtx, Job(path, card or {}, target, workspace=1 << 30), report)
        return target.read_bytes()

    return make


@pytest.fixture
def profile() -> Callable[..., Mapping[str, Any]]:
    """A card with a profile for x (batch, 3, 8, 8)."""

    def make(low: int, best: int, high: int) -> Mapping[str, Any]:
        sizes = {"min": low, "opt": best, "max": high}
        return {"profiles": {"x": {key: [size, 3, 8, 8] for key, size in sizes.items()}}}

    return make


@pytest.fixture(scope="session")
def fakes() -> Any:
    """The module fake_device.py beside this file."""
    spec = importlib.util.spec_from_file_location("fake_device", Path(__file__).with_name("fake_device.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_device"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def device(fakes: Any) -> Any:
    """A device without a GPU; skips where a driver would answer in its place."""
    real = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed: the extra rtx has it")
    if int(real.cudaFree(0)[0]) == 0:
        pytest.skip("a driver is here: the tests marked gpu run on the device itself")
    return fakes.Device(real)
