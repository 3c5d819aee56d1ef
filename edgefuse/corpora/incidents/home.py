"""What detectors make of what happens in a room: scores, readings, latency, jitter, drop-outs, all from a seed.

A home is a set of detectors with their faults (`faults.yaml`); persons are scored as NanoDet scored real ones, the
room's temperature, humidity and passive infrared and the jolts at the wrist are pieces of recordings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import yaml
from numpy.typing import NDArray

from edgefuse.core.types import Modality
from edgefuse.corpora.incidents.climate import Floats, climate
from edgefuse.corpora.incidents.parts import Parts, calm
from edgefuse.corpora.incidents.world import RATE, SOUNDS, World

Bools: TypeAlias = NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator
STALE_S = 5.0
"""After so much silence a source counts as stale."""
_TOLD = 0.2
"""Scores below are not told."""
_CALLED, _ENDS, _REPEAT = 0.5, 0.6, 2
"""Of the detector `sounds`: least score, the share of it below which an event ends, looks from one repeat on."""
_WRIST = 0.5
"""Seconds on both sides of a jolt within which the watch's second is its peak."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a detector sees one label, see `faults.yaml`."""

    event: float
    look: float
    false_per_h: float
    false_s: float


@dataclass(frozen=True, slots=True)
class Home:
    """The detectors of one home."""

    looks: Mapping[str, Look]
    confused: Mapping[str, Mapping[str, float]]
    lost: float = 0.03
    """Share of the looks whose result is lost."""
    stalls: float = 0.12
    """Chance of each source to fall silent for 5 to 20 s in an episode."""
    slower: float = 1.0
    """Factor on every latency."""
    perfect: bool = False
    """Told is what is, at once."""

    def changed(self, hits: float, false: float, slower: float = 1.0) -> "Home":
        """The same with other rates: `hits` scales what is noticed, `false` what is noticed without reason."""
        looks = {
            name: replace(
                look,
                event=min(1.0, look.event * hits),
                look=min(1.0, look.look * hits),
                false_per_h=look.false_per_h * false,
            )
            for name, look in self.looks.items()
        }
        return replace(self, looks=looks, slower=self.slower * slower)

    def varied(self, rng: Rng) -> "Home":
        """Another home of the same kind: better or worse ears and eyes."""
        return self.changed(
            float(rng.uniform(0.85, 1.08)), float(np.exp(rng.uniform(-0.7, 1))), float(rng.uniform(0.5, 2))
        )


@cache
def nominal() -> Home:
    """The home of `faults.yaml`."""
    bundled = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8"))
    return Home({name: Look(**look) for name, look in bundled["looks"].items()}, bundled["confused"])


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of observation that fusers get."""

    name: str
    """Column of the grid."""
    part: str
    """Detector, or source of plain readings."""
    source: str
    kind: Literal["sound", "utterance", "object", "pose", "reading", "climate"]
    label: str
    lag: tuple[float, float]
    """Least latency and mean of what comes on top, seconds."""


CHANNELS: Mapping[Modality, Sequence[Channel]] = {
    "audio": (
        *(Channel(name, "sounds", "hall_mic", "sound", name, (0.3, 0.2)) for name in SOUNDS),
        Channel("command", "voice", "hall_mic", "utterance", "turn_on", (0.6, 0.4)),
    ),
    "vision": (
        Channel("person", "people", "hall_cam", "object", "person", (0.1, 0.1)),
        Channel("lying", "poses", "hall_cam", "pose", "lying", (0.2, 0.2)),
        Channel("stop", "poses", "hall_cam", "pose", "stop", (0.2, 0.2)),
    ),
    "sensor": (
        Channel("motion", "hall_pir", "hall_pir", "reading", "motion", (0.05, 0.1)),
        Channel("door", "hall_door", "hall_door", "reading", "contact", (0.05, 0.1)),
        Channel("window", "hall_window", "hall_window", "reading", "contact", (0.05, 0.1)),
        Channel("smoke", "hall_smoke", "hall_smoke", "reading", "smoke", (0.05, 0.1)),
        Channel("temperature_slope", "climate", "hall_climate", "climate", "temperature_slope", (0.05, 0.2)),
        Channel("humidity_slope", "climate", "hall_climate", "climate", "humidity_slope", (0.05, 0.2)),
        Channel("tv", "hall_tv", "hall_tv", "reading", "on", (0.05, 0.3)),
        Channel("jolt", "watch", "watch", "reading", "acceleration", (0.1, 0.3)),
        Channel("wrist", "wrist", "watch", "pose", "stop", (0.2, 0.3)),
    ),
}
"""Contacts are true while closed; slopes per minute; `acceleration` is the peak of a second, g."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is told on one channel, in order of event time."""

    channel: Channel
    modality: Modality
    times: Floats
    """(n,) seconds."""
    values: Floats
    """(n,) scores or readings."""
    arrives: Floats
    """(n,) seconds, when it is there."""


