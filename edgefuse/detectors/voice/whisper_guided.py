"""Whisper on ONNX, held to a grammar."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.ports import Model, Tensors
from edgefuse.detectors.voice.automaton import Automaton
from edgefuse.detectors.voice.beam import Beam
from edgefuse.detectors.voice.decoding import MASKED, Decoding, log_softmax
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.guide import Guide
from edgefuse.detectors.voice.recogniser import Heard
from edgefuse.detectors.voice.second import Sentence
from edgefuse.detectors.voice.whisper_onnx import WhisperOnnx

_LONGEST = 36
"""Tokens of a sentence."""
_WIDTH = 8
"""Sentences that are followed at once, where there is room."""
_ROOM = 448
"""Places of the largest cache that engines are built for."""


class WhisperGuided(WhisperOnnx):
    """A `WhisperOnnx` that can also write nothing but sentences of a grammar."""

    def __init__(self, encoder: Model, decoder: Model, folder: Path, grammar: Grammar) -> None:
        """Like `WhisperOnnx`. Raises ModelError, ConfigError."""
        super().__init__(encoder, decoder, folder, grammar.language.code, grammar.prompt())
        texts = self.tokens.texts()
        width = min(_WIDTH, (_ROOM - len(self.tokens.start)) // (_LONGEST + 1))
        self._beam = Beam(Guide(Automaton(grammar), texts), texts, self.tokens.end, width)

    def sentences(self, heard: Heard, worse: float) -> list[Sentence]:
        """The grammar's sentences as the sound has them, best rank first.

        None is less likely than what was written by more than `worse` for each token of that.
        """
        count = self.count(heard.text)
        floor = heard.logprob * max(1, count) - worse * (count + 1)
        found = self._beam.search(self._branches(heard), _LONGEST, floor)
        return [Sentence(self.tokens.text(path.tokens), path.logprob, path.rank) for path in found]

    def plain(self, heard: Heard) -> str:
        """What it writes without the prompt."""
        start, longest = [*self.tokens.bare, self.tokens.no_timestamps], self.tokens.longest(heard.frames)
        decoding = self.decoding(heard.encoded, len(start) + longest)
        logits = decoding.run(start)[0]
        decoding.keep()
        return self.tokens.text(self._greedy(decoding, logits + self._banned_first, longest)[0])

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokens.spell(text))

    def _branches(self, heard: Heard) -> "_Branches":
        start = self.tokens.start
        room = len(start) + (_LONGEST + 1) * self._beam.width
        branches = _Branches(self._decoder, heard.encoded, room, self._banned)
        branches.begin(start, self._banned_first)
        return branches


class _Branches(Decoding):
    """Follows several texts after one beginning; what each has read lies scattered over one cache."""

    def __init__(self, model: Model, cross: Tensors, room: int, banned: NDArray[np.float32]) -> None:
        super().__init__(model, cross, room)
        self._banned = banned
        self._first = banned
        self._begun = 0
        self._lines: list[tuple[int, ...]] = []
        """Of each token that was followed, its places in the cache from the first to its own."""

    def begin(self, tokens: Sequence[int], banned: NDArray[np.float32]) -> None:
        """Read what comes before every text."""
        self._first = log_softmax(self.run(tokens)[0] + banned)
        self.keep()
        self._begun = self.length

    def first(self) -> NDArray[np.float32]:
        """Log-probabilities (v,) of the first token."""
        return self._first

    def follow(self, tokens: Sequence[int], after: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (k, v) of what follows each token; `after`: see `Scorer`."""
        n = len(tokens)
        mask = np.full((n, self._room + n), MASKED, np.float32)
        mask[:, : self._begun] = 0
        depths = np.zeros(n, np.int32)
        for k, number in enumerate(after):
            line = self._lines[number] if number >= 0 else ()
            mask[k, [*line, self._room + k]] = 0
            depths[k] = len(line)
            self._lines.append((*line, self.length + k))
        logits = self._look(tokens, self._begun + depths, mask, range(n))
        self.keep()
        return log_softmax(logits + self._banned)
