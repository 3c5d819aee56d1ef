"""What goes wrong with sensors, done to raw input: noise, delay, a frozen stream. Pure, and seeded by the caller.

The noise is of kinds that no training augmentation makes, so that it says how a model takes what it has not met.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Raw, RawKind

Kind: TypeAlias = Literal["noise", "delayed", "frozen"]
Scale: TypeAlias = NDArray[np.float64]
DEFAULTS: Mapping[str, float] = {
    "snr_db": 0.0,  # waveform: power of the clip over power of the noise
    "sigma": 0.25,  # image, frames: standard deviation over the range of values
    "salt": 0.05,  # image, frames: share of values that are black or white
    "deviations": 1.0,  # sequence, table: standard deviation over that of the column
    "words": 0.3,  # text: share of words dropped or with two letters swapped
    "delay": 0.25,  # share of the window
}
"""Options with what they are at severity 1 unless a recipe says otherwise."""
_TIMED = {"waveform", "frames", "sequence"}
_RATE = 16000.0
_BLOCK_S = 0.02
"""What a hung audio driver repeats."""
_LOWEST_HZ = 20.0
_CLICKS_HZ = 4.0


@dataclass(frozen=True, slots=True)
class Corruption:
    """One thing that goes wrong with one modality."""

    kind: Kind
    severity: float = 1.0
    """0 changes nothing; noise has an amplitude, delay and frozen a duration in proportion to it. Delay may be < 0."""
    options: Mapping[str, float] = field(default_factory=dict)

    def option(self, name: str) -> float:
        """Of the recipe, else the default."""
        return float(self.options.get(name, DEFAULTS[name]))


def check_options(modality: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError for options that no corruption has."""
    wrong = sorted(set(options) - set(DEFAULTS))
    if wrong:
        raise ConfigError(f"noise of '{modality}': unknown option '{wrong[0]}' (known: {', '.join(DEFAULTS)})")


def applies(kind: Kind, raw: RawKind) -> bool:
    """Noise goes with everything; what has no time can neither be late nor frozen."""
    return kind == "noise" or raw in _TIMED


def scale_of(raw: Raw) -> Scale:
    """What strengths are relative to, of a whole corpus: median RMS (1,), range (2,) or deviation of columns (c,)."""
    if raw.kind == "waveform":
        return np.array([np.median(_rms(raw.data))]) if len(raw) else np.ones(1)
    if raw.kind in {"image", "frames"}:
        if raw.data.dtype == np.uint8 or not raw.data.size:
            return np.array([0.0, 255.0])
        return np.array([np.nanmin(raw.data), np.nanmax(raw.data)], np.float64)
    if raw.kind == "text":
        return np.zeros(0)
    flat = raw.data.reshape(-1, raw.data.shape[-1]).astype(np.float64)
    known = np.isfinite(flat)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, flat, 0).sum(0) / count
    return np.asarray(np.sqrt(np.where(known, (flat - mean) ** 2, 0).sum(0) / count))


def corrupt(raw: Raw, what: Corruption, scale: Scale, rng: np.random.Generator) -> Raw:
    """The samples with something wrong, in the form and dtype that they had. `scale` is `scale_of` the corpus."""
    if not what.severity or not len(raw):
        return raw
    if what.kind == "delayed":
        return Raw(raw.kind, _delayed(raw, what.severity * what.option("delay")), raw.rate)
    if what.kind == "frozen":
        return Raw(raw.kind, _frozen(raw, what.severity), raw.rate)
    makers = {"waveform": _babble, "image": _grain, "frames": _grain, "text": _garble}
    return Raw(raw.kind, makers.get(raw.kind, _jitter)(raw, what, scale, rng), raw.rate)


def _babble(raw: Raw, what: Corruption, scale: Scale, rng: np.random.Generator) -> NDArray[Any]:
    """Brown noise that swells and ebbs, with clicks, at a ratio to each clip's own power."""
    clip = raw.data.astype(np.float32)
    level = _rms(clip)
    level = np.where(level > 0, level, max(float(scale[0]), 1e-6))[:, None]
    noise = _brown(clip.shape, raw.rate or _RATE, rng)
    amplitude = what.severity * 10 ** (-what.option("snr_db") / 20)
    return _as(clip + amplitude * level * noise / np.maximum(_rms(noise), 1e-9)[:, None], raw.data.dtype)


