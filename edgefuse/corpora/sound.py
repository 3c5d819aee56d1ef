"""Sound for corpora: recordings at a wanted rate and length, noise, mixing at a ratio."""

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs

Sound: TypeAlias = NDArray[np.float32]
"""(samples,) or (n, samples), within -1..1."""
KINDS = (".flac", ".wav", ".ogg")
NoiseKind: TypeAlias = Literal["white", "pink", "hum", "modulated"]
NOISES: tuple[NoiseKind, ...] = ("white", "pink", "hum", "modulated")
_LOWEST_HZ = 20.0


def recordings(folder: Path) -> list[Path]:
    """Sounds in a folder and the folders in it, by path. Raises ConfigError where there is none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in KINDS)
    if not found:
        raise ConfigError(f"{folder}: expected {', '.join(KINDS)} files, got none")
    return found


def read(path: Path, rate: int) -> Sound:
    """A recording (samples,) at `rate` Hz, the mean of its channels. Raises ConfigError when it cannot be read."""
    with needs("media", "recorded sound"):
        import soundfile
        import soxr
    try:
        sound, own = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot be read as sound: {error}") from error
    mono = sound[:, 0] if sound.shape[1] == 1 else sound.mean(axis=1)
    return np.asarray(mono if own == rate else soxr.resample(mono, own, rate), np.float32)


def fitted(sound: Sound, samples: int, begin: int | None = None) -> Sound:
    """(samples,): what is shorter begins at `begin` or lies in the middle; of what is longer the middle is left."""
    spare = samples - len(sound)
    if spare < 0:
        return sound[-spare // 2 :][:samples]
    out = np.zeros(samples, np.float32)
    at = spare // 2 if begin is None else min(max(begin, 0), spare)
    out[at : at + len(sound)] = sound
    return out


def trimmed(sound: Sound, floor: float = 0.02) -> Sound:
    """Without the parts before and after that stay below `floor` of the peak; silence stays as it is."""
    loud = np.flatnonzero(np.abs(sound) > floor * np.abs(sound).max()) if len(sound) else np.zeros(0, np.intp)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound


def noise(kind: NoiseKind, samples: int, rate: int, rng: np.random.Generator) -> Sound:
    """(samples,) of unit power: white, pink, mains hum with harmonics, or noise that comes and goes."""
    if kind == "white":
        made = _coloured(samples, rate, rng.uniform(0, 0.3), rng)
    elif kind == "pink":
        made = _coloured(samples, rate, rng.uniform(0.7, 1.3), rng)
    elif kind == "hum":
        made = _hum(samples, rate, rng)
    else:
        steps = np.abs(rng.standard_normal(max(2, round(samples / rate * rng.uniform(4, 20))) + 1))
        envelope = np.interp(np.linspace(0, len(steps) - 1, samples), np.arange(len(steps)), steps)
        made = _coloured(samples, rate, rng.uniform(-0.5, 1), rng) * envelope
    return np.asarray(made / np.sqrt(np.mean(np.square(made)) + 1e-20), np.float32)


def _coloured(samples: int, rate: int, slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with frequency to the power of `slope`."""
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    weight = np.where(hertz >= _LOWEST_HZ, np.maximum(hertz, _LOWEST_HZ) ** (-slope / 2), 0)
    parts = rng.standard_normal((2, len(hertz)))
    made = np.fft.irfft((parts[0] + 1j * parts[1]) * weight, samples)
    return np.asarray(made / np.sqrt(np.mean(np.square(made)) + 1e-20))


def _hum(samples: int, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    angle = 2 * np.pi * float(rng.choice([50, 60, 100, 120])) * np.arange(samples) / rate
    partials = rng.random(15) / np.sqrt(np.arange(1, 16))
    made = sum(
        size * np.sin(number * angle + 2 * np.pi * rng.random()) for number, size in enumerate(partials, start=1)
    )
    return np.asarray(made + 0.2 * _coloured(samples, rate, 0, rng))


def mixed(sound: Sound, other: Sound, snr_db: float) -> Sound:
    """Sound and noise (samples,) at a ratio of power over where the sound is not silent, scaled to a peak of .9."""
    heard = np.abs(sound) > 0
    power = float(np.square(sound).sum() / max(1, heard.sum()))
    level = np.sqrt(power / 10 ** (snr_db / 10) / (float(np.mean(np.square(other))) + 1e-20))
    both = sound + other * level
    return np.asarray(both * (0.9 / max(float(np.abs(both).max()), 1e-9)), np.float32)


def as_int16(sound: Sound) -> NDArray[np.int16]:
    """-1..1 as int16."""
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)
