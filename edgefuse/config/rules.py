"""Rules as data: conditions and actions. Evaluated by `edgefuse.rules.engine`."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from edgefuse.core.types import HealthState, Severity

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CONDITION_KEYS = ("all", "any", "not", "belief", "said", "seen", "reading", "time", "health")
"""Exactly one of these tells what kind a condition is."""
ACTION_KEYS = ("command", "alert", "publish", "say")
"""Exactly one of these tells what kind an action is."""
TimeOfDay: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]


def _branch(keys: tuple[str, ...]) -> Callable[[Any], str | None]:
    """Pick the branch of a union by its distinguishing key, so that a mistake is reported once and for that branch."""

    def tag(value: Any) -> str | None:
        found = [key for key in keys if (key in value if isinstance(value, dict) else hasattr(value, _attribute(key)))]
        return f"<{found[0]}>" if len(found) == 1 else None

    return tag


def _attribute(key: str) -> str:
    return "not_" if key == "not" else key


class _Data(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class _Held(_Data):
    for_s: Annotated[float, Field(ge=0)] = 0
    """Must hold without a break for this long."""


class _Bounds(_Held):
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0
    """Once true it stays true until the value is this far back."""


class BeliefIs(_Bounds):
    """`{belief: hall.fire, above: .9, for_s: 3}`; without bounds: its state is on."""

    belief: str
    precision: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Only where, with what is missing now missing, p is high enough for this precision, as its model was measured;
    while that cannot be reached, or is not known, the condition is unknown and fires nothing."""


class SaidBody(_Data):
    """Which command was spoken."""

    intent: list[str] | str | None = None
    """Any of these; without it every understood command."""
    slots: dict[str, str | list[str]] = Field(default_factory=dict)
    area: str | None = None
    above: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Least probability."""


class Said(_Data):
    """`{said: {intent: [turn_on, turn_off]}}`; true only at the moment it is said."""

    said: SaidBody


class SeenBody(_Data):
    """What a camera sees now."""

    label: str
    """person, vehicle, animal."""
    by: str | None = None
    """Name of the detector; default any."""
    zone: str | None = None
    area: str | None = None
    at_least: Annotated[int, Field(ge=1)] = 1
    above: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Least score."""
    within_s: Annotated[float, Field(gt=0)] = 2
    """How long a sighting counts."""


class Seen(_Held):
    """`{seen: {label: person, zone: door}}`."""

    seen: SeenBody


class ReadingBody(_Data):
    """A sensor's value."""

    of: str
    """Name of the source, or of a detector such as climate."""
    quantity: str
    above: float | None = None
    below: float | None = None
    equals: float | bool | str | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0
    within_s: Annotated[float, Field(gt=0)] | None = None
    """Older values are unknown; default: the source's `stale_s`."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> "ReadingBody":
        if self.above is None and self.below is None and self.equals is None:
            raise ValueError("expected at least one of above, below, equals")
        return self


class ReadingIs(_Held):
    """`{reading: {of: climate, quantity: temperature, above: 30}}`."""

    reading: ReadingBody


class TimeBody(_Data):
    """Time of day in the device's time zone; a span over midnight belongs to the day it began."""

    after: TimeOfDay = "00:00"
    """Included."""
    before: TimeOfDay = "00:00"
    """Not included; the same as `after` means the whole day."""
    days: list[Day] = Field(default_factory=list)
    """Default every day."""


class TimeIs(_Data):
    """`{time: {after: "22:00", before: "06:00"}}`."""

    time: TimeBody


class HealthBody(_Data):
    """State of a source, a detector or `broker`."""

    of: str
    state: list[HealthState] | HealthState = ["stale", "failed", "ended"]


class HealthIs(_Held):
    """`{health: {of: hall_cam, state: failed}, for_s: 10}`."""

    health: HealthBody


class All(_Held):
    """Every one of them."""

    all: Annotated[list["Condition"], Field(min_length=1)]


class AnyOf(_Held):
    """At least one of them."""

    any: Annotated[list["Condition"], Field(min_length=1)]


class Not(_Held):
    """Known to be false: the opposite of unknown is unknown."""

    not_: Annotated["Condition", Field(alias="not")]

    model_config = ConfigDict(populate_by_name=True)


Condition: TypeAlias = Annotated[
    Annotated[All, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[BeliefIs, Tag("<belief>")]
    | Annotated[Said, Tag("<said>")]
    | Annotated[Seen, Tag("<seen>")]
    | Annotated[ReadingIs, Tag("<reading>")]
    | Annotated[TimeIs, Tag("<time>")]
    | Annotated[HealthIs, Tag("<health>")],
    Discriminator(_branch(CONDITION_KEYS)),
]
All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()


class Command(_Data):
    """Command a thing: `{command: hall_light, intent: turn_on}`; `"{target}"` takes both from what was said."""

    command: str
    intent: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)


class Alert(_Data):
    """Raise an alert with CAP 1.2 fields."""

    alert: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    severity: Severity = "Unknown"
    urgency: Literal["Immediate", "Expected", "Future", "Past", "Unknown"] = "Unknown"
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"] | None = None
    """Default: from the probability of the beliefs behind it."""
    category: Literal[
        "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
    ] = "Safety"
    headline: str | None = None
    instruction: str | None = None
    expires_s: Annotated[float, Field(gt=0)] | None = None
    ack: bool = False
    """Keep it until the controller acknowledges it on the `ack` topic."""


class Publish(_Data):
    """Publish anything: a relative topic lies under the device's base."""

    publish: str
    payload: Any = ""
    retain: bool = False


class Say(_Data):
    """Text for a speaker, on the topic `say`."""

    say: str
    area: str | None = None


ActionSpec: TypeAlias = Annotated[
    Annotated[Command, Tag("<command>")]
    | Annotated[Alert, Tag("<alert>")]
    | Annotated[Publish, Tag("<publish>")]
    | Annotated[Say, Tag("<say>")],
    Discriminator(_branch(ACTION_KEYS)),
]

BRANCHES: tuple[type[BaseModel], ...] = (
    All, AnyOf, Not, BeliefIs, Said, Seen, ReadingIs, TimeIs, HealthIs, Command, Alert, Publish, Say
)  # fmt: skip
"""Every kind of condition and action."""


class Rule(_Data):
    """When the condition turns true, do the actions once."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    when: Condition
    then: Annotated[list[ActionSpec], Field(min_length=1)]
    cooldown_s: Annotated[float, Field(ge=0)] = 0
    """Silent for this long after firing, except for a worse event."""
    armed: bool = False
    """Only while the device is armed (topic set/arm)."""
    enabled: bool = True
