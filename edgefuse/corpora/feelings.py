"""What a voice and words say of a feeling: prosody, lexicon, templates; parts of the corpus of emotions.

Prosody after Scherer 2003, "Vocal communication of emotion", Speech Communication 40, and Juslin & Laukka 2003,
"Communication of emotions in vocal expression and music performance", Psychological Bulletin 129: joy and anger are
high, wide, fast and loud, fear is high, narrow and fast, sadness low, narrow, slow and soft. Real voices overlap; so do
these, by a spread as large as the differences.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs

CLASSES = ("positive", "neutral", "negative")
RATE = 8000
SAMPLES = int(2.4 * RATE)
VOICES = (
    ("en-us", "en-gb+f2"),
    ("en-us+f3", "en-gb-scotland"),
    ("en-gb", "en-us+f4"),
    ("en-us+m3", "en-gb-scotland+f2"),
)
"""Of each pool; a voice is in one only."""
TEMPLATES = (
    ("the meal at my aunt was {}", "i saw the new film and it was {}", "so the meeting was {}"),
    ("my day at work has been {}", "the hotel by the lake is {}", "they told me the news and it is {}"),
    ("our team played and it was {}", "that book about the sea is {}", "your idea sounds {}"),
    ("the trip with the children was {}", "this phone i bought is {}", "what the doctor said is {}"),
)
"""Of each pool; a template is in one only. Which words stand in it is the same for all."""
LEXICON = {
    "positive": ("wonderful", "great", "lovely", "a real joy", "so good", "fantastic", "beautiful", "just perfect"),
    "neutral": (
        "as usual",
        "all right",
        "about an hour",
        "on a tuesday",
        "normal",
        "in the office",
        "the same",
        "fine",
    ),
    "negative": ("terrible", "awful", "a disaster", "so sad", "horrible", "disgusting", "really bad", "a nightmare"),
}
_HEADER = 44
_SPOKEN_AT = 22050
_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Prosody:
    """In the units of espeak-ng."""

    pitch: float
    """0 to 99; 50 is the voice's own."""
    reach: float
    """Range of pitch, percent of the voice's own."""
    speed: float
    """Words a minute."""
    loudness: float
    """0 to 200; 100 is the voice's own."""


_MIDDLE = {
    "joy": Prosody(66, 170, 185, 130),
    "calm": Prosody(48, 90, 165, 100),
    "sadness": Prosody(34, 50, 130, 70),
    "anger": Prosody(58, 150, 190, 160),
    "fear": Prosody(72, 60, 200, 90),
}
_SPREAD = Prosody(11, 32, 17, 24)
_OF = {"positive": ("joy",), "neutral": ("calm",), "negative": ("sadness", "anger", "fear")}


def prosody(rng: np.random.Generator, label: str) -> Prosody:
    """How one who feels this speaks, this time."""
    middle = _MIDDLE[str(rng.choice(_OF[label]))]
    return Prosody(
        float(np.clip(rng.normal(middle.pitch, _SPREAD.pitch), 0, 99)),
        float(np.clip(rng.normal(middle.reach, _SPREAD.reach), 10, 250)),
        float(np.clip(rng.normal(middle.speed, _SPREAD.speed), 90, 260)),
        float(np.clip(rng.normal(middle.loudness, _SPREAD.loudness), 30, 200)),
    )


def speak(voice: str, how: Prosody, text: str) -> NDArray[np.float32]:
    """(SAMPLES,) at RATE, within -1..1; cut or followed by silence. Raises ConfigError without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        raise ConfigError("the voices of this corpus need espeak-ng, not found: sudo apt-get install espeak-ng")
    with needs("media", "synthesised voices"):
        import soxr
    spoken = f'<prosody range="{how.reach:.0f}%">{text}</prosody>'
    settings = ["-p", f"{how.pitch:.0f}", "-s", f"{how.speed:.0f}", "-a", f"{how.loudness:.0f}"]
    command = ["espeak-ng", "-v", voice, "-m", *settings, "--stdout", spoken]
    done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    if done.returncode or len(done.stdout) <= _HEADER:
        told = done.stderr.decode(errors="replace").strip() or "no message"
        raise ConfigError(f"espeak-ng could not speak with the voice '{voice}' (exit {done.returncode}): {told}")
    pcm = np.frombuffer(done.stdout[_HEADER : len(done.stdout) // 2 * 2], "<i2").astype(np.float32) / 32768
    sound = np.asarray(soxr.resample(pcm, _SPOKEN_AT, RATE), np.float32)[:SAMPLES]
    return np.pad(sound, (0, SAMPLES - len(sound)))


def words(rng: np.random.Generator, label: str, template: str) -> str:
    """A sentence; one in four says nothing of the feeling, one in five the opposite, as irony does."""
    opposite = {"positive": "negative", "negative": "positive", "neutral": str(rng.choice(["positive", "negative"]))}
    said = str(rng.choice([label, "neutral", opposite[label]], p=[0.55, 0.25, 0.2]))
    return template.format(str(rng.choice(LEXICON[said])))


def lexicon_rule(texts: Sequence[str]) -> NDArray[np.float64]:
    """(n, 3) what the words of the lexicon say, rows sum to 1: the rule written by hand."""
    said = np.array([_said(text) for text in texts])
    return np.where(np.arange(len(CLASSES)) == said[:, None], 0.8, 0.1)


def _said(text: str) -> int:
    found = [k for k, label in enumerate(CLASSES) if any(text.endswith(word) for word in LEXICON[label])]
    return found[0] if found else CLASSES.index("neutral")
