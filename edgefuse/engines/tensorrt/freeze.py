"""Fixes sizes that a card leaves no choice about, so that the builder sees plain numbers.

An engine of fixed sizes is faster and can be recorded as a CUDA graph. And TensorRT refuses an `If` whose branches
differ in rank, which exporters write for sizes that are always the same: once these are fixed, ONNX Runtime's
optimiser decides such branches beforehand.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgefuse.core.errors import ModelError, needs

_PLAIN = {"float16", "bfloat16"}
"""Types that ONNX Runtime's optimiser would wrap in casts to fp32."""


@contextmanager
def fixed(path: Path, card: Mapping[str, Any]) -> Iterator[Path]:
    """A file to build from: `path`, or a copy, gone afterwards, whose free sizes are what the card's profiles fix.

    That is where min and max are the same for all of them. Raises ModelError; ConfigError without the library onnx.
    """
    profiles = card.get("profiles") or {}
    pinned = {name: told["max"] for name, told in profiles.items() if _pins(told)} if _is_mapping(profiles) else {}
    if not pinned or len(pinned) < len(profiles):
        yield path
        return
    with TemporaryDirectory(prefix="edgefuse-") as folder:
        copy = Path(folder, path.name)
        yield copy if _write(path, pinned, copy) else path


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _pins(told: Any) -> bool:
    return _is_mapping(told) and isinstance(told.get("max"), list) and told.get("min") == told["max"]


def _write(path: Path, pinned: Mapping[str, list[int]], copy: Path) -> bool:
    """Write the copy; False where there is nothing to fix, or the file is for TensorRT to judge."""
    with needs("tensorrt", f"{path.name}: to fix its sizes"):
        import onnx
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, OSError):
        return False
    model = onnx.load(path, load_external_data=False)
    if any(weight.external_data for weight in model.graph.initializer) or not _fix(model, pinned):
        return False
    copy.write_bytes(model.SerializeToString())
    if any(node.op_type == "If" for node in model.graph.node) and not _typed(model):
        _decide(path, copy)
    return True


def _fix(model: Any, pinned: Mapping[str, list[int]]) -> bool:
    """Write the sizes into the inputs; False, with nothing written, unless they fit and none stays free."""
    weights = {weight.name for weight in model.graph.initializer}
    inputs = {each.name: each.type.tensor_type.shape.dim for each in model.graph.input if each.name not in weights}
    for name, dims in inputs.items():
        sizes = pinned.get(name, [dim.dim_value for dim in dims])
        fits = len(sizes) == len(dims) and all(
            dim.dim_value in {0, size} for dim, size in zip(dims, sizes, strict=True)
        )
        if not fits or not all(type(size) is int and size > 0 for size in sizes):
            return False
    for name, sizes in pinned.items():
        for dim, size in zip(inputs.get(name, ()), sizes, strict=False):
            dim.dim_value = size
    return set(pinned) <= set(inputs)


def _typed(model: Any) -> bool:
    """Whether precision was decided: the optimiser would undo that."""
    from onnx.helper import tensor_dtype_to_np_dtype

    kinds = {str(tensor_dtype_to_np_dtype(weight.data_type)) for weight in model.graph.initializer}
    return bool(kinds & _PLAIN) or any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def _decide(path: Path, copy: Path) -> None:
    """Replace each branch whose condition follows from the sizes by the side that is taken."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(copy.with_suffix(".decided"))
    options.log_severity_level = 3
    try:
        ort.InferenceSession(str(copy), options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: ONNX Runtime cannot fix its sizes: {error}") from error
    copy.with_suffix(".decided").replace(copy)
