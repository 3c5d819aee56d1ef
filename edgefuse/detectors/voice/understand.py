"""Text to intent and slots, tolerant of a recogniser's mistakes and strict about everything else.

What the grammar says word for word is understood as it is. Otherwise the nearest sentences of the grammar are compared
by their letters and, where the sound is at hand, by how well they fit it. What is not near enough, or not clearly
nearer than something else, is not understood.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from edgefuse.detectors.voice.align import Alignment, Candidate, Sounds
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.grounding.order import Interpretation
from edgefuse.grounding.words import Understood, Words

Fit: TypeAlias = Callable[[str], float]
"""Text -> logarithm of its probability given the sound."""
NOT_UNDERSTOOD = "not_understood"
_CANDIDATES = 8
_EXACT = 1e-3


@dataclass(frozen=True, slots=True)
class Limits:
    """How near is near enough; set on real and on synthesised speech inside and outside two grammars."""

    similar: float = 0.75
    """Least share of the letters explained."""
    slot: float = 0.5
    """Least share of a slot's own letters, unless the sound fits better than what was written down."""
    similar_unheard: float = 0.88
    """Instead of `similar` where there is no sound to compare with."""
    unfit: float = 16.0
    """Greatest loss of log-probability, given the sound, against what was written down,"""
    unfit_letter: float = 0.5
    """for each letter that was written, because in few words one other word changes everything,"""
    unfit_rival: float = 2.5
    """and where another intent is near too: `turn on`, `do not turn on` and `turn off` share most letters."""
    clear: float = 1.0
    """Least gain, given the sound, of words that were written down over a near sentence with another intent."""
    rival: float = 0.6
    """Share of the letters from which on another intent is near."""
    sure: float = 0.5
    """Least probability against the other sentences."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an utterance means."""

    intent: str
    """NOT_UNDERSTOOD where it means nothing here."""
    text: str
    """What was heard, normalised."""
    score: float = 0.0
    slots: Mapping[str, str] = field(default_factory=dict)
    because: tuple[str, ...] = ()
    interpretations: tuple[Interpretation, ...] = ()
    """Of what was written down, in words that this home knows: best first; they need no second opinion."""

    @property
    def understood(self) -> bool:
        """Whether there is an intent."""
        return self.intent != NOT_UNDERSTOOD


