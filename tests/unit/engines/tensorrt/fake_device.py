"""A device without a GPU: CUDA calls go to NVIDIA's real bindings first, which reject wrong names and arguments.

What they answer without a driver is an error; then a model of the device answers in their place. Memory is real,
streams run when they are waited for, graphs replay what was captured, and everything is counted: who frees twice fails.
"""
# ruff: noqa: N802  methods are named as CUDA names its functions

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]


class Device:
    """Implements the module `cuda.bindings.runtime`."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.calls: list[str] = []
        """Names, of TensorRT's too, in order."""
        self.fail_at: int | None = None
        """Number of the call that fails, from 0."""
        self.broken = False
        """Whether every call fails, as after a fault of a kernel."""
        self.integrated = 0
        """Whether it shares the memory of the CPU."""
        self.live: dict[int, str] = {}
        """Handle -> what it is; empty when nothing leaks."""
        self._memory: dict[int, Any] = {}
        self._queue: list[Callable[[], None]] = []
        self._captured: list[Callable[[], None]] | None = None
        self._graphs: dict[int, list[Callable[[], None]]] = {}
        self._handles = 0x1000

    def restart(self, fail_at: int | None = None) -> None:
        """Forget calls and queued work; handles stay."""
        self.calls, self._queue, self._captured, self.fail_at = [], [], None, fail_at

    def fails(self, name: str) -> bool:
        """Count a call, and say whether it is to fail."""
        self.calls.append(name)
        return self.broken or self.fail_at == len(self.calls) - 1

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        if isinstance(real, type) or not callable(real):
            return real
        return partial(self._call, name, real)

    def _call(self, name: str, real: Any, *arguments: Any) -> tuple[Any, ...]:
        """First the real function, for name, arity and types; then the model of the device."""
        status, *_ = real(*arguments)
        assert int(status) != 0, f"{name} worked: this test wants a machine without a driver"
        failed = self.fails(name)
        plain = [argument if isinstance(argument, int) else int(argument) for argument in arguments]
        if failed and not name.endswith(("Free", "FreeHost", "Destroy")):
            if name == "cudaStreamEndCapture":
                self._captured = None
            return (self.real.cudaError_t.cudaErrorMemoryAllocation, None)
        answer = getattr(self, f"_{name}")(*plain)
        code = self.real.cudaError_t.cudaErrorUnknown if failed else self.real.cudaError_t.cudaSuccess
        return (code,) if answer is None else (code, answer)

    def array(self, address: int, shape: Sequence[int], dtype: Any) -> Any:
        """What lies at an address; fails when that is not allocated or too small."""
        memory = self._memory[address]
        assert len(memory) >= int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize, "beyond the buffer"
        return np.ndarray(tuple(shape), dtype, memory)

    def enqueue(self, work: Callable[[], None]) -> None:
        """Do something when the stream is waited for, or record it."""
        (self._queue if self._captured is None else self._captured).append(work)

    def _take(self, what: str) -> int:
        self._handles += 0x1000
        self.live[self._handles] = what
        return self._handles

    def _give(self, handle: int, what: str) -> None:
        assert self.live.pop(handle, None) == what, f"{what} {handle:#x} is freed, but is not there (freed twice?)"

    def _allocate(self, size: int, what: str) -> int:
        assert size > 0, "nothing is allocated"
        memory = (ctypes.c_uint8 * size)(*[0xEE] * size)
        address = ctypes.addressof(memory)
        self._memory[address], self.live[address] = memory, what
        return address

    def _release(self, address: int, what: str) -> None:
        self._give(address, what)
        del self._memory[address]

    def _cudaSetDevice(self, device: int) -> None:
        assert device == 0

    def _cudaDeviceGetAttribute(self, what: int, device: int) -> int:
        assert (what, device) == (int(self.real.cudaDeviceAttr.cudaDevAttrIntegrated), 0)
        return self.integrated

    def _cudaMemGetInfo(self) -> int:
        return 1 << 30

    def _cudaMalloc(self, size: int) -> int:
        return self._allocate(size, "device memory")

    def _cudaFree(self, address: int) -> None:
        self._release(address, "device memory")

    def _cudaMallocHost(self, size: int) -> int:
        return self._allocate(size, "pinned memory")

    def _cudaFreeHost(self, address: int) -> None:
        self._release(address, "pinned memory")

    def _cudaStreamCreateWithFlags(self, flags: int) -> Any:
        assert flags == self.real.cudaStreamNonBlocking
        return self.real.cudaStream_t(self._take("stream"))

    def _cudaStreamDestroy(self, stream: int) -> None:
        self._give(stream, "stream")

    def _cudaMemcpyAsync(self, target: int, source: int, size: int, kind: int, stream: int) -> None:
        kinds = self.real.cudaMemcpyKind
        to_device = kind == int(kinds.cudaMemcpyHostToDevice)
        assert to_device or kind == int(kinds.cudaMemcpyDeviceToHost)
        assert self.live[stream] == "stream"
        assert size > 0, "nothing is copied"
        assert (self.live[target] == "device memory") is to_device is (self.live[source] == "pinned memory")
        ends = self.array(target, [size], np.uint8), self.array(source, [size], np.uint8)
        self.enqueue(lambda: np.copyto(*ends))

    def _cudaStreamSynchronize(self, stream: int) -> None:
        assert self.live[stream] == "stream"
        assert self._captured is None, "waited for while capturing"
        queue, self._queue = self._queue, []
        for work in queue:
            work()

    def _cudaStreamBeginCapture(self, stream: int, mode: int) -> None:
        assert self.live[stream] == "stream"
        assert mode == int(self.real.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)
        assert not self._queue, "capture begins with work under way"
        self._captured = []

    def _cudaStreamEndCapture(self, _stream: int) -> Any:
        assert self._captured is not None, "nothing is captured"
        handle = self._take("graph")
        self._graphs[handle], self._captured = self._captured, None
        return self.real.cudaGraph_t(handle)

    def _cudaGraphInstantiate(self, graph: int, flags: int) -> Any:
        assert flags == 0
        handle = self._take("executable graph")
        self._graphs[handle] = self._graphs[graph]
        return self.real.cudaGraphExec_t(handle)

    def _cudaGraphLaunch(self, executable: int, _stream: int) -> None:
        assert self.live[executable] == "executable graph"
        self._queue += self._graphs[executable]

    def _cudaGraphDestroy(self, graph: int) -> None:
        self._give(graph, "graph")

    def _cudaGraphExecDestroy(self, executable: int) -> None:
        self._give(executable, "executable graph")

    def _cudaGetLastError(self) -> None:
        """Cleared."""


