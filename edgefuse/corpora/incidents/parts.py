"""What episodes are made of: pieces of real recordings, in pools that share no day, person or pass.

occupancy: temperature and humidity by minute. room_occupancy: passive infrared by half minute, with and without people.
watch_imu: jolts at the wrist in sport. What an object detector says of people walking by stands in `faults.yaml`.
"""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import folder_of, sha256_of
from edgefuse.detectors.objects import sure

Floats = NDArray[np.float64]
_Part = TypeVar("_Part")
_ENOUGH = 30
"""Rows that a day must have to be of use."""
_G_RATE = 50
"""Hz of the watch."""
_CALM = 1.6
"""g; a second whose peak stays below is one of ordinary life."""
_LEAST = 0.43
"""Least score that the detector of objects tells."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One pool. What is empty is modelled."""

    name: str
    climate: Sequence[Floats] = ()
    """Days, each (minutes, 2): degC, % relative humidity."""
    moves: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """(half minutes,) whether the infrared sensor fired while somebody was in the room."""
    stray: float = 0.003
    """Share of half minutes in which it fired although nobody was."""
    jolts: Floats = field(default_factory=lambda: np.zeros(0))
    """(seconds,) peak acceleration at the wrist in sport, g."""
    seen: Sequence[Floats] = ()
    """Passes, each the scores of a person by half second, as the detector tells them."""
    origins: tuple[str, ...] = ()
    """Names of all of these: `occupancy/2015-02-05`, `watch_imu/7`, `video/3`."""


@dataclass(frozen=True, slots=True)
class Library:
    """Everything found, by day, person or pass."""

    climate: Mapping[str, Floats]
    moves: Mapping[str, tuple[NDArray[np.bool_], float]]
    jolts: Mapping[str, Floats]
    seen: Mapping[str, Floats]
    files: Mapping[str, str]
    """File -> sha256."""

    def pools(self, count: int, name: str = "pool") -> list[Parts]:
        """Deal everything out: what lies in one pool lies in no other."""
        return [
            Parts(
                name=f"{name}{number}",
                climate=_dealt(self.climate, count, number),
                moves=np.concatenate([np.zeros(0, np.bool_), *(m for m, _ in _dealt(self.moves, count, number))]),
                stray=float(np.mean([share for _, share in _dealt(self.moves, count, number)] or [0.003])),
                jolts=np.concatenate([np.zeros(0), *_dealt(self.jolts, count, number)]),
                seen=_dealt(self.seen, count, number),
                origins=tuple(
                    name
                    for parts in (self.climate, self.moves, self.jolts, self.seen)
                    for name in sorted(parts)[number::count]
                ),
            )
            for number in range(count)
        ]

    @property
    def modelled(self) -> list[str]:
        """Kinds of parts of which nothing real was found."""
        found = {"climate": self.climate, "motion": self.moves, "jolts": self.jolts, "persons": self.seen}
        return [name for name, parts in found.items() if not parts]


def library(path: Path, keep: Callable[[str], bool] = lambda _: True) -> Library:
    """Parts under a folder that has `occupancy`, `room_occupancy` and `watch_imu`, those that `keep` lets through.

    `keep` is asked for `occupancy/2015-02-05`, `room_occupancy/2017-12-22`, `watch_imu/7`, `video/3`. What is absent is
    left out. Raises ConfigError naming file and line of what cannot be read, or where nothing is found at all.
    """
    files: dict[str, str] = {}
    climate = _climate(path, files)
    moves, jolts = _moves(path, files), _jolts(path, files)
    if not files:
        raise ConfigError(f"{path}: expected a folder with occupancy, room_occupancy or watch_imu, found none of them")
    return Library(_kept(climate, keep), _kept(moves, keep), _kept(jolts, keep), _kept(passes(), keep), files)


def _kept(parts: Mapping[str, _Part], keep: Callable[[str], bool]) -> dict[str, _Part]:
    return {name: part for name, part in parts.items() if keep(name)}


def passes() -> dict[str, Floats]:
    """Scores of a person by half second for each one who walks by, `video/<number>`."""
    bundled = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8"))
    return {f"video/{name}": told(scores) for name, scores in bundled["passes"].items()}


