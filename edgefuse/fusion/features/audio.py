"""Features of sound: log-mel bands, mel cepstra (MFCC), perceptual linear prediction (PLP).

Raw is (n, samples), int16 or float within -1..1; features are (n, frames, bands or coefficients) float32, one frame for
each hop, frame t beginning at sample t * hop. A batch is computed at once; every clip is computed for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model
from edgefuse.fusion.features import plp
from edgefuse.fusion.features.spectrum import Floats, Frames, cosine_transform, mel_filters

_QUIET = 1e-8
"""Power added before the logarithm: 80 dB below a full-scale tone of one band."""


def make(kind: str, options: dict[str, Any], load: Callable[[str], Model] | None) -> "LogMel | Mfcc | Plp":
    """Features of a kind: logmel, mfcc or plp. Raises TypeError or ValueError for wrong options."""
    del load
    kinds: dict[str, type[LogMel | Mfcc | Plp]] = {"logmel": LogMel, "mfcc": Mfcc, "plp": Plp}
    return kinds[kind](**options)


@dataclass(frozen=True)
class LogMel:
    """Natural logarithms of the power in mel bands, (n, frames, bands).

    The mel scale is O'Shaughnessy's, "Speech Communication: Human and Machine", 1987.
    """

    rate: int = 16000
    """Samples per second of the raw sound."""
    window: float = 0.025
    """Seconds."""
    hop: float = 0.01
    """Seconds."""
    bands: int = 40
    low: float = 60.0
    """Hz, where the lowest band begins."""
    high: float = 0.0
    """Hz, where the highest ends; 0: half the rate."""
    centred: bool = False
    """Take from each band its mean over the clip: a microphone's colour and level go with it."""
    levelled: bool = False
    """Take the mean of the clip from all bands alike: only the level goes."""

    def __post_init__(self) -> None:
        _range_is_possible(self.rate, self.low, self.high)
        if self.bands < 1:
            raise ValueError(f"expected at least 1 band, got {self.bands}")

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """(n, samples) -> (n, frames, bands). Raises ValueError where a clip is shorter than a window."""
        frames = Frames.of(self.rate, self.window, self.hop)
        power = frames.power(raw)
        filters = mel_filters(self.bands, frames.bins(), self.low, self.high or self.rate / 2)
        logs = np.log(power @ filters.T + np.float32(_QUIET))
        if self.centred:
            logs = logs - logs.mean(axis=1, keepdims=True)
        elif self.levelled:
            logs = logs - logs.mean(axis=(1, 2), keepdims=True)
        return np.asarray(logs, np.float32)


@dataclass(frozen=True)
class Mfcc:
    """Mel-frequency cepstral coefficients, (n, frames, coefficients [x 2 with deltas]); Davis and Mermelstein 1980."""

    rate: int = 16000
    window: float = 0.025
    hop: float = 0.01
    bands: int = 40
    low: float = 60.0
    high: float = 0.0
    coefficients: int = 20
    """The first is the level."""
    deltas: bool = False
    """Append the change of each over five frames (Furui 1986)."""
    centred: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.bands:
            raise ValueError(f"expected 1 to {self.bands} coefficients, got {self.coefficients}")
        self._bands()

    def _bands(self) -> LogMel:
        return LogMel(self.rate, self.window, self.hop, self.bands, self.low, self.high, self.centred)

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """(n, samples) -> (n, frames, coefficients)."""
        cepstra = self._bands()(raw) @ cosine_transform(self.bands, self.coefficients)
        return _with_deltas(cepstra) if self.deltas else np.asarray(cepstra, np.float32)


@dataclass(frozen=True)
class Plp:
    """Cepstra of perceptual linear prediction, (n, frames, coefficients [x 2 with deltas]); Hermansky 1990."""

    rate: int = 16000
    window: float = 0.025
    hop: float = 0.01
    order: int = 12
    """Of the all-pole model."""
    coefficients: int = 13
    """The first is the logarithm of the gain."""
    deltas: bool = False
    centred: bool = False

    def __post_init__(self) -> None:
        if self.order < 1 or self.coefficients < 1:
            raise ValueError(f"expected at least 1, got order {self.order}, coefficients {self.coefficients}")

    def __call__(self, raw: NDArray[Any]) -> Floats:
        """(n, samples) -> (n, frames, coefficients)."""
        frames = Frames.of(self.rate, self.window, self.hop)
        loudness = plp.loudness(frames.power(raw), frames.bins())
        cepstra = plp.cepstra(loudness, self.order, self.coefficients)
        if self.centred:
            cepstra = cepstra - cepstra.mean(axis=1, keepdims=True)
        return _with_deltas(cepstra) if self.deltas else np.asarray(cepstra, np.float32)


def _with_deltas(cepstra: Floats) -> Floats:
    """(n, t, c) -> (n, t, 2 c): slope of a straight line through five frames, the ends repeated."""
    wide = np.pad(cepstra, ((0, 0), (2, 2), (0, 0)), mode="edge")
    t = cepstra.shape[1]
    slope = sum(k * (wide[:, 2 + k : 2 + k + t] - wide[:, 2 - k : 2 - k + t]) for k in (1, 2)) / 10
    return np.concatenate([cepstra, slope], axis=2, dtype=np.float32)


def _range_is_possible(rate: int, low: float, high: float) -> None:
    if rate <= 0 or not 0 <= low < (high or rate / 2) <= rate / 2:
        raise ValueError(f"expected 0 <= low < high <= half the rate, got {low} and {high or rate / 2} at {rate} Hz")
