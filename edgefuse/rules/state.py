"""What rules remember. `Memory` outlives the process; what is known about the world does not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from edgefuse.core.types import Decision, HealthChange, Json, Nanoseconds, Observation

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SCHEMA = 1
"""Of the stored state."""
EVERY = "*"
"""Stands for all rules in `Memory.mutes`."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A condition that lasts (`for_s`) or sticks (`hysteresis`)."""

    since: Nanoseconds | None = None
    """Holds since; None while it does not."""
    on: bool = False
    """Was true last, for the hysteresis."""
    lasted: bool = False
    """Has been found to have lasted for as long as it must; a fact that comes late does not take that back."""
    restored: bool = False
    """Comes from disk and has not been confirmed or denied yet."""


@dataclass(frozen=True, slots=True)
class Past:
    """What one rule did."""

    true: bool = False
    """Has fired for the condition that holds; it must turn false before the rule fires again."""
    fired: Nanoseconds | None = None
    rank: tuple[int, int, int] | None = None
    """How bad it was: severity, certainty, class of p."""
    stamp: int = 0
    """Wall clock in ms of the last firing; part of the actions' ids, always rising."""
    alerts: Mapping[str, str] = field(default_factory=dict)
    """Alert -> id of its last message."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Silence that was asked for."""

    begin: Nanoseconds
    until: Nanoseconds


@dataclass(frozen=True, slots=True)
class Memory:
    """Survives a restart and a reboot. Times are monotonic here and wall clock in JSON."""

    armed: bool = False
    mutes: Mapping[str, Mute] = field(default_factory=dict)
    past: Mapping[str, Past] = field(default_factory=dict)
    """By rule."""
    holds: Mapping[str, Hold] = field(default_factory=dict)
    """By condition, see `edgefuse.rules.conditions.Node.key`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one camera last showed of one `seen` condition."""

    frame: Nanoseconds
    count: int = 0
    """In that frame."""
    enough: Nanoseconds | None = None
    """When there last were enough."""
    observation: Observation | None = None
    """One of them."""


@dataclass(frozen=True, slots=True)
class Known:
    """The latest facts."""

    beliefs: Mapping[str, Decision] = field(default_factory=dict)
    readings: Mapping[tuple[str, str], Observation] = field(default_factory=dict)
    """By (source or detector, quantity)."""
    looks: Mapping[str, Mapping[tuple[str, str], Look]] = field(default_factory=dict)
    """By condition, then by (detector, source)."""
    health: Mapping[str, HealthChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleState:
    """Everything between two steps. Equal states need not be stored twice: only `memory` compares."""

    memory: Memory = field(default_factory=Memory)
    known: Known = field(default_factory=Known, compare=False, repr=False)
    due: Mapping[str, Nanoseconds] = field(default_factory=dict, compare=False, repr=False)
    """Rule -> when time alone may change it."""
    t: Nanoseconds | None = field(default=None, compare=False)
    """Up to when rules have been looked at."""
    stale: bool = field(default=True, compare=False)
    """All rules must be looked at in the next step."""

    def to_json(self, now: Nanoseconds, wall: datetime) -> Json:
        """JSON-ready; `wall` is `Clock.wall(now)`."""
        shift = wall_ns(wall) - now
        memory = self.memory
        return {
            "schema": SCHEMA,
            "armed": memory.armed,
            "mutes": {name: [mute.begin + shift, mute.until + shift] for name, mute in memory.mutes.items()},
            "past": {name: _past_to_json(past, shift) for name, past in memory.past.items()},
            "holds": {
                key: [None if hold.since is None else hold.since + shift, hold.on]
                for key, hold in memory.holds.items()
                if hold.since is not None or hold.on
            },
        }

    @staticmethod
    def from_json(data: Json, now: Nanoseconds, wall: datetime) -> "RuleState":
        """What `to_json` gave, after a restart or a reboot.

        A past that lies in the future (the wall clock was set back) is moved to now: a cooldown may then last longer,
        never shorter. A mute never lasts longer than it was asked to. Raises ValueError for another schema, LookupError
        or TypeError for what is no state.
        """
        if data["schema"] != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, got {data['schema']}")
        shift = wall_ns(wall) - now
        memory = Memory(
            armed=bool(data["armed"]),
            mutes={name: _mute(begin - shift, until - shift, now) for name, (begin, until) in data["mutes"].items()},
            past={name: _past_from_json(past, shift, now) for name, past in data["past"].items()},
            holds={
                key: Hold(None if since is None else min(since - shift, now), bool(on), restored=True)
                for key, (since, on) in data["holds"].items()
            },
        )
        return RuleState(memory)


def wall_ns(moment: datetime) -> Nanoseconds:
    """Nanoseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _mute(begin: Nanoseconds, until: Nanoseconds, now: Nanoseconds) -> Mute:
    ahead = max(0, begin - now)
    return Mute(begin - ahead, until - ahead)


def _past_to_json(past: Past, shift: Nanoseconds) -> Json:
    return {
        "true": past.true,
        "fired": None if past.fired is None else past.fired + shift,
        "rank": None if past.rank is None else list(past.rank),
        "stamp": past.stamp,
        "alerts": dict(past.alerts),
    }


def _past_from_json(data: Json, shift: Nanoseconds, now: Nanoseconds) -> Past:
    rank = data["rank"]
    return Past(
        true=bool(data["true"]),
        fired=None if data["fired"] is None else min(data["fired"] - shift, now),
        rank=None if rank is None else (rank[0], rank[1], rank[2]),
        stamp=int(data["stamp"]),
        alerts=dict(data["alerts"]),
    )


def arm(state: RuleState, armed: bool) -> RuleState:  # noqa: FBT001 - the state is the message
    """Arm or disarm the device. A rule whose condition holds already fires in the next step."""
    return replace(state, memory=replace(state.memory, armed=armed), stale=True)


def mute(state: RuleState, rule: str | None, until: Nanoseconds, now: Nanoseconds) -> RuleState:
    """Silence one rule, or all with None, until a monotonic time; a time that has passed ends it."""
    mutes = {name: each for name, each in state.memory.mutes.items() if each.until > now}
    mutes.pop(rule or EVERY, None)
    if until > now:
        mutes[rule or EVERY] = Mute(now, until)
    return replace(state, memory=replace(state.memory, mutes=mutes), stale=True)


def muted_until(memory: Memory, rule: str, now: Nanoseconds) -> Nanoseconds | None:
    """When the rule may speak again; None if it may now."""
    ends = [memory.mutes[name].until for name in (rule, EVERY) if name in memory.mutes]
    return max((end for end in ends if end > now), default=None)


def keep(state: RuleState, rules: Iterable[str], conditions: Iterable[str]) -> RuleState:
    """Forget rules and conditions that are no longer configured; arming and mutes of all rules stay."""
    names, keys, memory = set(rules), set(conditions), state.memory
    kept = Memory(
        armed=memory.armed,
        mutes={name: each for name, each in memory.mutes.items() if name in names or name == EVERY},
        past={name: past for name, past in memory.past.items() if name in names},
        holds={key: hold for key, hold in memory.holds.items() if key in keys},
    )
    return replace(state, memory=kept, known=Known(), due={}, stale=True)
