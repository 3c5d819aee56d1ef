"""Climate: temperature and humidity with what follows from them, and sensors that cannot be believed."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite, log
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from edgefuse.config.models import DetectorConfig
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Json, Modality, Nanoseconds, Observation, Reading, Sample, observation_id

PHYSICAL: Mapping[str, tuple[float, float]] = {
    "temperature": (-90, 130),
    "humidity": (0, 100),
    "pressure": (300, 1100),
    "co2": (0, 100_000),
}
"""Quantity -> what a sensor that works can measure: degC, %, hPa, ppm."""
_POINTS = 64
"""Readings of which a slope is taken: 2016 pairs, some 50 us."""
_LEAST = 4
_REPEATS = 3
_Key = tuple[str, str]


class ClimateConfig(DetectorConfig):
    """`{type: climate, on: [hall_climate]}`."""

    type: Literal["climate"] = "climate"
    limits: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Quantity -> lowest and highest value that is in order; what is physically impossible is always out of range."""
    window_s: Annotated[float, Field(gt=0)] = 300
    """Slopes are taken over this long, from four readings on: short for quick alarms, long for slow sensors."""
    fresh_s: Annotated[float, Field(gt=0)] = 1800
    """How long a reading counts as what is there now."""
    stuck_s: Annotated[float, Field(gt=0)] = 7200
    """Exactly the same for this long, while another sensor of the area moved: stuck."""
    stuck_alone_s: Annotated[float, Field(gt=0)] = 86_400
    """Exactly the same for this long: stuck, whatever the others do."""
    moves: dict[str, float] = Field(default_factory=lambda: {"temperature": 1.0, "humidity": 5.0})
    """Quantity -> the range by which another sensor must have moved."""
    differ: dict[str, float] = Field(default_factory=lambda: {"temperature": 5.0, "humidity": 20.0})
    """Quantity -> the difference above which two sensors of one area contradict each other."""
    differ_s: Annotated[float, Field(gt=0)] = 600
    """How long they must differ."""

    @field_validator("limits")
    @classmethod
    def _ordered(cls, limits: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for quantity, (low, high) in limits.items():
            if low >= high:
                raise ValueError(f"expected [lowest, highest] for {quantity}, got [{low:g}, {high:g}]")
        return limits


def dew_point(temperature: float, humidity: float) -> float | None:
    """Dew point in degC of air at `temperature` (degC) and `humidity` (%); None for perfectly dry air.

    Magnus form with the coefficients of Alduchov and Eskridge, J. Appl. Meteor. 35 (1996), 601-609: within .4 % of
    the vapour pressure from -40 to 50 degC.
    """
    if humidity <= 0:
        return None
    a, b = 17.625, 243.04
    gamma = log(humidity / 100) + a * temperature / (b + temperature)
    return b * gamma / (a - gamma)


def robust_slope(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Median of the slopes of all pairs, (n,) and (n,), times rising: up to 29 % of outliers do not matter.

    Theil (1950); Sen, JASA 63 (1968), 1379-1389.
    """
    first, second = np.triu_indices(len(times), k=1)
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))


@dataclass(slots=True)
class _Series:
    """One quantity of one source."""

    reading: Reading
    value: float
    since: Nanoseconds
    """Unchanged since."""
    repeats: int = 0
    """How often it was told again unchanged."""
    points: deque[tuple[Nanoseconds, float]] = field(default_factory=deque)
    others: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Source -> lowest and highest value that it has told since this one stands still."""

    def take(self, reading: Reading, value: float, window: Nanoseconds) -> None:
        """Note one more value."""
        if value == self.value:
            self.repeats += 1
        else:
            self.since, self.repeats, self.others = reading.t, 0, {}
        self.reading, self.value = reading, value
        self.points.append((reading.t, value))
        while reading.t - self.points[0][0] > window:
            self.points.popleft()

    def slope(self, window: Nanoseconds) -> float | None:
        """Change per minute; None where too little is known."""
        points = self.points
        if len(points) < _LEAST or points[-1][0] - points[0][0] < window // 4:
            return None
        chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), _POINTS)).astype(int))
        taken = np.array([points[n] for n in chosen], dtype=np.float64)
        return robust_slope((taken[:, 0] - taken[0, 0]) / (60 * SECOND), taken[:, 1])


