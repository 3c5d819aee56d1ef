"""Operators of TensorFlow.js that move, compare and count: what decodes the heat maps of a pose network.

TensorFlow's sizes and places are int32 and ONNX's int64: each goes through a Cast.
"""

from collections.abc import Callable, Mapping

import numpy as np
from onnx import TensorProto

from edgefuse.engines.tfjs_graph import Graph, Node, attribute, onnx_type

_LAST = np.iinfo(np.int32).max


def _same(op: str) -> Callable[[Graph, Node], None]:
    """An operator that ONNX has with the same inputs."""

    def convert(graph: Graph, node: Node) -> None:
        graph.emit(op, [graph.tensor(name) for name in node["input"]], [node["name"]])

    return convert


def _narrow(op: str) -> Callable[[Graph, Node], None]:
    """An operator of one input that counts, in int64 with ONNX and in int32 with TensorFlow."""

    def convert(graph: Graph, node: Node) -> None:
        graph.emit(op, [graph.tensor(node["input"][0])], [f"{node['name']}#wide"])
        graph.emit("Cast", [f"{node['name']}#wide"], [node["name"]], to=TensorProto.INT32)

    return convert


def _cast(graph: Graph, node: Node) -> None:
    graph.emit("Cast", [graph.tensor(node["input"][0])], [node["name"]], to=onnx_type(node, "DstT"))


def _squared_difference(graph: Graph, node: Node) -> None:
    name = node["name"]
    graph.emit("Sub", [graph.tensor(each) for each in node["input"]], [f"{name}#difference"])
    graph.emit("Mul", [f"{name}#difference"] * 2, [name])


def _strided_slice(graph: Graph, node: Node) -> None:
    """With constant places. Masks are bits per place: taken from the start, to the end, a new axis, an axis less."""
    name = node["name"]
    begin, end, step = (graph.constant(each).astype(np.int64) for each in node["input"][1:4])
    masks = {
        each: int(attribute(node, f"{each}_mask", {"i": 0})["i"]) for each in ("begin", "end", "ellipsis", "new_axis")
    }
    less = int(attribute(node, "shrink_axis_mask", {"i": 0})["i"])
    if masks["ellipsis"]:
        raise ValueError(f"'{name}': a slice with an ellipsis is not known here")
    new = [place for place in range(len(begin)) if masks["new_axis"] >> place & 1]
    old = [place for place in range(len(begin)) if place not in new]
    starts = [0 if masks["begin"] >> place & 1 else begin[place] for place in old]
    ends = [_LAST if masks["end"] >> place & 1 else end[place] for place in old]
    ends = [_LAST if less >> place & 1 and begin[place] == -1 else at for place, at in zip(old, ends, strict=True)]
    last = graph.tensor(node["input"][0])
    if old:
        parts = (starts, ends, list(range(len(old))), [step[place] for place in old])
        named = [graph.store(f"{name}#{n}", np.array(part, np.int64)) for n, part in enumerate(parts)]
        graph.emit("Slice", [last, *named], [f"{name}#sliced"])
        last = f"{name}#sliced"
    for op, axes in (("Squeeze", [at for at, place in enumerate(old) if less >> place & 1]), ("Unsqueeze", new)):
        if axes:
            graph.emit(op, [last, graph.store(f"{name}#{op}", np.array(axes, np.int64))], [f"{name}#{op}d"])
            last = f"{name}#{op}d"
    graph.emit("Identity", [last], [name])


def _expand_dims(graph: Graph, node: Node) -> None:
    axes = graph.constant(node["input"][1]).astype(np.int64).reshape(1)
    graph.emit("Unsqueeze", [graph.tensor(node["input"][0]), graph.store(f"{node['name']}#axes", axes)], [node["name"]])


def _squeeze(graph: Graph, node: Node) -> None:
    axes = np.array([int(each) for each in attribute(node, "squeeze_dims", {})["list"]["i"]], np.int64)
    graph.emit("Squeeze", [graph.tensor(node["input"][0]), graph.store(f"{node['name']}#axes", axes)], [node["name"]])


def _pack(graph: Graph, node: Node) -> None:
    name, axis = node["name"], int(attribute(node, "axis", {"i": 0})["i"])
    axes = graph.store(f"{name}#axes", np.array([axis], np.int64))
    parts = [f"{name}#{number}" for number in range(len(node["input"]))]
    for given, part in zip(node["input"], parts, strict=True):
        graph.emit("Unsqueeze", [graph.tensor(given), axes], [part])
    graph.emit("Concat", parts, [name], axis=axis)


