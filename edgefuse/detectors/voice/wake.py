"""Wake words by microWakeWord, one stream."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError, needs


class Spotter(Protocol):
    """Hears a wake word in consecutive windows of sound."""

    def hear(self, pcm: NDArray[np.int16]) -> float:
        """Greatest probability that the word has just ended in this window."""

    def reset(self) -> None:
        """Forget the stream."""

    def close(self) -> None:
        """Free what it holds."""


class MicroWakeWord:
    """The mean over the model's sliding window: https://github.com/kahrendt/microWakeWord (Apache-2.0)."""

    def __init__(self, path: Path) -> None:
        """Load `<word>.json` (or its folder or .tflite). Raises ModelError; ConfigError without the library."""
        with needs("voice", "wake words"):
            from pymicro_wakeword import MicroWakeWord as Network
            from pymicro_wakeword import MicroWakeWordFeatures
        try:
            self._network: Any = Network.from_config(_description(path))
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{path}: expected a microWakeWord model, got {error}; pull it again") from error
        self._frontend: Any = MicroWakeWordFeatures()

    def hear(self, pcm: NDArray[np.int16]) -> float:
        """Greatest probability that the word has just ended in `pcm`, which follows the window before."""
        best = 0.0
        for features in self._frontend.process_streaming(pcm.tobytes()):
            best = max(best, self._network.process_streaming_prob(features))
        return best

    def reset(self) -> None:
        """Forget the stream."""
        self._network.reset()
        self._frontend.reset()

    def close(self) -> None:
        """Nothing to free."""


class WakeGate:
    """Opens once for each wake word."""

    def __init__(self, spotter: Spotter, threshold: float) -> None:
        self._spotter = spotter
        self._threshold = threshold
        self._open = False

    @property
    def configured(self) -> float:
        """The threshold where nothing is known about who is there."""
        return self._threshold

    def opens(self, pcm: NDArray[np.int16], threshold: float | None = None) -> float:
        """Probability of the wake word where it has just ended, else 0; again only after it fell to half the threshold.

        `threshold`: for this window, instead of the configured one.
        """
        least = self._threshold if threshold is None else threshold
        p = self._spotter.hear(pcm)
        if self._open:
            self._open = p > least / 2
            return 0.0
        self._open = p > least
        return p if self._open else 0.0

    def reset(self) -> None:
        """Forget the stream."""
        self._spotter.reset()
        self._open = False

    def close(self) -> None:
        """Free the spotter."""
        self._spotter.close()


def _description(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.json"))
        if len(found) != 1:
            raise ModelError(f"{path}: expected one microWakeWord .json, got {len(found)}")
        return found[0]
    return path.with_suffix(".json")
