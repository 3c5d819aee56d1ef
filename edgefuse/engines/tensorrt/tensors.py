"""Inputs and outputs of an engine, as it tells them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgefuse.core.errors import ModelError
from edgefuse.engines.tensorrt.profiles import Sizes


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output."""

    name: str
    is_input: bool
    dtype: np.dtype[Any]
    shape: Sizes
    """-1 where it is free."""
    on_host: bool
    """TensorRT reads or writes it in the memory of the host; the values of such an input are sizes."""
    low: Sizes
    """Of an input: the least shape that the profile takes, or the least values if it is on the host."""
    high: Sizes
    """Likewise the greatest."""

    @property
    def fixed(self) -> bool:
        """Whether it is the same size in every run."""
        return -1 not in self.shape

    @property
    def room(self) -> Sizes:
        """The greatest shape of an input."""
        return self.shape if self.fixed or self.on_host else self.high

    def outside(self, got: Sizes) -> bool:
        """Whether a shape, or the values of an input on the host, is not within the profile."""
        return any(not low <= size <= high for low, size, high in zip(self.low, got, self.high, strict=True))


def tensors(trt: Any, engine: Any, where: object) -> list[Tensor]:
    """All of them, in the engine's order. Raises ModelError for a type that numpy does not have."""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    return [_tensor(trt, engine, name, where) for name in names]


def _tensor(trt: Any, engine: Any, name: str, where: object) -> Tensor:
    is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
    on_host = engine.get_tensor_location(name) == trt.TensorLocation.HOST
    shape = tuple(engine.get_tensor_shape(name))
    low = high = shape
    if is_input and on_host and engine.is_shape_inference_io(name):
        values = engine.get_tensor_profile_values(0, name)
        if not values:
            raise ModelError(f"{where}: tensor '{name}' holds sizes, and the engine tells no bounds of them")
        low, _, high = map(tuple, values)
    elif is_input and -1 in shape:
        low, _, high = map(tuple, engine.get_tensor_profile_shape(name, 0))
    return Tensor(name, is_input, _dtype(trt, engine.get_tensor_dtype(name), name, where), shape, on_host, low, high)


def _dtype(trt: Any, kind: Any, name: str, where: object) -> np.dtype[Any]:
    known = {
        trt.DataType.FLOAT: np.float32,
        trt.DataType.HALF: np.float16,
        trt.DataType.INT64: np.int64,
        trt.DataType.INT32: np.int32,
        trt.DataType.INT8: np.int8,
        trt.DataType.UINT8: np.uint8,
        trt.DataType.BOOL: np.bool_,
    }
    if kind not in known:
        raise ModelError(f"{where}: tensor '{name}' is of type {kind.name}, which numpy does not have; cast it to fp32")
    return np.dtype(known[kind])
