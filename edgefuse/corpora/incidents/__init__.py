"""Is something wrong here? Windows out of episodes that are composed of real parts, seen by a home's detectors.

Three modalities, each the latest value of its channels at every second of the last 45: what is heard, what is seen,
what sensors tell. Classes: none and six incidents. A group is a pool of parts: no day, person or pass is in two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND
from edgefuse.corpora.corpus import Corpus, Raw, Report
from edgefuse.corpora.incidents.home import CHANNELS, STALE_S, Take, nominal, take
from edgefuse.corpora.incidents.parts import Library, Parts, library
from edgefuse.corpora.incidents.rule import rule
from edgefuse.corpora.incidents.stories import episode, mixture
from edgefuse.corpora.incidents.world import INCIDENTS
from edgefuse.fusion.features.grid import GridOptions, present, sample

CLASSES = ("none", *INCIDENTS)
STEPS = 45
"""Seconds that a window looks back."""
GRIDS: Mapping[str, GridOptions] = {
    modality: GridOptions(
        channels=[channel.name for channel in channels],
        steps=STEPS,
        step_s=1,
        hold_s={"audio": 3, "vision": 3, "sensor": 120}[modality],
        rest={channel.name: 0 for channel in channels} if modality == "audio" else {},
        partial=True,
    )
    for modality, channels in CHANNELS.items()
}
"""The recipe's features have the same channels, steps and holds."""
_SETTLED = 3.0
"""Seconds after the onset from which on a window is of its class; between the first sign and that none is taken."""
_LASTS = 30.0
"""Seconds after the onset up to which windows are taken."""
_LACKS = 0.08
"""Share of the homes that lack a channel, for each channel."""
_SELDOM = {"speech": 0.2, "lying": 0.25, "stop": 0.25, "wrist": 0.3, "jolt": 0.2, "tv": 0.15}
"""The same, of what fewer homes have."""


class Options(BaseModel):
    """`{episodes: 1200, windows: 8, seed: 0, pools: 5, without: [occupancy/2015-02-02]}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episodes: int = Field(1200, ge=10)
    windows: int = Field(8, ge=2)
    """Of each episode."""
    seed: int = 0
    pools: int = Field(5, ge=2, le=20)
    without: list[str] = Field(default_factory=list)
    """Parts that are left out, for others to be tested with: `occupancy/2015-02-02`, `video/5`."""


@dataclass(frozen=True, slots=True)
class _Windows:
    """Of one pool."""

    raws: dict[str, list[NDArray[np.float32]]]
    labels: list[int]
    stories: list[str]


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Compose the corpus from the parts under `path`: occupancy, room_occupancy, watch_imu, each optional but one.

    The same parts and options give the same corpus. `extra` has `story`, (n,), and `modelled`, the kinds of parts of
    which nothing real was found. Raises ConfigError for unknown options and for data of another layout.
    """
    chosen = _options(options)
    found = library(path, lambda name: name not in chosen.without)
    origin = sha256(repr((sorted(found.files.items()), chosen.seed)).encode()).hexdigest()[:8]
    pools = found.pools(chosen.pools, f"{origin}/pool")
    windows = [
        _pool(parts, chosen, [chosen.seed, number, int(origin, 16)], report) for number, parts in enumerate(pools)
    ]
    return _corpus(windows, pools, found)


def _options(options: Mapping[str, Any]) -> Options:
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"data.options of corpus 'incidents': {told}") from error


def _corpus(windows: list[_Windows], pools: list[Parts], found: Library) -> Corpus:
    raws = {
        name: Raw("sequence", np.stack([raw for pool in windows for raw in pool.raws[name]]), 1 / grid.step_s)
        for name, grid in GRIDS.items()
    }
    return Corpus(
        raws,
        np.stack([present(raw.data, partial=True) for raw in raws.values()], axis=1),
        np.array([label for pool in windows for label in pool.labels], np.int64),
        CLASSES,
        np.repeat([parts.name for parts in pools], [len(pool.labels) for pool in windows]),
        found.files,
        rule=rule(
            {name: raw.data for name, raw in raws.items()}, {name: grid.channels for name, grid in GRIDS.items()}
        ),
        parts=[parts.origins for pool, parts in zip(windows, pools, strict=True) for _ in pool.labels],
        extra={"story": np.array([story for pool in windows for story in pool.stories]), "modelled": found.modelled},
    )


