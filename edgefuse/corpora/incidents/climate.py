"""A room's temperature and humidity: a piece of a real day, what an episode adds, and the slopes a detector tells."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.corpora.incidents.parts import Parts
from edgefuse.corpora.incidents.world import RATE, World
from edgefuse.detectors.climate import robust_slope

Floats: TypeAlias = NDArray[np.float64]
EVERY_S = 5
"""The sensor tells its values so often."""
WINDOW = 7
"""Readings of which a slope is taken: `window_s: 30` of the detector `climate`."""
_RESOLUTION = {"temperature_slope": 0.05, "humidity_slope": 0.1}


def climate(name: str, world: World, parts: Parts, rng: np.random.Generator, *, exact: bool) -> tuple[Floats, Floats]:
    """Times and slopes per minute of `temperature_slope` or `humidity_slope`."""
    times: Floats = np.arange(-float((WINDOW - 1) * EVERY_S), float(world.seconds), float(EVERY_S))
    times += float(rng.uniform(0, EVERY_S))
    column = int(name == "humidity_slope")
    added = world.damp if column else world.heat
    values = _room(times, parts, column, rng) + np.interp(times, np.arange(len(added)) / RATE, added)
    if not exact:
        step = _RESOLUTION[name]
        values = np.round((values + rng.normal(0, step / 3, len(values))) / step) * step
    minutes = times / 60
    last = range(WINDOW - 1, len(times))
    slopes = [robust_slope(minutes[n - WINDOW + 1 : n + 1], values[n - WINDOW + 1 : n + 1]) for n in last]
    kept = times < world.seconds
    return times[WINDOW - 1 :][kept[WINDOW - 1 :]], np.array(slopes)[kept[WINDOW - 1 :]].round(4)


def _room(times: Floats, parts: Parts, column: int, rng: np.random.Generator) -> Floats:
    """A few minutes of a recorded day; steady where there is none."""
    if not parts.climate:
        return np.full(len(times), 45.0 if column else 21.0)
    day = parts.climate[int(rng.integers(len(parts.climate)))][:, column]
    start = float(rng.uniform(1, len(day) - 4))
    real: Floats = np.interp(start + times / 60, np.arange(len(day)), day)
    return real