def told(scores: Collection[float]) -> Floats:
    """What the detector of objects makes of a network's scores: 0 below its least."""
    return np.array([sure(score, _LEAST) if score >= _LEAST else 0.0 for score in scores])


def _dealt(parts: Mapping[str, Any], count: int, number: int) -> list[Any]:
    return [parts[name] for place, name in enumerate(sorted(parts)) if place % count == number]


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and row; a first column without a name is skipped, as R writes it."""
    with file.open(encoding="utf-8", newline="") as text:
        lines = csv.reader(text)
        head = next(lines, [])
        missing = sorted(set(columns) - set(head))
        if missing:
            raise ConfigError(f"{file}:1: expected columns {', '.join(columns)}, missing {', '.join(missing)}")
        for number, cells in enumerate(lines, 2):
            yield number, dict(zip(head, cells[len(cells) - len(head) :], strict=False))


def _number(file: Path, line: int, row: Mapping[str, str], column: str) -> float:
    try:
        return float(row[column])
    except (KeyError, ValueError):
        raise ConfigError(f"{file}:{line}: expected a number in {column}, got {row.get(column)!r}") from None


def _climate(path: Path, files: dict[str, str]) -> dict[str, Floats]:
    folder = folder_of(path, "occupancy")
    days: dict[str, list[tuple[float, float]]] = {}
    for file in sorted(folder.glob("*.txt")) if folder != path or path.name == "occupancy" else ():
        files[f"occupancy/{file.name}"] = sha256_of(file)
        for line, row in _rows(file, ("date", "Temperature", "Humidity")):
            values = (_number(file, line, row, "Temperature"), _number(file, line, row, "Humidity"))
            days.setdefault(f"occupancy/{row['date'][:10]}", []).append(values)
    return {day: np.array(rows) for day, rows in days.items() if len(rows) >= _ENOUGH}


def _moves(path: Path, files: dict[str, str]) -> dict[str, tuple[NDArray[np.bool_], float]]:
    folder = folder_of(path, "room_occupancy")
    days: dict[str, tuple[list[bool], list[bool]]] = {}
    for file in sorted(folder.glob("*.csv")) if folder != path or path.name == "room_occupancy" else ():
        files[f"room_occupancy/{file.name}"] = sha256_of(file)
        for line, row in _rows(file, ("Date", "S6_PIR", "S7_PIR", "Room_Occupancy_Count")):
            fired = _number(file, line, row, "S6_PIR") + _number(file, line, row, "S7_PIR") > 0
            there = _number(file, line, row, "Room_Occupancy_Count") > 0
            days.setdefault(f"room_occupancy/{row['Date']}", ([], []))[there].append(fired)
    return {
        day: (np.array(there, np.bool_), float(np.mean(empty or [False])))
        for day, (empty, there) in days.items()
        if len(there) >= _ENOUGH
    }


def _jolts(path: Path, files: dict[str, str]) -> dict[str, Floats]:
    file = folder_of(path, "watch_imu") / "watch.npz"
    if not file.exists():
        return {}
    files["watch_imu/watch.npz"] = sha256_of(file)
    try:
        with np.load(file) as data:
            strength = np.linalg.norm(data["X"][:, :3].astype(np.float64), axis=1)
            owner = np.repeat(data["subject"], data["lengths"])
    except (ValueError, KeyError, OSError) as error:
        raise ConfigError(f"{file}: expected X (n, 6), lengths and subject: {error}") from error
    return {f"watch_imu/{name}": peaks(strength[owner == name], _G_RATE) for name in np.unique(owner)}


def peaks(strength: Floats, rate: int) -> Floats:
    """Highest of each second, of (samples,) at `rate` per second."""
    whole = len(strength) // rate
    highest: Floats = strength[: whole * rate].reshape(whole, rate).max(axis=1)
    return highest


def calm(jolts: Floats) -> Floats:
    """The seconds of ordinary life among those of sport; modelled where there are none."""
    quiet = jolts[jolts < _CALM]
    return quiet if len(quiet) else np.linspace(1.0, _CALM, _ENOUGH)
