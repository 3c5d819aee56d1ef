"""All of it together: one language and one home, ready to be asked."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from edgefuse.config.models import Site
from edgefuse.grounding.order import Interpretation, Order
from edgefuse.grounding.words.asking import Asked
from edgefuse.grounding.words.build import orders
from edgefuse.grounding.words.home import Home, of_site
from edgefuse.grounding.words.homophones import Homophones, homophones
from edgefuse.grounding.words.lexicon import lexicon
from edgefuse.grounding.words.misheard import Misheard, misheard
from edgefuse.grounding.words.parse import Edges, bars, lattice, readings, unknown
from edgefuse.grounding.words.templates import templates
from edgefuse.grounding.words.timers import free_orders
from edgefuse.grounding.words.units import Units, part, units
from edgefuse.language import Language

Orders: TypeAlias = tuple[Order, ...]
_LISTENING = frozenset({"pick", "also", "correct", "yes", "no", "set_reminder", "query_why"})
"""Orders that nothing else is joined to: what follows belongs to them."""
_EXACT = "said in words that are known"
_RISKY = frozenset({"unlock", "disarm"})
"""Not done on words that were not said so."""
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
        drops = bool(language.data.get("drops"))
        self._asked = Asked({**short, **home.able}, home.where, language.data["quantities"], home.kind_of, drops)
        self._verb_first = bool(language.data["verb_first"])
        self._templates = templates(language, home)
        by_pinyin = language.data.get("sounds_by") == "pinyin"
        self._sounds: Homophones | Misheard = homophones(self._lexicon) if by_pinyin else misheard(self._lexicon)

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
        if found.interpretations or not repair:
            return found
        return self._misheard(said, count) or found

    def _misheard(self, said: Units, count: int) -> Understood | None:
        """Of what sounds alike, where it is plain which was meant."""
        made: list[tuple[float, Understood]] = []
        for cost, words in self._sounds.meant(said.words):
            found = self._exact(replace(said, words=words), count)
            if found.interpretations and not any(_same(found, other) for _, other in made):
                made.append((cost, found))
        if not made or (len(made) > 1 and made[1][0] - made[0][0] < _APART):
            return None
        cost, best = made[0]
        if any(order.intent in _RISKY for order in best.interpretations[0].orders):
            return None
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
        found = self._found(said, edges)
        if not found:
            found = self._joined(said, edges)
        if not found:
            strange = unknown(said, edges)
            why = f"does not know the word '{said.words[strange[0]]}'" if strange else ""
            return Understood(said.text(), why=why or next(iter(bars(edges)), "does not say what to do"))
        best: list[tuple[float, Orders]] = []
        for cost, made in sorted(found, key=lambda one: one[0]):
            if all(made != other for _, other in best):
                best.append((cost, made))
        return Understood(said.text(), tuple(self._scored(best[:count], said)))

    def _found(self, said: Units, edges: Edges) -> list[tuple[float, Orders]]:
        """Orders of all the words together."""
        found: list[tuple[float, Orders]] = [(0.0, (order,)) for order in self._own(said, edges)]
        found += [(cost, (order,)) for cost, order in free_orders(said.words, self._lexicon)]
        if not unknown(said, edges):
            for reading in readings(said, edges, verb_first=self._verb_first):
                found.extend(orders(reading, self._asked))
        return found

    def _joined(self, said: Units, edges: Edges) -> list[tuple[float, Orders]]:
        """A timer, or an intent of the user's own, and something else."""
        for at, end in [(at, end) for at, found in enumerate(edges) for end, sense in found if sense.role == "and"]:
            first, second = part(said, 0, at), part(said, end, len(said.words))
            if not first.words or not second.words:
                continue
            one = self._found(first, lattice(first, self._lexicon))
            if one and not any(order.intent in _LISTENING for order in min(one, key=_cost)[1]):
                other = self._exact(second, 1).interpretations
                if other and not any(order.intent in _LISTENING for order in other[0].orders):
                    cost, made = min(one, key=_cost)
                    return [(cost, (*made, *(replace(order, text="") for order in other[0].orders)))]
        return []

    def _own(self, said: Units, edges: Edges) -> Iterator[Order]:
        """Intents of the user's own, with nothing but courtesies around them."""
        count = len(said.words)
        starts = _silent(edges, {0}, count)
        for name, template in self._templates:
            for start in starts:
                for end, slots in template.match(said.words, start):
                    if end > start and (end == count or count in _silent(edges, {end}, count)):
                        yield Order(name, slots=dict(slots))

    def _scored(self, found: list[tuple[float, Orders]], said: Units) -> list[Interpretation]:
        least = found[0][0]
        return [
            Interpretation(
                tuple(replace(order, text=said.text()) for order in made), round(math.exp(least - cost), 3), (_EXACT,)
            )
            for cost, made in found
        ]


def _same(one: Understood, other: Understood) -> bool:
    """Whether the best of both asks for the same."""
    ones, others = one.interpretations[0].orders, other.interpretations[0].orders
    return [replace(order, text="") for order in ones] == [replace(order, text="") for order in others]


def _cost(one: tuple[float, Orders]) -> float:
    return one[0]


def _silent(edges: Edges, ways: set[int], count: int) -> set[int]:
    """Where one comes to over words that say nothing."""
    reached, new = set(ways), set(ways)
    while new:
        new = {end for at in new if at < count for end, sense in edges[at] if sense.role == "nothing"} - reached
        reached |= new
    return reached
