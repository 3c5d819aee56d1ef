"""Runs an engine: one context, one stream, buffers of its own."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.engines import feed
from edgefuse.engines.tensorrt.buffers import Buffer, Owned
from edgefuse.engines.tensorrt.cuda import Cuda
from edgefuse.engines.tensorrt.library import version_of
from edgefuse.engines.tensorrt.log import Said, listening
from edgefuse.engines.tensorrt.tensors import Tensor, tensors

_CAN_FAIL = (10, 13)
"""Older bindings raise what `infer_shapes` raises without Python's lock, which ends the process."""
_ABANDONED: list[tuple[Any, ...]] = []
"""What must not be destroyed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine that was built."""

    path: Path
    """Where it lies, for messages."""
    content: bytes
    card: Mapping[str, Any]
    device: str
    """What it is to run on, for `runs_on`."""


class TensorRtModel:
    """An engine that is loaded. Any thread may use it, one at a time; RuntimeError for two at once.

    Raises ModelError with everything given back when the library refuses the engine, NoRoomError when the device has
    no room.
    """

    def __init__(self, trt: Any, cuda: Cuda, plan: Plan) -> None:
        self._trt, self._cuda, self._plan = trt, cuda, plan
        self._busy = threading.Lock()
        self._owned = Owned()
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._stream: Any = None
        self._executable: Any = None
        self._buffers: dict[str, Buffer] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.runs_on = f"tensorrt {trt.__version__} {plan.device}"
        with ExitStack() as undo:
            undo.callback(self._give_up)
            cuda.use_device()
            self._open()
            undo.pop_all()

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer; the arrays are the caller's.

        Raises ValueError naming the input that is missing, unknown, of another rank or dtype, or outside the profile;
        ModelError when the device fails.
        """
        with self._alone():
            if self._context is None:
                raise ValueError(f"{self._plan.path.name}: the model is closed")
            self._check(inputs)
            self._cuda.use_device()
            for tensor in self._inputs:
                array = inputs[tensor.name]
                self._buffers[tensor.name].view(array.shape, tensor.dtype)[...] = array
            self._resize({name: array.shape for name, array in inputs.items()})
            self._infer()
            return {each.name: self._view(each).copy() for each in self._outputs}

    def example(self) -> dict[str, NDArray[Any]]:
        """A feed that it takes: shapes and values of the card, else zeros with every free size the least possible."""
        lows = {tensor.name: tensor.low for tensor in self._inputs if not tensor.on_host}
        made = feed.example(self._plan.card, self.inputs, self._types, lows)
        told = self._plan.card.get("inputs", {})
        for tensor in self._inputs:
            if tensor.on_host and "value" not in told.get(tensor.name, {}):
                made[tensor.name] = np.asarray(tensor.low, tensor.dtype).reshape(made[tensor.name].shape)
        return made

    def close(self) -> None:
        """Free it. Raises ModelError for the first thing that cannot be given back, when all of it was tried."""
        with self._busy:
            self._settle()
            self._owned.release()

    def _open(self) -> None:
        trt, plan = self._trt, self._plan
        with listening(trt) as said:
            refused = f"{plan.path}: TensorRT {trt.__version__} on {plan.device} does not take this engine"
            try:
                self._runtime = trt.Runtime(said.logger)
            except TypeError as error:  # what pybind11 raises when the library gives none
                raise ModelError(f"{plan.path}: TensorRT {trt.__version__} cannot start: {said}") from error
            self._engine = self._runtime.deserialize_cuda_engine(plan.content)
            self._plan = replace(plan, content=b"")  # the engine has a copy
            if self._engine is None:
                raise said.failure(f"{refused}: {said}; build it again")
            self._stream = self._cuda.stream()
            self._owned.add(self._end_stream)
            self._context = self._engine.create_execution_context()
            self._owned.add(self._drop)
            if self._context is None:
                raise said.failure(f"{refused}: there is no context for it: {said}")
        self._name_tensors()
        self._furnish()
        if all(tensor.fixed and not tensor.on_host for tensor in self._tensors):
            self._capture()

    def _name_tensors(self) -> None:
        self._tensors = tensors(self._trt, self._engine, self._plan.path)
        self._inputs = [tensor for tensor in self._tensors if tensor.is_input]
        self._outputs = [tensor for tensor in self._tensors if not tensor.is_input]
        self._types = {tensor.name: tensor.dtype for tensor in self._inputs}
        self.inputs = {tensor.name: _free(tensor) for tensor in self._inputs}
        self.outputs = {tensor.name: _free(tensor) for tensor in self._outputs}

    def _furnish(self) -> None:
        """Make room for the greatest run; where sizes are values nobody knows it, and outputs grow when they must."""
        for tensor in self._tensors:
            buffer = Buffer(self._cuda, host_only=tensor.on_host)
            self._owned.add(buffer.free)
            self._buffers[tensor.name] = buffer
        for tensor in self._inputs:
            self._fit(tensor, tensor.room)
        if not self._by_values:
            self._resize({tensor.name: tensor.room for tensor in self._inputs})

    def _fit(self, tensor: Tensor, shape: tuple[int, ...]) -> None:
        """Make room, and tell the context where it is."""
        buffer = self._buffers[tensor.name]
        if buffer.fit(_bytes(tensor, shape)) and not self._context.set_tensor_address(tensor.name, buffer.device):
            raise ModelError(f"{self._plan.path}: TensorRT refuses the address of tensor '{tensor.name}'")

    def _check(self, inputs: Tensors) -> None:
        name = self._plan.path.name
        feed.check(name, self.inputs, self._types, inputs)
        for tensor in self._inputs:
            array = inputs[tensor.name]
            got = tuple(array.reshape(-1).tolist()) if tensor.on_host else array.shape
            if tensor.outside(got):
                raise ValueError(
                    f"{name}: input '{tensor.name}': expected {'values' if tensor.on_host else 'a shape'} "
                    f"from {tensor.low} to {tensor.high}, got {got}"
                )

    def _resize(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Tell the context the shapes of the inputs and make room for the outputs that follow."""
        if shapes == {name: self._shapes.get(name) for name in shapes} and not self._by_values:
            return
        self._shapes = {}
        with listening(self._trt) as said:
            for tensor in self._inputs:
                if not tensor.fixed and not self._context.set_input_shape(tensor.name, shapes[tensor.name]):
                    raise ModelError(f"{self._plan.path}: TensorRT refuses {shapes[tensor.name]} for it: {said}")
            self._infer_shapes(shapes, said)
        for tensor in self._outputs:
            self._follow(tensor)
        self._shapes.update(shapes)

    def _infer_shapes(self, shapes: Mapping[str, tuple[int, ...]], said: Said) -> None:
        """Raises ValueError where values that were fed cannot be sizes, else ModelError."""
        failure = ValueError if self._by_values else ModelError
        unknown: list[str] = []
        try:
            if version_of(self._trt) >= _CAN_FAIL:
                unknown = self._context.infer_shapes()
            for tensor in self._outputs:
                len(self._context.get_tensor_shape(tensor.name))
        except (RuntimeError, ValueError) as error:  # ValueError: a number of dimensions below 0
            raise failure(f"{self._plan.path.name}: {dict(shapes)} cannot be followed: {said}") from error
        if unknown:
            raise failure(f"{self._plan.path.name}: {dict(shapes)} give no sizes for {unknown}: {said}")

    def _follow(self, tensor: Tensor) -> None:
        """Make room for what an output is to be."""
        shape = tuple(self._context.get_tensor_shape(tensor.name))
        if min(shape, default=0) < 0:
            raise ModelError(f"{self._plan.path}: the size of output '{tensor.name}' depends on the data: {shape}")
        self._shapes[tensor.name] = shape
        self._fit(tensor, shape)

    @property
    def _by_values(self) -> bool:
        """Whether sizes of outputs follow from values of inputs."""
        return any(tensor.on_host for tensor in self._inputs)

    def _infer(self) -> None:
        if self._executable is not None:
            self._cuda.launch(self._executable, self._stream)
        else:
            self._enqueue()
        self._cuda.wait(self._stream)

    def _enqueue(self) -> None:
        for tensor in self._inputs:
            self._copy(tensor, self._cuda.to_device)
        with listening(self._trt) as said:
            if not self._context.execute_async_v3(int(self._stream)):
                raise said.failure(f"{self._plan.path}: TensorRT cannot run it: {said}")
        for tensor in self._outputs:
            self._copy(tensor, self._cuda.to_host)

    def _copy(self, tensor: Tensor, copy: Any) -> None:
        buffer, size = self._buffers[tensor.name], _bytes(tensor, self._shapes[tensor.name])
        if tensor.on_host or not size:
            return
        ends = (buffer.device, buffer.host) if tensor.is_input else (buffer.host, buffer.device)
        copy(*ends, size, self._stream)

    def _capture(self) -> None:
        """Record a run as one CUDA graph, after a plain one; where that fails say so and run without."""
        for name, array in self.example().items():
            self._view_of(name)[...] = array
        self._infer()
        try:
            self._executable = self._recorded()
            self._infer()
        except ModelError as error:
            self._executable = None
            self._cuda.forget_error()
            self.runs_on += f", without a CUDA graph: {error}"
            self._infer()

    def _recorded(self) -> Any:
        self._cuda.begin_capture(self._stream)
        try:
            self._enqueue()
        except ModelError:
            with suppress(ModelError):  # the stream leaves the capture, with or without a graph
                self._cuda.destroy_graph(self._cuda.end_capture(self._stream))
            raise
        graph = self._cuda.end_capture(self._stream)
        try:
            executable = self._cuda.instantiate(graph)
            self._owned.add(lambda: self._cuda.destroy_executable(executable))
        finally:
            self._cuda.destroy_graph(graph)
        return executable

    def _view(self, tensor: Tensor) -> NDArray[Any]:
        return self._buffers[tensor.name].view(self._shapes[tensor.name], tensor.dtype)

    def _view_of(self, name: str) -> NDArray[Any]:
        return self._view(next(tensor for tensor in self._tensors if tensor.name == name))

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        self._cuda.destroy_stream(stream)

    def _drop(self) -> None:
        """Let go of the context before its engine, and of that before its runtime.

        Not where the device no longer answers: a destructor that fails there may end the process, and a process gets
        nothing back from such a device as long as it lives.
        """
        if self._context is not None and not self._answers():
            _ABANDONED.append((self._context, self._engine, self._runtime))
        self._context = None
        self._engine = None
        self._runtime = None

    def _answers(self) -> bool:
        try:
            self._cuda.wait(self._stream)
        except ModelError:
            return False
        return True

    def _settle(self) -> None:
        """Let work that a failed run left come to its end, before what it uses is freed."""
        if self._stream is not None:
            with suppress(ModelError):  # a device that failed has nothing left to do
                self._cuda.use_device()
                self._cuda.wait(self._stream)

    def _give_up(self) -> None:
        self._settle()
        with suppress(ModelError):  # why it is given up matters more
            self._owned.release()
        self._drop()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(f"{self._plan.path.name}: two threads use one model at the same time")
        try:
            yield
        finally:
            self._busy.release()


def _free(tensor: Tensor) -> tuple[int | None, ...]:
    return tuple(None if size == -1 else size for size in tensor.shape)


def _bytes(tensor: Tensor, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * tensor.dtype.itemsize
