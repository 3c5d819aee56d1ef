"""Does an emergency vehicle come nearer or drive away: sound, vision and position, composed.

Cars are cut out of a film and laid over its empty road; beacons, brake lights and shop signs are painted; sound and
tracks are synthesised. What is around (the road, signs, ambience, a siren far away, music, horns) comes once with each
class: with ordinary traffic, with an emergency vehicle that approaches, and with one that drives away. Ordinary
traffic approaches, drives away or crosses, so that a track alone says little. Cars, strips of the road and generators
are dealt to pools that never mix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import street
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of, sha256_of
from edgefuse.corpora.cutouts import Cutout, backdrop, columns, find, origins, paste, resized, take_apart

CLASSES = ("ordinary", "approaching", "leaving")
FRAMES, TALL, WIDE, FRAME_HZ = 10, 32, 48, 8.0
TRACK, TRACK_HZ = 8, 1.0
"""Positions of a track; east and north of the camera in hm, speed in 10 m/s, heading as sine and cosine."""
_SAMPLES = int(2.56 * street.RATE)
_POOLS = 4
_OPTIONS = {"scenes": 300, "seed": 7}
_BLUE, _RED, _WHITE = (40, 80, 255), (255, 40, 30), (255, 240, 220)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is there whatever comes."""

    road: NDArray[np.uint8]
    ambience: list[street.Floats]
    sign: tuple[int, int, tuple[int, int, int], float] | None
    """Row, column, colour, flashes per second (0: steady)."""
    light: float
    grain: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Vehicle:
    direction: int
    """1 nearer, -1 away, 0 across."""
    emergency: bool
    speed: float
    """m/s"""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """`path` is the folder with a film of cars, `*car*.mp4`, or the folder that has it as `video`.

    Options: scenes (each comes with every class), seed.
    """
    if unknown := set(options) - set(_OPTIONS):
        raise ConfigError(
            f"unknown options of the corpus 'traffic': {', '.join(sorted(unknown))} (known: scenes, seed)"
        )
    wanted = {**_OPTIONS, **options}
    film = find(folder_of(path, "video"), "car")
    content = sha256_of(film)
    scene = take_apart(film, report, every=1)
    cars = scene.passages()
    count = min(_POOLS, len(cars))
    if count < 2:  # noqa: PLR2004  one to learn from, one to be tested on
        raise ConfigError(f"{film}: expected at least two cars going by, to keep one for the test, found {count}")
    pools = [([one for car in cars[k::count] for one in car], columns(scene.empty, k, count)) for k in range(count)]
    parts = [tuple(origins(content, pool, k, count)) for k, (pool, _) in enumerate(pools)]
    made: list[dict[str, Any]] = []
    for k in range(wanted["scenes"]):
        rng = np.random.default_rng([wanted["seed"], k, int(content[:8], 16)])  # other films, other sirens
        name = f"pool{k % count + 1}-{content[:6]}"
        made += [{**clip, "group": name, "parts": parts[k % count]} for clip in _scene(rng, *pools[k % count])]
        report("scenes", k + 1, wanted["scenes"])
    return _corpus(made, {film.name: content})


def _scene(rng: np.random.Generator, cars: Sequence[Cutout], empty: NDArray[np.uint8]) -> list[dict[str, Any]]:
    around = _around(rng, empty)
    behind = {"road": _seen(around, around.road[None].repeat(FRAMES, 0)), "noise": street.mixed(around.ambience)}
    clips = []
    for label in range(len(CLASSES)):
        direction = (int(rng.choice([1, -1, 1, -1, 0])), 1, -1)[label]
        speed = rng.uniform(10, 24) if label else rng.uniform(5, 18)
        vehicle = _Vehicle(direction, label > 0, float(speed))
        siren, beacon = _signals(rng) if label else (False, False)
        clip = {
            "vision": _seen(around, _filmed(rng, around, cars, vehicle, beacon=beacon)),
            "sound": _heard(rng, around, vehicle, siren=siren),
            "position": _tracked(rng, vehicle),
        }
        clips.append({**behind, **clip, "label": label})
    return clips


