"""fp32 -> int8, by ONNX Runtime's quantiser.

asymmetric  for ONNX Runtime on CPUs: activations u8, weights s8 per channel, Q/DQ around all that has an int8 kernel
symmetric   for TensorRT: both s8 without zero points, biases as they are, Q/DQ only in front of what multiplies

Where most weights belong to products of matrices (transformers), asymmetric means dynamic: the range of an activation
is taken anew in every run, as it differs more from input to input than one scale can hold.
Without VNNI an x86 adds pairs of products in 16 bits, which saturate; there weights get 7 bits.
Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", https://arxiv.org/abs/1806.08342.
"""

import math
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from edgefuse.core.errors import needs
from edgefuse.core.ports import Tensors
from edgefuse.engines.precision.graph import subgraphs, weights
from edgefuse.engines.precision.observe import Spread, run

Kind: TypeAlias = Literal["asymmetric", "symmetric"]
_MULTIPLY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_ALONG = ("Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul", "Relu", "Resize")
"""What ONNX Runtime also computes in int8, so that nothing is converted back between two convolutions."""
_GOOD = 0.997
"""Cosine of the worst output with fp32's at which nothing more is tried."""
_JUDGES, _FEW = 12, 4
"""Samples by which whole trials within a conversion are compared, and those of single nodes."""
_SPARED = (1 / 8, 1 / 4)
"""Shares of the multiplying nodes that are left in fp32, most sensitive first, while the cosine is not good."""


@dataclass(frozen=True, slots=True)
class _Job:
    model: Any
    spreads: Mapping[str, Spread]
    kind: Kind
    feeds: Sequence[Tensors]
    """By which trials are compared."""
    expected: Sequence[Tensors]
    """What fp32 gives for them."""
    ranges: Mapping[str, tuple[np.float32, np.float32]]


def is_dynamic(model: Any) -> bool:
    """Whether most weights belong to products of matrices, and not to convolutions."""
    arrays: dict[str, Any] = {}
    sizes: Counter[bool] = Counter()
    for graph in (model.graph, *(inner for node in model.graph.node for inner in subgraphs(node))):
        arrays.update(weights(graph))
        for node in graph.node:
            if node.op_type in {*_MULTIPLY, "LSTM"}:
                sizes[node.op_type.startswith("Conv")] += sum(
                    arrays[name].size for name in node.input if name in arrays
                )
    return sizes[False] > sizes[True]


def dynamic(model: Any) -> tuple[Any, str]:
    """Matrices in int8, activations in fp32 until they meet one."""
    with needs("convert", "int8"):
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    narrow = saturates()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        source = onnx.ModelProto()
        source.CopyFrom(model)
        add_pre_process_metadata(source)  # what is simplified already needs no advice
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gemm", "LSTM"],
            per_channel=True,
            reduce_range=narrow,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "EnableSubgraph": True},
        )
        made = onnx.load(str(target))
    return made, f"int8, dynamic, weights of {7 if narrow else 8} bits per channel"