class Climate:
    """Passes temperature, humidity and what has limits on as observations, and adds what follows from them.

    Labels: the quantity itself, `<quantity>_slope` (per minute), `dew_point`; `out_of_range`, `stuck` and
    `contradicts` with `data.value` true (score 1) at every reading while it is so, and false (score 0) once when the
    last sensor of which it was said is in order again.
    """

    Config: ClassVar[type] = ClimateConfig
    accepts: ClassVar[tuple[type, ...]] = (Reading,)
    modality: Modality = "sensor"

    def __init__(self, config: ClimateConfig, context: Context) -> None:
        self._config = config
        self._name = context.name
        self._health = context.health
        self._window = int(config.window_s * SECOND)
        self._fresh = int(config.fresh_s * SECOND)
        self._quantities = PHYSICAL.keys() | config.limits.keys()
        self.reset()

    def warm_up(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def reset(self) -> None:
        """Forget all readings."""
        self._series: dict[_Key, _Series] = {}
        self._differ: dict[tuple[str, str, str], Nanoseconds] = {}
        self._flags: dict[tuple[str, str, str], bool] = {}
        self._told: dict[str, tuple[Nanoseconds, int]] = {}

    def detect(self, sample: Sample) -> list[Observation]:
        """Look at one reading; quantities that are no climate give nothing."""
        if not isinstance(sample, Reading) or sample.quantity not in self._quantities:
            return []
        value = sample.value
        if isinstance(value, str | bool) or not isfinite(value):
            self._health.reject("not a number")
            return []
        before = self._series.get((sample.source, sample.quantity))
        if before is not None and sample.t <= before.reading.t:
            self._health.reject("older than the last")
            return []
        return [self._observation(sample, label, score, data) for label, score, data in self._look(sample, value)]

    def _look(self, reading: Reading, value: float) -> Iterator[tuple[str, float, dict[str, Json]]]:
        low, high = PHYSICAL.get(reading.quantity, (-np.inf, np.inf))
        if not low <= value <= high:
            self._health.reject("physically impossible")
            yield from self._flag("out_of_range", reading, {"reading": value, "physical": True})
            return
        yield reading.quantity, 1.0, {"value": value, "unit": reading.unit, "retained": reading.retained}
        yield from self._flag("out_of_range", reading, self._beyond(reading, value))
        if reading.retained:
            return
        series = self._take(reading, value)
        slope = series.slope(self._window)
        if slope is not None:
            yield f"{reading.quantity}_slope", 1.0, {"value": round(slope, 4), "unit": f"{reading.unit}/min"}
        dew = self._dew_point(reading)
        if dew is not None:
            yield "dew_point", 1.0, {"value": round(dew, 2), "unit": "degC"}
        yield from self._flag("stuck", reading, self._stuck(series))
        yield from self._flag("contradicts", reading, self._contradicts(series))

    def _take(self, reading: Reading, value: float) -> _Series:
        key = (reading.source, reading.quantity)
        series = self._series.setdefault(key, _Series(reading, value, reading.t, repeats=-1))
        series.take(reading, value, self._window)
        for other in self._neighbours(series):
            low, high = other.others.get(reading.source, (value, value))
            other.others[reading.source] = (min(low, value), max(high, value))
        return series

    def _area(self, reading: Reading) -> str | None:
        return self._config.area or reading.area

    def _neighbours(self, series: _Series) -> list[_Series]:
        """The same quantity from other sources of the same area; nobody knows who is near a sensor without one."""
        reading = series.reading
        area = self._area(reading)
        if area is None:
            return []
        return [
            other
            for (source, quantity), other in self._series.items()
            if quantity == reading.quantity and source != reading.source and self._area(other.reading) == area
        ]

    def _beyond(self, reading: Reading, value: float) -> dict[str, Json] | None:
        limits = self._config.limits.get(reading.quantity)
        if limits is None or limits[0] <= value <= limits[1]:
            return None
        return {"reading": value, "low": limits[0], "high": limits[1], "physical": False}

    def _dew_point(self, reading: Reading) -> float | None:
        pair = [self._series.get((reading.source, quantity)) for quantity in ("temperature", "humidity")]
        if reading.quantity not in {"temperature", "humidity"} or None in pair:
            return None
        fresh = [each.value for each in pair if each is not None and reading.t - each.reading.t <= self._fresh]
        return dew_point(*fresh) if len(fresh) == len(pair) else None

    def _stuck(self, series: _Series) -> dict[str, Json] | None:
        age = (series.reading.t - series.since) / SECOND
        if series.repeats < _REPEATS or age < min(self._config.stuck_s, self._config.stuck_alone_s):
            return None
        least = self._config.moves.get(series.reading.quantity, float("inf"))
        moved = [source for source, (low, high) in series.others.items() if high - low >= least]
        if age < self._config.stuck_alone_s and not (moved and age >= self._config.stuck_s):
            return None
        return {"reading": series.value, "for_s": round(age, 1), "moved": moved}

    def _contradicts(self, series: _Series) -> dict[str, Json] | None:
        reading, most = series.reading, self._config.differ.get(series.reading.quantity, float("inf"))
        found = None
        for other in self._neighbours(series):
            one, two = sorted((reading.source, other.reading.source))
            pair = (reading.quantity, one, two)
            apart = abs(series.value - other.value)
            if apart <= most or reading.t - other.reading.t > self._fresh:
                self._differ.pop(pair, None)
            elif reading.t - self._differ.setdefault(pair, reading.t) >= self._config.differ_s * SECOND:
                found = found or {"difference": round(apart, 3), "sources": [one, two]}
        return found

    def _flag(
        self, label: str, reading: Reading, facts: dict[str, Json] | None
    ) -> Iterator[tuple[str, float, dict[str, Json]]]:
        """Tell a condition while it is so, and once when nothing is left of it."""
        key = (label, reading.source, reading.quantity)
        if facts is not None:
            self._flags[key] = True
            yield label, 1.0, {"value": True, "quantity": reading.quantity, "unit": reading.unit, **facts}
        elif self._flags.pop(key, False) and not any(each[0] == label for each in self._flags):
            yield label, 0.0, {"value": False, "quantity": reading.quantity}

    def _observation(self, reading: Reading, label: str, score: float, data: Mapping[str, Json]) -> Observation:
        """One payload often brings several readings of one moment: their observations are numbered on."""
        t, n = self._told.get(reading.source, (reading.t, -1))
        n = n + 1 if t == reading.t else 0
        self._told[reading.source] = (reading.t, n)
        return Observation(
            id=observation_id(self._name, reading.source, reading.t, n),
            detector=self._name,
            source=reading.source,
            modality=self.modality,
            kind="climate",
            label=label,
            score=score,
            start=reading.t,
            end=reading.t,
            area=self._area(reading),
            data=data,
        )
