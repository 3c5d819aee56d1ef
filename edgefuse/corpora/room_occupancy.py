"""How many people are in the room? Four nodes with temperature, light and sound, CO2, two motion sensors (Singh 2018).

Singh, Jain, Tandon, Gaur, Agarwal, "Machine learning-based occupancy estimation using multivariate sensor nodes",
IEEE Globecom Workshops 2018. UCI 864.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.climate_tables import Table, files_with, instant, numbers, options_of, rows, windows
from edgefuse.corpora.corpus import Corpus, Report, sha256_of

_NODES = (1, 2, 3, 4)
MODALITIES = {
    "temperature": [f"temperature_{n}" for n in _NODES],
    "light": [f"light_{n}" for n in _NODES],
    "sound": [f"sound_{n}" for n in _NODES],
    "co2": ["co2"],
    "pir": ["pir_6", "pir_7"],
}
"""Modality -> its channels: degC, lux, volts of the loudness sensor, ppm, 0 or 1."""
CLASSES = ("nobody", "one", "two", "three")
_VALUES = (
    *(f"S{n}_{kind}" for kind in ("Temp", "Light", "Sound") for n in _NODES),
    "S5_CO2",
    "S6_PIR",
    "S7_PIR",
)
_COLUMNS = ("Date", "Time", *_VALUES, "Room_Occupancy_Count")


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Every row becomes a sample of the group of its day, with what came before it on that day.

    `path`: a file with these columns, a folder of such files, or the folder above `room_occupancy`. Options: `steps`,
    `step_s`, `hold_s`. Raises ConfigError for unknown options and for files of another layout, with the line.
    """
    chosen = options_of({"steps": 21, "step_s": 30, "hold_s": 150, **options}, "room_occupancy")
    files = files_with(path, "room_occupancy", _COLUMNS)
    tables = []
    for number, file in enumerate(files):
        report(f"reading {file.name}", number, len(files))
        tables += _days(file)
    raws, present = windows(tables, MODALITIES, chosen)
    return Corpus(
        raws,
        present,
        np.concatenate([table.labels for table in tables]),
        CLASSES,
        np.concatenate([np.full(len(table.times), table.name) for table in tables]),
        {file.name: sha256_of(file) for file in files},
    )


def _days(file: Path) -> list[Table]:
    found = []
    for line, (date, time, *texts) in rows(file, _COLUMNS):
        day, t = instant(file, line, f"{date.strip().replace('/', '-')} {time.strip()}")
        *values, people = numbers(file, line, texts)
        if people not in range(len(CLASSES)):
            raise ConfigError(f"{file}:{line}: expected Room_Occupancy_Count 0 to 3, got '{texts[-1]}'")
        found.append((t, day, values, int(people)))
    if not found:
        raise ConfigError(f"{file}: expected at least one row, got none")
    found.sort(key=lambda row: row[0])
    return [_table(day, list(of_day)) for day, of_day in groupby(found, key=lambda row: row[1])]


def _table(day: str, found: list[tuple[int, str, list[float], int]]) -> Table:
    values = np.array([row[2] for row in found], np.float32)
    names = [channel for channels in MODALITIES.values() for channel in channels]
    columns = {name: values[:, n] for n, name in enumerate(names)}
    return Table(
        day, np.array([row[0] for row in found], np.int64), columns, np.array([row[3] for row in found], np.int64)
    )