@dataclass(frozen=True, slots=True)
class Take:
    """One episode as the daemon gets it."""

    world: World
    streams: Mapping[str, Stream]
    stalls: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Source -> from when to when it was silent."""


def take(world: World, home: Home, parts: Parts, rng: Rng) -> Take:
    """What the detectors of `home` tell of an episode."""
    stalls = {} if home.perfect else dict(_stalls(world, home, rng))
    streams = {}
    for modality, channels in CHANNELS.items():
        for channel in channels:
            times, values = _told(channel, world, home, parts, rng)
            stream = _sent(channel, modality, (times, values), home, rng)
            streams[channel.name] = _cut(stream, stalls.get(channel.source))
    return Take(world, streams, stalls)


def _stalls(world: World, home: Home, rng: Rng) -> Iterator[tuple[str, tuple[float, float]]]:
    sources = dict.fromkeys(channel.source for channels in CHANNELS.values() for channel in channels)
    for source in sources:
        if rng.random() < home.stalls:
            start = float(rng.uniform(0, world.seconds - 5))
            yield source, (start, start + float(rng.uniform(5, 20)))


def _sent(channel: Channel, modality: Modality, told: tuple[Floats, Floats], home: Home, rng: Rng) -> Stream:
    """Looks may get lost; readings are told again until they arrive, which now and then takes seconds."""
    times, values = told
    if home.perfect:
        return Stream(channel, modality, times, values, times)
    if channel.kind in {"sound", "object", "pose"}:
        kept = rng.random(len(times)) >= home.lost
        times, values = times[kept], values[kept]
    late = np.where(rng.random(len(times)) < home.lost / 2, rng.uniform(1, 4, len(times)), 0.0)
    least, mean = channel.lag
    arrives = times + home.slower * (least + rng.exponential(mean, len(times)) + late)
    return Stream(channel, modality, times, values, arrives)


def _cut(stream: Stream, stall: tuple[float, float] | None) -> Stream:
    if stall is None:
        return stream
    kept = (stream.times < stall[0]) | (stream.times >= stall[1])
    return replace(stream, times=stream.times[kept], values=stream.values[kept], arrives=stream.arrives[kept])


def _told(channel: Channel, world: World, home: Home, parts: Parts, rng: Rng) -> tuple[Floats, Floats]:
    name = channel.name
    if name == "motion":
        return _motion(world, home, parts, rng)
    if name in {"door", "window", "smoke", "tv"}:
        return _state(world.flags[name] ^ (name in {"door", "window"}), rng)
    if channel.kind == "climate":
        return climate(name, world, parts, rng, exact=home.perfect)
    looks = np.arange(float(rng.uniform(0.3, 1)), world.seconds, 1.0)
    if name == "jolt":
        return looks, _jolts(looks, world, parts, rng)
    if name == "command":
        return _commands(world, home, rng)
    scores = _scores(name, looks, world, home, parts, rng)
    return events(looks, scores) if channel.kind == "sound" else (looks, scores)


def events(looks: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """What the detector `sounds` tells of its scores: the onset of an event, and every 2 s that it lasts; no zeros."""
    kept: list[int] = []
    on = False
    for place, score in enumerate(scores):
        begins = not on and score >= _CALLED
        on = score >= _CALLED * _ENDS if on else begins
        if begins or (on and score >= _CALLED and place - kept[-1] >= _REPEAT):
            kept.append(place)
    return looks[kept], scores[kept]


def _truth(name: str, looks: Floats, world: World) -> Bools:
    """(looks,) whether it was there within the second before each."""
    flags = world.flags
    flag = flags["view"] if name == "person" else flags["stop"] if name in {"stop", "wrist"} else flags[name]
    if name in {"lying", "stop"}:
        flag = flag & flags["view"]
    last = np.minimum((looks * RATE).astype(int), len(flag) - 1)
    return np.asarray(flag[last] | flag[np.maximum(0, last - 1)], np.bool_)


def _scores(name: str, looks: Floats, world: World, home: Home, parts: Parts, rng: Rng) -> Floats:
    there = _truth(name, looks, world)
    if home.perfect:
        return there.astype(np.float64)
    scores = rng.beta(1, 12, len(looks))
    _notice(scores, there, home.looks[name], parts.seen if name == "person" else (), rng)
    for other, share in home.confused.get(name, {}).items():
        weaker = Look(share, 0.6, 0, 1)
        _notice(scores, _truth(other, looks, world), weaker, (), rng)
    _imagine(scores, home.looks[name], rng)
    return np.where(scores < _TOLD, 0.0, scores.round(3))


def _notice(scores: Floats, there: Bools, look: Look, seen: Sequence[Floats], rng: Rng) -> None:
    """Write high scores where something is, event by event."""
    for start, end in runs(there):
        if rng.random() >= look.event:
            continue
        hit = rng.random(end - start) < look.look
        high = rng.beta(8, 2.5, end - start)
        if seen:
            run = seen[int(rng.integers(len(seen)))]
            high = run[(np.arange(end - start) * RATE + int(rng.integers(RATE))) % len(run)]
        scores[start:end] = np.where(hit, np.maximum(high, scores[start:end]), scores[start:end])


def _imagine(scores: Floats, look: Look, rng: Rng) -> None:
    """Write high scores where nothing is."""
    for _ in range(int(rng.poisson(look.false_per_h * len(scores) / 3600))):
        start = int(rng.integers(len(scores)))
        part = scores[start : start + 1 + int(rng.poisson(max(0.0, look.false_s - 1)))]
        part[:] = np.maximum(part, rng.beta(5, 3, len(part)))


def runs(flag: Bools) -> list[tuple[int, int]]:
    """First place of each stretch of true, and the place behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flag.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _state(flag: Bools, rng: Rng) -> tuple[Floats, Floats]:
    """A sensor that tells its state when it changes, and once a minute."""
    changes = np.flatnonzero(np.diff(flag.astype(np.int8))) + 1
    times = np.concatenate([[0.0], changes / RATE, np.arange(float(rng.uniform(0, 60)), len(flag) / RATE, 60)])
    times = np.unique(times)
    return times, flag[np.minimum((times * RATE).astype(int), len(flag) - 1)].astype(np.float64)


