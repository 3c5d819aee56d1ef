"""The CUDA runtime: the only importer of `cuda.bindings`, every return code checked."""

from typing import Any

from edgefuse.core.errors import ModelError, NoRoomError

_NO_ROOM = 2
"""cudaErrorMemoryAllocation."""


def bindings() -> Any:
    """NVIDIA's bindings of the CUDA runtime, cuda-bindings 12.9.1 or newer.

    Older ones keep Python's lock while they wait for the device, and with it every thread of the process.
    """
    from cuda.bindings import runtime as rt

    return rt


class Cuda:
    """What an engine needs of the first visible device. Each call raises ModelError with the name of the failure."""

    def __init__(self, rt: Any) -> None:
        self._rt = rt

    def use_device(self) -> None:
        """Make the first visible device that of the calling thread."""
        _only("cudaSetDevice", self._rt.cudaSetDevice(0))

    def free_memory(self) -> int:
        """Bytes of device memory that nobody uses; what the page cache holds is not among it on a Jetson."""
        return int(_only("cudaMemGetInfo", self._rt.cudaMemGetInfo()[:2]))

    def shares_memory(self) -> bool:
        """Whether the device has the memory of the CPU and none of its own."""
        what = self._rt.cudaDeviceAttr.cudaDevAttrIntegrated
        return bool(_only("cudaDeviceGetAttribute", self._rt.cudaDeviceGetAttribute(what, 0)))

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the device."""
        return int(_only("cudaMalloc", self._rt.cudaMalloc(size)))

    def free(self, address: int) -> None:
        """Give device memory back."""
        _only("cudaFree", self._rt.cudaFree(address))

    def allocate_host(self, size: int) -> int:
        """Address of `size` bytes of pinned memory of the host."""
        return int(_only("cudaMallocHost", self._rt.cudaMallocHost(size)))

    def free_host(self, address: int) -> None:
        """Give pinned memory back."""
        _only("cudaFreeHost", self._rt.cudaFreeHost(address))

    def stream(self) -> Any:
        """A stream that does not wait for the default one."""
        flag = self._rt.cudaStreamNonBlocking
        return _only("cudaStreamCreateWithFlags", self._rt.cudaStreamCreateWithFlags(flag))

    def destroy_stream(self, stream: Any) -> None:
        """Give a stream back."""
        _only("cudaStreamDestroy", self._rt.cudaStreamDestroy(stream))

    def wait(self, stream: Any) -> None:
        """Block until everything on the stream is done."""
        _only("cudaStreamSynchronize", self._rt.cudaStreamSynchronize(stream))

    def to_device(self, device: int, host: int, size: int, stream: Any) -> None:
        """Queue a copy."""
        direction = self._rt.cudaMemcpyKind.cudaMemcpyHostToDevice
        _only("cudaMemcpyAsync", self._rt.cudaMemcpyAsync(device, host, size, direction, stream))

    def to_host(self, host: int, device: int, size: int, stream: Any) -> None:
        """Queue a copy."""
        direction = self._rt.cudaMemcpyKind.cudaMemcpyDeviceToHost
        _only("cudaMemcpyAsync", self._rt.cudaMemcpyAsync(host, device, size, direction, stream))

    def begin_capture(self, stream: Any) -> None:
        """Record what this thread queues on the stream instead of running it."""
        mode = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _only("cudaStreamBeginCapture", self._rt.cudaStreamBeginCapture(stream, mode))

    def end_capture(self, stream: Any) -> Any:
        """The graph that was recorded."""
        return _only("cudaStreamEndCapture", self._rt.cudaStreamEndCapture(stream))

    def instantiate(self, graph: Any) -> Any:
        """A graph that can be launched."""
        return _only("cudaGraphInstantiate", self._rt.cudaGraphInstantiate(graph, 0))

    def launch(self, executable: Any, stream: Any) -> None:
        """Queue a whole graph."""
        _only("cudaGraphLaunch", self._rt.cudaGraphLaunch(executable, stream))

    def destroy_graph(self, graph: Any) -> None:
        """Give a recorded graph back."""
        _only("cudaGraphDestroy", self._rt.cudaGraphDestroy(graph))

    def destroy_executable(self, executable: Any) -> None:
        """Give a graph that could be launched back."""
        _only("cudaGraphExecDestroy", self._rt.cudaGraphExecDestroy(executable))

    def forget_error(self) -> None:
        """Clear what a failed capture left, lest the next call reports it."""
        self._rt.cudaGetLastError()


def _only(call: str, result: Any) -> Any:
    """The one value of a call, None without; raises ModelError unless it succeeded."""
    status, *values = result
    if int(status) != 0:
        kind = NoRoomError if int(status) == _NO_ROOM else ModelError
        raise kind(f"CUDA: {call} failed: {status.name} ({int(status)})")
    return values[0] if values else None
