"""Weights of a CTranslate2 model file, `model.bin`, with numpy only.

Format: https://github.com/OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py (binary versions 4 to 6):
version, name and revision of the specification, variables (name, shape, type, bytes) and aliases, all little-endian. A
quantised variable `x` is an integer that stands for `x / x_scale`, with one scale per row or one for all.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError

_VERSIONS = range(4, 7)
_TYPES = ("<f4", "i1", "<i2", "<i4", "<f2", "<u2")
"""By number; the last is bfloat16, which numpy does not have."""
_BFLOAT16 = 5
_MOST_VARIABLES = 100_000
_MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class Weights:
    """A model file, its variables mapped from the disk."""

    path: Path
    spec: str
    """Name of the specification: `WhisperSpec`."""
    revision: int
    variables: Mapping[str, NDArray[Any]] = field(repr=False)
    """As stored, bfloat16 as the float32 that it stands for; an alias is a variable too."""

    def array(self, name: str) -> NDArray[np.float32]:
        """A variable as float32, dequantised. Raises ModelError when there is none."""
        stored = self._variable(name)
        scale = self.variables.get(f"{name}_scale")
        if scale is None:
            return stored.astype(np.float32)
        if stored.ndim == 0 or scale.size not in {1, stored.shape[0]}:
            raise ModelError(f"{self.path}: expected one scale per row of {name}, got {scale.shape} for {stored.shape}")
        rows = scale.astype(np.float32).reshape(-1, *[1] * (stored.ndim - 1))
        return np.asarray(stored / rows, dtype=np.float32)

    def number(self, name: str) -> int:
        """A variable that is one whole number. Raises ModelError when there is none."""
        stored = self._variable(name)
        if stored.size != 1:
            raise ModelError(f"{self.path}: expected one number as {name}, got {stored.shape}")
        return int(stored.reshape(-1)[0])

    def _variable(self, name: str) -> NDArray[Any]:
        if name not in self.variables:
            raise ModelError(f"{self.path}: expected a variable {name} in this {self.spec} model, got none")
        return self.variables[name]


def read(path: Path) -> Weights:
    """Read the table of `path` and map its variables. Raises ModelError for another format or a truncated file."""
    try:
        data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; pull it again") from error
    return _Reader(path, data).weights()


@dataclass
class _Reader:
    """A position in a file."""

    path: Path
    data: NDArray[np.uint8]
    at: int = 0

    def weights(self) -> Weights:
        """The whole file."""
        version = self._number("<I")
        if version not in _VERSIONS:
            self._foreign(f"format version {_VERSIONS[0]} to {_VERSIONS[-1]}", str(version))
        spec, revision = self._text(), self._number("<I")
        variables = dict(self._variable() for _ in range(self._count()))
        for _ in range(self._count()):
            alias, name = self._text(), self._text()
            if name not in variables:
                self._foreign(f"a variable for the alias {alias}", name)
            variables[alias] = variables[name]
        if self.at != len(self.data):
            self._foreign("the end of the file", f"{len(self.data) - self.at} more bytes")
        return Weights(self.path, spec, revision, variables)

    def _variable(self) -> tuple[str, NDArray[Any]]:
        name, rank = self._text(), self._number("<B")
        if rank > _MOST_DIMENSIONS:
            self._foreign(f"at most {_MOST_DIMENSIONS} dimensions of {name}", str(rank))
        shape = [self._number("<I") for _ in range(rank)]
        kind, size = self._number("<B"), self._number("<I")
        if kind >= len(_TYPES):
            self._foreign(f"a type below {len(_TYPES)} for {name}", str(kind))
        dtype = np.dtype(_TYPES[kind])
        if math.prod(shape) * dtype.itemsize != size:
            self._foreign(f"{math.prod(shape) * dtype.itemsize} bytes for {name} {shape}", str(size))
        array = self._take(size).view(dtype).reshape(shape)
        if kind == _BFLOAT16:
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return name, array

    def _count(self) -> int:
        count = self._number("<I")
        if count > _MOST_VARIABLES:
            self._foreign(f"at most {_MOST_VARIABLES} variables", str(count))
        return count

    def _text(self) -> str:
        """A length with the terminating zero, then so many bytes."""
        raw = self._take(self._number("<H")).tobytes()
        try:
            return raw.removesuffix(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            self._foreign("a name", repr(raw[:40]))

    def _number(self, kind: str) -> int:
        return int(struct.unpack(kind, self._take(struct.calcsize(kind)).tobytes())[0])

    def _take(self, size: int) -> NDArray[np.uint8]:
        if size > len(self.data) - self.at:
            self._foreign(f"{size} bytes at {self.at}", f"{len(self.data) - self.at}")
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def _foreign(self, expected: str, got: str) -> NoReturn:
        raise ModelError(
            f"{self.path}: not a whole model of CTranslate2: expected {expected}, got {got}; pull the model again"
        )
