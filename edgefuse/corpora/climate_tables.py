"""What the tables of room climate share: rows of a CSV file, and a grid window for every row."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND
from edgefuse.corpora.corpus import Raw, folder_of
from edgefuse.fusion.features.grid import GridOptions, present, sample

_MOST = float(np.finfo(np.float32).max)


class WindowOptions(BaseModel):
    """`{steps: 31, step_s: 60, hold_s: 300}`: as in the options of the features of kind `grid`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(31, ge=1, le=1000)
    step_s: float = Field(60, gt=0)
    hold_s: float = Field(300, gt=0)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file or one day, in order of time."""

    name: str
    """Its group."""
    times: NDArray[np.int64]
    """(n,) nanoseconds."""
    columns: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.int64]


def options_of(given: Mapping[str, Any], corpus: str) -> WindowOptions:
    """Check the options of a corpus. Raises ConfigError."""
    try:
        return WindowOptions.model_validate(dict(given))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"data.options of corpus '{corpus}': {told}") from error


def files_with(path: Path, folder: str, columns: Sequence[str]) -> list[Path]:
    """The file itself, or every .csv and .txt file of its folder that has these columns. Raises ConfigError."""
    if path.is_file():
        return [path]
    inside = folder_of(path, folder)
    found = [
        each
        for each in sorted(inside.iterdir())
        if each.suffix in {".csv", ".txt"} and {name.casefold() for name in columns} <= set(_header(each))
    ]
    if not found:
        raise ConfigError(f"{inside}: expected .csv or .txt files with the columns {', '.join(columns)}, found none")
    return found


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and these columns of every row; rows may begin with a number that the header does not name.

    Raises ConfigError for a missing column or a row of another length.
    """
    names = _header(path)
    wanted = [name.casefold() for name in columns]
    if missing := [name for name in columns if name.casefold() not in names]:
        raise ConfigError(
            f"{path}:1: expected the columns {', '.join(columns)}, {', '.join(missing)} not among {names}"
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            extra = len(row) - len(names)
            if not row:
                continue
            if extra not in {0, 1}:
                raise ConfigError(f"{path}:{reader.line_num}: expected {len(names)} columns, got {len(row)}")
            yield reader.line_num, [row[names.index(name) + extra] for name in wanted]


def instant(path: Path, line: int, text: str) -> tuple[str, int]:
    """Day and nanoseconds of `2015-02-04 17:51:00`. Raises ConfigError."""
    try:
        moment = datetime.fromisoformat(text.strip()).replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise ConfigError(f"{path}:{line}: expected a date such as 2015-02-04 17:51:00, got '{text}'") from error
    return moment.date().isoformat(), round(moment.timestamp()) * SECOND


def numbers(path: Path, line: int, texts: Sequence[str]) -> list[float]:
    """Values of a row; an empty cell is NaN. Raises ConfigError for what is no number, or none that float32 holds."""
    try:
        values = [float(text) if text.strip() not in {"", "NA", "nan"} else float("nan") for text in texts]
    except ValueError as error:
        raise ConfigError(f"{path}:{line}: expected numbers, got {', '.join(texts)}") from error
    if any(abs(value) > _MOST for value in values):
        raise ConfigError(f"{path}:{line}: expected numbers up to {_MOST:.1e}, got {', '.join(texts)}")
    return values


def windows(
    tables: Sequence[Table], modalities: Mapping[str, Sequence[str]], options: WindowOptions
) -> tuple[dict[str, Raw], NDArray[np.bool_]]:
    """What a daemon would have known at each row: raw input per modality, and (n, modalities) presence."""
    raws, there = {}, []
    for name, channels in modalities.items():
        grid = GridOptions(channels=list(channels), **options.model_dump())
        data = np.concatenate([_windows(table, grid) for table in tables])
        raws[name] = Raw("sequence", data, 1 / options.step_s)
        there.append(present(data))
    return raws, np.stack(there, axis=1)


def _windows(table: Table, grid: GridOptions) -> NDArray[np.float32]:
    """(n, steps, channels); every table starts with nothing known."""
    steps = table.times[:, None] + grid.times(0)[None]
    hold = round(grid.hold_s * SECOND)
    columns = [
        sample(table.times[known], values[known], steps.ravel(), hold).reshape(steps.shape)
        for values in (table.columns[name] for name in grid.channels)
        for known in [~np.isnan(values)]
    ]
    return np.stack(columns, axis=2)


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [name.strip().casefold() for name in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: expected a table as text, got: {error}") from error
