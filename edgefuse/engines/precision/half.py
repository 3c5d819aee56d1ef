"""fp32 -> fp16: every node that can bear it; the others, and what goes in and out of the model, stay fp32.

A node stays fp32 when a weight or an observed activation of it leaves the range of fp16, when its operator adds up or
raises to powers, or when ONNX knows no fp16 for it: the rules of NVIDIA's AutoCast, which itself needs torch
(https://github.com/NVIDIA/TensorRT-Model-Optimizer). All types are explicit, as a strongly typed network wants them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edgefuse.engines.precision.graph import captured, opset, weights
from edgefuse.engines.precision.observe import Spread

_LARGEST = float(np.finfo(np.float16).max)
_ROOM = 4
"""Other inputs may give activations this many times those of the samples."""
_SMALLEST = float(np.finfo(np.float16).tiny)
"""Weights that are all below the smallest normal number lose their digits, or become zero."""
_SENSITIVE = re.compile("Cum|Exp|Log|Lp|Pow|Range|Reciprocal|Reduce|LSTM|GRU|RNN|(Layer|Instance|Group)Normalization")
"""How the names of operators begin."""


def to_half(model: Any, spreads: Mapping[str, Spread]) -> tuple[Any, str]:
    """The model with fp16 inside, and one sentence on what it is. `spreads` come from `observe`."""
    import onnx

    half = onnx.ModelProto()
    half.CopyFrom(model)
    why = _reasons(half, spreads)
    rewired = _Rewired(half, {name for name, reason in why.items() if not reason}, spreads)
    rewired.run()
    reasons = Counter(reason for reason in why.values() if reason)
    stay = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"
    return half, f"fp16 in {len(why) - sum(reasons.values())} of {len(why)} nodes; those that stay: {stay}"


def _reasons(model: Any, spreads: Mapping[str, Spread]) -> dict[str, str]:
    """Node -> why it stays fp32, empty where it becomes fp16; only of nodes that handle floats."""
    arrays = weights(model.graph)
    floats = spreads.keys() | {name for name, array in arrays.items() if array.dtype == np.float32}
    fixed, version = captured(model), opset(model)
    why = {}
    for node in model.graph.node:
        if node.op_type == "Constant" or not any(name in floats for name in (*node.input, *node.output)):
            continue
        why[node.name] = _reason(node, floats, version) or (
            "read by a subgraph" if fixed & set(node.output) else _range(node, spreads, arrays)
        )
    return why


def _reason(node: Any, floats: set[str], version: int) -> str:
    """What of the operator forbids it."""
    if any(attribute.g.node or attribute.graphs for attribute in node.attribute):
        return "with subgraphs"
    if _SENSITIVE.match(node.op_type):
        return "sensitive"
    sources = {kind for name, kind in _bound(node.input, _formals(node, version, "inputs")) if name in floats}
    targets = {kind for name, kind in _bound(node.output, _formals(node, version, "outputs")) if name in floats}
    variable = {kind for kind in sources if not kind.startswith("tensor(")}
    allowed = _allowed(node, version)
    follows = bool(targets) and targets <= variable  # the type of what comes out is that of what goes in
    return "" if follows and all(kind in allowed for kind in variable) else "without fp16"


def _range(node: Any, spreads: Mapping[str, Spread], arrays: Mapping[str, Any]) -> str:
    for name in (*node.input, *node.output):
        if name in arrays and arrays[name].dtype == np.float32:
            finite = np.abs(arrays[name][np.isfinite(arrays[name])])
            largest = float(finite.max()) if finite.size else 0.0
            if largest > _LARGEST or 0 < largest < _SMALLEST:
                return "with weights out of range"
        elif name in spreads and spreads[name].largest * _ROOM > _LARGEST:
            return "with activations out of range"
    return ""


def _schema(node: Any, version: int) -> Any:
    from onnx import defs

    try:
        return defs.get_schema(node.op_type, version, node.domain)
    except defs.SchemaError:
        return None


def _formals(node: Any, version: int, side: str) -> list[Any]:
    schema = _schema(node, version)
    return [] if schema is None else list(getattr(schema, side))


def _bound(names: Any, formals: list[Any]) -> Iterator[tuple[str, str]]:
    """Each tensor with the type that the schema gives its place: a variable such as `T`, or `tensor(float)`."""
    for number, name in enumerate(names):
        if name:
            yield name, formals[min(number, len(formals) - 1)].type_str if formals else "unknown"


def _allowed(node: Any, version: int) -> set[str]:
    """Type variables that may be fp16."""
    schema = _schema(node, version)
    constraints = [] if schema is None else schema.type_constraints
    return {one.type_param_str for one in constraints if "tensor(float16)" in one.allowed_type_strs}


class _Rewired:
    """A float tensor `x` keeps its name in fp32; its fp16 form, where one is needed, has a name of its own."""

    def __init__(self, model: Any, chosen: set[str], spreads: Mapping[str, Spread]) -> None:
        self._graph = model.graph
        self._version = opset(model)
        self._chosen = chosen
        self._arrays = {name: array for name, array in weights(model.graph).items() if array.dtype == np.float32}
        self._floats = spreads.keys() | self._arrays.keys()
        self._half: dict[str, str] = {}
        taken = {name for node in self._graph.node for name in (*node.input, *node.output)}
        self._taken = taken | {one.name for one in (*self._graph.input, *self._graph.initializer)}
        self._fixed = captured(model)

    def run(self) -> None:
        """Change the graph."""
        single = self._needed_single()
        nodes: list[Any] = []
        for node in list(self._graph.node):
            if node.name not in self._chosen:
                nodes.append(node)
                continue
            nodes += self._inputs(node)
            nodes.append(node)
            nodes += self._outputs(node, single)
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        del self._graph.value_info[:]
        unused = [one for one in self._graph.initializer if one.name in self._half and one.name not in single]
        for one in unused:
            self._graph.initializer.remove(one)

    def _needed_single(self) -> set[str]:
        """Tensors that are read in fp32: by nodes that stay, by subgraphs, by whoever runs the model."""
        stay = {name for node in self._graph.node if node.name not in self._chosen for name in node.input}
        concrete = {
            name
            for node in self._graph.node
            if node.name in self._chosen
            for name, kind in _bound(node.input, _formals(node, self._version, "inputs"))
            if kind.startswith("tensor(")
        }
        return stay | concrete | self._fixed | {output.name for output in self._graph.output}

    def _inputs(self, node: Any) -> Iterator[Any]:
        """Casts that must come before the node, whose inputs become fp16."""
        kinds = dict(_bound(node.input, _formals(node, self._version, "inputs")))
        for number, name in enumerate(node.input):
            if name in self._floats and not kinds[name].startswith("tensor("):
                if name not in self._half:
                    yield from self._halved(name)
                node.input[number] = self._half[name]

    def _halved(self, name: str) -> Iterator[Any]:
        from onnx import TensorProto, helper, numpy_helper

        self._half[name] = self._free(name)
        if name in self._arrays:
            array = self._arrays[name].astype(np.float16)
            self._graph.initializer.append(numpy_helper.from_array(array, self._half[name]))
            return
        label = f"{self._half[name]}/cast"
        yield helper.make_node("Cast", [name], [self._half[name]], name=label, to=TensorProto.FLOAT16)

    def _outputs(self, node: Any, single: set[str]) -> Iterator[Any]:
        from onnx import TensorProto, helper

        for number, name in enumerate(node.output):
            if name in self._floats:
                self._half[name] = node.output[number] = self._free(name)
                if name in single:
                    label = f"{self._half[name]}/cast"
                    yield helper.make_node("Cast", [self._half[name]], [name], name=label, to=TensorProto.FLOAT)

    def _free(self, name: str) -> str:
        label = f"{name}/fp16"
        while label in self._taken:
            label += "_"
        self._taken.add(label)
        return label
