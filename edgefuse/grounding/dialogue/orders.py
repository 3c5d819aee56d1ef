"""Takes the orders of one utterance: what is done, asked, refused, answered or taken back."""

from collections.abc import Sequence

from edgefuse.core.types import SECOND
from edgefuse.grounding.dialogue.answers import ANSWERS
from edgefuse.grounding.dialogue.state import Pending
from edgefuse.grounding.dialogue.turn import Turn
from edgefuse.grounding.dialogue.undo import undoing
from edgefuse.grounding.followup import effective, pending
from edgefuse.grounding.history import Exchange, Grounding
from edgefuse.grounding.order import Order

_PLAIN = frozenset(
    {"help", "repeat", "query_time", "query_why", "query_timer", "set_timer", "set_reminder", "cancel_timer"}
)
"""Speak of no things."""
_ASIDE = frozenset({"help", "repeat", "query_time"})
"""A question still waits for its answer after these."""


def take(turn: Turn, order: Order) -> None:
    """Take one order."""
    asked = pending(turn.history)
    if order.intent in {"no", "cancel"}:
        _drop(turn, order, asked)
    elif order.intent == "yes" and asked is None:
        turn.end(order, Grounding(area=turn.scene.here))
    elif order.intent == "correct" and asked is None:
        _correct(turn, order)
    elif order.intent == "correct" and not order.things:
        _drop(turn, order, asked)
    elif order.intent in _PLAIN:
        _finish(turn, order, Grounding(area=turn.scene.here))
    else:
        _take_up(turn, order, asked)


def _take_up(turn: Turn, order: Order, asked: Exchange | None) -> None:
    """Find what is meant and do it; then what was left open with the question that it answers."""
    grounding = turn.grounded(order)
    answers = asked is not None and order.intent in {"yes", "pick", "correct"}
    question = turn.pending if answers else None
    if question is not None:
        turn.score = min(turn.score, question.score)
    if not _asked_now(turn):
        turn.pending = None
    _finish(turn, effective(order, turn.history, turn.world.site.things), grounding)
    if question is not None and not grounding.refused:
        _go_on(turn, question.then)
    elif question is not None and turn.pending is None:
        turn.pending = question


def _go_on(turn: Turn, orders: Sequence[Order]) -> None:
    for order in orders:
        _finish(turn, order, turn.grounded(order))


def _asked_now(turn: Turn) -> bool:
    """Whether an order of this very utterance is asked about."""
    return any(done.grounding.asking for done in turn.done)


def _drop(turn: Turn, order: Order, asked: Exchange | None) -> None:
    """What was asked is not done."""
    if asked is None:
        turn.end(order, Grounding(area=turn.scene.here))
        return
    question = turn.pending.question if turn.pending else ""
    grounding = Grounding(area=turn.scene.here, because=(f"'{question}' is answered with no",))
    turn.pending = None
    turn.end(order, grounding)
    turn.remember(Order("no", text=order.text), grounding)
    turn.say("answer", "dropped")


def _finish(turn: Turn, order: Order, grounding: Grounding, because: tuple[str, ...] = ()) -> None:
    """Do, ask or refuse."""
    if grounding.asking:
        _ask(turn, order, grounding, because)
        return
    turn.end(order, grounding, because)
    if order.intent not in _ASIDE:
        turn.remember(order, grounding)
    if grounding.refused:
        turn.say("refusal", f"refused.{grounding.refused}", where=turn.world.wording.where(grounding.area))
        return
    if order.intent in {"arm", "disarm"}:
        turn.armed = order.intent == "arm"
    answer = ANSWERS.get(order.intent)
    if answer is not None:
        turn.tell("answer", answer(turn, order, grounding))


def _ask(turn: Turn, order: Order, grounding: Grounding, because: tuple[str, ...]) -> None:
    """Ask now; a second question of the same utterance is asked when the first has its answer."""
    if turn.pending is not None and _asked_now(turn):
        left = turn.pending
        turn.pending = Pending(left.t, left.question, left.score, (*left.then, order))
        return
    question = turn.world.wording.question(order, grounding)
    turn.pending = Pending(turn.scene.t, question, turn.score)
    turn.end(order, grounding, because, question)
    turn.remember(order, grounding)
    turn.tell("question", question)


def _correct(turn: Turn, order: Order) -> None:
    """Not that, but these: the wrong one goes back to how it was, and the right one is done."""
    last = _last(turn)
    if last is None:
        _finish(turn, order, Grounding(area=turn.scene.here, refused="forgotten", because=("nothing was done before",)))
        return
    said = last.order.text or last.order.intent
    if order.things:
        _instead(turn, order, last, f"instead of '{said}'")
    elif order.slots:
        wanted = Order(last.order.intent, last.order.things, (), {**last.order.slots, **order.slots}, order.text)
        _finish(turn, wanted, turn.only(wanted, last.grounding.targets), (f"instead of '{said}'",))
    elif not _undo(turn, last):
        turn.end(order, Grounding(area=turn.scene.here, because=("there is nothing to take back",)))
        turn.say("answer", "nothing_to_undo")


def _last(turn: Turn) -> Exchange | None:
    """What was done last, while it is remembered."""
    oldest = turn.scene.t - int(turn.world.site.dialogue.remember_s * SECOND)
    done = (
        each for each in reversed(turn.history) if each.grounding.acts and not each.order.intent.startswith("query")
    )
    last = next((each for each in done if each.grounding.targets or each.order.intent in {"arm", "disarm"}), None)
    return last if last is not None and last.t >= oldest else None


def _instead(turn: Turn, order: Order, last: Exchange, because: str) -> None:
    """Find what is meant first: what cannot be done right is not undone either."""
    grounding, wanted = turn.grounded(order), effective(order, turn.history, turn.world.site.things)
    if not grounding.refused:
        _undo(turn, last, keep=grounding.targets)
    _finish(turn, wanted, grounding, (because,))


def _undo(turn: Turn, last: Exchange, keep: tuple[str, ...] = ()) -> bool:
    """Take back what was done, but for what is too risky to be done unasked. Whether anything was."""
    because = (f"takes back '{last.order.text or last.order.intent}'",)
    before = len(turn.done)
    turn.history = tuple(each for each in turn.history if each is not last)
    if last.order.intent in {"arm", "disarm"}:
        back = Order("disarm" if last.order.intent == "arm" else "arm", text=last.order.text)
        _finish(turn, back, turn.grounded(back), because)
        return True
    for key in last.grounding.targets:
        thing = turn.world.site.things.get(key)
        order = None if thing is None or key in keep else undoing(last, key, thing)
        if order is not None:
            grounding = turn.only(order, (key,))
            if grounding.acts:
                turn.end(order, grounding, because)
    return len(turn.done) > before
