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
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from edgefuse.core.errors import ModelError
from edgefuse.engines import tfjs_general
from edgefuse.engines.tfjs_graph import Array, Graph, Node, attribute, sizes

_TYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_SIX = 6.0


def to_onnx(path: Path) -> bytes:
    """Convert `model.json`, whose weights lie beside it. Raises ModelError; OSError when a file cannot be read."""
    try:
        body = json.loads(path.read_bytes())
        signature = body.get("signature") or body["userDefinedMetadata"]["signature"]
        shapes = {
            given["name"].removesuffix(":0"): sizes(given["tensorShape"])
            for given in signature.get("inputs", {}).values()
        }
        graph = Graph(_weights(body["weightsManifest"], path.parent), shapes)
        for node in body["modelTopology"]["node"]:
            _convert(graph, node, path)
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


def _convert(graph: Graph, node: Node, path: Path) -> None:
    operator = _OPERATORS.get(node["op"])
    if operator is None:
        known = ", ".join(sorted(_OPERATORS))
        raise ModelError(f"{path}: operator {node['op']} of '{node['name']}' cannot be converted (known: {known})")
    operator(graph, node)


def _const(graph: Graph, node: Node) -> None:
    graph.constant(node["name"])


def _placeholder(graph: Graph, node: Node) -> None:
    shape = graph.shapes.get(node["name"]) or sizes(node["attr"]["shape"]["shape"])
    graph.inputs.append(helper.make_tensor_value_info(node["name"], onnx.TensorProto.FLOAT, shape))


def _same(op: str) -> Callable[[Graph, Node], None]:
    """An operator of one input that ONNX has too."""

    def convert(graph: Graph, node: Node) -> None:
        graph.emit(op, [graph.tensor(node["input"][0])], [node["name"]])

    return convert


def _leaky_relu(graph: Graph, node: Node) -> None:
    alpha = float(attribute(node, "alpha", {"f": 0.2})["f"])
    graph.emit("LeakyRelu", [graph.tensor(node["input"][0])], [node["name"]], alpha=alpha)


def _transpose(graph: Graph, node: Node) -> None:
    order = graph.constant(node["input"][1]).tolist()
    value = graph.value(node["input"][0])
    if value is not None:
        graph.known[node["name"]] = np.transpose(value, order)
    else:
        graph.emit("Transpose", [graph.tensor(node["input"][0])], [node["name"]], perm=order)


def _add(graph: Graph, node: Node) -> None:
    left, right = node["input"]
    a, b = graph.value(left), graph.value(right)
    if a is not None and b is not None:
        graph.known[node["name"]] = a + b
    else:
        graph.emit("Add", [graph.tensor(left), graph.tensor(right)], [node["name"]])


def _sparse_to_dense(graph: Graph, node: Node) -> None:
    """Constants only: indices (n,) or (n, rank), shape, values (n,) or one for all, default."""
    indices, shape, values, default = (graph.constant(name) for name in node["input"][:4])
    dense = np.full(shape.tolist(), default, values.dtype)
    at = np.atleast_1d(indices)
    dense[tuple(at.T) if at.ndim > 1 else at] = values
    graph.known[node["name"]] = dense


def _conv(graph: Graph, node: Node) -> None:
    """Plain, depthwise, and either with bias and activation."""
    name, depthwise = node["name"], "Depthwise" in node["op"]
    weights = graph.constant(node["input"][1])
    if depthwise:
        height, width, groups, times = weights.shape
        weights = weights.transpose(2, 3, 0, 1).reshape(groups * times, 1, height, width)
    else:
        weights, groups = weights.transpose(3, 2, 0, 1), 1
    fused = [base64.b64decode(each).decode() for each in attribute(node, "fused_ops", {"list": {"s": []}})["list"]["s"]]
    more = [graph.tensor(node["input"][2])] if fused[:1] == ["BiasAdd"] else []
    activation = fused[len(more) :]
    graph.emit_nchw(
        "Conv",
        [graph.tensor(node["input"][0]), graph.store(f"{name}/weights", weights), *more],
        f"{name}/linear" if activation else name,
        kernel_shape=weights.shape[2:],
        strides=_spatial(node, "strides"),
        dilations=_spatial(node, "dilations"),
        auto_pad=_padding(node),
        **({"group": groups} if depthwise else {}),
    )
    for each in activation:
        _activate(graph, each, f"{name}/linear", name)


