"""Is somebody in the office? Temperature, humidity, light and CO2 by the minute (Candanedo & Feldheim 2016)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.climate_tables import Table, files_with, instant, numbers, options_of, rows, windows
from edgefuse.corpora.corpus import Corpus, Report, sha256_of

MODALITIES = {"temperature": ["temperature"], "humidity": ["humidity"], "light": ["light"], "co2": ["co2"]}
"""Modality -> its channels: degC, %, lux, ppm. The humidity ratio of the files follows from the first two."""
CLASSES = ("empty", "occupied")
_COLUMNS = ("date", "Temperature", "Humidity", "Light", "CO2", "Occupancy")
_LIT = 300.0
"""Lux above which the rule written by hand says that somebody is there."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Every row becomes a sample of the group of its day, with the minutes before it in its file.

    `path`: a file with these columns, a folder of such files, or the folder above `occupancy`. Options: `steps`,
    `step_s`, `hold_s`. Raises ConfigError for unknown options and for files of another layout, with the line.
    """
    chosen = options_of(options, "occupancy")
    files = files_with(path, "occupancy", _COLUMNS)
    tables, groups = [], []
    for number, file in enumerate(files):
        report(f"reading {file.name}", number, len(files))
        table, days = _table(file)
        tables.append(table)
        groups += days
    raws, present = windows(tables, MODALITIES, chosen)
    lit = np.concatenate([table.columns["light"] for table in tables]) > _LIT
    return Corpus(
        raws,
        present,
        np.concatenate([table.labels for table in tables]),
        CLASSES,
        np.array(groups),
        {file.name: sha256_of(file) for file in files},
        rule=np.where(lit[:, None], [0.05, 0.95], [0.95, 0.05]),
    )


def _table(file: Path) -> tuple[Table, list[str]]:
    """One file in order of time, and the day of each row."""
    found = []
    for line, (date, *texts) in rows(file, _COLUMNS):
        day, t = instant(file, line, date)
        *values, occupied = numbers(file, line, texts)
        if occupied not in {0.0, 1.0}:
            raise ConfigError(f"{file}:{line}: expected Occupancy 0 or 1, got '{texts[-1]}'")
        found.append((t, day, values, int(occupied)))
    if not found:
        raise ConfigError(f"{file}: expected at least one row, got none")
    found.sort(key=lambda row: row[0])
    matrix = np.array([row[2] for row in found], np.float32)
    columns = {name: matrix[:, n] for n, (name,) in enumerate(MODALITIES.values())}
    times = np.array([row[0] for row in found], np.int64)
    labels = np.array([row[3] for row in found], np.int64)
    return Table(file.stem, times, columns, labels), [row[1] for row in found]
