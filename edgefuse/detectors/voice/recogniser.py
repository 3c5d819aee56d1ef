"""What every recogniser of speech gives, and what those of Whisper share: tokens, windows, spectrogram."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, ModelError, needs
from edgefuse.core.types import Nanoseconds

PROMPT_TOKENS = 220
WINDOWS = (1500, 3000)
"""Frames the encoder looks at: the shorter of them that holds the sound. Whisper is trained on 3000; 1500 give the same
text for less than half of the CPU time, with fewer it begins to repeat itself."""
_BYTES = 256
_ROOM = 100
"""Frames of silence that must remain."""
_TOKENS = 12
_TOKENS_PER_S = 7
"""Longest text: nobody speaks faster."""
_REPEATS = 1.8
"""Bytes per compressed byte, above which a text repeats itself."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser wrote."""

    text: str
    logprob: float
    """Natural logarithm of its probability, per token."""
    no_speech: float
    """Probability that there are no words."""
    encoded: Any = None
    """Encoder output, for `fit`; valid until the recogniser hears something else."""
    frames: int = 0
    """Of the spectrogram, without padding."""

    @property
    def repeats(self) -> bool:
        """Whether the text goes in circles, as Whisper's does where there are no words."""
        plain = self.text.encode()
        words = "".join(c for c in self.text.casefold() if c.isalnum() or c == " ").split()
        half = len(words) // 2
        twice = half > 1 and words[:half] == words[half:]
        return twice or len(plain) > _REPEATS * len(zlib.compress(plain))


class Recogniser(Protocol):
    """Writes down what is said."""

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        """Write down `pcm` (n,), up to 30 s at 16 kHz."""

    def fit(self, heard: Heard, text: str) -> float:
        """Logarithm of the probability of a text given the same sound and no prompt, summed over its tokens."""

    def fits(self, heard: Heard, texts: Sequence[str]) -> list[float]:
        """`fit` of several texts, in one run where that is possible."""

    def cpu(self) -> Nanoseconds:
        """CPU time so far of its own threads, which the caller's clock does not see."""


class Tokens:
    """Whisper's tokens in one language, after one prompt."""

    def __init__(self, tokenizer: Any, *, multilingual: bool, language: str, prompt: str) -> None:
        """`tokenizer`: of the library tokenizers. Raises ConfigError for a language that the model does not know."""
        self._tokenizer = tokenizer
        self.no_timestamps = self._special("notimestamps")
        self.no_speech = self._special("nospeech", "nocaptions")
        self.end = self._special("endoftext")
        """Special tokens begin here."""
        spoken = [self._special(language), self._special("transcribe")] if multilingual else []
        self.bare: tuple[int, ...] = (self._special("startoftranscript"), *spoken)
        """What a text without prompt begins with; `no_timestamps` follows."""
        said = self._encoded(f" {prompt.strip()}")[:PROMPT_TOKENS] if prompt.strip() else []
        self.before: tuple[int, ...] = (self._special("startofprev"), *said) if said else ()
        """The prompt."""

    @property
    def start(self) -> list[int]:
        """All that comes before the text."""
        return [*self.before, *self.bare, self.no_timestamps]

    def longest(self, frames: int) -> int:
        """Most tokens of a text."""
        return _TOKENS + frames * _TOKENS_PER_S // 100

    def text(self, tokens: Sequence[int]) -> str:
        """What they say."""
        return str(self._tokenizer.decode([token for token in tokens if token < self.end])).strip()

    def texts(self) -> list[str]:
        """What each token says by itself, by number; empty where it is only a part of a character."""
        said: list[str] = self._tokenizer.decode_batch([[token] for token in range(self.end)])
        return ["" if "\ufffd" in text else text for text in said]

    def spell(self, text: str) -> list[int]:
        """A text as Whisper writes it: after a space, with a capital at its beginning."""
        return self._encoded(f" {text[:1].upper()}{text[1:]}")

    def _encoded(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _special(self, *names: str) -> int:
        """The number of the token that has one of these names."""
        found = [self._tokenizer.token_to_id(f"<|{name}|>") for name in names]
        known = [token for token in found if token is not None]
        if not known:
            raise ConfigError(f"the recogniser has no token <|{names[0]}|>: expected a language that it was trained in")
        return int(known[0])


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a model's folder, of the library tokenizers. Raises ModelError, ConfigError without it."""
    with needs("voice", "speech recognition"):
        from tokenizers import Tokenizer
    path = folder / "tokenizer.json"
    try:
        text = path.read_text(encoding="utf-8")
        body = json.loads(text)
        repaired = _repair(body["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a tokenizer: {error!r}; pull the model again") from error
    return Tokenizer.from_str(json.dumps(body) if repaired else text)


def _repair(model: dict[str, Any]) -> bool:
    """Give back the first merge where it is lost, as in some published files of the multilingual models; say so.

    The first token after the 256 bytes is what the first merge makes: ` t`. Without it ` the` is two tokens, which
    Whisper has never seen beside each other.
    """
    first = next((token for token, number in model["vocab"].items() if number == _BYTES), "")
    merge = [*first] if isinstance(model["merges"][0], list) else " ".join(first)
    lost = len(first) == len("\u0120t") and model["merges"][0] != merge
    if lost:
        model["merges"].insert(0, merge)
    return lost


def suppressed(folder: Path) -> tuple[list[int], list[int]]:
    """Tokens that are never written, and those that no text begins with. Raises ModelError."""
    path = folder / "config.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        always, first = ([int(token) for token in body[name]] for name in ("suppress_ids", "suppress_ids_begin"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: expected lists suppress_ids and suppress_ids_begin: {error!r}") from error
    return always, first


def window_of(mel: NDArray[np.float32]) -> int:
    """The shortest window that holds a spectrogram (80, t)."""
    return next((w for w in WINDOWS if mel.shape[1] + _ROOM <= w), WINDOWS[-1])


def padded(mel: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Exactly `window` frames, filled with the spectrogram's own floor."""
    mel = mel[:, :window]
    whole = np.full((mel.shape[0], window), mel.min(), dtype=np.float32)
    whole[:, : mel.shape[1]] = mel
    return whole