def _activate(graph: Graph, kind: str, given: str, name: str) -> None:
    if kind == "Relu":
        graph.emit("Relu", [given], [name])
    elif kind == "Relu6":
        limits = [graph.store(f"tfjs/{value}", np.array(value, np.float32)) for value in (0.0, _SIX)]
        graph.emit("Clip", [given, *limits], [name])
    else:
        raise ValueError(f"'{name}': expected one of BiasAdd, Relu, Relu6, got {kind}")


def _max_pool(graph: Graph, node: Node) -> None:
    graph.emit_nchw(
        "MaxPool",
        [graph.tensor(node["input"][0])],
        node["name"],
        kernel_shape=_spatial(node, "ksize"),
        strides=_spatial(node, "strides"),
        auto_pad=_padding(node),
    )


def _pad(graph: Graph, node: Node) -> None:
    """Pad and PadV2; TensorFlow's (rank, 2) becomes all begins, then all ends."""
    amounts = graph.constant(node["input"][1]).astype(np.int64).T.reshape(-1)
    inputs = [graph.tensor(node["input"][0]), graph.store(f"{node['name']}/pads", amounts)]
    if node["op"] == "PadV2":
        inputs.append(graph.store(node["input"][2], np.atleast_1d(graph.constant(node["input"][2]))))
    graph.emit("Pad", inputs, [node["name"]])


def _concat(graph: Graph, node: Node) -> None:
    axis = int(graph.constant(node["input"][-1]))
    graph.emit("Concat", [graph.tensor(name) for name in node["input"][:-1]], [node["name"]], axis=axis)


def _resize_bilinear(graph: Graph, node: Node) -> None:
    name = node["name"]
    size = graph.wide(node["input"][1], f"{name}/hw")
    mode = "half_pixel" if attribute(node, "half_pixel_centers", {}).get("b") else "asymmetric"
    if attribute(node, "align_corners", {}).get("b"):
        mode = "align_corners"
    graph.emit("Transpose", [graph.tensor(node["input"][0])], [f"{name}/in"], perm=_TO_NCHW)
    graph.emit("Shape", [f"{name}/in"], [f"{name}/nc"], end=2)
    graph.emit("Concat", [f"{name}/nc", size], [f"{name}/nchw"], axis=0)
    inputs = [f"{name}/in", "", "", f"{name}/nchw"]
    graph.emit("Resize", inputs, [f"{name}/out"], mode="linear", coordinate_transformation_mode=mode)
    graph.emit("Transpose", [f"{name}/out"], [name], perm=_TO_NHWC)


def _split(graph: Graph, node: Node) -> None:
    name = node["name"]
    sizes = graph.constant(node["input"][1]).astype(np.int64)
    outputs = [name, *(f"{name}/{k}" for k in range(1, len(sizes)))]
    graph.names.update({f"{name}:{k}": outputs[k] for k in range(1, len(sizes))})
    axis = int(graph.constant(node["input"][2]))
    graph.emit("Split", [graph.tensor(node["input"][0]), graph.store(f"{name}/sizes", sizes)], outputs, axis=axis)


def _reshape(graph: Graph, node: Node) -> None:
    shape = graph.wide(node["input"][1], f"{node['name']}/shape")
    graph.emit("Reshape", [graph.tensor(node["input"][0]), shape], [node["name"]])


_OPERATORS: Mapping[str, Callable[[Graph, Node], None]] = {
    "Add": _add,
    "AddV2": _add,
    "ConcatV2": _concat,
    "Const": _const,
    "Conv2D": _conv,
    "DepthwiseConv2dNative": _conv,
    "FusedDepthwiseConv2dNative": _conv,
    "_FusedConv2D": _conv,
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
    **tfjs_general.OPERATORS,
}


def _spatial(node: Node, name: str) -> list[int]:
    """Height and width of an NHWC attribute; 1 where it is left out."""
    if base64.b64decode(attribute(node, "data_format", {}).get("s", "")) not in {b"", b"NHWC"}:
        raise ValueError(f"'{node['name']}': expected data_format NHWC")
    return [int(size) for size in attribute(node, name, {"list": {"i": [1] * 4}})["list"]["i"]][1:3]


def _padding(node: Node) -> str:
    kind = base64.b64decode(node["attr"]["padding"]["s"])
    return {b"SAME": "SAME_UPPER", b"VALID": "VALID"}[kind]