def _brown(shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Amplitude over 1/f from 20 Hz, modulated at 0.5 to 3 Hz, with four clicks a second of 2 ms; any level."""
    n, samples = shape
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    weight = np.where(hertz >= _LOWEST_HZ, 1 / np.maximum(hertz, _LOWEST_HZ), 0)
    parts = rng.standard_normal((2, n, len(hertz)), np.float32)
    noise = np.fft.irfft((parts[0] + 1j * parts[1]) * weight, samples, axis=1)
    noise /= np.maximum(_rms(noise), 1e-12)[:, None]
    t = np.arange(samples) / rate
    swell = 1 + 0.8 * np.sin(2 * np.pi * (rng.uniform(0.5, 3, (n, 1)) * t + rng.random((n, 1))))
    struck = (rng.random(shape, np.float32) < _CLICKS_HZ / rate) * rng.choice([-6.0, 6.0], shape)
    decay = np.exp(-np.arange(max(1, round(0.002 * rate))) / (0.0005 * rate))
    for lag, share in enumerate(decay):
        noise[:, lag:] += share * struck[:, : samples - lag]
    result: NDArray[np.float32] = (noise * swell).astype(np.float32)
    return result


def _grain(raw: Raw, what: Corruption, scale: Scale, rng: np.random.Generator) -> NDArray[Any]:
    """Gaussian noise with salt and pepper."""
    low, high = float(scale[0]), float(scale[1])
    data = raw.data.astype(np.float32)
    data += what.severity * what.option("sigma") * (high - low) * rng.standard_normal(data.shape, np.float32)
    chance = rng.random(data.shape, np.float32)
    share = what.severity * what.option("salt")
    data = np.where(chance < share / 2, np.float32(low), np.where(chance > 1 - share / 2, np.float32(high), data))
    return _as(np.clip(data, low, high), raw.data.dtype)


def _jitter(raw: Raw, what: Corruption, scale: Scale, rng: np.random.Generator) -> NDArray[Any]:
    """Gaussian noise of each column's own deviation; unknown stays unknown."""
    strength = what.severity * what.option("deviations") * scale
    return _as(raw.data + strength * rng.standard_normal(raw.data.shape), raw.data.dtype)


def _garble(raw: Raw, what: Corruption, scale: Scale, rng: np.random.Generator) -> NDArray[Any]:
    """Half of the words that are hit vanish, half have two neighbouring letters swapped.

    One word always remains, of a list with `;` one in each of its phrases.
    """
    del scale
    share = what.severity * what.option("words")
    result = np.empty(len(raw), object)
    for place, text in enumerate(raw.data):
        result[place] = ";".join(_misheard(phrase.split(), share, rng) for phrase in str(text).split(";"))
    return result


def _misheard(words: Sequence[str], share: float, rng: np.random.Generator) -> str:
    hit = rng.random((len(words), 2))
    heard = [_swapped(word, rng) if hit[i, 0] < share else word for i, word in enumerate(words)]
    kept = [word for i, word in enumerate(heard) if hit[i, 0] >= share or hit[i, 1] >= 0.5]  # noqa: PLR2004
    return " ".join(kept or heard[:1])


def _swapped(word: str, rng: np.random.Generator) -> str:
    if len(word) < 2:  # noqa: PLR2004  nothing to swap
        return word
    at = int(rng.integers(len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _delayed(raw: Raw, share: float) -> NDArray[Any]:
    """Moved along axis 1 by a share of the window; silence, or the first or last known step, fills the gap."""
    lengths = _lengths(raw)
    t = np.arange(raw.data.shape[1])
    source = t - np.round(share * lengths).astype(np.intp)[:, None]
    moved = _steps(raw.data, source, lengths)
    if raw.kind == "waveform":
        moved[(source < 0) | (source >= lengths[:, None])] = 0
    return moved


def _frozen(raw: Raw, share: float) -> NDArray[Any]:
    """The last `share` of the window repeats one step; of a waveform, a block of 20 ms, as a hung driver does."""
    lengths = _lengths(raw)[:, None]
    t = np.arange(raw.data.shape[1])[None]
    block = max(1, round(_BLOCK_S * (raw.rate or _RATE))) if raw.kind == "waveform" else 1
    begin = np.maximum(0, np.round((1 - share) * (lengths - block)).astype(np.intp))
    return _steps(raw.data, np.where(t < begin, t, begin + (t - begin) % block), lengths[:, 0])


def _steps(data: NDArray[Any], source: NDArray[np.intp], lengths: NDArray[np.intp]) -> NDArray[Any]:
    """Steps `source` (n, t) of each sample, held at both ends; what lies beyond a sample's length stays."""
    t = np.arange(data.shape[1])[None]
    held = np.clip(source, 0, np.maximum(lengths[:, None] - 1, 0))
    index = np.where(t < lengths[:, None], held, t)
    return np.asarray(data[np.arange(len(data))[:, None], index])


def _lengths(raw: Raw) -> NDArray[np.intp]:
    """(n,) steps up to the last one where anything is known: shorter sequences are filled up with NaN."""
    if raw.kind != "sequence":
        return np.full(len(raw), raw.data.shape[1], np.intp)
    known = np.isfinite(raw.data).any(2)
    return np.where(known.any(1), raw.data.shape[1] - known[:, ::-1].argmax(1), 0)


def _rms(clip: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((clip.astype(np.float64) ** 2).mean(1)))


def _as(data: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Whole numbers are rounded and clipped to their range."""
    if np.issubdtype(dtype, np.integer):
        bounds = np.iinfo(dtype)
        data = np.clip(np.round(data), bounds.min, bounds.max)
    return data.astype(dtype)