class Understanding:
    """One grammar, ready to be asked."""

    def __init__(self, grammar: Grammar, limits: Limits | None = None, words: Words | None = None) -> None:
        """`words`: understands what is no sentence of the grammar, but says clearly what to do."""
        self._grammar = grammar
        self._words = words
        self._limits = limits or Limits(**grammar.language.data.get("limits", {}))
        self._sounds = Sounds(grammar.language)

    def understand(self, heard: str, fit: Fit | None = None, certainty: float = 1.0) -> Meaning:
        """Give the meaning of what was written down; `certainty` (0..1) is the recogniser's. Never raises."""
        text = self._grammar.language.normalise(heard)
        if not text or text in self._grammar.language.data["empty"]:
            return Meaning(NOT_UNDERSTOOD, text, because=("no words",))
        candidates = Alignment(text, self._grammar, self._sounds).candidates(_CANDIDATES)
        share = (1 + certainty) / 2
        if candidates and candidates[0].cost < _EXACT:
            best = candidates[0]
            known = self._known(heard, share)
            return Meaning(best.intent, text, round(share, 3), best.slots, ("said word for word",), known)
        if self._words:
            return self._by_words(self._words, heard, text, candidates, fit, share)
        if not candidates:
            return Meaning(NOT_UNDERSTOOD, text, because=("the grammar has no sentence",))
        return self._nearest(text, candidates, fit)

    def _by_words(
        self, words: Words, heard: str, text: str, candidates: Sequence[Candidate], fit: Fit | None, share: float
    ) -> Meaning:
        """The words as they are, else the nearest sentence by sound, else words that sound alike: the sound decides."""
        literal = words.understand(heard, repair=fit is None)
        if literal.interpretations:
            return self._against_rivals(_meaning(literal, text, share), text, candidates, fit)
        near = self._nearest(text, candidates, fit) if fit and candidates else Meaning(NOT_UNDERSTOOD, text)
        if near.understood or fit is None:
            return near if near.understood else replace(near, because=(literal.why,))
        alike = words.understand(heard)
        if alike.interpretations and fit(alike.text) - fit(text) >= -self._limits.unfit_rival:
            return self._against_rivals(_meaning(alike, text, share), alike.text, candidates, fit)
        return replace(near, because=(literal.why, *near.because))

    def _against_rivals(self, meaning: Meaning, said: str, candidates: Sequence[Candidate], fit: Fit | None) -> Meaning:
        """Not understood where a sentence with another intent is near and fits the sound as well as what was `said`."""
        if fit is None:
            return meaning
        near = (c for c in candidates if c.intent != meaning.intent)
        rival = next((c for c in near if self._similarity(meaning.text, c) >= self._limits.similar), None)
        if rival is None or fit(said) - fit(rival.text) >= self._limits.clear:
            return meaning
        because = ("could be more than one thing", f"'{meaning.text}'", f"or '{rival.text}'")
        return Meaning(NOT_UNDERSTOOD, meaning.text, because=because)

    def _known(self, text: str, share: float) -> tuple[Interpretation, ...]:
        """What the words of this home make of a sentence of the grammar."""
        return _scaled(self._words.understand(text, repair=False), share) if self._words else ()

    def _nearest(self, text: str, candidates: Sequence[Candidate], fit: Fit | None) -> Meaning:
        near = [c for c in candidates if self._similarity(text, c) >= self._least(fit)]
        if not near:
            nearest = candidates[0]
            share = self._similarity(text, nearest)
            return Meaning(NOT_UNDERSTOOD, text, because=(f"nearest is '{nearest.text}', {share:.0%} alike",))
        fits = {c: fit(c.text) if fit else 0.0 for c in near}
        ranked = sorted(near, key=lambda c: (c.cost - fits[c], c.text))
        best = ranked[0]
        rivals = any(c.intent != best.intent and self._similarity(text, c) >= self._limits.rival for c in candidates)
        doubt = self._doubt(text, best, fits[best] - fit(text) if fit else 0.0, rivals=rivals)
        if doubt:
            return Meaning(NOT_UNDERSTOOD, text, because=(f"nearest is '{best.text}'", doubt))
        total = math.fsum(math.exp(min(0.0, best.cost - fits[best] - c.cost + fits[c])) for c in ranked)
        return self._decided(text, best, 1 / total, ranked[1:])

    def _decided(self, text: str, best: Candidate, p: float, others: Sequence[Candidate]) -> Meaning:
        because = [f"understood as '{best.text}'"] + [f"rather than '{other.text}'" for other in others[:1]]
        if p < self._limits.sure:
            return Meaning(NOT_UNDERSTOOD, text, because=("could be more than one thing", *because))
        score = round(p * max(0.0, self._similarity(text, best)), 3)
        return Meaning(best.intent, text, score, best.slots, tuple(because), self._known(best.text, score))

    def _doubt(self, text: str, best: Candidate, gain: float, *, rivals: bool) -> str:
        """Why the best candidate is not believed, or nothing."""
        limits = self._limits
        most = min(limits.unfit, limits.unfit_letter * len(text.replace(" ", "")))
        if gain < -(limits.unfit_rival if rivals else most):
            return f"the sound fits '{text}' much better"
        if gain > 0:
            return ""
        for part in best.parts:
            if part.slot and part.cost > (1 - limits.slot) * len(part.words.replace(" ", "")):
                return f"'{part.words}' was hardly heard"
        return ""

    def _least(self, fit: Fit | None) -> float:
        return self._limits.similar if fit else self._limits.similar_unheard

    def _similarity(self, text: str, candidate: Candidate) -> float:
        longer = max(len(text.replace(" ", "")), len(candidate.text.replace(" ", "")))
        return 1 - candidate.cost / longer


def _meaning(found: Understood, text: str, share: float) -> Meaning:
    known = _scaled(found, share)
    first, order = known[0], known[0].orders[0]
    return Meaning(order.intent, text, first.score, order.slots, first.because, known)


def _scaled(found: Understood, share: float) -> tuple[Interpretation, ...]:
    return tuple(replace(each, score=round(share * each.score, 3)) for each in found.interpretations)
