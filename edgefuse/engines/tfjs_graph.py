"""An ONNX graph as it grows out of a TensorFlow.js graph model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array: TypeAlias = NDArray[Any]
Node: TypeAlias = Mapping[str, Any]
_OPSET, _IR = 17, 9
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_TYPES = {"DT_FLOAT": onnx.TensorProto.FLOAT, "DT_INT32": onnx.TensorProto.INT32, "DT_BOOL": onnx.TensorProto.BOOL}


@dataclass
class Graph:
    """The ONNX graph as it grows."""

    known: dict[str, Array]
    """Constants by TensorFlow name."""
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Of the inputs, as the signature has them."""
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
        return self.known.get(plain(name))

    def tensor(self, name: str) -> str:
        """The ONNX name of an input; a constant becomes an initializer."""
        own = plain(name)
        return self.store(own, self.known[own]) if own in self.known else self.names.get(own, own)

    def store(self, name: str, value: Array) -> str:
        """Add an initializer."""
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def wide(self, name: str, copy: str) -> str:
        """An input that holds sizes or places, as int64; `copy` is the name of what is made for that."""
        value = self.value(name)
        if value is not None:
            return self.store(copy, value.astype(np.int64))
        self.emit("Cast", [self.tensor(name)], [f"{copy}#wide"], to=onnx.TensorProto.INT64)
        return f"{copy}#wide"

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
            helper.make_tensor_value_info(plain(output["name"]), onnx.TensorProto.FLOAT, sizes(output["tensorShape"]))
            for output in outputs
        ]
        graph = helper.make_graph(self.nodes, "tfjs", self.inputs, infos, list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def plain(name: str) -> str:
    """The first output has no number."""
    return name.removesuffix(":0")


def attribute(node: Node, name: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    """One attribute of a node, as the format writes it: `{"i": "1"}`."""
    found: Mapping[str, Any] = node.get("attr", {}).get(name, default)
    return found


def sizes(shape: Mapping[str, Any]) -> list[int]:
    """A shape of the format as numbers; -1 is a free dimension."""
    return [int(dim["size"]) for dim in shape.get("dim", [])]


def onnx_type(node: Node, name: str) -> int:
    """The ONNX type that an attribute of a node names. Raises ValueError for one that is not known here."""
    kind = str(attribute(node, name, {"type": "DT_FLOAT"})["type"])
    if kind not in _TYPES:
        raise ValueError(f"'{node['name']}': expected {', '.join(_TYPES)}, got {kind}")
    return int(_TYPES[kind])
