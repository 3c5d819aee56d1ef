"""All of it together: one language and one home, ready to be asked."""

import math
from dataclasses import dataclass, replace

from edgefuse.config.models import Site
from edgefuse.grounding.order import Interpretation, Order
from edgefuse.grounding.words.asking import Asked
from edgefuse.grounding.words.build import orders
from edgefuse.grounding.words.home import Home, of_site
from edgefuse.grounding.words.homophones import Homophones, homophones
from edgefuse.grounding.words.lexicon import lexicon
from edgefuse.grounding.words.parse import bars, lattice, readings, unknown
from edgefuse.grounding.words.units import Units, units
from edgefuse.language import Language

_EXACT = "said in words that are known"
_APART = 0.1
"""So much less likely must be whatever else sounds like it."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What an utterance may mean, or why it means nothing."""

    text: str
    """The words, normalised."""
    interpretations: tuple[Interpretation, ...] = ()
    why: str = ""
    """English; empty where there is an interpretation."""


class Words:
    """Text to interpretations. Holds nothing of what was said before."""

    def __init__(self, language: Language, home: Home) -> None:
        self._language = language
        self._lexicon = lexicon(language, home)
        short = {said: home.able.get(name, frozenset()) for said, name in self._lexicon.shorts.items()}
        self._asked = Asked({**short, **home.able}, language.data["quantities"])
        self._verb_first = bool(language.data["verb_first"])
        self._homophones = homophones(self._lexicon) if language.data.get("sounds_by") == "pinyin" else None

    @staticmethod
    def of_site(site: Site, language: Language) -> "Words":
        """For what a configuration holds."""
        return Words(language, of_site(site))

    def interpret(self, text: str, count: int = 5) -> tuple[Interpretation, ...]:
        """Give at most `count` interpretations, best first; nothing where it is not understood."""
        return self.understand(text, count).interpretations

    def understand(self, text: str, count: int = 5, *, repair: bool = True) -> Understood:
        """Give interpretations, or the reason why there are none; `repair`: words may have been misheard."""
        said = units(text, self._language)
        if not said.words:
            return Understood("", why="no words")
        found = self._exact(said, count)
        if found.interpretations or not repair or self._homophones is None:
            return found
        return self._misheard(said, self._homophones, count) or found

    def _misheard(self, said: Units, homophones: Homophones, count: int) -> Understood | None:
        """Of what sounds alike, where it is plain which was meant."""
        made: list[tuple[float, Understood]] = []
        for cost, words in homophones.meant(said.words):
            found = self._exact(replace(said, words=words), count)
            if found.interpretations and all(found.text != other.text for _, other in made):
                made.append((cost, found))
        if not made or (len(made) > 1 and made[1][0] - made[0][0] < _APART):
            return None
        cost, best = made[0]
        because = f"'{said.text()}' sounds like '{best.text}'"
        return replace(
            best,
            interpretations=tuple(
                replace(each, score=round(each.score * math.exp(-cost), 3), because=(because,))
                for each in best.interpretations
            ),
        )

    def _exact(self, said: Units, count: int) -> Understood:
        edges = lattice(said, self._lexicon)
        strange = unknown(said, edges)
        if strange:
            return Understood(said.text(), why=f"does not know the word '{said.words[strange[0]]}'")
        keys: list[tuple[float, tuple[Order, ...]]] = []
        for reading in readings(said, edges, verb_first=self._verb_first):
            keys.extend(orders(reading, self._asked))
        found: list[tuple[float, tuple[Order, ...]]] = []
        for cost, made in sorted(keys, key=lambda one: one[0]):
            if all(made != other for _, other in found):
                found.append((cost, made))
        if not found:
            return Understood(said.text(), why=next(iter(bars(edges)), "does not say what to do"))
        return Understood(said.text(), tuple(self._scored(found[:count], said)))

    def _scored(self, found: list[tuple[float, tuple[Order, ...]]], said: Units) -> list[Interpretation]:
        least = found[0][0]
        return [
            Interpretation(
                tuple(replace(order, text=said.text()) for order in made), round(math.exp(least - cost), 3), (_EXACT,)
            )
            for cost, made in found
        ]