@dataclass(frozen=True)
class Io:
    """An input or output of an engine."""

    name: str
    mode: str
    """INPUT or OUTPUT."""
    shape: tuple[int, ...]
    kind: str = "FLOAT"
    bounds: tuple[tuple[int, ...], ...] = ()
    """min, opt, max."""
    location: str = "DEVICE"

    @property
    def is_input(self) -> bool:
        return self.mode == "INPUT"

    @property
    def on_host(self) -> bool:
        return self.location == "HOST"


@dataclass
class Engine:
    """Implements the part of ICudaEngine that is used."""

    trt: Any
    device: Device
    ios: Sequence[Io]
    compute: Callable[[Arrays], Arrays]
    """Inputs -> outputs."""
    sizes: Callable[[Mapping[str, tuple[int, ...]], Arrays], Mapping[str, tuple[int, ...]]]
    """Shapes of inputs and values of those on the host -> shapes of outputs."""
    contexts: "list[weakref.ref[ExecutionContext]]" = field(default_factory=list)

    def io(self, name: str) -> Io:
        return next(io for io in self.ios if io.name == name)

    @property
    def num_io_tensors(self) -> int:
        return len(self.ios)

    def get_tensor_name(self, index: int) -> str:
        return self.ios[index].name

    def get_tensor_mode(self, name: str) -> Any:
        return getattr(self.trt.TensorIOMode, self.io(name).mode)

    def get_tensor_location(self, name: str) -> Any:
        return getattr(self.trt.TensorLocation, self.io(name).location)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.io(name).shape

    def get_tensor_dtype(self, name: str) -> Any:
        return getattr(self.trt.DataType, self.io(name).kind)

    def is_shape_inference_io(self, name: str) -> bool:
        return self.io(name).on_host

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert profile_index == 0
        return list(self.io(name).bounds)

    def get_tensor_profile_values(self, profile_index: int, name: str) -> list[list[int]]:
        assert profile_index == 0
        return [list(values) for values in self.io(name).bounds]

    def create_execution_context(self) -> "ExecutionContext | None":
        if self.device.fails("create_execution_context"):
            return None
        context = ExecutionContext(self)
        self.contexts.append(weakref.ref(context))
        return context


