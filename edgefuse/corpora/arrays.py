"""Data sets that are one npz file of named arrays; sequences of unequal length lie in it end to end."""

import zipfile
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
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: not an npz file of plain arrays: {error}") from error


def padded(path: Path, name: str, values: NDArray[Any], lengths: NDArray[Any]) -> Floats:
    """Rows laid end to end, (sum of lengths, channels) -> (n, longest, channels), NaN after the end of each.

    Raises ConfigError when the lengths are below one or do not add up to the rows.
    """
    if not len(lengths) or lengths.min() < 1 or int(lengths.sum()) != len(values):
        raise ConfigError(
            f"{path}: {name} has {len(values)} rows, expected lengths of at least 1 that add up to them "
            f"(got {len(lengths)} lengths, sum {int(lengths.sum())})"
        )
    flat = values.reshape(len(values), -1).astype(np.float32)
    out = np.full((len(lengths), int(lengths.max()), flat.shape[1]), np.nan, np.float32)
    out[np.arange(out.shape[1])[None] < lengths[:, None]] = flat
    return out


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
