"""The data that flows: Sample -> Observation -> Decision -> Action -> Message.

Times are integer nanoseconds of `Clock.now()` (monotonic) unless a field says otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = Any
"""What `json.dumps` takes."""

Modality: TypeAlias = Literal["audio", "vision", "sensor"]
Value: TypeAlias = float | bool | str
Nanoseconds: TypeAlias = int

SECOND: Nanoseconds = 1_000_000_000
SAMPLE_RATE = 16_000
"""Hz, of every AudioChunk."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Consecutive mono samples of one source."""

    source: str
    area: str | None
    t: Nanoseconds
    """Of the first sample."""
    pcm: NDArray[np.int16]
    """(n,) at 16 kHz."""

    @property
    def end(self) -> Nanoseconds:
        """Time just after the last sample."""
        return self.t + len(self.pcm) * SECOND // SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one source; its masks are burnt in already."""

    source: str
    area: str | None
    t: Nanoseconds
    image: NDArray[np.uint8]
    """(height, width, 3), BGR."""

    @property
    def end(self) -> Nanoseconds:
        """Same as t: a frame is a moment."""
        return self.t


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one sensor."""

    source: str
    area: str | None
    t: Nanoseconds
    quantity: str
    """SI names in snake case: temperature (degC), humidity (%), co2 (ppm), contact, motion, smoke ..."""
    value: Value
    unit: str = ""
    retained: bool = False
    """The broker kept it; it may be old."""
    settled: Callable[[], None] | None = field(default=None, compare=False, repr=False)
    """Called once, when everything that follows from this reading is on disk."""

    @property
    def end(self) -> Nanoseconds:
        """Same as t: a reading is a moment."""
        return self.t


Sample: TypeAlias = AudioChunk | Frame | Reading


@dataclass(frozen=True, slots=True)
class Observation:
    """What one detector asserts about one stretch of time."""

    id: str
    """Unique and the same in every replay: `<detector>/<source>/<end>/<n>`, see `observation_id`."""
    detector: str
    """Name in the configuration; for a plain sensor value the name of its source."""
    source: str
    modality: Modality
    kind: str
    """object, scene, motion, reading, climate, utterance, wake, sound ..."""
    label: str
    """person, temperature, turn_on ..."""
    score: float
    """0..1: how sure the detector is that the label holds. 0 with kind `scene` means looked and saw none."""
    start: Nanoseconds
    end: Nanoseconds
    """Event time: the window orders by it."""
    area: str | None = None
    data: Mapping[str, Json] = field(default_factory=dict)
    """JSON-ready facts: value, unit, box, zones, count, text, slots ..."""
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


def observation_id(detector: str, source: str, end: Nanoseconds, n: int = 0) -> str:
    """Name an observation so that a replay gives it the same name."""
    return f"{detector}/{source}/{end}/{n}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A fused belief at one moment."""

    belief: str
    area: str | None
    t: Nanoseconds
    p: float
    """Posterior probability, 0..1."""
    state: bool
    """p against the belief's threshold, with hysteresis."""
    since: Nanoseconds
    """When `state` last changed."""
    contributions: Mapping[str, float]
    """Log-odds that each modality adds; with the prior they sum to the log-odds of p."""
    prior: float
    """Log-odds of the prior."""
    without: Mapping[str, float]
    """p as it would be without each modality."""
    missing: tuple[str, ...]
    """Modalities that should speak and cannot."""
    evidence: tuple[str, ...]
    """Ids of the observations behind it."""
    because: tuple[str, ...] = ()
    """One readable sentence per contribution, strongest first."""
    operating: tuple[tuple[float, float, float], ...] = ()
    """(threshold, precision, recall), ascending, as measured with what is missing now missing; empty: not known."""
    suspect: tuple[str, ...] = ()
    """Modalities that have contradicted all the others for long."""
    answers: int = 0
    """Of the user, that moved p."""

    def expected(self, threshold: float) -> tuple[float, float] | None:
        """Precision and recall at a threshold while what is missing is missing; None where nobody has measured it."""
        reached = [point for point in self.operating if point[0] <= threshold] or list(self.operating[:1])
        return reached[-1][1:] if reached else None

    def threshold_for(self, precision: float) -> float | None:
        """The lowest threshold from which on a precision is expected; None where it never is or is not known."""
        least = None
        for at, reached, _ in reversed(self.operating):
            if reached < precision:
                break
            least = at
        return least


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A part of the system changed state."""

    part: str
    """Name of a source or detector in the configuration."""
    state: "HealthState"
    reason: str
    t: Nanoseconds


HealthState: TypeAlias = Literal["starting", "ok", "degraded", "stale", "failed", "ended"]
"""`ok` and `degraded` are alive; `stale`, `failed` and `ended` are not."""

Fact: TypeAlias = Observation | Decision | HealthChange
"""What rules are told."""

ActionKind: TypeAlias = Literal["command", "alert", "publish", "say"]
Severity: TypeAlias = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a rule wants done."""

    id: str
    """The same in every replay: derived from rule, wall time of the event and place in the rule."""
    rule: str
    kind: ActionKind
    name: str
    """command: the thing; alert: its name; publish: the topic; say: the area."""
    t: Nanoseconds
    data: Mapping[str, Json]
    """command: intent, slots; alert: CAP fields; publish: payload, retain; say: text, language."""
    because: tuple[str, ...]
    evidence: tuple[str, ...]
    """Ids of observations; beliefs as `belief:<name>`."""


MessageClass: TypeAlias = Literal["intent", "alert", "state"]


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox. Times are wall clock: rows outlive the process."""

    id: str
    cls: MessageClass
    """An intent expires, an alert is kept for days, a state replaces the older one of its topic."""
    topic: str
    payload: bytes
    created: Nanoseconds
    """Wall clock, ns since 1970 UTC."""
    expires: Nanoseconds | None = None
    """Wall clock."""
    retain: bool = False
    qos: Literal[0, 1, 2] = 1
    needs_ack: bool = False
    """Stays after PUBACK until the controller sends `{id}` on `ack`."""
