"""TensorRT behind the port Backend."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import BuildReport, Precision, Probe
from edgefuse.engines.nvidia import available_memory
from edgefuse.engines.tensorrt import plan
from edgefuse.engines.tensorrt.cuda import Cuda, bindings
from edgefuse.engines.tensorrt.library import tensorrt
from edgefuse.engines.tensorrt.probe import Answer, Facts, ask
from edgefuse.engines.tensorrt.runtime import Plan, TensorRtModel

LAYER = 1
"""Part of every fingerprint: raised when the same file is built in another way."""
_LEAST_WORKSPACE = 64 << 20


def workspace(cuda: Cuda, available: Callable[[], int] = available_memory) -> int:
    """Bytes that one layer may use for itself: half of what is free; `available` is the computer's own memory."""
    free = max(cuda.free_memory(), available()) if cuda.shares_memory() else cuda.free_memory()
    return max(_LEAST_WORKSPACE, free // 2)


class TensorRtBackend:
    """Builds engines for the first visible GPU and runs them; keeps the builder's measurements in `folder`."""

    name: ClassVar[str] = "tensorrt"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
    suffix: ClassVar[str] = ".plan"
    int8: ClassVar[Literal["asymmetric", "symmetric"]] = "symmetric"

    def __init__(self, folder: Path | None = None, asked: Callable[[], Answer] = ask) -> None:
        self._folder = folder
        self._asked = asked
        self._answer: Answer | None = None
        self._lock = threading.Lock()

    def probe(self) -> Probe:
        """Whether a GPU, its driver, TensorRT and cuda-bindings work together; asked once, in another process."""
        return self._answered().probe

    def fingerprint(self) -> Mapping[str, str]:
        """Versions of TensorRT, CUDA and this layer, and the device. Raises ModelError where the probe says no."""
        facts = self._facts()
        return {
            "tensorrt": facts.tensorrt,
            "cuda_runtime": facts.runtime,
            "cuda_driver": facts.driver,
            "gpu": facts.gpu,
            "sm": facts.sm,
            "l4t": facts.l4t,
            "layer": str(LAYER),
        }

    def build(self, path: Path, card: Mapping[str, Any], target: Path, report: BuildReport) -> None:
        """Build the engine `target`; `card`: profiles {input: {min, opt, max}} for free sizes.

        Raises ModelError, NoRoomError, BuildCancelled; OSError when `target` cannot be written.
        """
        self._facts()
        cuda = Cuda(bindings())
        cuda.use_device()
        plan.build(tensorrt(), plan.Job(path, card, target, workspace(cuda), self._timing()), report)

    def load(self, path: Path, card: Mapping[str, Any]) -> TensorRtModel:
        """Load an engine that was built here. Raises ModelError naming the file, NoRoomError where memory is short."""
        facts = self._facts()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: the engine cannot be read: {error}; build it again") from error
        loaded = Plan(path, content, card, f"{facts.gpu} (SM {facts.sm})")
        return TensorRtModel(tensorrt(), Cuda(bindings()), loaded)

    def _timing(self) -> Path | None:
        """Measurements hold for one device and one version."""
        if self._folder is None:
            return None
        digest = hashlib.sha256(json.dumps(self.fingerprint(), sort_keys=True).encode()).hexdigest()
        return self._folder / f"timing-{digest[:16]}.cache"

    def _facts(self) -> Facts:
        answer = self._answered()
        if answer.facts is None:
            raise ModelError(f"TensorRT cannot be used: {answer.probe.reason}")
        return answer.facts

    def _answered(self) -> Answer:
        with self._lock:
            if self._answer is None:
                self._answer = self._asked()
            return self._answer
