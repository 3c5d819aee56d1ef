"""Episodes as the daemon gets them: observations and changes of health, each with the moment of its arrival."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgefuse.core.types import SECOND, HealthChange, Modality, Observation, observation_id
from edgefuse.corpora.incidents.home import CHANNELS, STALE_S, Channel, Home, Take, take
from edgefuse.corpora.incidents.parts import Parts
from edgefuse.corpora.incidents.stories import episode, mixture
from edgefuse.corpora.incidents.world import RATE, World
from edgefuse.fusion.window import LATENESS

PARTS: Mapping[str, Modality] = {channel.part: modality for modality, each in CHANNELS.items() for channel in each}
LATE = {part: LATENESS[modality] for part, modality in PARTS.items()}
UNITS = {"acceleration": "g", "temperature_slope": "degC/min", "humidity_slope": "%/min"}
_RUNNING = -60 * SECOND
_STEEP = 4.0


@dataclass(frozen=True)
class Arrival:
    """One fact at the daemon's door. Nanoseconds from the beginning of the episode."""

    t: int
    part: str
    fact: Observation | HealthChange


def composed(count: int, home: Home, parts: Parts, seed: int, *, incidents: bool = True) -> Iterator[Take]:
    """`count` episodes from a seed; what happens does not depend on the detectors."""
    stories = mixture(count if incidents else 3 * count, np.random.default_rng([seed, 77]))
    done = 0
    for number, story in enumerate(stories):
        world = episode(story, np.random.default_rng([seed, 78, number]))
        if (incidents or world.incident is None) and done < count:
            done += 1
            yield take(world, home, parts, np.random.default_rng([seed, 79, number]))


def arrivals(taken: Take, without: frozenset[str] = frozenset()) -> list[Arrival]:
    """Everything in order of arrival; of the modalities in `without` every part has failed long ago."""
    found = []
    for part, modality in PARTS.items():
        state = "failed" if modality in without else "ok"
        found.append(Arrival(_RUNNING, part, HealthChange(part, state, "", _RUNNING)))
    for stream in taken.streams.values():
        if stream.modality not in without:
            for t, value, arrives in zip(stream.times, stream.values, stream.arrives, strict=True):
                observation = told(stream.channel, stream.modality, round(t * SECOND), float(value))
                found.append(Arrival(round(arrives * SECOND), stream.channel.part, observation))
            found += _silence(stream.channel, taken)
    return sorted(found, key=lambda each: (each.t, each.part))


def _silence(channel: Channel, taken: Take) -> Iterator[Arrival]:
    start, end = taken.stalls.get(channel.source, (np.inf, np.inf))
    if end > start + STALE_S:
        for state, at in (("stale", start + STALE_S), ("ok", end)):
            t = round(at * SECOND)
            yield Arrival(t, channel.part, HealthChange(channel.part, state, "", t))


def told(channel: Channel, modality: Modality, t: int, value: float) -> Observation:
    """What a detector says: a score, 0 for looked and found nothing, or a value."""
    scene = channel.kind == "object" and value == 0
    data = {}
    if channel.kind in {"reading", "climate"}:
        boolean = channel.label not in UNITS
        data = {"value": bool(value) if boolean else value, "unit": UNITS.get(channel.label, "")}
    return Observation(
        id=observation_id(channel.part, f"{channel.source}/{channel.name}", t),
        detector=channel.part,
        source=channel.source,
        modality=modality,
        kind="scene" if scene else channel.kind,
        label="objects" if scene else channel.label,
        score=1.0 if data else value,
        start=t,
        end=t,
        area="hall",
        data=data,
    )


def truth(world: World) -> list[Arrival]:
    """What detectors that are never wrong would tell every second, with what they remember."""
    flags = world.flags
    empty = ~(flags["room"] | flags["view"])
    force = flags["glass"] | flags["window"] | (flags["knock"] & ~flags["lying"])
    first = np.flatnonzero(force & (np.arange(len(force)) > world.at * RATE - 1))
    before = slice(max(0, first[0] - 20 * RATE), max(0, first[0] - 1)) if len(first) else slice(0, 0)
    was_empty = bool(len(first) and empty[before].all() and not flags["tv"].any())
    steep = np.gradient(world.heat) * RATE * 60 > _STEEP * 0.95
    jolts = np.zeros(len(force), bool)
    for at, _ in world.impacts:
        jolts[max(0, int(at * RATE)) : int(at * RATE) + 8 * RATE] = True
    commands = np.zeros(len(force), bool)
    for at in world.commands:
        commands[int(at * RATE) : int(at * RATE) + 5 * RATE] = True
    recent = {
        "force": _recent(force, 15),
        "entered": _recent(~empty, 15) & _recent(force, 15),
        "crying": _recent(flags["cry"], 4),
        "struck": jolts | _recent(flags["knock"], 8) | _recent(flags["scream"], 8),
        "down": flags["lying"] | (flags["still"] & ~flags["view"]),
        "stop": _recent(flags["stop"], 4),
        "was_empty": np.full(len(force), was_empty),
        "command": commands,
        "hot": steep,
    }
    recent |= {name: flags[name] | (flags["view"] & (name == "room")) for name in ("alarm", "room", "tv")}
    channels = {name: Channel(name, "truth", "truth", "reading", name, (0, 0)) for name in recent}
    return [
        Arrival(
            t * SECOND, "truth", told(channels[name], "sensor", t * SECOND, float(flag[min(t * RATE, len(flag) - 1)]))
        )
        for t in range(world.seconds)
        for name, flag in recent.items()
    ]


def _recent(flag: np.ndarray, seconds: int) -> np.ndarray:
    return np.convolve(flag, np.ones(seconds * RATE + 1))[: len(flag)] > 0
