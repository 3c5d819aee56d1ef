"""Orders that lean on what was said before: `and the lamp`, an answer to a question, a correction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgefuse.config.models import Thing
from edgefuse.grounding.asked import fold
from edgefuse.grounding.history import Exchange, History, Refusal
from edgefuse.grounding.order import Order, Phrase

_LEANING = frozenset({"also", "pick", "correct", "yes"})
_IDLE = frozenset({"cancel", "no", "help", "repeat"})
"""Nothing follows on from these."""


@dataclass(frozen=True, slots=True)
class Following:
    """An order that stands by itself, and what limits it."""

    order: Order
    among: tuple[str, ...] | None = None
    """The candidates of the question it answers, as they were said."""
    without: tuple[str, ...] = ()
    """What was wrong the last time."""
    settled: tuple[str, ...] = ()
    """What the question had left no doubt about."""
    agreed: tuple[str, ...] | None = None
    """Said yes to: these things, without further question."""
    refused: Refusal = ""
    undo: bool = False


def pending(history: History) -> Exchange | None:
    """The question that waits for an answer; an answer that was refused leaves it waiting (it has its candidates)."""
    for exchange in reversed(history):
        if exchange.grounding.asking:
            return exchange
        if not exchange.grounding.candidates and exchange.order.intent not in {"help", "repeat"}:
            return None
        if exchange.grounding.acts and exchange.grounding.targets:
            return None
    return None


def effective(order: Order, history: History, things: Mapping[str, Thing]) -> Order:
    """What an order asks for by itself: `and the lamp` after `turn on the light` is `turn on the lamp`.

    What should be kept as the order of an `Exchange`, and published as the intent. Itself where nothing is to lean on.
    """
    return following(order, history, things).order


def following(order: Order, history: History, things: Mapping[str, Thing]) -> Following:
    """An order as one that stands by itself."""
    if order.intent not in _LEANING:
        return Following(order, among=_asked_between(order, history))
    if order.intent == "also":
        return _also(order, history, things)
    if order.intent == "correct":
        return _correct(order, history, things)
    question = pending(history)
    if question is None:
        return Following(order, refused="forgotten")
    before = history[: history.index(question)]
    base = effective(question.order, before, things)
    return _picked(order, question, base) if order.intent == "pick" else _agreed(order, question, base)


def _asked_between(order: Order, history: History) -> tuple[str, ...] | None:
    """`turn them all on` after a question is about its candidates, `turn it on` about its only one."""
    question = pending(history)
    if question is None or question.grounding.asking != "which" or len(order.things) != 1:
        return None
    phrase, candidates = order.things[0], question.grounding.candidates
    if phrase.name or phrase.kind or phrase.area:
        return None
    meant = phrase.deixis == "them" or (phrase.deixis == "it" and len(candidates) == 1)
    return candidates if meant else None


def _also(order: Order, history: History, things: Mapping[str, Thing]) -> Following:
    last = next((each for each in reversed(history) if each.order.intent not in _IDLE), None)
    if last is None:
        return Following(order, refused="forgotten")
    if last.grounding.refused == "denied":
        return Following(order, refused="denied")
    return _instead(order, last, history, things)


def _picked(order: Order, question: Exchange, base: Order) -> Following:
    phrases = order.things or (Phrase(),)
    standing = replace(base, things=phrases, but=order.but, slots={**base.slots, **order.slots}, text=order.text)
    found = question.grounding
    return Following(standing, among=found.candidates, settled=found.targets)


def _agreed(order: Order, question: Exchange, base: Order) -> Following:
    found = question.grounding
    base = replace(base, text=order.text)
    if found.asking == "which" and len(found.candidates) > 1:
        return Following(replace(base, things=(Phrase(),)), among=found.candidates, settled=found.targets)
    return Following(base, agreed=(*found.targets, *found.candidates))


def _correct(order: Order, history: History, things: Mapping[str, Thing]) -> Following:
    question = pending(history)
    if question is not None and order.things:
        wrong = question.grounding.candidates if len(question.grounding.candidates) == 1 else ()
        return replace(_instead(order, question, history, things), without=wrong)
    last = next((each for each in reversed(history) if each.grounding.acts and each.grounding.targets), None)
    if last is None:
        return Following(order, refused="forgotten")
    if not order.things:
        return Following(order, agreed=last.grounding.targets, undo=True)
    return replace(_instead(order, last, history, things), without=last.grounding.targets)


def _instead(order: Order, last: Exchange, history: History, things: Mapping[str, Thing]) -> Following:
    """The last order with other things."""
    base = effective(last.order, history[: history.index(last)], things)
    if base.intent in _LEANING:
        return Following(order, refused="forgotten")
    before = base.things[0] if base.things else Phrase()
    kinds = {things[key].kind for key in last.grounding.targets if key in things}
    kind = before.kind or (kinds.pop() if len(kinds) == 1 else "")
    phrases = tuple(_inherit(each, before, kind, things) for each in order.things)
    slots = {**base.slots, **order.slots}
    return Following(replace(base, things=phrases, but=order.but, slots=slots, text=order.text))


def _inherit(phrase: Phrase, before: Phrase, kind: str, things: Mapping[str, Thing]) -> Phrase:
    """What a phrase leaves open is as in the last order: `and in the kitchen`."""
    if phrase.name or phrase.kind or phrase.deixis:
        return phrase
    bare = phrase == Phrase(area=phrase.area, place=phrase.place, everywhere=phrase.everywhere)
    if bare and before.name and any(_called(before.name, key, things[key], phrase.area) for key in things):
        return replace(phrase, name=before.name)
    return replace(phrase, kind=kind, count=before.count if bare else phrase.count)


def _called(name: str, key: str, thing: Thing, area: str) -> bool:
    return thing.area == area and fold(name) in map(fold, (key, *thing.names))
