"""Recorded sensor values: CSV in long or wide form, and JSON lines."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from edgefuse.core.errors import SourceError
from edgefuse.core.types import SECOND, Json, Nanoseconds, Value
from edgefuse.sources.quantities import QUANTITIES, snake, to_si

_TIMES = ("t", "time", "timestamp", "datetime", "date")
_LONGEST = 100_000
"""Characters of a line."""
_FRACTION = re.compile(r"\.(\d+)", re.ASCII)
"""Python 3.10 wants 3 or 6 digits."""
_EPOCHAL = 1e9
"""Seconds above this, 2001, count from 1970."""
_NUMBER = re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?$", re.ASCII)


class Row(NamedTuple):
    """One value. Time counts from the start of the table."""

    t: Nanoseconds
    quantity: str
    value: Value
    unit: str
    area: str | None


def read_table(
    path: Path, start: datetime | None, quantity: str | None, unit: str | None, reject: Callable[[str], None]
) -> Iterator[Row]:
    """Rows in order of time; what is malformed, or earlier than the row before it, is left out and told to `reject`.

    ISO 8601 times count from `start`, by default from the first row's. `quantity` names the column `value` (or the only
    one) and `unit` is what a value without a unit has. Raises SourceError for a file that is missing or has no time.
    """
    latest = 0
    origin = _seconds(start) if start else None
    for record in _json_lines(path, reject) if path.suffix in {".jsonl", ".ndjson"} else _csv(path, reject):
        moment = _moment(record)
        if moment is None:
            reject("row without a time")
            continue
        seconds, absolute = moment
        if absolute:
            origin = seconds if origin is None else origin
            seconds -= origin
        t = round(seconds * SECOND)
        if t < latest:
            reject("row out of order" if latest else "row before the start")
            continue
        latest = t
        yield from _rows(record, t, quantity, unit, reject)


def _rows(
    record: dict[str, Json], t: Nanoseconds, quantity: str | None, unit: str | None, reject: Callable[[str], None]
) -> Iterator[Row]:
    area = record.get("area") if isinstance(record.get("area"), str) else None
    long = "value" in record
    for key in ("value",) if long else tuple(key for key in record if key not in {*_TIMES, "area", ""}):
        value = _value(record[key])
        if value is None:
            if record[key] not in ("", None):
                reject("value that is none")
            continue
        name = quantity or (snake(str(record.get("quantity") or "value")) if long else snake(key))
        known = QUANTITIES.get(name)
        given = str(record.get("unit") or "") if long else ""
        given = given or unit or (known.unit if known else "")
        if isinstance(value, float):
            value, given = to_si(value, given)
        yield Row(t, name, value, given if isinstance(value, float) else "", area or None)


def _moment(record: dict[str, Json]) -> tuple[float, bool] | None:
    """Seconds, and whether they count from 1970."""
    if {"date", "time"} <= record.keys() and "t" not in record:
        return _parse_time(f"{record['date']} {record['time']}")
    key = next((key for key in _TIMES if key in record), None)
    return None if key is None else _parse_time(record[key])


def _parse_time(raw: Json) -> tuple[float, bool] | None:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return (float(raw), raw > _EPOCHAL) if abs(raw) < 1e11 else None  # noqa: PLR2004  three thousand years
    text = str(raw).strip()
    if _NUMBER.match(text):
        return _parse_time(float(text))
    text = _FRACTION.sub(lambda found: f".{found[1]:0<6.6}", re.sub(r"[zZ]$", "+00:00", text[:64]))
    try:
        return _seconds(datetime.fromisoformat(text)), True
    except (ValueError, OverflowError):
        return None


def _seconds(moment: datetime) -> float:
    """Since 1970; without a time zone it is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _value(raw: Json) -> Value | None:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        text = raw.strip()
        if _NUMBER.match(text):
            return _value(float(text))
        words: dict[str, Value | None] = {"true": True, "on": True, "false": False, "off": False, "": None}
        return words.get(text.lower(), None if text.lower() in {"nan", "inf", "-inf", "null", "none"} else text)
    if isinstance(raw, int | float) and abs(raw) < 1e300 and math.isfinite(raw):  # noqa: PLR2004  still a float
        return float(raw)
    return None


def _open(path: Path) -> Iterator[str]:
    """Lines, one at a time; a longer line than any table has comes in pieces that parse as nothing."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            while line := file.readline(_LONGEST):
                yield line.replace("\0", "")
    except OSError as error:
        raise SourceError(f"{path}: expected a readable table of values: {error.strerror}") from error


def _csv(path: Path, reject: Callable[[str], None]) -> Iterator[dict[str, Json]]:
    lines = _open(path)
    header = next(lines, "")
    delimiter = max((",", ";", "\t"), key=header.count)
    names = [snake(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    if not set(_TIMES) & set(names):
        raise SourceError(
            f"{path}: expected a column t, time or date in the first line, got {', '.join(names)[:200] or 'none'}"
        )
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            reject("row that is no CSV")
            continue
        if len(cells) == len(names) + 1:  # R numbers its rows in a column without a name
            cells = cells[1:]
        if len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))
        elif cells:
            reject("row with another number of columns")


def _json_lines(path: Path, reject: Callable[[str], None]) -> Iterator[dict[str, Json]]:
    for line in _open(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            yield record
        else:
            reject("row that is no JSON object")
