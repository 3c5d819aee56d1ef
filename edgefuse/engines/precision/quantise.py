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
from numpy.typing import NDArray

from edgefuse.core.errors import needs
from edgefuse.core.ports import Tensors
from edgefuse.engines.precision.graph import subgraphs, weights
from edgefuse.engines.precision.observe import Spread, run
from edgefuse.engines.precision.ranges import Ranges, ranges_of
from edgefuse.engines.precision.rounding import rounded

Kind: TypeAlias = Literal["asymmetric", "symmetric"]
_MULTIPLY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_ALONG = ("Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul", "Relu", "Resize")
"""What ONNX Runtime also computes in int8, so that nothing is converted back between two convolutions."""
_WIDE, _NARROW = 127, 64
"""The largest weight, in 8 bits and in 7, as ONNX Runtime's quantiser counts."""
_GOOD = 0.9985
"""Cosine of the worst output with fp32's at which nothing more is tried."""
_JUDGES = 12
"""Samples by which trials within a conversion are compared, and twice as many round weights."""
_SPARED = (0.1, 0.2, 0.3, 0.36)
"""Shares of the multiplications that are left in fp32 while the cosine is not good."""


@dataclass(frozen=True, slots=True)
class _Job:
    model: Any
    spreads: Mapping[str, Spread]
    kind: Kind
    feeds: Sequence[Tensors]
    """By which trials are compared."""
    expected: Sequence[Tensors]
    """What fp32 gives for them."""
    ranges: Ranges
    rounded: Mapping[str, NDArray[np.float32]]
    """Weights that are on the grid already."""


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

    If the outputs are not close to fp32's on the samples, nodes stay in fp32: as many as are needed, those first that
    harm most for what they cost, and at most with 36 % of the multiplications. `tell` raises to cancel.
    """
    judges, rounders = (feeds[:: -(-len(feeds) // most)] for most in (_JUDGES, 2 * _JUDGES))
    ranges = ranges_of(model.graph, spreads, aligned=kind == "asymmetric")
    job = _Job(model, spreads, kind, judges, list(run(model, judges)), ranges, {})
    names = {node.name for node in _quantisable(job, [])}
    largest = _NARROW if _narrow(kind) else _WIDE
    job = replace(job, rounded=rounded(model, names, rounders, largest, lambda share: tell(share / 2)))
    best = _attempt(job, [])
    if best.cosine < _GOOD:
        cost = _costs(job)
        ranked = _by_harm(job, cost, lambda share: tell((1 + share) / 2))
        for share in _SPARED:
            best = max(best, _attempt(job, _first(ranked, cost, share)), key=lambda one: one.cosine)
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
    return _Attempt(made, _distance(made, job)[0], how)


def _by_harm(job: _Job, cost: Mapping[str, float], tell: Callable[[float], None]) -> list[str]:
    """Multiplying nodes, first the one that alone in int8 harms the outputs most for what it costs in fp32."""
    harm = {}
    for number, name in enumerate(cost):
        harm[name] = _distance(_quantised(job, [name]), job)[1] / cost[name]
        tell((number + 1) / len(cost))
    return sorted(cost, key=lambda name: -harm[name])


def _first(ranked: Sequence[str], cost: Mapping[str, float], share: float) -> list[str]:
    """Of the ranked nodes those that fit into a share of the whole cost, in turn."""
    room = share * sum(cost.values())
    taken = []
    for name in ranked:
        if cost[name] <= room:
            taken.append(name)
            room -= cost[name]
    return taken


def _costs(job: _Job) -> Mapping[str, float]:
    """Multiplications of every multiplying node that can be quantised, for one sample."""
    arrays = weights(job.model.graph)
    sizes = {name: spread.size for name, spread in job.spreads.items()}
    sizes.update({name: array.size for name, array in arrays.items()})
    cost = {}
    for node in _quantisable(job, []):
        if node.op_type not in _MULTIPLY:
            continue
        first, second, result = (sizes.get(name, 1) for name in (*node.input[:2], node.output[0]))
        if node.op_type.startswith("Conv") and node.input[1] in arrays:
            places = result if node.op_type == "Conv" else first
            cost[node.name] = float(places * arrays[node.input[1]][0].size)
        else:  # (m, k) and (k, n) to (m, n)
            cost[node.name] = math.sqrt(first * second * result)
    return {name: max(one, 1.0) for name, one in cost.items()}


def _distance(model: Any, job: _Job) -> tuple[float, float]:
    """From fp32's outputs: the cosine of the worst, and the squared errors of all as shares of their squares.

    -1 and infinity where numbers are not finite.
    """
    sums: dict[str, Any] = {}
    for expected, got in zip(job.expected, run(model, job.feeds), strict=True):
        for name, array in expected.items():
            first, second = (one.astype(np.float64).ravel() for one in (array, got[name]))
            sums[name] = sums.get(name, 0) + np.array([first @ second, first @ first, second @ second])
    if not all(np.isfinite(one).all() for one in sums.values()):
        return -1.0, math.inf
    cosines = [
        one[0] / math.sqrt(one[1] * one[2]) if one[1] * one[2] else float(one[1] == one[2]) for one in sums.values()
    ]
    errors = [(one[1] + one[2] - 2 * one[0]) / one[1] if one[1] else float(one[2] > 0) for one in sums.values()]
    return float(min(cosines)), float(sum(errors))


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
    _round(model, job, set(names))
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


def _round(model: Any, job: _Job, names: set[str]) -> None:
    """Put the weights of these nodes on their grids."""
    from onnx import numpy_helper

    read = {name for node in model.graph.node if node.name in names for name in node.input}
    for one in model.graph.initializer:
        if one.name in read and one.name in job.rounded:
            one.CopyFrom(numpy_helper.from_array(job.rounded[one.name], one.name))


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
