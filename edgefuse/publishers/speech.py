"""Text to sound, by the program espeak-ng."""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, PublishError

PROGRAM = "espeak-ng"
LONGEST = 600
"""Characters of a text that are spoken: about half a minute."""
_LIMIT_S = 10
_HEADER = 44
_BY_PINYIN = "cmn-latn-pinyin"
"""Reads Mandarin in pinyin with numbers for tones. With the voice `cmn` Debian's espeak-ng spells Latin letters."""
_SPOKEN_AS = {"zh": _BY_PINYIN, "zh-hk": "yue", "zh-mo": "yue"}
"""Language -> voice of espeak-ng where they are called differently; Mandarin for every other Chinese."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel of 16-bit samples."""

    pcm: NDArray[np.int16]
    rate: int


class Synthesiser(Protocol):
    """Turns text into sound."""

    def speak(self, text: str, language: str) -> Sound:
        """The sound of a text. Raises PublishError."""


class Espeak:
    """The program espeak-ng (GPL-3.0), run once for each text."""

    def __init__(self, rate: int, voices: Mapping[str, str]) -> None:
        """`rate` in words per minute; `voices` by language. Raises ConfigError where the program is missing."""
        found = shutil.which(PROGRAM)
        if found is None:
            raise ConfigError(f"a speaker needs the program {PROGRAM}; on Debian: sudo apt-get install {PROGRAM}")
        self._program, self._rate, self._voices = found, rate, voices

    def speak(self, text: str, language: str) -> Sound:
        """The sound of a text. Raises PublishError, also for a language that it does not speak."""
        voice = self._voices.get(language) or voice_of(language)
        command = [self._program, "-v", voice, "-s", str(self._rate), "-b", "1", "--stdin", "--stdout"]
        try:
            written = in_pinyin(text) if voice == _BY_PINYIN else text
            done = subprocess.run(command, input=written.encode(), capture_output=True, timeout=_LIMIT_S, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            raise PublishError(f"{PROGRAM}: {error}") from error
        if done.returncode or len(done.stdout) < _HEADER:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no sound"]
            raise PublishError(f"{PROGRAM}, language '{language}', voice '{voice}': {said[0]}")
        return _decoded(done.stdout)


def voice_of(language: str) -> str:
    """The voice of espeak-ng for a language such as `en`, `de` or `zh-CN`."""
    known = language.lower()
    return _SPOKEN_AS.get(known) or _SPOKEN_AS.get(known.partition("-")[0], known)


def in_pinyin(text: str) -> str:
    """Mandarin as it is pronounced, `da3 kai1`; all else stays. Raises PublishError without the library pypinyin."""
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise PublishError("speaking Chinese needs pypinyin: pip install 'edgefuse[voice]'") from error
    return " ".join(lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True))


def shortened(text: str) -> str:
    """Text on one line, at most LONGEST characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST + 1].rpartition(" ")[0][:LONGEST] or line[:LONGEST]


def _decoded(wav: bytes) -> Sound:
    """A WAV file of 16-bit mono whose header does not know how long it is."""
    channels, rate, bits = *struct.unpack_from("<HI", wav, 22), *struct.unpack_from("<H", wav, 34)
    if wav[:4] != b"RIFF" or (channels, bits) != (1, 16):
        raise PublishError(f"{PROGRAM}: expected a WAV of 16-bit mono, got {channels} channels of {bits} bits")
    body = wav[_HEADER : len(wav) - len(wav) % 2]
    return Sound(np.frombuffer(body, "<i2").astype(np.int16), rate)
