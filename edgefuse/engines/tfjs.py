"""TensorFlow.js graph model -> ONNX, with numpy and onnx only.

Covers the operators of small convolutional detectors. What depends on constants alone is computed here. TensorFlow's
pictures are NHWC and ONNX's are NCHW: each spatial operator is put between two transpositions, which ONNX Runtime
cancels. The same model gives the same bytes, so that the result can be pinned by its hash.

Format: https://github.com/tensorflow/tfjs, tfjs-converter (weightsManifest, modelTopology as a GraphDef in JSON).
"""

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgefuse.core.errors import ModelError

Array: TypeAlias = NDArray[Any]
Node: TypeAlias = Mapping[str, Any]
_OPSET, _IR = 17, 9
_TYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def to_onnx(path: Path) -> bytes:
    """Convert `model.json`, whose weights lie beside it. Raises ModelError; OSError when a file cannot be read."""
    try:
        body = json.loads(path.read_bytes())
        graph = _Graph(_weights(body["weightsManifest"], path.parent))
        for node in body["modelTopology"]["node"]:
            _convert(graph, node, path)
        signature = body.get("signature") or body["userDefinedMetadata"]["signature"]
        model = graph.model([output for _, output in sorted(signature["outputs"].items())])
        onnx.checker.check_model(model, full_check=True)
    except (
        KeyError,
        TypeError,
        ValueError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise ModelError(f"{path}: not a TensorFlow.js graph model that can be converted: {error!r}") from error
    return bytes(model.SerializeToString(deterministic=True))


@dataclass
class _Graph:
    """The ONNX graph as it grows."""

    known: dict[str, Array]
    """Constants by TensorFlow name."""
    names: dict[str, str] = field(default_factory=dict)
    """TensorFlow's second and later outputs (`split:1`) -> ONNX name."""
    inputs: list[Any] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)
    initializers: dict[str, Any] = field(default_factory=dict)

    def constant(self, name: str) -> Array:
        """The value of an input that must be a constant."""
        value = self.value(name)
        if value is None:
            raise ValueError(f"expected a constant for '{name}'")
        return value

    def value(self, name: str) -> Array | None:
        """The value of an input if it is a constant."""
        return self.known.get(_plain(name))

    def tensor(self, name: str) -> str:
        """The ONNX name of an input; a constant becomes an initializer."""
        plain = _plain(name)
        return self.store(plain, self.known[plain]) if plain in self.known else self.names.get(plain, plain)

    def store(self, name: str, value: Array) -> str:
        """Add an initializer."""
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def emit(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Add a node."""
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))

    def emit_nchw(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        """Add a node that sees its first input, and gives its output, as NCHW."""
        self.emit("Transpose", inputs[:1], [f"{output}/in"], perm=_TO_NCHW)
        self.emit(op, [f"{output}/in", *inputs[1:]], [f"{output}/out"], **attributes)
        self.emit("Transpose", [f"{output}/out"], [output], perm=_TO_NHWC)

    def model(self, outputs: Sequence[Mapping[str, Any]]) -> Any:
        """The finished model, with the outputs of the signature."""
        infos = [
            helper.make_tensor_value_info(_plain(output["name"]), onnx.TensorProto.FLOAT, _sizes(output["tensorShape"]))
            for output in outputs
        ]
        graph = helper.make_graph(self.nodes, "tfjs", self.inputs, infos, list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def _weights(manifest: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Array]:
    """Name -> array, dequantised to the declared type."""
    arrays: dict[str, Array] = {}
    for group in manifest:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        offset = 0
        for weight in group["weights"]:
            quantised = weight.get("quantization")
            stored = np.dtype(_TYPES[(quantised or weight)["dtype"]])
            count = math.prod(weight["shape"])
            array = np.frombuffer(data, stored, count, offset).reshape(weight["shape"])
            offset += count * stored.itemsize
            arrays[weight["name"]] = _dequantised(array, weight["dtype"], quantised)
    return arrays


def _dequantised(array: Array, dtype: str, quantised: Mapping[str, Any] | None) -> Array:
    if quantised is not None and "scale" in quantised:
        array = array.astype(np.float32) * np.float32(quantised["scale"]) + np.float32(quantised["min"])
    return array.astype(_TYPES[dtype])


def _convert(graph: _Graph, node: Node, path: Path) -> None:
    operator = _OPERATORS.get(node["op"])
    if operator is None:
        known = ", ".join(sorted(_OPERATORS))
        raise ModelError(f"{path}: operator {node['op']} of '{node['name']}' cannot be converted (known: {known})")
    operator(graph, node)


def _const(graph: _Graph, node: Node) -> None:
    graph.constant(node["name"])


def _placeholder(graph: _Graph, node: Node) -> None:
    shape = _sizes(node["attr"]["shape"]["shape"])
    graph.inputs.append(helper.make_tensor_value_info(node["name"], onnx.TensorProto.FLOAT, shape))


def _same(op: str) -> Callable[[_Graph, Node], None]:
    """An operator of one input that ONNX has too."""

    def convert(graph: _Graph, node: Node) -> None:
        graph.emit(op, [graph.tensor(node["input"][0])], [node["name"]])

    return convert


def _leaky_relu(graph: _Graph, node: Node) -> None:
    alpha = float(_attribute(node, "alpha", {"f": 0.2})["f"])
    graph.emit("LeakyRelu", [graph.tensor(node["input"][0])], [node["name"]], alpha=alpha)


def _transpose(graph: _Graph, node: Node) -> None:
    order = graph.constant(node["input"][1]).tolist()
    value = graph.value(node["input"][0])
    if value is not None:
        graph.known[node["name"]] = np.transpose(value, order)
    else:
        graph.emit("Transpose", [graph.tensor(node["input"][0])], [node["name"]], perm=order)


def _add(graph: _Graph, node: Node) -> None:
    left, right = node["input"]
    a, b = graph.value(left), graph.value(right)
    if a is not None and b is not None:
        graph.known[node["name"]] = a + b
    else:
        graph.emit("Add", [graph.tensor(left), graph.tensor(right)], [node["name"]])


def _sparse_to_dense(graph: _Graph, node: Node) -> None:
    """Constants only: indices (n,) or (n, rank), shape, values (n,) or one for all, default."""
    indices, shape, values, default = (graph.constant(name) for name in node["input"][:4])
    dense = np.full(shape.tolist(), default, values.dtype)
    at = np.atleast_1d(indices)
    dense[tuple(at.T) if at.ndim > 1 else at] = values
    graph.known[node["name"]] = dense


def _conv(graph: _Graph, node: Node) -> None:
    weights = graph.constant(node["input"][1]).transpose(3, 2, 0, 1)
    graph.emit_nchw(
        "Conv",
        [graph.tensor(node["input"][0]), graph.store(f"{node['name']}/weights", weights)],
        node["name"],
        kernel_shape=weights.shape[2:],
        strides=_spatial(node, "strides"),
        dilations=_spatial(node, "dilations"),
        auto_pad=_padding(node),
    )


def _max_pool(graph: _Graph, node: Node) -> None:
    graph.emit_nchw(
        "MaxPool",
        [graph.tensor(node["input"][0])],
        node["name"],
        kernel_shape=_spatial(node, "ksize"),
        strides=_spatial(node, "strides"),
        auto_pad=_padding(node),
    )


def _pad(graph: _Graph, node: Node) -> None:
    """Pad and PadV2; TensorFlow's (rank, 2) becomes all begins, then all ends."""
    amounts = graph.constant(node["input"][1]).astype(np.int64).T.reshape(-1)
    inputs = [graph.tensor(node["input"][0]), graph.store(f"{node['name']}/pads", amounts)]
    if node["op"] == "PadV2":
        inputs.append(graph.tensor(node["input"][2]))
    graph.emit("Pad", inputs, [node["name"]])


def _concat(graph: _Graph, node: Node) -> None:
    axis = int(graph.constant(node["input"][-1]))
    graph.emit("Concat", [graph.tensor(name) for name in node["input"][:-1]], [node["name"]], axis=axis)


def _resize_bilinear(graph: _Graph, node: Node) -> None:
    name = node["name"]
    size = graph.store(f"{name}/hw", graph.constant(node["input"][1]).astype(np.int64))
    mode = "half_pixel" if _attribute(node, "half_pixel_centers", {}).get("b") else "asymmetric"
    if _attribute(node, "align_corners", {}).get("b"):
        mode = "align_corners"
    graph.emit("Transpose", [graph.tensor(node["input"][0])], [f"{name}/in"], perm=_TO_NCHW)
    graph.emit("Shape", [f"{name}/in"], [f"{name}/nc"], end=2)
    graph.emit("Concat", [f"{name}/nc", size], [f"{name}/nchw"], axis=0)
    inputs = [f"{name}/in", "", "", f"{name}/nchw"]
    graph.emit("Resize", inputs, [f"{name}/out"], mode="linear", coordinate_transformation_mode=mode)
    graph.emit("Transpose", [f"{name}/out"], [name], perm=_TO_NHWC)


def _split(graph: _Graph, node: Node) -> None:
    name = node["name"]
    sizes = graph.constant(node["input"][1]).astype(np.int64)
    outputs = [name, *(f"{name}/{k}" for k in range(1, len(sizes)))]
    graph.names.update({f"{name}:{k}": outputs[k] for k in range(1, len(sizes))})
    axis = int(graph.constant(node["input"][2]))
    graph.emit("Split", [graph.tensor(node["input"][0]), graph.store(f"{name}/sizes", sizes)], outputs, axis=axis)


def _reshape(graph: _Graph, node: Node) -> None:
    shape = graph.constant(node["input"][1]).astype(np.int64)
    graph.emit("Reshape", [graph.tensor(node["input"][0]), graph.store(f"{node['name']}/shape", shape)], [node["name"]])


_OPERATORS: Mapping[str, Callable[[_Graph, Node], None]] = {
    "Add": _add,
    "AddV2": _add,
    "ConcatV2": _concat,
    "Const": _const,
    "Conv2D": _conv,
    "Identity": _same("Identity"),
    "LeakyRelu": _leaky_relu,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "PadV2": _pad,
    "Placeholder": _placeholder,
    "Relu": _same("Relu"),
    "Reshape": _reshape,
    "ResizeBilinear": _resize_bilinear,
    "Sigmoid": _same("Sigmoid"),
    "SparseToDense": _sparse_to_dense,
    "SplitV": _split,
    "Transpose": _transpose,
}


def _plain(name: str) -> str:
    """The first output has no number."""
    return name.removesuffix(":0")


def _attribute(node: Node, name: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = node.get("attr", {}).get(name, default)
    return found


def _sizes(shape: Mapping[str, Any]) -> list[int]:
    return [int(dim["size"]) for dim in shape.get("dim", [])]


def _spatial(node: Node, name: str) -> list[int]:
    """Height and width of an NHWC attribute; 1 where it is left out."""
    if base64.b64decode(_attribute(node, "data_format", {}).get("s", "")) not in {b"", b"NHWC"}:
        raise ValueError(f"'{node['name']}': expected data_format NHWC")
    return [int(size) for size in _attribute(node, name, {"list": {"i": [1] * 4}})["list"]["i"]][1:3]


def _padding(node: Node) -> str:
    kind = base64.b64decode(node["attr"]["padding"]["s"])
    return {b"SAME": "SAME_UPPER", b"VALID": "VALID"}[kind]
