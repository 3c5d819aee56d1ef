"""ONNX Runtime on the CPU."""

import hashlib
import os
import platform
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import BuildReport, Precision, Probe, Tensors
from edgefuse.engines import feed
from edgefuse.engines.files import remove, sha256_of, sync

_PROVIDER = "CPUExecutionProvider"
_ERRORS_ONLY = 3


class OnnxBackend:
    """Loads ONNX files; keeps what the optimiser made of them in `folder`, if it is given one."""

    name: ClassVar[str] = "onnx"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "int8")
    suffix: ClassVar[str] = ""
    int8: ClassVar[Literal["asymmetric", "symmetric"]] = "asymmetric"

    def __init__(self, folder: Path | None = None) -> None:
        self._cache = folder

    def probe(self) -> Probe:
        """Whether ONNX Runtime is installed."""
        try:
            import onnxruntime
        except ImportError as error:
            return Probe(usable=False, reason=f"onnxruntime cannot be imported: {error}")
        return Probe(usable=True, reason=f"onnxruntime {onnxruntime.__version__} on {_PROVIDER}")

    def fingerprint(self) -> Mapping[str, str]:
        """Version and kind of CPU: what is quantised for one may be slow, or saturate, on another."""
        from onnxruntime import __version__

        return {"onnxruntime": __version__, "cpu": hashlib.sha256(_cpu().encode()).hexdigest()[:16]}

    def build(self, path: Path, card: Mapping[str, Any], target: Path, report: BuildReport) -> None:
        """ONNX files run as they are."""

    def load(self, path: Path, card: Mapping[str, Any]) -> "OnnxModel":
        """Load a file; `card`: threads (default 1), inputs {name: {shape, value}}. Raises ModelError."""
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(f"{path}: needs onnxruntime, which cannot be imported: {error}") from error
        threads = int(card.get("threads", 1))
        optimised = self._optimised(path, onnxruntime.__version__)
        if optimised is not None and _trusted(optimised):
            with suppress(ModelError):  # whatever is wrong with it, the original is still there
                return OnnxModel(_session(optimised, threads, optimise=False), card, path)
        if optimised is not None:
            made = optimised.with_suffix(f".{os.getpid()}-{threading.get_ident()}.new")
            try:
                model = OnnxModel(_session(path, threads, optimise=True, save=made), card, path)
            except ModelError:  # the disk may be full: what else is wrong is found again below
                _discard(made)
            else:
                _keep(made, optimised)
                return model
        return OnnxModel(_session(path, threads, optimise=True), card, path)

    def _optimised(self, path: Path, version: str) -> Path | None:
        """Where the optimised model of this file belongs: it holds for one runtime on one kind of CPU."""
        if self._cache is None:
            return None
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            key = hashlib.sha256(f"{sha256_of(path)} {version} {_PROVIDER} {_cpu()}".encode()).hexdigest()[:24]
        except OSError:
            return None
        if not os.access(self._cache, os.W_OK):
            return None
        return self._cache / f"{path.stem}-{key}.onnx"


class OnnxModel:
    """A session whose feeds are checked. One thread at a time."""

    def __init__(self, session: Any, card: Mapping[str, Any], path: Path) -> None:
        self._session = session
        self._card = card
        self._path = path
        provider = session.get_providers()[0]
        self.runs_on = f"{_version()} {provider}"
        self.inputs: Mapping[str, feed.Shape] = {i.name: tuple(i.shape) for i in session.get_inputs()}
        self.outputs: Mapping[str, feed.Shape] = {o.name: tuple(o.shape) for o in session.get_outputs()}
        self._failures: tuple[type[Exception], ...] = (*runtime_errors(), RuntimeError)
        self._types = {i.name: _dtype(i.type) for i in session.get_inputs()}
        if provider != _PROVIDER:
            raise ModelError(f"{path}: expected to run on {_PROVIDER}, got {provider}")

    @property
    def session(self) -> Any:
        """ONNX Runtime's own object, to measure what the checks cost."""
        return self._session

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer. Raises ValueError naming the input that is missing, unknown or of another rank, shape or dtype.

        Raises ModelError for a graph that fails on a feed of the right form.
        """
        if self._session is None:
            raise ValueError(f"{self._path.name}: the model is closed")
        feed.check(self._path.name, self.inputs, self._types, inputs)
        try:
            arrays = self._session.run(None, dict(inputs))
        except self._failures as error:
            raise ModelError(f"{self._path}: ONNX Runtime cannot run it: {error}") from error
        return dict(zip(self.outputs, arrays, strict=True))

    def example(self) -> dict[str, NDArray[Any]]:
        """A feed that it takes: shapes and values of the card, else zeros with every free dimension 1."""
        return feed.example(self._card, self.inputs, self._types)

    def close(self) -> None:
        """Free it."""
        self._session = None


def _version() -> str:
    from onnxruntime import __version__

    return f"onnxruntime {__version__}"


def _session(path: Path, threads: int, *, optimise: bool, save: Path | None = None) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY  # it warns of every optimised model that it belongs to this machine
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    if save is not None:
        options.optimized_model_filepath = str(save)
    failures: tuple[type[Exception], ...] = (*runtime_errors(), ValueError, RuntimeError)
    try:
        return ort.InferenceSession(str(path), options, providers=[_PROVIDER])
    except failures as error:
        raise ModelError(f"{path}: ONNX Runtime {ort.__version__} cannot load it: {error}") from error


def runtime_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises: one class per cause, without a common base of its own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return tuple(found)


def _keep(made: Path, optimised: Path) -> None:
    """Move a finished file into place with its hash; a full disk only costs time at the next start."""
    try:
        note = made.with_suffix(".note")
        note.write_text(sha256_of(made), encoding="ascii")
        sync(made)
        sync(note)
        made.replace(optimised)
        note.replace(optimised.with_suffix(".sha256"))
    except OSError:
        _discard(made)


def _discard(made: Path) -> None:
    with suppress(OSError):
        remove(made)
        remove(made.with_suffix(".note"))


def _trusted(optimised: Path) -> bool:
    try:
        return optimised.with_suffix(".sha256").read_text(encoding="ascii") == sha256_of(optimised)
    except (OSError, UnicodeDecodeError):
        return False


def _cpu() -> str:
    """What decides the optimiser's choices: architecture and instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    sets = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {sets}"


def _dtype(name: str) -> np.dtype[Any]:
    """`tensor(float)` -> float32."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64", "string": "object"}.get(inner, inner))
