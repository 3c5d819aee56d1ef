"""Copies of less precision, made of small networks."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import Tensors
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import compare, convert
from edgefuse.pipeline.clock import SystemClock


def weight(name: str, array: Any) -> Any:
    return numpy_helper.from_array(np.asarray(array, np.float32), name)


def saved(path: Path, nodes: Sequence[Any], weights: Sequence[Any], shapes: tuple[list[Any], list[Any]]) -> Path:
    """A model with one input `x` and one output `y`."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes, strict=True)
    )
    graph = helper.make_graph(list(nodes), "small", [x], [y], list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def convolutions(tmp_path: Path) -> Path:
    """Three convolutions with activations between them; any number of pictures at once."""
    random = np.random.default_rng(1)
    nodes, weights, last = [], [], "x"
    for n, (before, after) in enumerate([(3, 16), (16, 16), (16, 8)]):
        weights += [
            weight(f"w{n}", random.normal(0, 0.2, (after, before, 3, 3))),
            weight(f"b{n}", np.ones(after) * 0.1),
        ]
        result = "y" if n == 2 else f"c{n}"
        nodes.append(helper.make_node("Conv", [last, f"w{n}", f"b{n}"], [result], pads=[1, 1, 1, 1]))
        if n < 2:
            nodes.append(helper.make_node("Relu", [result], [f"r{n}"]))
            last = f"r{n}"
    return saved(tmp_path / "convolutions.onnx", nodes, weights, (["n", 3, 16, 16], ["n", 8, 16, 16]))


def feeds(*shape: int, count: int = 6, scale: float = 1.0) -> list[Tensors]:
    random = np.random.default_rng(2)
    return [{"x": (scale * random.normal(0, 1, shape)).astype(np.float32)} for _ in range(count)]


def go_on(_share: float, _phase: str) -> bool:
    return True


def types(path: Path) -> dict[str, int]:
    """Tensor -> element type, as ONNX infers it strictly: a mixture of types in one operator is an error."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)), strict_mode=True)
    known = [*model.graph.value_info, *model.graph.input, *model.graph.output]
    return {one.name: one.type.tensor_type.elem_type for one in known}


def verdict_on(source: Path, target: Path, samples: Sequence[Tensors], precision: Any) -> Any:
    backend = OnnxBackend()
    return compare(backend.load(source, {}), backend.load(target, {}), samples, None, precision, SystemClock())


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(str(path)).graph.node]


@pytest.mark.parametrize("kind", ["asymmetric", "symmetric"])
def test_int8_of_convolutions_comes_close_and_takes_any_batch(convolutions: Path, tmp_path: Path, kind: Any) -> None:
    """Both kinds of int8 pass the limits on what they were calibrated with, and keep free dimensions free."""
    target = tmp_path / "int8.onnx"
    how = convert(convolutions, target, "int8", kind, feeds(1, 3, 16, 16), {}, go_on)

    verdict = verdict_on(convolutions, target, feeds(1, 3, 16, 16), "int8")
    assert verdict.ok, verdict.detail
    assert kind in how
    assert verdict_on(convolutions, target, feeds(2, 3, 16, 16), "int8").ok


def test_symmetric_int8_is_what_tensorrt_takes(convolutions: Path, tmp_path: Path) -> None:
    """Zero points are zero, everything quantised is int8, and no bias is."""
    target = tmp_path / "int8.onnx"
    convert(convolutions, target, "int8", "symmetric", feeds(1, 3, 16, 16), {}, go_on)

    graph = onnx.load(str(target)).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    points = [arrays[n.input[2]] for n in graph.node if n.op_type in {"QuantizeLinear", "DequantizeLinear"}]
    assert points
    assert all(point.dtype == np.int8 and not point.any() for point in points)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int8), np.dtype(np.float32)}


def test_asymmetric_int8_has_unsigned_activations_and_weights_per_channel(convolutions: Path, tmp_path: Path) -> None:
    """Activations are u8, weights s8 with a scale for each channel."""
    target = tmp_path / "int8.onnx"
    convert(convolutions, target, "int8", "asymmetric", feeds(1, 3, 16, 16), {}, go_on)

    graph = onnx.load(str(target)).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    assert {arrays[n.input[2]].dtype for n in graph.node if n.op_type == "QuantizeLinear"} == {np.dtype(np.uint8)}
    scales = [arrays[n.input[1]].shape for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in arrays]
    assert (16,) in scales


def test_products_of_matrices_are_quantised_in_every_run(tmp_path: Path) -> None:
    """A model whose weights are matrices gets int8 matrices and ranges of activations at run time, unless told else."""
    random = np.random.default_rng(3)
    weights = [weight("w", random.normal(0, 0.1, (64, 64)))]
    source = saved(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], weights, ([4, 64], [4, 64]))
    target = tmp_path / "int8.onnx"

    assert "dynamic" in convert(source, target, "int8", "asymmetric", feeds(4, 64), {}, go_on)
    assert "DynamicQuantizeLinear" in operators(target)
    assert verdict_on(source, target, feeds(4, 64), "int8").ok
    assert "dynamic" not in convert(source, target, "int8", "asymmetric", feeds(4, 64), {"int8": "static"}, go_on)
    assert "dynamic" not in convert(source, target, "int8", "symmetric", feeds(4, 64), {}, go_on)


def test_fp16_keeps_what_goes_in_and_out(convolutions: Path, tmp_path: Path) -> None:
    """Inputs and outputs are fp32, convolutions fp16, and all types fit strictly."""
    target = tmp_path / "fp16.onnx"
    convert(convolutions, target, "fp16", "symmetric", feeds(1, 3, 16, 16), {}, go_on)

    found = types(target)
    assert (found["x"], found["y"]) == (TensorProto.FLOAT, TensorProto.FLOAT)
    convs = [node.output[0] for node in onnx.load(str(target)).graph.node if node.op_type == "Conv"]
    assert [found[name] for name in convs] == [TensorProto.FLOAT16] * 3
    assert verdict_on(convolutions, target, feeds(1, 3, 16, 16), "fp16").ok


def test_what_overflows_fp16_stays_fp32(tmp_path: Path) -> None:
    """The node whose activations exceed 65504, and the one that brings them back, stay fp32; the copy is right."""
    nodes = [
        helper.make_node("Mul", ["x", "big"], ["a"], name="up"),
        helper.make_node("Mul", ["a", "small"], ["b"], name="down"),
        helper.make_node("Add", ["b", "one"], ["y"], name="plain"),
    ]
    weights = [weight("big", [1e5]), weight("small", [1e-3]), weight("one", [1.0])]
    source = saved(tmp_path / "m.onnx", nodes, weights, ([1, 8], [1, 8]))
    target = tmp_path / "fp16.onnx"

    how = convert(source, target, "fp16", "symmetric", feeds(1, 8), {}, go_on)

    found = types(target)
    by_name = {node.name: found[node.output[0]] for node in onnx.load(str(target)).graph.node}
    single, half = TensorProto.FLOAT, TensorProto.FLOAT16
    assert (by_name["up"], by_name["down"], by_name["plain"]) == (single, single, half)
    assert "out of range" in how
    assert verdict_on(source, target, feeds(1, 8), "fp16").ok


def test_sensitive_operators_and_subgraphs_stay_fp32(tmp_path: Path) -> None:
    """A power, a sum over an axis and what a subgraph reads are fp32; the types fit strictly."""
    inner = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["inner"])],
        "then",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, 8])],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["outer"])],
        "else",
        [],
        [helper.make_tensor_value_info("outer", TensorProto.FLOAT, [1, 8])],
    )
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["a"], name="captured"),
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "zero"], ["c"], name="compare"),
        helper.make_node("If", ["c"], ["i"], name="if", then_branch=inner, else_branch=other),
        helper.make_node("Pow", ["i", "two"], ["p"], name="power"),
        helper.make_node("Sub", ["p", "w"], ["y"], name="minus"),
    ]
    weights = [weight("w", [2.0]), weight("zero", 0.0), weight("two", [2.0])]
    source = saved(tmp_path / "m.onnx", nodes, weights, ([1, 8], [1, 8]))
    target = tmp_path / "fp16.onnx"

    convert(source, target, "fp16", "symmetric", feeds(1, 8), {}, go_on)

    found = types(target)
    by_name = {node.name: found.get(node.output[0]) for node in onnx.load(str(target)).graph.node}
    assert (by_name["captured"], by_name["power"]) == (TensorProto.FLOAT, TensorProto.FLOAT)
    assert by_name["minus"] == TensorProto.FLOAT16
    assert verdict_on(source, target, feeds(1, 8), "fp16").ok


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_same_input_gives_the_same_bytes(convolutions: Path, tmp_path: Path, precision: str) -> None:
    """Two processes whose sets are in another order write the same file."""
    code = (
        "import sys; from pathlib import Path; import numpy as np; from edgefuse.engines.precision import convert\n"
        "r = np.random.default_rng(2)\n"
        "f = [{'x': r.normal(0, 1, (1, 3, 16, 16)).astype(np.float32)} for _ in range(6)]\n"
        f"convert(Path(sys.argv[1]), Path(sys.argv[2]), '{precision}', 'asymmetric', f, {{}}, lambda *_: True)"
    )
    made = []
    for seed in ("1", "2"):
        target = tmp_path / f"{seed}.onnx"
        command = [sys.executable, "-c", code, str(convolutions), str(target)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        made.append(target.read_bytes())
    assert made[0] == made[1]


def test_a_conversion_that_is_not_wanted_any_more_stops(convolutions: Path, tmp_path: Path) -> None:
    """A report that answers False ends in BuildCancelled, and nothing is written."""
    target = tmp_path / "int8.onnx"
    with pytest.raises(BuildCancelled):
        convert(convolutions, target, "int8", "asymmetric", feeds(1, 3, 16, 16), {}, lambda *_: False)
    assert not target.exists()


def test_what_cannot_be_converted_is_a_model_error(convolutions: Path, tmp_path: Path) -> None:
    """No model, no samples, samples of another shape, a card with another word: each says what is wrong."""
    target, bad = tmp_path / "t.onnx", tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        convert(bad, target, "fp16", "symmetric", feeds(1, 3, 16, 16), {}, go_on)
    with pytest.raises(ModelError, match="needs samples"):
        convert(convolutions, target, "fp16", "symmetric", [], {}, go_on)
    with pytest.raises(ModelError, match="do not fit"):
        convert(convolutions, target, "fp16", "symmetric", feeds(1, 4, 16, 16), {}, go_on)
    with pytest.raises(ModelError, match="expected static or dynamic, got 'sometimes'"):
        convert(convolutions, target, "int8", "asymmetric", feeds(1, 3, 16, 16), {"int8": "sometimes"}, go_on)
