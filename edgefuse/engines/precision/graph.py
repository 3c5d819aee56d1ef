"""ONNX graphs as the converters want them; the only importer of `onnx` here."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

from edgefuse.core.errors import ModelError, needs
from edgefuse.engines.onnx import runtime_errors

_OPSET = 13
"""The first whose Q/DQ take a scale per channel."""
_STANDARD = {"", "ai.onnx"}


def read(path: Path) -> Any:
    """The model of a file, with Q/DQ's opset or a later one. Raises ModelError; ConfigError without the extra."""
    with needs("convert", "other precisions"):
        import onnx
        from onnx import version_converter

    try:
        onnx.checker.check_model(str(path))
        model = onnx.load(str(path))
        if opset(model) < _OPSET:
            model = version_converter.convert_version(model, _OPSET)
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{path}: cannot be read as ONNX: {error}") from error
    return model


def write(model: Any, path: Path) -> None:
    """In canonical order: the same graph gives the same bytes. Raises OSError; ModelError for a graph that is none."""
    import onnx

    _replace(model.graph.node, _in_order(model.graph))
    _replace(model.graph.initializer, sorted(model.graph.initializer, key=lambda one: str(one.name)))
    versions = {one.domain: one.version for one in model.opset_import}
    imports = [onnx.helper.make_opsetid(domain, versions.get(domain, 1)) for domain in sorted(_domains(model))]
    _replace(model.opset_import, imports)
    try:
        onnx.checker.check_model(model)
    except (ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{path}: the converted graph is not valid: {error}") from error
    path.write_bytes(model.SerializeToString(deterministic=True))


def simplified(model: Any) -> Any:
    """A copy with constants folded and paddings and additions fused into convolutions, in standard operators.

    Every node has a name of its own. Raises ModelError for a model that ONNX Runtime refuses.
    """
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    for node in plain.graph.node:
        _say_paddings(node)
    folded = _folded(plain)
    kept = folded if _domains(folded) <= _domains(plain) else plain
    used = _domains(kept)
    _replace(kept.opset_import, [one for one in kept.opset_import if one.domain in used])
    _name_nodes(kept)
    return kept


def opset(model: Any) -> int:
    """Version of the standard operators."""
    return max((int(one.version) for one in model.opset_import if one.domain in _STANDARD), default=0)


def subgraphs(node: Any) -> Iterator[Any]:
    """Of an If, Loop or Scan, and of what is in them."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            if graph.node or graph.output:
                yield graph
                for inner in graph.node:
                    yield from subgraphs(inner)


def captured(model: Any) -> set[str]:
    """Tensors of the main graph that nodes in subgraphs read, and perhaps others of the same name."""
    graphs = [graph for node in model.graph.node for graph in subgraphs(node)]
    inside = {name for graph in graphs for node in graph.node for name in node.input}
    return inside | {output.name for graph in graphs for output in graph.output}


def all_nodes(graph: Any) -> Iterator[Any]:
    """Of a graph and of the subgraphs in it."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from inner.node


def weights(graph: Any) -> dict[str, Any]:
    """Arrays of the initialisers and of the Constant nodes of one graph."""
    from onnx import numpy_helper

    found = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _domains(model: Any) -> set[str]:
    return {node.domain for node in all_nodes(model.graph)} | {""}


def _say_paddings(node: Any) -> None:
    """VALID is the same as no paddings, which is what the optimiser fuses with."""
    for attribute in list(node.attribute):
        if attribute.name == "auto_pad" and attribute.s == b"VALID":
            node.attribute.remove(attribute)


def _folded(model: Any) -> Any:
    import onnx
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        failures: tuple[type[Exception], ...] = (*runtime_errors(), ValueError, RuntimeError)
        try:
            ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except failures as error:
            raise ModelError(f"ONNX Runtime {ort.__version__} cannot load the model: {error}") from error
        return onnx.load(str(path))


def _name_nodes(model: Any) -> None:
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}#{number}"
        taken.add(node.name)


def with_outputs(model: Any, names: Iterable[str]) -> Any:
    """A copy that also gives these tensors; their types are left to the runtime to infer."""
    import onnx

    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    have = {output.name for output in wide.graph.output}
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in have)
    return wide


def results(model: Any) -> Sequence[str]:
    """Names of all tensors that nodes of the main graph make."""
    return [name for node in model.graph.node for name in node.output if name]


def _replace(field: Any, values: Iterable[Any]) -> None:
    """Set the messages of a repeated field."""
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)


def _in_order(graph: Any) -> list[Any]:
    """Nodes after those whose results they read; of those that could be next, the first by the name of its results."""
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    wanting = [{makers[name] for name in _reads(node) if name in makers} for node in graph.node]
    readers: dict[int, list[int]] = {}
    for number, sources in enumerate(wanting):
        for source in sources:
            readers.setdefault(source, []).append(number)
    ready = [(list(node.output), number) for number, node in enumerate(graph.node) if not wanting[number]]
    heapify(ready)
    order = []
    while ready:
        _, number = heappop(ready)
        order.append(graph.node[number])
        for reader in readers.get(number, []):
            wanting[reader].discard(number)
            if not wanting[reader]:
                heappush(ready, (list(graph.node[reader].output), reader))
    return order


def _reads(node: Any) -> set[str]:
    inside = {name for graph in subgraphs(node) for inner in graph.node for name in inner.input}
    return inside | {output.name for graph in subgraphs(node) for output in graph.output} | set(node.input)
