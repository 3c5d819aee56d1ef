"""Changes of a waveform (samples,), int16 or float."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.training.augmentation.context import Context, Step

_LOUDEST = 32767
_HUM = (50.0, 60.0)


def _like(y: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """As the original: whole numbers are rounded and clipped."""
    if np.issubdtype(x.dtype, np.integer):
        return np.asarray(np.clip(np.rint(y), -_LOUDEST - 1, _LOUDEST), x.dtype)
    return np.asarray(y, x.dtype)


def noise(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """White, pink or hum at a signal-to-noise ratio in dB: `[0, 20]`, or `{snr: [0, 20], kinds: [white, hum]}`."""
    options = value if isinstance(value, dict) else {"snr": value}
    rng = context.rng
    kind = str(rng.choice(options.get("kinds", ["white", "pink", "hum"])))
    made = made_noise(kind, len(x), context.rate, rng)
    power = float(np.mean(np.square(x, dtype=np.float64)))
    level = np.sqrt(power / 10 ** (rng.uniform(*options["snr"]) / 10))
    return _like(x + made * level, x)


def made_noise(kind: str, samples: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(samples,) of power 1: white, pink (power falls as 1/f) or hum (50 or 60 Hz with harmonics).

    Raises ValueError for another kind.
    """
    if kind == "hum":
        t = np.arange(samples) / (rate or 16000.0)
        base = rng.choice(_HUM)
        parts = [np.sin(2 * np.pi * (base * k * t + rng.random())) / k * rng.uniform(0.3, 1) for k in range(1, 9)]
        made = np.sum(parts, axis=0)
    elif kind in {"white", "pink"}:
        made = rng.standard_normal(samples)
        if kind == "pink":
            spectrum = np.fft.rfft(made)
            spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
            spectrum[0] = 0
            made = np.fft.irfft(spectrum, samples)
    else:
        raise ValueError(f"noise: expected white, pink or hum, got {kind!r}")
    out: NDArray[np.float64] = made / max(float(np.sqrt(np.mean(made**2))), 1e-12)
    return out


def gain(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Louder or softer by dB: `[-6, 6]`."""
    return _like(x * 10 ** (context.rng.uniform(*value) / 20), x)


def shift(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Earlier or later by up to `value` seconds; silence comes in."""
    most = round(float(value) * context.rate)
    by = int(context.rng.integers(-most, most + 1))
    out = np.zeros_like(x)
    if by >= 0:
        out[by:] = x[: len(x) - by]
    else:
        out[:by] = x[-by:]
    return out


def speed(x: NDArray[Any], value: Any, context: Context) -> NDArray[Any]:
    """Faster or slower, pitch and all, by up to the share `value` (Ko et al. 2015); cut or padded to the old length."""
    factor = 1 + context.rng.uniform(-value, value)
    return _like(np.interp(np.arange(len(x)) * factor, np.arange(len(x)), x.astype(np.float64), right=0.0), x)


STEPS: dict[str, Step] = {"noise": noise, "gain": gain, "shift": shift, "speed": speed}
