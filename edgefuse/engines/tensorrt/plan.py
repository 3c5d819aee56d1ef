"""Builds an engine from an ONNX file.

Takes the library as an argument: `tensorrt`, or `tensorrt_rtx`, which has the same parser, builder, profiles and
progress, and builds without a GPU.
Networks are strongly typed: every tensor has the type that the file gives it, and precision is decided there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import BuildReport
from edgefuse.engines.files import write_whole
from edgefuse.engines.tensorrt import freeze, timing
from edgefuse.engines.tensorrt.library import version_of
from edgefuse.engines.tensorrt.log import Said, listening
from edgefuse.engines.tensorrt.profiles import Wanted, bounds
from edgefuse.engines.tensorrt.progress import Progress, monitor

_ALWAYS_TYPED = (11,)
"""The first version whose networks are all strongly typed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One engine to build."""

    path: Path
    """The ONNX file."""
    card: Mapping[str, Any]
    """`profiles` {input: {min, opt, max}} for inputs with free sizes."""
    target: Path
    """Where the engine belongs."""
    workspace: int
    """Bytes of device memory that one layer may use for itself."""
    timing: Path | None = None
    """Where the builder's measurements are kept, if they are."""


def build(trt: Any, job: Job, report: BuildReport) -> None:
    """Write the engine, whole or not at all.

    Raises ModelError with what the library says, NoRoomError where memory was short, BuildCancelled when `report`
    answers False, OSError when the engine cannot be written, and what `report` raises.
    """
    progress = Progress(report)
    progress.tell(0.0, "reading the model")
    progress.settle()
    with listening(trt) as said, freeze.fixed(job.path, job.card) as path:
        engine_bytes = _serialized(trt, job, path, progress, said)
    progress.settle()
    if engine_bytes is None:
        raise said.failure(f"{job.path}: TensorRT {trt.__version__} cannot build an engine: {said}")
    progress.tell(1.0, "writing the engine")
    progress.settle()
    write_whole(job.target, memoryview(engine_bytes))


def _serialized(trt: Any, job: Job, path: Path, progress: Progress, said: Said) -> Any:
    """The engine's bytes in memory of the library; None on failure. The parser owns the weights until then."""
    try:
        builder = trt.Builder(said.logger)
    except TypeError as error:  # what pybind11 raises when the library gives none
        raise ModelError(f"TensorRT {trt.__version__} cannot start: {said}") from error
    flag = int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    typed = version_of(trt) >= _ALWAYS_TYPED
    network = builder.create_network(0 if typed else 1 << flag)
    parser = trt.OnnxParser(network, said.logger)
    if not parser.parse_from_file(str(path)):
        raise ModelError(f"{job.path}: TensorRT {trt.__version__} cannot read it: {_complaints(parser, said)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.workspace)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is to be what ONNX Runtime computes
    _add_profile(builder, network, config, job)
    watcher = monitor(trt, progress)
    config.progress_monitor = watcher
    if job.timing is not None:
        timing.use(config, job.timing)
    serialized = builder.build_serialized_network(network, config)
    if job.timing is not None and serialized is not None:
        timing.keep(config, job.timing)
    return serialized


def _complaints(parser: Any, said: Said) -> str:
    """Every error of the parser: operator, node, what is wrong."""
    return "; ".join(_complaint(parser.get_error(index)) for index in range(parser.num_errors)) or str(said)


def _complaint(parser_error: Any) -> str:
    operator, place, what = parser_error.node_operator(), parser_error.node_name(), parser_error.desc()
    where = f"operator {operator or '?'} (node '{place}'): " if operator or place else ""
    return where + str(what).strip()


def _wanted(network_tensor: Any) -> Wanted:
    return Wanted(network_tensor.name, tuple(network_tensor.shape), network_tensor.is_shape_tensor)


def _add_profile(builder: Any, network: Any, config: Any, job: Job) -> None:
    """Add one profile with the bounds of every input that needs some."""
    wanted = [_wanted(network.get_input(index)) for index in range(network.num_inputs)]
    found = bounds(job.path, wanted, job.card)
    if not found:
        return
    profile = builder.create_optimization_profile()
    for tensor in wanted:
        limits = found.get(tensor.name)
        if limits is None:
            continue
        try:
            setter = profile.set_shape_input if tensor.is_shape else profile.set_shape
            setter(tensor.name, limits.min, limits.opt, limits.max)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{job.path}: input '{tensor.name}': TensorRT refuses {limits}: {error}") from error
    if config.add_optimization_profile(profile) < 0:
        raise ModelError(f"{job.path}: TensorRT refuses the card's profiles {dict(job.card['profiles'])}")