def _around(rng: np.random.Generator, empty: NDArray[np.uint8]) -> _Around:
    ambience = [street.noise(rng, _SAMPLES, rng.uniform(0.3, 0.9)) * rng.uniform(0.03, 0.12)]
    others = (street.horn(rng, _SAMPLES), street.music(rng, _SAMPLES), street.siren(rng, _SAMPLES))
    for sound, chance in zip(others, (0.2, 0.25, 0.4), strict=True):
        if rng.random() < chance:
            ambience.append(street.distant(rng, sound) * rng.uniform(0.02, 0.2))
    sign = None
    if rng.random() < 0.5:  # noqa: PLR2004  half of the streets have a lit sign
        colour = (_BLUE, _RED, _WHITE)[rng.integers(3)]
        sign = (int(rng.integers(2, TALL - 6)), int(rng.integers(0, WIDE - 8)), colour, float(rng.choice([0, 0, 0.7])))
    night = rng.random() < 0.4  # noqa: PLR2004  two fifths
    light = rng.uniform(0.1, 0.35) if night else rng.uniform(0.6, 1.1)
    grain = rng.normal(0, rng.uniform(2, 8), (FRAMES, TALL, WIDE, 3))
    return _Around(backdrop(rng, empty, TALL, WIDE), ambience, sign, float(light), grain)


def _signals(rng: np.random.Generator) -> tuple[bool, bool]:
    """Siren and beacons: seldom both are off, as on a drive without an order."""
    return bool(rng.random() < 0.8), bool(rng.random() < 0.85)  # noqa: PLR2004  most drive with both


def _filmed(
    rng: np.random.Generator, around: _Around, cars: Sequence[Cutout], vehicle: _Vehicle, *, beacon: bool
) -> list[tuple[NDArray[np.uint8], list[tuple[float, float, tuple[int, int, int]]]]]:
    """Frames, and the lights in each: row, column, colour."""
    car = cars[int(rng.integers(len(cars)))]
    hidden = rng.random() < 0.25  # noqa: PLR2004  a quarter is behind something
    height, x, y = rng.uniform(9, 20), rng.uniform(8, WIDE - 8), rng.uniform(8, TALL - 8)
    growth, drift = 1 + vehicle.direction * vehicle.speed * 0.0016, (vehicle.direction == 0) * vehicle.speed / 8
    flashes, phase, colours = rng.uniform(1.5, 3.8), rng.random(), (_BLUE, _RED if rng.random() < 0.4 else _BLUE)  # noqa: PLR2004  two fifths blue and red
    braking = rng.random() < 0.4  # noqa: PLR2004  two fifths
    shown = []
    for k in range(FRAMES):
        frame, lights = around.road.copy(), []
        if not hidden:
            one = resized(car, max(4, round(height * growth**k)))
            tall, wide = one.inside.shape
            left = x + drift * k
            paste(frame, one, round(y - tall / 2), round(left - wide / 2))
            if beacon:
                turn = (phase + k * flashes / FRAME_HZ) % 1
                side = 1 if turn < 0.5 else -1  # noqa: PLR2004  the two lamps take turns
                lights.append((y - tall * 0.15, left + side * wide * 0.25, colours[side < 0]))
            if braking:
                lights += [(y + tall * 0.45, left + side * wide * 0.35, _RED) for side in (-1, 1)]
        shown.append((frame, lights))
    return shown


def _seen(around: _Around, frames: Any) -> NDArray[np.uint8]:
    """Darkened, with sign and lights that darkness does not dim, and grain. `frames` as `_filmed` gives, or bare."""
    rows, across = np.mgrid[:TALL, :WIDE]
    out = np.empty((FRAMES, TALL, WIDE, 3))
    for k, each in enumerate(frames):
        frame, lights = each if isinstance(each, tuple) else (each, [])
        out[k] = frame * around.light
        if around.sign is not None and (k * around.sign[3] / FRAME_HZ) % 1 < 0.5:  # noqa: PLR2004  half on, half off
            row, column, colour, _ = around.sign
            out[k, row : row + 4, column : column + 8] = colour
        for row, column, colour in lights:
            glow = np.exp(-((rows - row) ** 2 + (across - column) ** 2) / 2.5)[..., None]
            out[k] = out[k] * (1 - glow) + np.asarray(colour) * glow
    return np.clip(out + around.grain, 0, 255).astype(np.uint8)