def _pool(parts: Parts, chosen: Options, seed: Sequence[int], report: Report) -> _Windows:
    """`seed`: with other data than were trained on, other stories are told."""
    rng, number = np.random.default_rng(seed), seed[1]
    out = _Windows({name: [] for name in GRIDS}, [], [])
    count = chosen.episodes // chosen.pools
    for done, story in enumerate(mixture(count, rng)):
        if not done % 50:
            report("composing episodes", number * count + done, chosen.pools * count)
        taken = take(episode(story, rng), nominal().varied(rng), parts, rng)
        lacks = lacking(rng)
        grids = {name: whole(taken, name, lacks) for name in GRIDS}
        for t, label in moments(taken, chosen.windows, rng):
            for name, grid in grids.items():
                out.raws[name].append(window(taken, name, grid, t))
            out.labels.append(CLASSES.index(label))
            out.stories.append(story)
    return out


def lacking(rng: np.random.Generator) -> frozenset[str]:
    """Channels that a home does not have."""
    names = [channel.name for channels in CHANNELS.values() for channel in channels]
    return frozenset(name for name in names if rng.random() < _SELDOM.get(name, _LACKS))


def whole(taken: Take, modality: str, lacks: frozenset[str] = frozenset()) -> NDArray[np.float32]:
    """Grid of a whole episode, (seconds + STEPS, channels): rows t to t + STEPS - 1 are the window that ends at t.

    A channel that rests at a value has done so for as long as one can look back: the daemon has been running.
    """
    grid = GRIDS[modality]
    steps = np.arange(1 - grid.steps, taken.world.seconds + 1, dtype=np.int64) * SECOND
    columns = []
    for name in grid.channels:
        stream, rest = taken.streams[name], grid.rest.get(name, float("nan"))
        told = [(-float(grid.steps), rest)] if name in grid.rest else []
        times, values = np.array([*told, *zip(stream.times, stream.values, strict=True)]).reshape(-1, 2).T
        if name in lacks:
            times, values = times[:0], values[:0]
        at = np.round(times * SECOND).astype(np.int64)
        columns.append(sample(at, values, steps, round(grid.hold_s * SECOND), rest))
    return np.stack(columns, axis=1)


def window(taken: Take, modality: str, grid: NDArray[np.float32], t: int) -> NDArray[np.float32]:
    """(STEPS, channels) that end at second `t` of a `whole` grid; nothing is known of a source that is stale then."""
    part = grid[t : t + STEPS].copy()
    for column, name in enumerate(GRIDS[modality].channels):
        start, end = taken.stalls.get(taken.streams[name].channel.source, (np.inf, np.inf))
        if start + STALE_S <= t < end:
            part[:, column] = np.nan
    return np.asarray(part, np.float32)


def moments(taken: Take, count: int, rng: np.random.Generator) -> Iterator[tuple[int, str]]:
    """Whole seconds to look at and what is true at them: half of those of an incident lie before it."""
    world, incident = taken.world, taken.world.incident
    last = world.seconds
    for number in range(count):
        if incident is not None and number % 2:
            begin, end = incident.onset + _SETTLED, min(incident.onset + _LASTS, incident.offset, last)
            label = incident.kind
        elif incident is not None:
            begin, end, label = 5.0, max(6.0, incident.first), "none"
        else:
            near = bool(number % 2)
            begin, end, label = (world.at, min(world.at + _LASTS, last), "none") if near else (5.0, float(last), "none")
        yield int(min(rng.uniform(begin, max(begin, end)), last)), label
