"""Words said by the synthesisers of this machine: flite (Black & Lenzo 2001) and espeak-ng."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import sound
from edgefuse.corpora.corpus import Report

_VOICES = {
    "flite": ("kal16", "awb", "rms", "slt"),
    "espeak-ng": ("en-us", "en-gb", "en-us+f3", "en-gb-scotland", "en-us+m3", "en-gb+f2", "en-029", "en-us+f5"),
}
_WORDS_A_MINUTE = 150
_TEMPO, _PITCH = (0.8, 1.25), 0.12
_JITTER = 0.1
_PACES = (0.85, 1.0, 1.2)
"""Of examples of a phrase, as `Voice.say` takes them."""
_LOUD = 0.4
_TIMEOUT_S = 60
_HALVES = re.compile(r"([^aeiouy]*)(.*)")
_SHORTEST, _LONGEST = 3, 9


class Speaker(Protocol):
    """Who can say a phrase."""

    @property
    def program(self) -> str:
        """Of which synthesiser."""

    def say(self, word: str, tempo: float, folder: Path) -> Path:
        """A wave file in `folder`, `tempo` times as slow as usual."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One of a synthesiser."""

    program: str
    name: str

    def say(self, word: str, tempo: float, folder: Path) -> Path:
        """A wave file in `folder`, `tempo` times as slow as usual. Raises ConfigError when the program fails."""
        path = folder / "said.wav"
        command = (
            ["flite", "-voice", self.name, "--setf", f"duration_stretch={tempo}", "-t", word, "-o", str(path)]
            if self.program == "flite"
            else ["espeak-ng", "-v", self.name, "-s", str(round(_WORDS_A_MINUTE / tempo)), "-w", str(path), word]
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if done.returncode or not path.exists():
            told = done.stderr.strip() or "no message"
            raise ConfigError(f"{self.program} could not speak as '{self.name}' (exit {done.returncode}): {told}")
        return path


def installed() -> list[Voice]:
    """Voices of every synthesiser that is installed; empty where there is none."""
    return [Voice(program, name) for program, names in _VOICES.items() if shutil.which(program) for name in names]


def voices() -> list[Voice]:
    """As `installed`. Raises ConfigError where there is none."""
    found = installed()
    if not found:
        raise ConfigError("synthesised words need flite or espeak-ng, found neither: sudo apt-get install flite")
    return found


def vocabulary() -> list[str]:
    """Some nine hundred common words; none is of Speech Commands."""
    return (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split()


def made_up(count: int, avoid: Collection[str], rng: np.random.Generator) -> list[str]:
    """Different words that nobody uses but anybody could read out, none of them in `avoid` or the vocabulary.

    Each is the beginning of a common word, up to its first vowel, and the rest of another.
    """
    common = vocabulary()
    taken = {*common, *avoid}
    halves = [_HALVES.match(word) for word in common]
    starts = [found[1] for found in halves if found]
    ends = [found[2] for found in halves if found]
    out: list[str] = []
    while len(out) < count:
        word = str(rng.choice(starts)) + str(rng.choice(ends))
        if word not in taken and _SHORTEST <= len(word) <= _LONGEST:
            taken.add(word)
            out.append(word)
    return out


def words(said: Sequence[str], samples: int, rate: int, seed: int, report: Report) -> sound.Sound:
    """(n, samples): each word by a voice, at a tempo and pitch of its own, about in the middle. Raises ConfigError."""
    rng = np.random.default_rng([seed, 7])
    able = voices()
    out = np.zeros((len(said), samples), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for number, word in enumerate(said):
            report("synthesising words", number, len(said))
            path = able[rng.integers(len(able))].say(word, rng.uniform(*_TEMPO), Path(folder))
            spoken = sound.trimmed(sound.read(path, round(rate * rng.uniform(1 - _PITCH, 1 + _PITCH))))
            out[number] = _placed(spoken, samples, round(rng.uniform(-_JITTER, _JITTER) * rate))
    return out


def examples(
    phrases: Sequence[str], able: Sequence[Speaker], samples: int, rate: int, report: Report
) -> tuple[sound.Sound, NDArray[np.str_]]:
    """Each phrase by every voice, fast, as usual and slow: sounds (n, samples), and which phrase each is (n,).

    The same every time. What is longer than `samples` is cut. Raises ConfigError when a voice fails.
    """
    asked = [(phrase, voice, pace) for phrase in phrases for voice in able for pace in _PACES]
    out = np.zeros((len(asked), samples), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for number, (phrase, voice, pace) in enumerate(asked):
            report("synthesising examples", number, len(asked))
            out[number] = _placed(sound.trimmed(sound.read(voice.say(phrase, pace, Path(folder)), rate)), samples, 0)
    return out, np.array([phrase for phrase, *_ in asked], np.str_)


def _placed(spoken: sound.Sound, samples: int, late: int) -> sound.Sound:
    """About in the middle, `late` samples after it, at one level."""
    spoken = spoken[:samples] * (_LOUD / max(float(np.abs(spoken).max()), 1e-9))
    return sound.fitted(np.asarray(spoken, np.float32), samples, (samples - len(spoken)) // 2 + late)