@dataclass
class ExecutionContext:
    """Implements the part of IExecutionContext that is used."""

    of: Engine
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        wanted = "pinned memory" if self.of.io(name).on_host else "device memory"
        assert self.of.device.live[memory] == wanted
        self.addresses[name] = memory
        return not self.of.device.fails("set_tensor_address")

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        low, _, high = self.of.io(name).bounds
        inside = all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True))
        self.shapes[name] = tuple(shape)
        return not self.of.device.fails("set_input_shape") and inside

    def infer_shapes(self) -> list[str]:
        if self.of.device.fails("infer_shapes"):
            raise RuntimeError("infer_shapes error code: -1")
        return self.unknown()

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if self.of.io(name).is_input:
            return self.shape_of(self.of.io(name))
        return self.of.sizes({io.name: self.shape_of(io) for io in self.of.ios if io.is_input}, self.values())[name]

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert self.of.device.live[stream_handle] == "stream"
        assert set(self.addresses) == {io.name for io in self.of.ios}, "a tensor has no address"
        assert not self.unknown(), "an input has no shape"
        if self.of.device.fails("execute_async_v3"):
            return False
        self.of.device.enqueue(self.work)
        return True

    def work(self) -> None:
        made = self.of.compute({io.name: self.array(io) for io in self.of.ios if io.is_input})
        for io in self.of.ios:
            if not io.is_input:
                self.array(io)[...] = made[io.name]

    def unknown(self) -> list[str]:
        return [io.name for io in self.of.ios if io.is_input and -1 in self.shape_of(io)]

    def shape_of(self, io: Io) -> tuple[int, ...]:
        return self.shapes.get(io.name, io.shape)

    def values(self) -> dict[str, Any]:
        return {io.name: self.array(io) for io in self.of.ios if io.is_input and io.on_host}

    def array(self, io: Io) -> Any:
        dtype = {"FLOAT": "f4", "HALF": "f2", "INT64": "i8", "INT32": "i4", "INT8": "i1", "UINT8": "u1", "BOOL": "?"}
        return self.of.device.array(self.addresses[io.name], self.get_tensor_shape(io.name), dtype[io.kind])


class Library:
    """Implements the part of the module `tensorrt` that runs engines, with the real names of TensorRT-RTX."""

    def __init__(self, real: Any, engine: Engine | None) -> None:
        self.__version__ = "10.13.3"
        self.ILogger, self.DataType = real.ILogger, real.DataType
        self.TensorIOMode, self.TensorLocation = real.TensorIOMode, real.TensorLocation
        self._engine = engine

    def Runtime(self, logger: Any) -> "Runtime":
        return Runtime(logger, self._engine)


@dataclass(frozen=True)
class Runtime:
    """Implements the part of trt.Runtime that is used."""

    logger: Any
    engine: Engine | None

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        if content == b"engine" and self.engine is not None and not self.engine.device.fails("deserialize_cuda_engine"):
            return self.engine
        self.logger.log(self.logger.ERROR, "magic tag does not match")
        return None
