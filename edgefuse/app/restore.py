"""What the daemon knew when it stopped last. What another version wrote and this one does not understand is left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from edgefuse.core.types import Json, Nanoseconds
from edgefuse.fusion.experience import Experience
from edgefuse.grounding.dialogue import Dialogue, DialogueState
from edgefuse.rules.engine import Engine, RuleState

_log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Outlives the process."""

    rules: RuleState
    experience: Experience
    """What the user's answers have taught."""
    conversation: DialogueState
    """What was talked about, with timers that still run."""


def restored(stored: Json, engine: Engine, dialogue: Dialogue | None, now: Nanoseconds, wall: datetime) -> Kept:
    """What the outbox stored last, None for nothing; `wall` is `Clock.wall(now)`."""
    kept: Json = stored if isinstance(stored, dict) else {}
    return Kept(
        _or(
            lambda: engine.restore(stored, now, wall),
            lambda: engine.restore(None, now, wall),
            "the stored state of the rules is not understood; they start anew",
        ),
        _or(
            lambda: Experience.from_json(kept.get("experience", {})),
            Experience,
            "the stored answers are not understood; beliefs go on without them",
        ),
        _or(
            lambda: DialogueState() if dialogue is None else dialogue.restore(kept.get("dialogue"), now, wall),
            DialogueState,
            "the stored conversation is not understood; timers are lost",
        ),
    )


def _or(read: Callable[[], T], anew: Callable[[], T], told: str) -> T:
    try:
        return read()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        _log.error(told, error=repr(error))
        return anew()
