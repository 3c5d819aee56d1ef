"""Timers and reminders: set, asked for, cancelled, and said when they are due. Due by the wall clock."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.grounding.dialogue.state import Timer, wall_ns
from edgefuse.grounding.dialogue.wording import Wording
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Order

if TYPE_CHECKING:
    from edgefuse.grounding.dialogue.turn import Turn

LATE: Nanoseconds = 20 * SECOND
"""Said later than this, a timer says how late it is."""
MOST = 50
_LONGEST_S = 366 * 86_400
_TIME = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")


def set_timer(turn: "Turn", order: Order, _: Grounding) -> str:
    """Set a timer or a reminder; one without a time is asked for again, in whole."""
    wording, wall = turn.world.wording, turn.scene.wall
    reminder = order.intent == "set_reminder"
    due = None if wall is None else due_at(order, wall)
    if due is None or wall is None or len(turn.timers) >= MOST:
        return wording.say("reminder_what" if reminder else "timer_how_long")
    now = wall_ns(wall)
    name = f"{turn.name}/{len(turn.timers)}"
    text = order.slots.get("text", "")
    turn.timers = (*turn.timers, Timer(name, turn.scene.here, now, due, text, reminder))
    duration = wording.duration((due - now) / SECOND)
    at = f"{wall + timedelta(seconds=(due - now) / SECOND):%H:%M}" if order.slots.get("at") else ""
    if not reminder:
        return wording.say("timer_at", time=at) if at else wording.say("timer", duration=duration)
    when = wording.part("reminder_at", time=at) if at else wording.part("reminder_in", duration=duration)
    return wording.say("reminder", when=when)


def due_at(order: Order, wall: datetime) -> Nanoseconds | None:
    """Wall clock ns of `duration_s` or of the next `at` (`07:30`, local), with `clock` 12 also 19:30; else None."""
    seconds, at = order.slots.get("duration_s", ""), _TIME.match(order.slots.get("at", ""))
    if at:
        then = wall.replace(hour=int(at[1]), minute=int(at[2]), second=0, microsecond=0)
        half = timedelta(hours=12)
        twice = [then - half, then + half] if order.slots.get("clock") == "12" else []
        often = [then, then + 2 * half, *twice]
        return wall_ns(min(each for each in often if each > wall))
    try:
        ahead = float(seconds)
    except ValueError:
        return None
    return wall_ns(wall) + int(ahead * SECOND) if 0 < ahead <= _LONGEST_S else None


def query_timer(turn: "Turn", order: Order, _: Grounding) -> str:
    """How long each of them has left, the next one first."""
    wording, wall, timers = turn.world.wording, turn.scene.wall, _meant(turn.timers, order)
    if not timers or wall is None:
        return wording.say("no_timer")
    return " ".join(_left(wording, timer, wall_ns(wall)) for timer in sorted(timers, key=lambda each: each.due))


def _left(wording: Wording, timer: Timer, now: Nanoseconds) -> str:
    left = wording.duration((timer.due - now) / SECOND)
    named = wording.part("timer_named", text=timer.text) if timer.text else ""
    return wording.say("timer_left", left=left, named=f" {named}")


def cancel_timer(turn: "Turn", order: Order, _: Grounding) -> str:
    """Cancel the one that is meant; with several and no name none is cancelled, and all are told."""
    wording, timers = turn.world.wording, _meant(turn.timers, order)
    if not timers:
        return wording.say("no_timer")
    if len(timers) > 1:
        return f"{wording.say('refused.unsure')} {query_timer(turn, order, Grounding())}"
    turn.timers = tuple(timer for timer in turn.timers if timer is not timers[0])
    return wording.say("timer_cancelled")


def _meant(timers: Sequence[Timer], order: Order) -> list[Timer]:
    """Those with the name that is said; those without reminders, where no name is said and there are others."""
    text = order.slots.get("text", "").casefold()
    if text:
        return [timer for timer in timers if text in timer.text.casefold()]
    plain = [timer for timer in timers if not timer.reminder]
    return plain or list(timers)


def due(timers: Sequence[Timer], wall: Nanoseconds) -> list[Timer]:
    """Those whose time has come, in order."""
    return sorted((timer for timer in timers if timer.due <= wall), key=lambda timer: (timer.due, timer.name))


def sentence(wording: Wording, timer: Timer, wall: Nanoseconds) -> str:
    """What is said when it is due; how late, where nobody could say it in time."""
    if timer.reminder:
        text = wording.say("reminder_done" if timer.text else "reminder_done_empty", text=timer.text)
    else:
        text = wording.say("timer_named_done" if timer.text else "timer_done", text=timer.text)
    late = wall - timer.due
    return text if late <= LATE else wording.say("late", text=text, ago=wording.duration(late / SECOND))
