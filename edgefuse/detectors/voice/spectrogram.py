"""Whisper's spectrogram, with numpy only.

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision"; the mel scale is Slaney's, "Auditory
Toolbox", 1998.
"""

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.types import SAMPLE_RATE

Floats = NDArray[np.float32]
HOP = 160
"""Samples per frame."""
_WINDOW = 400
_FLOOR, _RANGE = 1e-10, 8.0
"""Least power, and how far below the loudest the logarithm goes."""
_LINEAR_HZ, _LINEAR_TO = 200 / 3, 1000.0
_OCTAVE = np.log(6.4) / 27
_HIGHEST = 45.245640471924965
"""8000 Hz on the mel scale."""


class Spectrogram:
    """Logarithms of the power in bands (mels, t) of sound (n,), one frame for each 160 samples."""

    def __init__(self, mels: int = 80) -> None:
        self._window: Floats = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        filters = _filters(mels)
        reach = [np.flatnonzero(row) for row in filters]
        self._bands = [(slice(at[0], at[-1] + 1), filters[k, at[0] : at[-1] + 1, None]) for k, at in enumerate(reach)]

    def __call__(self, pcm: NDArray[np.int16]) -> Floats:
        """The spectrogram of `pcm` (n,) at 16 kHz, n >= 200."""
        sound = np.pad(pcm.astype(np.float32) / 32768, (0, HOP))
        wide = np.pad(sound, _WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(wide, _WINDOW)[::HOP][:-1]
        power = np.square(np.abs(np.fft.rfft(frames * self._window).astype(np.complex64))).T
        # Band by band: one product of matrices would start BLAS's threads, which then spin for longer than it takes.
        bands = np.stack([(power[reach] * weights).sum(axis=0) for reach, weights in self._bands])
        logs = np.log10(np.maximum(bands, _FLOOR))
        return np.asarray((np.maximum(logs, logs.max() - _RANGE) + 4) / 4, dtype=np.float32)


def _filters(mels: int) -> Floats:
    """Triangles of area 1 (mels, bins), evenly spaced on the mel scale."""
    points = np.linspace(0, _HIGHEST, mels + 2)
    corner = _LINEAR_TO / _LINEAR_HZ
    hertz = np.where(points < corner, points * _LINEAR_HZ, _LINEAR_TO * np.exp(_OCTAVE * (points - corner)))
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    rising = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    falling = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
    return np.asarray(triangles, dtype=np.float32)
