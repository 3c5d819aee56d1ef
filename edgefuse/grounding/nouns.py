"""`the lamp` among lights: the word that a kind was said with tells those called so from the others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgefuse.config.models import Thing
from edgefuse.grounding.asked import Asked, fold
from edgefuse.grounding.order import Order, Phrase


def with_noun(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> tuple[str, ...]:
    """Things in whose names the word stands that their kind was said with; none where it is the kind's own word."""
    word = fold(phrase.noun)
    if not word or word == phrase.kind:
        return ()
    return tuple(key for key in keys if word in _words(key, asked.things[key]))


def with_nouns(order: Order, things: Mapping[str, Thing]) -> Order:
    """An order whose phrase about a kind has the word it was said with, where the text tells: `both lamps`.

    Only a word that longer names of that kind end with, where the kind's own is not said; only of a single phrase.
    """
    if len(order.things) != 1 or order.but:
        return order
    phrase = order.things[0]
    if phrase.noun or phrase.name or not phrase.kind:
        return order
    said = set(order.text.split()) - set(phrase.beside.split())
    if {phrase.kind, f"{phrase.kind}s"} & said:
        return order
    of_kind = {key: thing for key, thing in things.items() if thing.kind == phrase.kind}
    names = [fold(name).split() for key, thing in of_kind.items() for name in (key, *thing.names)]
    ends = {name[-1] for name in names if len(name) > 1}
    found = sorted(end for end in ends if {end, f"{end}s"} & said)
    return replace(order, things=(replace(phrase, noun=found[0]),)) if len(found) == 1 else order


def _words(key: str, thing: Thing) -> set[str]:
    return {word for name in (key, *thing.names) for word in fold(name).split()}