def _heard(rng: np.random.Generator, around: _Around, vehicle: _Vehicle, *, siren: bool) -> NDArray[np.int16]:
    rises = 2.0 ** (np.linspace(-0.6, 0.6, _SAMPLES) * vehicle.direction)
    parts = [*around.ambience, street.engine(rng, _SAMPLES) * rng.uniform(0.03, 0.25) * rises]
    if siren:
        parts.append(street.siren(rng, _SAMPLES, vehicle.speed * vehicle.direction) * rng.uniform(0.03, 0.4) * rises)
    return street.mixed([np.asarray(part, np.float32) for part in parts])


def _tracked(rng: np.random.Generator, vehicle: _Vehicle) -> NDArray[np.float32]:
    """(TRACK, 5) as a transponder reports it: off by some metres, one in ten reports lost."""
    bearing = rng.uniform(0, 2 * np.pi)
    seconds = np.arange(TRACK) / TRACK_HZ
    ahead = np.array([np.sin(bearing), np.cos(bearing)])
    aside = np.array([ahead[1], -ahead[0]]) * rng.uniform(-15, 15)
    way = vehicle.speed * (seconds - seconds[-1])
    if vehicle.direction == 0:
        along, aside = way + vehicle.speed * 4, aside / 15 * rng.uniform(40, 90)
    else:
        along = way - rng.uniform(10, 60) if vehicle.direction > 0 else way - way[0] + rng.uniform(10, 60)
    place = along[:, None] * ahead + aside + rng.normal(0, 5, (TRACK, 2)) + rng.normal(0, 4, 2)
    speed = vehicle.speed + rng.normal(0, 1, TRACK)
    heading = bearing + rng.normal(0, 0.1, TRACK)
    track = np.column_stack([place / 100, speed / 10, np.sin(heading), np.cos(heading)])
    track[rng.random(TRACK) < 0.1] = np.nan  # noqa: PLR2004  lost
    return track.astype(np.float32)


def _corpus(made: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> Corpus:
    def stacked(name: str) -> NDArray[Any]:
        return np.stack([one[name] for one in made])

    raws = {
        "sound": Raw("waveform", stacked("sound"), street.RATE),
        "vision": Raw("frames", stacked("vision"), FRAME_HZ),
        "position": Raw("sequence", stacked("position"), TRACK_HZ),
    }
    return Corpus(
        raws,
        np.ones((len(made), len(raws)), bool),
        np.array([one["label"] for one in made], np.int64),
        CLASSES,
        np.array([one["group"] for one in made]),
        files,
        {
            "sound": Raw("waveform", stacked("noise"), street.RATE),
            "vision": Raw("frames", stacked("road"), FRAME_HZ),
        },
        rule=rule(raws["sound"].data, raws["position"].data),
        parts=[one["parts"] for one in made],
    )


def rule(sound: NDArray[np.int16], track: NDArray[np.float32]) -> NDArray[np.float64]:
    """What somebody would write by hand: a strong tone between 400 and 1,700 Hz is a siren, the track says where to.

    (n, 3), rows sum to 1.
    """
    frames = sound.reshape(len(sound), -1, 1024).astype(np.float32) * np.hanning(1024).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=2)) ** 2
    tones = power[:, :, 51:218]
    tonal = np.median(tones.max(2) / power.sum(2), axis=1)
    away = np.hypot(track[..., 0], track[..., 1])
    middle = track.shape[1] // 2
    closing = np.nan_to_num(_mean(away[:, :middle]) - _mean(away[:, middle:]))
    said = np.where(tonal > 0.12, np.where(closing > 0, 1, 2), 0)  # noqa: PLR2004  set by looking at ten clips
    return np.where(np.arange(len(CLASSES)) == said[:, None], 0.8, 0.1)


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(1) / np.maximum(known.sum(1), 1), np.float32)
