"""One captured order -> its meaning: a recogniser with a prompt from the grammar, then understanding."""

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import TransientError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.recogniser import Heard, Recogniser
from edgefuse.detectors.voice.second import Guided, SecondOpinion
from edgefuse.detectors.voice.understand import NOT_UNDERSTOOD, Meaning, Understanding
from edgefuse.grounding.words import Words

_NO_SPEECH = 0.6
_UNSURE = -1.0
"""Log-probability per token below which words in a sound that seems to have none are made up (Whisper's own limits)."""
_GUESSED = -2.0
"""Below this they are made up anyway."""


class Hearing:
    """A recogniser and a grammar."""

    def __init__(
        self, recogniser: Recogniser, grammar: Grammar, health: PartHealth, clock: Clock, words: Words | None = None
    ) -> None:
        """`words`: of the home, where the grammar is that of a home."""
        self._recogniser = recogniser
        self._understanding = Understanding(grammar, words=words)
        guided = recogniser if isinstance(recogniser, Guided) else None
        self._second = SecondOpinion(grammar, self._understanding, guided) if guided else None
        self._health = health
        self._clock = clock

    def hear(self, pcm: NDArray[np.int16]) -> Meaning:
        """Understand `pcm` (n,), at most 30 s at 16 kHz."""
        try:
            with self._health.model_call(self._cpu):
                heard = self._recogniser.hear(pcm)
        except TransientError as error:
            return Meaning(NOT_UNDERSTOOD, "", because=("nobody wrote it down", str(error)))
        why = made_up(heard)
        if why:
            return Meaning(NOT_UNDERSTOOD, heard.text, because=("no words", why))
        fit = None if heard.encoded is None else partial(self._fit, heard)
        first = self._understanding.understand(heard.text, fit, math.exp(heard.logprob))
        if self._second is None or first.interpretations or self._second.agrees(first):
            return first
        with self._health.model_call(self._cpu):
            return self._second.on(heard, first)

    def _fit(self, heard: Heard, text: str) -> float:
        with self._health.model_call(self._cpu):
            return self._recogniser.fit(heard, text)

    def _cpu(self) -> int:
        return self._clock.cpu() + self._recogniser.cpu()


def made_up(heard: Heard) -> str:
    """Why the text cannot have been said, or nothing."""
    if heard.repeats:
        return "the recogniser repeats itself"
    if heard.no_speech > _NO_SPEECH and heard.logprob < _UNSURE:
        return f"speech is unlikely ({1 - heard.no_speech:.2f})"
    if heard.logprob < _GUESSED:
        return "the recogniser guesses"
    return ""
