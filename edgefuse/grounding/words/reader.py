"""All of it together: one language and one home, ready to be asked."""

import math
from dataclasses import dataclass, replace

from edgefuse.config.models import Site
from edgefuse.grounding.order import Interpretation, Order
from edgefuse.grounding.words.asking import Asked
from edgefuse.grounding.words.build import orders
from edgefuse.grounding.words.home import Home, of_site
from edgefuse.grounding.words.lexicon import lexicon
from edgefuse.grounding.words.parse import bars, lattice, readings, unknown
from edgefuse.grounding.words.units import Units, units
from edgefuse.language import Language

_EXACT = "said in words that are known"


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
        return self._exact(said, count)

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