def _unpack(graph: Graph, node: Node) -> None:
    name, axis, count = node["name"], int(attribute(node, "axis", {"i": 0})["i"]), int(node["attr"]["num"]["i"])
    axes = graph.store(f"{name}#axes", np.array([axis], np.int64))
    parts = [f"{name}#part{number}" for number in range(count)]
    graph.emit("Split", [graph.tensor(node["input"][0])], parts, axis=axis)
    for part, output in zip(parts, _outputs(graph, name, count), strict=True):
        graph.emit("Squeeze", [part, axes], [output])


def _split(graph: Graph, node: Node) -> None:
    count = int(node["attr"]["num_split"]["i"])
    axis = int(graph.constant(node["input"][0]))
    graph.emit("Split", [graph.tensor(node["input"][1])], _outputs(graph, node["name"], count), axis=axis)


def _top_k(graph: Graph, node: Node) -> None:
    values, places = _outputs(graph, node["name"], 2)
    k = graph.store(f"{node['name']}#k", graph.constant(node["input"][1]).astype(np.int64).reshape(1))
    graph.emit("TopK", [graph.tensor(node["input"][0]), k], [values, f"{places}#wide"])
    graph.emit("Cast", [f"{places}#wide"], [places], to=TensorProto.INT32)


def _arg_max(graph: Graph, node: Node) -> None:
    name, axis = node["name"], int(graph.constant(node["input"][1]))
    graph.emit("ArgMax", [graph.tensor(node["input"][0])], [f"{name}#wide"], axis=axis, keepdims=0)
    graph.emit("Cast", [f"{name}#wide"], [name], to=onnx_type(node, "output_type"))


def _reduce(graph: Graph, node: Node) -> None:
    """Sum takes its axes as an input, Max as an attribute."""
    name, axes = node["name"], graph.constant(node["input"][1]).astype(np.int64).reshape(-1)
    keep = int(bool(attribute(node, "keep_dims", {}).get("b")))
    given = graph.tensor(node["input"][0])
    if node["op"] == "Sum":
        graph.emit("ReduceSum", [given, graph.store(f"{name}#axes", axes)], [name], keepdims=keep)
    else:
        graph.emit("ReduceMax", [given], [name], axes=axes.tolist(), keepdims=keep)


def _gather_nd(graph: Graph, node: Node) -> None:
    places = graph.wide(node["input"][1], f"{node['name']}#places")
    graph.emit("GatherND", [graph.tensor(node["input"][0]), places], [node["name"]])


def _tile(graph: Graph, node: Node) -> None:
    times = graph.wide(node["input"][1], f"{node['name']}#times")
    graph.emit("Tile", [graph.tensor(node["input"][0]), times], [node["name"]])


def _fill(graph: Graph, node: Node) -> None:
    shape = graph.wide(node["input"][0], f"{node['name']}#shape")
    graph.emit("Expand", [graph.tensor(node["input"][1]), shape], [node["name"]])


def _outputs(graph: Graph, name: str, count: int) -> list[str]:
    """Names of the outputs of a node, told to the graph."""
    outputs = [name, *(f"{name}#{number}" for number in range(1, count))]
    graph.names.update({f"{name}:{number}": outputs[number] for number in range(1, count)})
    return outputs


_PLAIN = {
    "Abs": "Abs",
    "AddN": "Sum",
    "Equal": "Equal",
    "Exp": "Exp",
    "FloorDiv": "Div",  # of sizes and places, which are never negative
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LogicalAnd": "And",
    "Maximum": "Max",
    "Minimum": "Min",
    "Mul": "Mul",
    "Range": "Range",
    "RealDiv": "Div",
    "Reciprocal": "Reciprocal",
    "Select": "Where",
    "Sub": "Sub",
}
OPERATORS: Mapping[str, Callable[[Graph, Node], None]] = {
    **{theirs: _same(ours) for theirs, ours in _PLAIN.items()},
    "ArgMax": _arg_max,
    "Cast": _cast,
    "ExpandDims": _expand_dims,
    "Fill": _fill,
    "GatherNd": _gather_nd,
    "Max": _reduce,
    "Pack": _pack,
    "Shape": _narrow("Shape"),
    "Size": _narrow("Size"),
    "Split": _split,
    "SquaredDifference": _squared_difference,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Sum": _reduce,
    "Tile": _tile,
    "TopKV2": _top_k,
    "Unpack": _unpack,
}