def _motion(world: World, home: Home, parts: Parts, rng: Rng) -> tuple[Floats, Floats]:
    """Passive infrared that stays on for 5 s: fires as in the recording, at once when somebody comes, never at rest."""
    room, still = world.flags["room"], world.flags["still"]
    fires = np.zeros(len(room), np.bool_)
    block = 30 * RATE
    for start in range(0, len(room), block):
        real = parts.moves[rng.integers(len(parts.moves))] if len(parts.moves) else rng.random() < 0.6  # noqa: PLR2004
        rate = 0.2 if real or home.perfect else 0.02
        fires[start : start + block] = rng.random(len(fires[start : start + block])) < rate
    fires &= room & ~still
    for start, _ in runs(room & ~still):
        fires[start : start + 4 * RATE] |= rng.random(len(fires[start : start + 4 * RATE])) < 0.3  # noqa: PLR2004
    if not home.perfect:
        fires |= rng.random(len(fires)) < parts.stray / block
    held = np.convolve(fires, np.ones(5 * RATE))[: len(fires)] > 0
    return _state(held, rng)


def _jolts(looks: Floats, world: World, parts: Parts, rng: Rng) -> Floats:
    """Peaks of acceleration at the wrist: those of ordinary life, of sport, and jolts."""
    ordinary = calm(parts.jolts)
    sport = parts.jolts if len(parts.jolts) else ordinary + 1
    values = rng.choice(ordinary, len(looks))
    busy = (looks > world.exercise[0]) & (looks < world.exercise[1])
    values[busy] = rng.choice(sport, int(busy.sum()))
    for at, strength in world.impacts:
        values[np.abs(looks - at - _WRIST) <= _WRIST] = strength
    rounded: Floats = values.round(2)
    return rounded


def _commands(world: World, home: Home, rng: Rng) -> tuple[Floats, Floats]:
    if home.perfect:
        return np.array(world.commands, np.float64), np.ones(len(world.commands))
    look = home.looks["command"]
    heard = [at for at in world.commands if rng.random() < look.event]
    false = int(rng.poisson(look.false_per_h * world.seconds / 3600))
    heard += list(rng.uniform(0, world.seconds, false))
    times = np.sort(np.array(heard, np.float64))
    return times, rng.uniform(0.6, 1, len(times)).round(3)
