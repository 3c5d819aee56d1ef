"""Data sets that are one npz file of named arrays; sequences of unequal length lie in it end to end."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import folder_of

Floats = NDArray[np.float32]


def find(path: Path, folder: str, name: str) -> Path:
    """The npz file: `path` itself, `name` in it or in its folder `folder`, or the only npz file there.

    Raises ConfigError when there is none, or when there are several and none has the name.
    """
    if path.is_file():
        return path
    place = folder_of(path, folder)
    if (place / name).is_file():
        return place / name
    found = sorted(place.glob("*.npz"))
    if len(found) != 1:
        got = ", ".join(each.name for each in found) or "none"
        raise ConfigError(f"{place}: got the npz files {got}, expected {name} or exactly one; name the file")
    return found[0]


def read(path: Path, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
    """These arrays of an npz file. Raises ConfigError when it is no npz file, or lacks one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := [name for name in names if name not in file.files]:
                raise ConfigError(
                    f"{path}: lacks the arrays {', '.join(missing)}, it has {', '.join(file.files) or 'none'}"
                )
            return {name: file[name] for name in names}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile, AttributeError, TypeError) as error:
        told = "it holds pickled objects, which are never read" if "pickle" in str(error) else error
        raise ConfigError(f"{path}: not an npz file of plain arrays: {told}") from error
    except MemoryError as error:
        raise ConfigError(f"{path}: its arrays do not fit into memory: {error}; give a smaller file") from error


def whole_numbers(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """A row of numbers (n,) as int64. Raises ConfigError for anything but whole numbers."""
    expect(path, name, values, (None,))
    if values.dtype.kind not in "iufb" or not np.array_equal(values, np.floor(values)):
        told = values.dtype if values.dtype.kind not in "iufb" else "fractions or NaN"
        raise ConfigError(f"{path}: {name}: expected whole numbers, got {told}")
    return values.astype(np.int64)


def names(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Names of groups, given as text or as whole numbers. Raises ConfigError for anything else."""
    return values.astype(str) if values.dtype.kind == "U" else whole_numbers(path, name, values).astype(str)


def padded(path: Path, name: str, values: NDArray[Any], lengths: NDArray[Any]) -> Floats:
    """Rows laid end to end, (sum of lengths, channels) -> (n, longest, channels), NaN after the end of each.

    Raises ConfigError when the lengths are below one or do not add up to the rows.
    """
    adding_up(path, name, values, lengths)
    if values.dtype.kind not in "iufb":
        raise ConfigError(f"{path}: {name}: expected numbers, got {values.dtype}")
    flat = values.reshape(len(values), -1).astype(np.float32)
    out = np.full((len(lengths), int(lengths.max()), flat.shape[1]), np.nan, np.float32)
    out[np.arange(out.shape[1])[None] < lengths[:, None]] = flat
    return out


def adding_up(path: Path, name: str, values: NDArray[Any], lengths: NDArray[Any]) -> None:
    """Raise ConfigError unless there are lengths, of at least 1, that add up to the rows of `values`."""
    if not len(lengths) or lengths.min() < 1 or int(lengths.sum()) != len(values):
        raise ConfigError(
            f"{path}: {name} has {len(values)} rows, expected lengths of at least 1 that add up to them "
            f"(got {len(lengths)} lengths, sum {int(lengths.sum())})"
        )


def expect(path: Path, name: str, values: NDArray[Any], shape: tuple[int | None, ...]) -> None:
    """Raise ConfigError unless the array has this shape; None stands for any size."""
    fits = values.ndim == len(shape) and all(
        size is None or size == got for size, got in zip(shape, values.shape, strict=True)
    )
    if not fits:
        told = ", ".join("any" if size is None else str(size) for size in shape)
        raise ConfigError(f"{path}: {name} has shape {values.shape}, expected ({told})")


def no_options(corpus: str, options: Mapping[str, Any], known: Sequence[str] = ()) -> None:
    """Raise ConfigError for an option that the corpus does not know."""
    if unknown := [name for name in options if name not in known]:
        told = f"known: {', '.join(known)}" if known else "it has none"
        raise ConfigError(f"corpus '{corpus}': unknown option '{unknown[0]}' ({told})")
