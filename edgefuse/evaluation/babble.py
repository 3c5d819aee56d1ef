"""Many people talking at once, made of clips of speech, behind a clip at a given signal-to-noise ratio."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
VOICES = 6
"""At once: with fewer, words can be made out; with more it becomes noise without words."""
_FRAME = 512
_QUIETER = 0.01
"""20 dB: a frame this far below the loudest is a pause."""


class Babble:
    """Endless talk: every voice says clips drawn at random one after the other, each as loud as the others."""

    def __init__(self, clips: Sequence[NDArray[np.int16]], seed: int) -> None:
        """`clips` (n,) each; silent ones are left out. Raises ValueError without speech."""
        levels = [active_power(clip) for clip in clips]
        self._clips: list[Sound] = [c / np.float32(p**0.5) for c, p in zip(clips, levels, strict=True) if p > 0]
        if not self._clips:
            raise ValueError("expected clips of speech, got silence")
        self._voices = [np.random.default_rng((seed, voice)) for voice in range(VOICES)]
        self._left = [self._clip(voice)[int(voice.integers(_FRAME)) :] for voice in self._voices]

    def take(self, length: int) -> Sound:
        """The next samples (length,), with a mean square of about 1."""
        mixed: Sound = np.zeros(length, np.float32)
        for number, voice in enumerate(self._voices):
            line = self._left[number]
            while len(line) < length:
                line = np.concatenate([line, self._clip(voice)])
            mixed += line[:length]
            self._left[number] = line[length:]
        mixed /= np.float32(VOICES**0.5)
        return mixed

    def _clip(self, voice: np.random.Generator) -> Sound:
        return self._clips[int(voice.integers(len(self._clips)))]


def active_power(clip: NDArray[np.int16]) -> float:
    """Mean square of the frames of 32 ms that are within 20 dB of the loudest: of the speech without its pauses."""
    frames = clip[: len(clip) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float32)
    powers = (frames**2).mean(axis=1)
    return float(powers[powers >= powers.max(initial=0.0) * _QUIETER].mean()) if len(powers) else 0.0


def behind(clip: NDArray[np.int16], babble: Sound, power: float, db: float) -> NDArray[np.int16]:
    """`clip` (n,) with `babble` (n,) so loud that `power` is `db` above the babble's mean square."""
    level = float((babble**2).mean())
    gain = (power / (level * 10 ** (db / 10))) ** 0.5 if level > 0 else 0.0
    mixed: NDArray[np.int16] = (clip + babble * np.float32(gain)).round().clip(-32768, 32767).astype(np.int16)
    return mixed
