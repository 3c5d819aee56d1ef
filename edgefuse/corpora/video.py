"""Who goes by, a person or a vehicle: frames and sound, composed of two films and synthesised sound.

People and cars are cut out of two films and moved over the empty scenes of both, so that the scene says nothing of the
class; sound is synthesised. Every scene with its sound, what stands in it and what is heard from elsewhere comes once
with each class: all that can tell classes apart is who goes by. People, cars, parts of the scenes and the generators
of sound are dealt to pools that never mix.
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
from edgefuse.corpora.cutouts import Cutout, Scene, backdrop, columns, find, origins, paste, resized, take_apart

CLASSES = ("nobody", "person", "vehicle")
STEPS, TALL, WIDE = 8, 36, 64
"""Frames of a clip, their height and width."""
_SECONDS = 2.56
_SAMPLES = int(_SECONDS * street.RATE)
_POOLS = 4
_OPTIONS = {"scenes": 300, "seed": 4}
_SOUNDS = {"person": street.steps, "vehicle": street.engine}


@dataclass(frozen=True, slots=True)
class _Pool:
    name: str
    things: Mapping[str, Sequence[Cutout]]
    empty: Sequence[NDArray[np.uint8]]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """How the camera sees a clip."""

    light: float
    grain: float
    curtain: slice
    """Columns behind something that stands near the camera."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """`path` is the folder of the two films, `*person*.mp4` and `*car*.mp4`, or the folder that has it as `video`.

    Options: scenes (each comes with every class), seed.
    """
    wanted = _checked(options)
    folder = folder_of(path, "video")
    films = {"person": find(folder, "person"), "vehicle": find(folder, "car")}
    scenes = {kind: take_apart(film, report, every=4 if kind == "person" else 1) for kind, film in films.items()}
    files = {film.name: sha256_of(film) for film in films.values()}
    contents = {kind: files[film.name] for kind, film in films.items()}
    pools = _pools(scenes, contents)
    made: list[dict[str, Any]] = []
    for k in range(wanted["scenes"]):
        rng = np.random.default_rng([wanted["seed"], k, *(int(each[:8], 16) for each in contents.values())])
        made += _scene(rng, pools[k % len(pools)])
        report("clips", k + 1, wanted["scenes"])
    return _corpus(made, files)


def _checked(options: Mapping[str, Any]) -> dict[str, int]:
    if unknown := set(options) - set(_OPTIONS):
        raise ConfigError(f"unknown options of the corpus 'video': {', '.join(sorted(unknown))} (known: scenes, seed)")
    return {**_OPTIONS, **options}


def _pools(scenes: Mapping[str, Scene], contents: Mapping[str, str]) -> list[_Pool]:
    """Deal passages to pools; each has columns of the empty scenes of its own. `contents`: sha256 of the films."""
    passages = {kind: scene.passages() for kind, scene in scenes.items()}
    count = min(_POOLS, *(len(found) for found in passages.values()))
    if count < 2:  # noqa: PLR2004  one to learn from, one to be tested on
        raise ConfigError("expected at least two people and two cars going by in the films, to keep some for the test")
    pools = []
    for k in range(count):
        things = {kind: [one for each in found[k::count] for one in each] for kind, found in passages.items()}
        empty = [columns(scene.empty, k, count) for scene in scenes.values()]
        parts = [origins(contents[kind], things[kind], k, count) for kind in scenes]
        name = f"pool{k + 1}-{''.join(contents.values())[:6]}"
        pools.append(_Pool(name, things, empty, tuple(one for each in parts for one in each)))
    return pools


def _scene(rng: np.random.Generator, pool: _Pool) -> list[dict[str, Any]]:
    """One background with each class in it."""
    still = _still(rng, pool)
    ambience = [street.noise(rng, _SAMPLES, rng.uniform(0.3, 0.9)) * rng.uniform(0.02, 0.1)]
    if rng.random() < 0.5:  # noqa: PLR2004  half of the scenes: somebody is heard and not seen
        source = _SOUNDS["person" if rng.random() < 0.5 else "vehicle"](rng, _SAMPLES)  # noqa: PLR2004  evenly
        far = street.distant(rng, source)
        ambience.append(street.passing(rng, far, rng.uniform(0, _SECONDS), 0.8) * rng.uniform(0.1, 0.4))
    seen = _looks(rng)
    grain = rng.normal(0, seen.grain, (STEPS, TALL, WIDE, 3))
    empty = _shown(np.repeat(still[None], STEPS, 0), seen, grain)
    background = {"frames": empty, "sound": street.mixed(ambience), "group": pool.name, "parts": pool.parts}
    clips = [{**background, "label": 0, "clip": empty, "heard": background["sound"]}]
    for label, kind in enumerate(CLASSES[1:], 1):
        frames, when = _moved(rng, still, pool.things[kind])
        near = street.passing(rng, _SOUNDS[kind](rng, _SAMPLES), when, rng.uniform(0.3, 0.7))
        loud = rng.uniform(0.15, 0.6) * (rng.random() > 0.2)  # noqa: PLR2004  a fifth are not heard
        heard = street.mixed([*ambience, near * loud])
        clips.append({**background, "label": label, "clip": _shown(frames, seen, grain), "heard": heard})
    return clips


def _still(rng: np.random.Generator, pool: _Pool) -> NDArray[np.uint8]:
    """(TALL, WIDE, 3): a part of an empty scene, in half of the cases with somebody or something standing in it."""
    picture = backdrop(rng, pool.empty[int(rng.integers(len(pool.empty)))], TALL, WIDE)
    if rng.random() < 0.5:  # noqa: PLR2004  parked, or standing about
        things = pool.things["person" if rng.random() < 0.5 else "vehicle"]  # noqa: PLR2004  evenly
        thing = _sized(rng, things)
        paste(picture, thing, *_place(rng, thing, rng.uniform(0, WIDE)))
    return picture


def _moved(
    rng: np.random.Generator, still: NDArray[np.uint8], things: Sequence[Cutout]
) -> tuple[NDArray[np.uint8], float]:
    """A thing goes across. Gives the frames and when, in seconds, it is in the middle."""
    thing = _sized(rng, things)
    top, _ = _place(rng, thing, 0)
    speed, when = rng.choice([-1, 1]) * rng.uniform(16, 40), rng.uniform(0.3, 0.7) * _SECONDS
    frames = np.repeat(still[None], STEPS, 0)
    for step, frame in enumerate(frames):
        x = WIDE / 2 + speed * ((step + 0.5) * _SECONDS / STEPS - when)
        paste(frame, thing, top + int(rng.integers(-1, 2)), round(x - thing.inside.shape[1] / 2))
    return frames, float(when)


def _sized(rng: np.random.Generator, things: Sequence[Cutout]) -> Cutout:
    thing = things[int(rng.integers(len(things)))]
    return resized(thing, int(rng.uniform(0.4, 0.9) * TALL))


def _place(rng: np.random.Generator, thing: Cutout, middle: float) -> tuple[int, int]:
    height, width = thing.inside.shape
    return int(rng.integers(0, TALL - height + 1)), round(middle - width / 2)


def _looks(rng: np.random.Generator) -> _Seen:
    """By day, at dusk, or past something that hides most of the view."""
    chance = rng.random()
    dusk = chance < 0.4  # noqa: PLR2004  two fifths
    hidden = chance > 0.75  # noqa: PLR2004  a quarter
    begin = int(rng.integers(0, WIDE // 4)) if hidden else 0
    light = rng.uniform(0.06, 0.25) if dusk else rng.uniform(0.6, 1.1)
    return _Seen(light, rng.uniform(6, 12) if dusk else rng.uniform(1, 4), slice(begin, begin + 48 * hidden))


def _shown(frames: NDArray[np.uint8], seen: _Seen, grain: NDArray[np.float64]) -> NDArray[np.uint8]:
    shown = frames * seen.light
    shown[:, :, seen.curtain] = 40
    return np.clip(shown + grain, 0, 255).astype(np.uint8)


def _corpus(made: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> Corpus:
    def stacked(name: str) -> NDArray[Any]:
        return np.stack([one[name] for one in made])

    rate = STEPS / _SECONDS
    raws = {"video": Raw("frames", stacked("clip"), rate), "audio": Raw("waveform", stacked("heard"), street.RATE)}
    return Corpus(
        raws,
        np.ones((len(made), 2), bool),
        np.array([one["label"] for one in made], np.int64),
        CLASSES,
        np.array([one["group"] for one in made]),
        files,
        {"video": Raw("frames", stacked("frames"), rate), "audio": Raw("waveform", stacked("sound"), street.RATE)},
        rule=rule(raws["video"].data, raws["audio"].data),
        parts=[one["parts"] for one in made],
    )


def rule(frames: NDArray[np.uint8], sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """What somebody would write by hand: if much changes between frames, somebody goes by, wide things are vehicles.

    Where little changes, a loud low hum is a vehicle and loud beats are steps. (n, 3), rows sum to 1.
    """
    change = np.abs(np.diff(frames.astype(np.float32).mean(-1), axis=1))
    spread = change.mean((1, 2, 3)) / np.maximum(np.median(change, axis=(1, 2, 3)), 1)
    across = (change.max(2) > 40).mean((1, 2))  # noqa: PLR2004  levels
    loud = sound.astype(np.float32).reshape(len(sound), 32, -1).std(2) / 32768
    beats = loud.std(1) / (loud.mean(1) + 1e-6)
    moved, heard = (spread > 1.6) & (across > 0.02), loud.max(1) > 0.08  # noqa: PLR2004  set by looking at ten clips
    vehicle = np.where(moved, across > 0.12, beats < 0.8)  # noqa: PLR2004  likewise
    said = np.where(moved | heard, np.where(vehicle, 2, 1), 0)
    return np.where(np.arange(len(CLASSES)) == said[:, None], 0.8, 0.1)
