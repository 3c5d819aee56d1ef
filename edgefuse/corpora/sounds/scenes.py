"""Clips of sound as a microphone in a room or a street would record them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.sounds import alarms, ambient, impacts, voices
from edgefuse.corpora.sounds.signals import Random, Sound, band, chance, noise, room, spread, unit

Maker: TypeAlias = Callable[[Random, int], Sound]
"""(source of randomness, samples) -> sound of any size."""

CLASSES = (
    "alarm",
    "siren",
    "glass",
    "knock",
    "cry",
    "dog",
    "cough",
    "scream",
    "water",
    "horn",
    "speech",
    "other",
)
MAKERS: Mapping[str, Sequence[Maker]] = {
    "alarm": (alarms.alarm,),
    "siren": (alarms.siren,),
    "glass": (impacts.glass,),
    "knock": (impacts.knock,),
    "cry": (voices.cry,),
    "dog": (voices.dog,),
    "cough": (voices.cough,),
    "scream": (voices.scream,),
    "water": (ambient.water,),
    "horn": (alarms.horn,),
    "speech": (voices.syllables,),
    "other": (
        ambient.birds,
        ambient.brush,
        ambient.drops,
        ambient.engine,
        ambient.hum,
        ambient.hush,
        ambient.insects,
        ambient.machine,
        ambient.rain,
        ambient.wind,
        impacts.bells,
        impacts.claps,
        impacts.clatter,
        impacts.clicks,
        impacts.crackle,
        impacts.creak,
        impacts.music,
        impacts.slam,
        impacts.steps,
        voices.beast,
        voices.cat,
        voices.laugh,
        voices.sneeze,
        voices.snore,
    ),
}
"""Label -> what makes it, as often as each other."""
_BACKGROUND: Sequence[Maker] = (
    ambient.hush,
    ambient.hush,
    ambient.engine,
    ambient.machine,
    ambient.rain,
    ambient.wind,
    ambient.hum,
    voices.syllables,
    impacts.music,
    impacts.clicks,
)
"""What lies under a clip of any label."""


def make(rng: Random, label: str, n: int) -> Sound:
    """(n,) a sound of a label, without anything around it; made again until something can be heard."""
    makers = MAKERS[label]
    maker = makers[int(rng.integers(len(makers)))]
    for _ in range(5):
        sound = maker(rng, n)
        if _heard(sound):
            break
    return sound


def _heard(sound: Sound) -> bool:
    """Whether something lies in the clip."""
    return bool(np.all(np.isfinite(sound)) and float(np.abs(sound).max()) > 1e-3)  # noqa: PLR2004  of about 1


def record(rng: Random, sound: Sound) -> NDArray[np.int16]:
    """(n,) as recorded: reverberation, another sound and noise beneath it, the microphone's band, some gain."""
    sound = sound / max(1e-9, _size(sound))
    if chance(rng, 0.75):
        sound = room(rng, sound, spread(rng, 0.08, 1.2), spread(rng, 0.05, 1.5))
    if chance(rng, 0.5):
        beneath = _BACKGROUND[int(rng.integers(len(_BACKGROUND)))](rng, len(sound))
        sound = sound + unit(beneath) * 10 ** (-rng.uniform(3, 35) / 20)
    sound = sound + noise(rng, len(sound), rng.uniform(0, 5)) * 10 ** (-rng.uniform(12, 65) / 20)
    low, high = spread(rng, 15, 250), spread(rng, 3200, 16000)
    return pcm(rng, band(sound, low, high, rng.uniform(1, 4)))


def pcm(rng: Random, sound: Sound) -> NDArray[np.int16]:
    """With a gain at random; a few clips are cut off at the top."""
    peak = max(1e-9, float(np.abs(sound).max()))
    level = spread(rng, 0.01, 1.0) if chance(rng, 0.93) else rng.uniform(1, 4)
    return np.clip(sound / peak * level * 32767, -32768, 32767).astype(np.int16)


def _size(sound: Sound) -> float:
    """Root mean square of the loudest quarter of a second: a click is as loud as what lasts."""
    step = SAMPLE_RATE // 8
    power = np.array([np.mean(sound[at : at + 2 * step] ** 2) for at in range(0, max(1, len(sound) - step), step)])
    return float(np.sqrt(power.max()))
