"""Speech to be told apart from events: recorded words, or what the machine's synthesisers say."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.corpus import folder_of
from edgefuse.corpora.sounds.recordings import Recording, read
from edgefuse.corpora.sounds.signals import Random, Sound, chance, put

_SENTENCES = (
    "turn on the light in the kitchen please",
    "what will the weather be like tomorrow",
    "I think we should go home before it rains",
    "set a timer for twenty minutes",
    "the train leaves at half past seven",
    "did you hear what she said about the dog",
    "there is somebody knocking at the door",
    "stop it, that is far too loud",
)
_VOICES: Sequence[tuple[str, ...]] = (
    ("flite", "-voice", "slt"),
    ("flite", "-voice", "awb"),
    ("flite", "-voice", "rms"),
    ("espeak-ng", "-v", "en-us"),
    ("espeak-ng", "-v", "en-gb+f3"),
)


def recorded(path: Path) -> list[Recording]:
    """Words of Speech Commands below `path`, where they are there; the source is the speaker."""
    folder = folder_of(path, "speech_commands")
    files = sorted(folder.glob("*/*.flac")) if folder.name == "speech_commands" else []
    return [
        Recording(file, "speech", f"speech_commands/{file.name.split('_')[0]}", "CC BY 4.0")
        for file in files
        if not file.parent.name.startswith("_silence")
    ]


def synthesised() -> list[tuple[str, Sound]]:
    """(voice, sound) of every sentence by every voice that is installed here; empty without a synthesiser."""
    out = []
    for k, sentence in enumerate(_SENTENCES):
        for voice in _VOICES:
            sound = _say(voice, sentence)
            if sound is not None:
                out.append((f"{voice[0]} {voice[2]} {k}", sound))
    return out


def _say(voice: Sequence[str], sentence: str) -> Sound | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        asked = ["-t", sentence, "-o", str(file)] if voice[0] == "flite" else ["-w", str(file), sentence]
        try:
            subprocess.run([*voice, *asked], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return None
        return read(file)


def talk(rng: Random, words: Sequence[Sound], n: int) -> Sound:
    """(n,) words or sentences of one speaker one after the other, from a place at random on."""
    out = np.zeros(n)
    at = rng.uniform(-0.4, 0.5)
    while at < n / SAMPLE_RATE:
        word = words[int(rng.integers(len(words)))]
        put(out, word, at)
        at += len(word) / SAMPLE_RATE + (rng.exponential(0.3) if chance(rng, 0.7) else 1.0)
    return out