def static(
    model: Any, spreads: Mapping[str, Spread], kind: Kind, feeds: Sequence[Tensors], tell: Callable[[float], None]
) -> tuple[Any, str]:
    """The quantised model and how it was made.

    If the outputs are not close to fp32's on the samples, the most sensitive nodes stay in fp32: as many as are needed,
    at most a quarter. `tell` raises to cancel.
    """
    judges = feeds[:: -(-len(feeds) // _JUDGES)]
    ranges = _ranges(model.graph, spreads)
    job = _Job(model, spreads, kind, judges, list(run(model, judges)), ranges)
    best = _attempt(job, [])
    if best.cosine < _GOOD:
        ranked = _by_harm(job, tell)
        for share in _SPARED:
            spared = ranked[: math.ceil(len(ranked) * share)]
            best = max(best, _attempt(job, spared), key=lambda one: one.cosine)
            if best.cosine >= _GOOD:
                break
    tell(1)
    return best.model, f"{best.how}, {len(feeds)} samples"


@dataclass(frozen=True, slots=True)
class _Attempt:
    model: Any
    cosine: float
    how: str


def _attempt(job: _Job, spared: Sequence[str]) -> _Attempt:
    nodes = _quantisable(job, spared)
    made = _quantised(job, [node.name for node in nodes])
    count = sum(node.op_type in _MULTIPLY for node in nodes)
    total = sum(node.op_type in _MULTIPLY for node in job.model.graph.node)
    left = f" (in fp32: {', '.join(spared)})" if spared else ""
    bits = 7 if _narrow(job.kind) else 8
    how = f"int8, {job.kind}, weights of {bits} bits, {count} of {total} convolutions and products{left}"
    return _Attempt(made, _closeness(made, job), how)


def _by_harm(job: _Job, tell: Callable[[float], None]) -> list[str]:
    """Multiplying nodes, first the one that alone in int8 takes the outputs farthest from fp32's."""
    names = [node.name for node in _quantisable(job, []) if node.op_type in _MULTIPLY]
    few = slice(None, None, -(-len(job.feeds) // _FEW))
    job = replace(job, feeds=job.feeds[few], expected=job.expected[few])
    harm = {}
    for number, name in enumerate(names):
        harm[name] = 1 - _closeness(_quantised(job, [name]), job)
        tell(number / len(names))
    return sorted(names, key=lambda name: -harm[name])


def _closeness(model: Any, job: _Job) -> float:
    """Cosine of the worst output; -1 where numbers are not finite."""
    sums: dict[str, Any] = {}
    for expected, got in zip(job.expected, run(model, job.feeds), strict=True):
        for name, array in expected.items():
            first, second = (one.astype(np.float64).ravel() for one in (array, got[name]))
            sums[name] = sums.get(name, 0) + np.array([first @ second, first @ first, second @ second])
    cosines = [
        one[0] / math.sqrt(one[1] * one[2]) if one[1] * one[2] else float(one[1] == one[2]) for one in sums.values()
    ]
    return float(min(cosines)) if np.isfinite(cosines).all() else -1.0


def _quantisable(job: _Job, spared: Sequence[str]) -> list[Any]:
    """What multiplies, unless it is spared; and for ONNX Runtime what only hands on what comes out of that.

    Of each all floats were seen, and were finite.
    """
    arrays = weights(job.model.graph)
    fixed = {name for name, array in arrays.items() if array.dtype != np.float32 or np.isfinite(array).all()}
    seen = {name for name, spread in job.spreads.items() if spread.finite and spread.values}
    told = {output.name for output in job.model.graph.output}
    chosen: list[Any] = []
    whole: set[str] = set()
    for node in job.model.graph.node:
        inputs = {name for name in node.input if name}
        if not inputs | set(node.output) <= fixed | seen or node.name in spared:
            continue
        along = node.op_type in _ALONG and inputs - fixed <= whole and not told & set(node.output)
        if node.op_type in _MULTIPLY or (along and job.kind == "asymmetric"):
            chosen.append(node)
            whole |= set(node.output)
    return chosen


def _quantised(job: _Job, names: list[str]) -> Any:
    with needs("convert", "int8"):
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantType
        from onnxruntime.quantization.calibrate import TensorsData
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    symmetric = job.kind == "symmetric"
    model = onnx.ModelProto()
    model.CopyFrom(job.model)
    options: dict[str, Any] = {"ActivationSymmetric": symmetric, "WeightSymmetric": True, "QuantizeBias": not symmetric}
    if symmetric:
        options["OpTypesToExcludeOutputQuantization"] = list(_MULTIPLY)
    quantiser = QDQQuantizer(
        model,
        True,  # noqa: FBT003  per channel
        _narrow(job.kind),
        QuantType.QInt8,
        QuantType.QInt8 if symmetric else QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, dict(job.ranges)),
        names,
        [],
        sorted({*_MULTIPLY, *_ALONG}),
        options,
    )
    if names:  # the quantiser takes an empty list for all of them
        quantiser.quantize_model()
    return quantiser.model.model


def _ranges(graph: Any, spreads: Mapping[str, Spread]) -> Mapping[str, tuple[np.float32, np.float32]]:
    slopes = _slopes(graph)
    found = {}
    for name, spread in spreads.items():
        if spread.values:
            low, high = spread.within(slopes.get(name, 1))
            found[name] = (np.float32(low), np.float32(high))
    return found


def _slopes(graph: Any) -> dict[str, float]:
    """Tensors that only one activation reads -> by how much that shrinks what is negative."""
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(output.name for output in graph.output)
    found = {}
    for node in graph.node:
        if node.op_type in {"Relu", "LeakyRelu"} and readers[node.input[0]] == 1:
            alpha = [attribute.f for attribute in node.attribute if attribute.name == "alpha"] or [0.01]
            found[node.input[0]] = 0.0 if node.op_type == "Relu" else float(alpha[0])
    return found


def _narrow(kind: Kind) -> bool:
    return kind == "asymmetric" and saturates()


def saturates() -> bool:
    """Whether this CPU adds products of u8 and s8 in 16 bits: an x86 without VNNI."""
    if platform.machine().lower() not in {"x86_64", "amd64", "i686"}:
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return True
