"""When to listen, as one table: idle -> listening -> capturing -> recognising -> idle.

Everything that moves the state is in this file. `step` is pure: the caller feeds one event per window of sound, obeys
the effect, and feeds RECOGNISED when the recogniser has answered.
"""

from dataclasses import dataclass, replace
from enum import Enum

from edgefuse.core.types import SECOND, Nanoseconds


class State(Enum):
    """What the detector is doing in one stream."""

    IDLE = "idle"
    LISTENING = "listening"
    """The wake word was heard; the order has not begun."""
    CAPTURING = "capturing"
    """Someone speaks an order."""
    RECOGNISING = "recognising"


class Event(Enum):
    """What happens to it."""

    WAKE = "wake"
    SPEECH = "speech"
    """This window holds speech."""
    SILENCE = "silence"
    """This window holds none."""
    PAUSE = "pause"
    """No speech for the endpoint's length after enough of it."""
    BLIP = "blip"
    """No speech for the endpoint's length after too little to be words."""
    TIMEOUT = "timeout"
    """Nobody began to speak in time, or nobody ended."""
    RECOGNISED = "recognised"


class Effect(Enum):
    """What the caller must do."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """Drop captured sound and capture from now on (with the pre-roll where no wake word is used)."""
    RECOGNISE = "recognise"
    FORGET = "forget"
    """Drop captured sound."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of a capture."""

    endpoint: Nanoseconds = 7 * SECOND // 10
    """Silence that ends an order."""
    listen: Nanoseconds = 5 * SECOND
    """How long to wait for speech after the wake word."""
    longest: Nanoseconds = 12 * SECOND
    shortest: Nanoseconds = 2 * SECOND // 10
    """Less speech than this is no order."""
    wakes: bool = True
    """A wake word opens the capture; without one speech does."""


@dataclass(frozen=True, slots=True)
class Listener:
    """State of one stream."""

    state: State = State.IDLE
    since: Nanoseconds = 0
    """When the capture was opened."""
    spoken: Nanoseconds = 0
    """Speech heard in this capture."""
    quiet_from: Nanoseconds = 0
    """End of the last window with speech."""

    @property
    def capturing(self) -> bool:
        """Whether sound is kept."""
        return self.state is not State.IDLE


TABLE: dict[tuple[State, Event], tuple[State, Effect]] = {
    (State.IDLE, Event.WAKE): (State.LISTENING, Effect.BEGIN),
    (State.IDLE, Event.SPEECH): (State.CAPTURING, Effect.BEGIN),
    (State.LISTENING, Event.WAKE): (State.LISTENING, Effect.BEGIN),
    (State.LISTENING, Event.SPEECH): (State.CAPTURING, Effect.NOTHING),
    (State.LISTENING, Event.TIMEOUT): (State.IDLE, Effect.FORGET),
    (State.CAPTURING, Event.WAKE): (State.LISTENING, Effect.BEGIN),
    (State.CAPTURING, Event.PAUSE): (State.RECOGNISING, Effect.RECOGNISE),
    (State.CAPTURING, Event.BLIP): (State.LISTENING, Effect.NOTHING),
    (State.CAPTURING, Event.TIMEOUT): (State.RECOGNISING, Effect.RECOGNISE),
    (State.RECOGNISING, Event.RECOGNISED): (State.IDLE, Effect.FORGET),
}
"""What is not in the table changes nothing."""


def step(listener: Listener, event: Event, now: Nanoseconds) -> tuple[Listener, Effect]:
    """Apply one event at the time `now`."""
    state, effect = TABLE.get((listener.state, event), (listener.state, Effect.NOTHING))
    if effect is Effect.BEGIN:
        return Listener(state, since=now, quiet_from=now), effect
    if effect is Effect.FORGET:
        return Listener(state, since=now, quiet_from=now), effect
    return replace(listener, state=state), effect


def hear(
    listener: Listener, timing: Timing, now: Nanoseconds, length: Nanoseconds, *, wake: bool, speech: bool
) -> tuple[Listener, Effect]:
    """Take one window of sound that ends at `now`, `length` long.

    Without a wake word a BLIP closes the capture instead of listening on.
    """
    if wake:
        return step(listener, Event.WAKE, now)
    if speech:
        if listener.state is State.IDLE and timing.wakes:
            return listener, Effect.NOTHING
        listener, effect = step(listener, Event.SPEECH, now)
        listener = replace(listener, spoken=listener.spoken + length, quiet_from=now)
        return _overdue(listener, timing, now, effect)
    return _overdue(listener, timing, now, Effect.NOTHING)


def _overdue(listener: Listener, timing: Timing, now: Nanoseconds, effect: Effect) -> tuple[Listener, Effect]:
    open_for = now - listener.since
    if listener.state is State.CAPTURING:
        if open_for >= timing.longest:
            return step(listener, Event.TIMEOUT, now)
        if now - listener.quiet_from >= timing.endpoint:
            enough = listener.spoken >= timing.shortest
            return step(listener, Event.PAUSE if enough else Event.BLIP, now)
    if listener.state is State.LISTENING and open_for >= (timing.listen if timing.wakes else 0):
        return step(listener, Event.TIMEOUT, now)
    return listener, effect
