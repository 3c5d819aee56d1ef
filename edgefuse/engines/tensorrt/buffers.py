"""Memory of one tensor: pinned on the host, and its copy on the device."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.engines.tensorrt.cuda import Cuda


class Owned:
    """What must be given back, in the order opposite to that of taking it. Each once, whatever happens."""

    def __init__(self) -> None:
        self._frees: list[Callable[[], None]] = []

    def add(self, free: Callable[[], None]) -> None:
        """Remember how to give something back."""
        self._frees.append(free)

    def release(self) -> None:
        """Give everything back; raises the first ModelError when all of it was tried."""
        failures: list[ModelError] = []
        while self._frees:
            try:
                self._frees.pop()()
            except ModelError as error:
                failures.append(error)
        if failures:
            raise failures[0]


class Buffer:
    """Room that grows; none at first."""

    def __init__(self, cuda: Cuda, *, host_only: bool = False) -> None:
        self._cuda = cuda
        self._host_only = host_only
        self._size = 0
        self.host = 0
        """Address."""
        self.device = 0
        """Address; that of the host for a tensor which TensorRT reads there."""

    def fit(self, size: int) -> bool:
        """Make room for `size` bytes, at least one; True if the addresses are other ones and the content is gone.

        Raises ModelError where there is no room, holding nothing then.
        """
        if self.host and size <= self._size:
            return False
        self.free()
        self._size = max(1, size)
        try:
            self.host = self._cuda.allocate_host(self._size)
            self.device = self.host if self._host_only else self._cuda.allocate(self._size)
        except ModelError:
            with suppress(ModelError):  # what could not be had matters more
                self.free()
            raise
        return True

    def view(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The host's bytes as an array, valid until `fit` or `free`: it must not leave the engine layer."""
        memory = memoryview((ctypes.c_uint8 * self._size).from_address(self.host)).cast("B")
        found: NDArray[Any] = np.ndarray(shape, dtype, memory)
        return found

    def free(self) -> None:
        """Give both back, if they are held."""
        owned = Owned()
        host, device, self.host, self.device = self.host, self.device, 0, 0
        if host:
            owned.add(lambda: self._cuda.free_host(host))
        if device and not self._host_only:
            owned.add(lambda: self._cuda.free(device))
        owned.release()
