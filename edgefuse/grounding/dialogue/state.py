"""What a dialogue remembers. `Memory` outlives the process; what is seen and heard at this moment does not."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from edgefuse.core.types import HealthChange, Json, Nanoseconds, Observation, Value
from edgefuse.grounding.history import Exchange, Grounding, History
from edgefuse.grounding.order import Interpretation, Order
from edgefuse.grounding.scene import Person, ThingState

SCHEMA = 1
"""Of the stored state."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Pending:
    """A question that waits for its answer; what it is about is the last exchange of the history."""

    t: Nanoseconds
    """When it was asked."""
    question: str = ""
    score: float = 1.0
    """Of the interpretation that was asked about."""
    then: tuple[Order, ...] = ()
    """Orders said together with it that need an answer too."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to be said later."""

    name: str
    """Unique and the same in every replay."""
    area: str | None
    set: Nanoseconds
    """Wall clock, ns since 1970 UTC, as `due`."""
    due: Nanoseconds
    text: str = ""
    """What to be reminded of, or the timer's name."""
    reminder: bool = False


@dataclass(frozen=True, slots=True)
class Alerted:
    """An alert that a rule raised."""

    name: str
    t: Nanoseconds
    area: str | None = None
    headline: str = ""
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """Survives a restart and a reboot. Times are monotonic here and wall clock in JSON, but for those of timers."""

    histories: Mapping[str, History] = field(default_factory=dict)
    """By area of the microphone, empty where it has none; so are the others."""
    pending: Mapping[str, Pending] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    """What the device said last."""
    timers: tuple[Timer, ...] = ()
    alerts: tuple[Alerted, ...] = ()
    """Newest last."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one detector last saw through one camera."""

    t: Nanoseconds
    persons: tuple[Person, ...] = ()
    seen: Nanoseconds | None = None
    """When there last was somebody."""


@dataclass(frozen=True, slots=True)
class Told:
    """One value and who told it."""

    value: Value
    unit: str
    t: Nanoseconds
    part: str
    """Source or detector."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The latest facts about the home."""

    looks: Mapping[tuple[str, str], Look] = field(default_factory=dict)
    """By (detector, camera)."""
    states: Mapping[str, ThingState] = field(default_factory=dict)
    readings: Mapping[tuple[str, str], Told] = field(default_factory=dict)
    """By (area, quantity)."""
    health: Mapping[str, HealthChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """What one microphone heard and others may have heard too."""

    heard: Observation
    until: Nanoseconds
    """Wait for the others no longer than this."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the microphones heard lately."""

    held: tuple[Held, ...] = ()
    woken: Mapping[str, Nanoseconds] = field(default_factory=dict)
    """Microphone -> when it last heard the wake word."""
    answered: tuple[Observation, ...] = ()
    """The last utterance that was taken, and those that were not taken for its sake."""
    far: Mapping[str, Nanoseconds] = field(default_factory=dict)
    """Detector -> up to when it has told everything."""


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Everything between two steps. Equal states need not be stored twice: only `memory` compares."""

    memory: Memory = field(default_factory=Memory)
    sight: Sight = field(default_factory=Sight, compare=False, repr=False)
    hearing: Hearing = field(default_factory=Hearing, compare=False, repr=False)

    def history(self, here: str | None) -> History:
        """What was said in one area."""
        return self.memory.histories.get(here or "", ())

    def to_json(self, now: Nanoseconds, wall: datetime) -> Json:
        """JSON-ready; `wall` is `Clock.wall(now)`."""
        shift, memory = wall_ns(wall) - now, self.memory
        return {
            "schema": SCHEMA,
            "histories": {area: [_exchange(e, shift) for e in past] for area, past in memory.histories.items()},
            "pending": {area: _pending(each, shift) for area, each in memory.pending.items()},
            "said": dict(memory.said),
            "timers": [asdict(timer) for timer in memory.timers],
            "alerts": [{**asdict(alert), "t": alert.t + shift} for alert in memory.alerts],
        }

    @staticmethod
    def from_json(data: Json, now: Nanoseconds, wall: datetime) -> "DialogueState":
        """What `to_json` gave, after a restart or a reboot; what lies in the future is moved to now.

        Raises ValueError for another schema, LookupError, TypeError or AttributeError for what is no state.
        """
        if data["schema"] != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, got {data['schema']}")
        back = _Back(wall_ns(wall) - now, now)
        return DialogueState(
            Memory(
                histories={str(area): tuple(map(back.exchange, past)) for area, past in data["histories"].items()},
                pending={str(area): back.pending(each) for area, each in data["pending"].items()},
                said={str(area): str(text) for area, text in data["said"].items()},
                timers=tuple(_timer(each) for each in data["timers"]),
                alerts=tuple(back.alert(each) for each in data["alerts"]),
            )
        )


def wall_ns(moment: datetime) -> Nanoseconds:
    """Nanoseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _exchange(exchange: Exchange, shift: Nanoseconds) -> Json:
    return {
        "t": exchange.t + shift,
        "here": exchange.here,
        "order": _order(exchange.order),
        "grounding": _grounding(exchange.grounding),
        "before": {key: _thing_state(state, shift) for key, state in exchange.before.items()},
    }


def _pending(pending: Pending, shift: Nanoseconds) -> Json:
    return {
        "t": pending.t + shift,
        "question": pending.question,
        "score": pending.score,
        "then": [_order(order) for order in pending.then],
    }


def _order(order: Order) -> Json:
    return Interpretation((order,)).to_json()["orders"][0]


def _grounding(grounding: Grounding) -> Json:
    return {**asdict(grounding), "slots": dict(grounding.slots)}


def _thing_state(state: ThingState, shift: Nanoseconds) -> Json:
    return {**asdict(state), "changed": None if state.changed is None else state.changed + shift}


def _timer(data: Mapping[str, Any]) -> Timer:
    area = None if data["area"] is None else str(data["area"])
    return Timer(str(data["name"]), area, int(data["set"]), int(data["due"]), str(data["text"]), bool(data["reminder"]))


@dataclass(frozen=True, slots=True)
class _Back:
    """From JSON and wall clock to data and monotonic time."""

    shift: Nanoseconds
    now: Nanoseconds

    def t(self, wall: Json) -> Nanoseconds:
        return min(int(wall) - self.shift, self.now)

    def exchange(self, data: Json) -> Exchange:
        before = {str(key): self.thing_state(state) for key, state in data["before"].items()}
        here = None if data["here"] is None else str(data["here"])
        return Exchange(self.t(data["t"]), here, _an_order(data["order"]), _a_grounding(data["grounding"]), before)

    def pending(self, data: Json) -> Pending:
        return Pending(
            t=self.t(data["t"]),
            question=str(data["question"]),
            score=float(data["score"]),
            then=tuple(_an_order(order) for order in data["then"]),
        )

    def thing_state(self, data: Json) -> ThingState:
        state = ThingState(**data)
        return state if state.changed is None else replace(state, changed=self.t(state.changed))

    def alert(self, data: Json) -> Alerted:
        because = tuple(map(str, data["because"]))
        return Alerted(str(data["name"]), self.t(data["t"]), data["area"], str(data["headline"]), because)


def _an_order(data: Json) -> Order:
    return Interpretation.from_json({"score": 1, "because": (), "orders": [data]}).orders[0]


def _a_grounding(data: Json) -> Grounding:
    lists = {name: tuple(map(str, data[name])) for name in ("targets", "candidates", "because")}
    slots = {str(name): str(value) for name, value in data["slots"].items()}
    return Grounding(**{**data, **lists, "slots": slots, "p": float(data["p"])})
