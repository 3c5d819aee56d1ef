"""Which of several ways to understand an utterance is taken: none where two that are as likely do different things."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from edgefuse.grounding.dialogue.orders import take
from edgefuse.grounding.dialogue.turn import Done, Turn
from edgefuse.grounding.followup import pending
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Interpretation, Order

TIE = 0.02
"""Scores that differ by no more do not say which one was meant."""
REACH = 0.1
"""So much less likely may be what can be done here, where the likeliest cannot."""
_ELSEWISE = frozenset({"nothing", "unable", "forgotten"})
"""Refusals that let one think of something else; who is refused for being unseen is not obeyed otherwise."""


def chosen(interpretations: Sequence[Interpretation], begin: Callable[[], Turn]) -> Turn:
    """The turn after the orders of one of the interpretations, best first; at least one is given."""
    best, first = interpretations[0], _taken(interpretations[0], begin())
    others = [each for each in interpretations[1:] if best.score - each.score <= REACH]
    if not others:
        return first
    if _hopeless(first):
        for other in others:
            turn = _taken(other, begin())
            if not turn.outcome.refused and (turn.outcome.acts or turn.outcome.asks):
                because = f"rather than '{_words(best)}': {_why(first)}"
                turn.done = [replace(done, because=(because, *done.because)) for done in turn.done]
                return turn
        return first
    for other in (each for each in others if best.score - each.score <= TIE and _does(first)):
        turn = _taken(other, begin())
        if _does(turn) and _effects(first) != _effects(turn):
            return _torn(first, turn, begin())
    return first


def _taken(interpretation: Interpretation, turn: Turn) -> Turn:
    turn.score = interpretation.score
    for order in _meant(interpretation.orders, turn):
        take(turn, order)
    if turn.done:
        turn.done[0] = replace(turn.done[0], because=(*interpretation.because, *turn.done[0].because))
    return turn


def _meant(orders: Sequence[Order], turn: Turn) -> Sequence[Order]:
    """A yes with an order behind it agrees to this order alone: `yes, open the garage` unlocks no front door."""
    question = pending(turn.history)
    others = [order for order in orders if order.intent != "yes"]
    if question is None or not others or len(others) == len(orders):
        return orders
    asked, again = question.grounding, [turn.grounded(order) for order in others]
    things = {(*found.targets, *found.candidates) for found in again}
    same = all(order.intent == question.order.intent for order in others)
    it = all(phrase.deixis == "it" for order in others for phrase in order.things)
    if same and (it or things == {(*asked.targets, *asked.candidates)}):
        return [order for order in orders if order.intent == "yes"][:1]
    return others


def _hopeless(turn: Turn) -> bool:
    """Whether nothing of it can be done, for reasons that let one think of something else."""
    return bool(turn.done) and all(done.grounding.refused in _ELSEWISE for done in turn.done)


def _does(turn: Turn) -> bool:
    return any(done.grounding.targets for done in turn.outcome.acts) or turn.armed is not None


def _effects(turn: Turn) -> tuple[object, ...]:
    return (*turn.outcome.effects, turn.armed)


def _torn(one: Turn, other: Turn, turn: Turn) -> Turn:
    """Nothing is done: two ways to understand it are as likely."""
    order = one.done[0].order
    why = f"'{_said(one.done)}' is as likely as '{_said(other.done)}'"
    grounding = Grounding(p=0.5, area=turn.scene.here, refused="unsure", because=(why,))
    turn.score = one.score
    turn.end(Order(order.intent, order.things, order.but, order.slots, order.text), grounding)
    turn.say("refusal", "refused.unsure", where="")
    return turn


def _words(interpretation: Interpretation) -> str:
    return " and ".join(order.text or order.intent for order in interpretation.orders)


def _said(done: Sequence[Done]) -> str:
    return ", ".join(f"{each.order.intent} {' '.join(each.grounding.targets)}".strip() for each in done)


def _why(turn: Turn) -> str:
    found = turn.outcome.refused
    return "" if found is None else "; ".join(found.grounding.because) or found.grounding.refused
