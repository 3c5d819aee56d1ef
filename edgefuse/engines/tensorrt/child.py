"""Looks at the GPU in a process of its own, which may crash or hang without harm to anybody.

`python -m edgefuse.engines.tensorrt.child` prints JSON lines: `doing`, before each step; then `missing`, what cannot be
had and the next step; or `facts`.
"""

import ctypes
import json
import re
import sys
from pathlib import Path

from edgefuse.core.errors import ModelError
from edgefuse.engines import nvidia
from edgefuse.engines.tensorrt.log import listening

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*."""
_RELEASE = Path("/etc/nv_tegra_release")


class _MissingError(Exception):
    """What cannot be had, and the next step."""


class _Driver:
    """NVIDIA's driver, by its C interface. Raises _MissingError where it does not answer."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            how = "sudo apt-get install nvidia-jetpack" if nvidia.is_jetson() else "install the driver of your GPU"
            raise _MissingError(f"there is no NVIDIA driver ({error}); {how}") from error
        self._call("cuInit", 0)
        count = self._number("cuDeviceGetCount")
        if count < 1:
            raise _MissingError(f"the driver sees no GPU; {_next_step()}; is CUDA_VISIBLE_DEVICES set?")
        self._device = self._number("cuDeviceGet", 0)

    def version(self) -> int:
        """Of CUDA, as 12060."""
        return self._number("cuDriverGetVersion")

    def name(self) -> str:
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode(errors="replace")

    def capability(self) -> str:
        """As `8.7`."""
        numbers = [self._number("cuDeviceGetAttribute", what, self._device) for what in (_MAJOR, _MINOR)]
        return ".".join(map(str, numbers))

    def free_memory(self) -> int:
        """Bytes."""
        context, free, total = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def _number(self, name: str, *arguments: int) -> int:
        value = ctypes.c_int()
        self._call(name, ctypes.byref(value), *arguments)
        return value.value

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            said = ctypes.c_char_p()
            self._library.cuGetErrorName(code, ctypes.byref(said))
            told = (said.value or b"unknown").decode(errors="replace")
            raise _MissingError(f"the NVIDIA driver does not work: {name} gave {told} ({code}); {_next_step()}")


def _next_step() -> str:
    """What most often keeps a driver from its GPU; a Jetson's has no nvidia-smi that tells."""
    closed = nvidia.closed_nodes()
    if closed:
        return f"{', '.join(map(str, closed))} may not be opened: {nvidia.GROUPS}"
    return "see `sudo dmesg`" if nvidia.is_jetson() else "see `nvidia-smi`"


def main() -> int:
    """Print what there is. Always 0: what is missing is an answer."""
    try:
        _tell("facts", _look())
    except (_MissingError, ModelError) as error:
        _tell("missing", str(error))
    return 0


def release(text: str) -> str:
    """Version of Jetson Linux, `R36.4.3`, as /etc/nv_tegra_release tells it; empty where it tells none."""
    found = re.match(r"# (R\d+) \(release\), REVISION: ([\d.]+)", text)
    return f"{found[1]}.{found[2]}" if found else ""


def _look() -> dict[str, object]:
    _tell("doing", "asking the NVIDIA driver")
    driver = _Driver()
    facts: dict[str, object] = {
        "gpu": driver.name(),
        "sm": driver.capability(),
        "driver": _cuda_version(driver.version()),
        "free": driver.free_memory(),
        "l4t": release(_RELEASE.read_text(encoding="utf-8", errors="replace")) if _RELEASE.exists() else "",
    }
    _tell("doing", "importing tensorrt")
    facts["tensorrt"] = _tensorrt_version()
    _tell("doing", "importing cuda.bindings")
    facts["runtime"] = _runtime_version(driver.version())
    _tell("doing", "trying the GPU")
    try:
        _try_out()
    except ModelError as error:
        raise _MissingError(f"{error}; {_versions(str(facts['runtime']), str(facts['driver']))}") from error
    return facts


def _tensorrt_version() -> str:
    from edgefuse.engines.tensorrt.library import tensorrt

    try:
        trt = tensorrt()
        return str(trt.__version__)
    except (ImportError, OSError) as error:
        raise _MissingError(f"tensorrt cannot be imported: {error}; {nvidia.how_to_install()}") from error


def _runtime_version(driver: int) -> str:
    from edgefuse.engines.tensorrt.cuda import bindings

    try:
        rt = bindings()
        _, version = rt.cudaRuntimeGetVersion()
    except (ImportError, OSError, RuntimeError) as error:
        raise _MissingError(
            f"cuda.bindings cannot be imported: {error}; pip install 'cuda-bindings=={driver // 1000}.*'"
        ) from error
    if version // 1000 > driver // 1000:
        raise _MissingError(
            f"the driver knows CUDA {_cuda_version(driver)}, cuda-bindings is for {_cuda_version(version)}; "
            f"pip install 'cuda-bindings=={driver // 1000}.*'"
        )
    return _cuda_version(version)


def _try_out() -> None:
    """Take memory and start TensorRT: versions that look right may not work together. Raises _MissingError, ModelError.

    A CUDA runtime newer than the driver, of the same major version, is fine for most drivers and not for all.
    """
    from edgefuse.engines.tensorrt.cuda import Cuda, bindings
    from edgefuse.engines.tensorrt.library import tensorrt

    cuda = Cuda(bindings())
    cuda.use_device()
    cuda.free(cuda.allocate(1))
    trt = tensorrt()
    with listening(trt) as said:
        try:
            trt.Runtime(said.logger)
        except TypeError as error:  # what pybind11 raises when the library gives none
            raise _MissingError(f"TensorRT {trt.__version__} cannot start: {said}") from error


def _versions(runtime: str, driver: str) -> str:
    """What to do about a GPU that does not work with a library that could be imported."""
    if runtime == driver:
        return _next_step()
    how = "deploy/jetson.md says how" if nvidia.is_jetson() else "update the driver"
    return f"cuda-bindings is for CUDA {runtime}, the driver knows {driver}: if that is the cause, {how}"


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _tell(what: str, value: object) -> None:
    sys.stdout.write(json.dumps({what: value}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
