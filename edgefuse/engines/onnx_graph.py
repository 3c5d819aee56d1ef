"""An ONNX graph that is written node by node; the same calls give the same bytes with every version of `onnx`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Sizes: TypeAlias = Sequence[int | str]
_OPSET, _IR = 17, 9


@dataclass
class OnnxGraph:
    """An ONNX graph as it grows; results are named after the place that made them."""

    name: str
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def input(self, name: str, sizes: Sizes, kind: int = TensorProto.FLOAT) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, sizes))
        return name

    def output(self, name: str, sizes: Sizes) -> str:
        """Declare an output."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """An initialiser."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def sizes(self, *values: int) -> str:
        """A constant list of whole numbers."""
        return self.constant(f"sizes_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        """A constant number."""
        return self.constant(f"number_{value}", np.array(value, np.float32))

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node of one output; gives its name."""
        return self.ops(kind, inputs, [out or f"{kind}_{len(self.nodes)}"], **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Sequence[str]:
        """Add a node; gives the names of its outputs."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def model(self) -> Any:
        """The finished model."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
