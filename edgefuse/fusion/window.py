"""Event time: what was measured first is believed first, whoever was quicker to tell.

The watermark follows Akidau et al., "The Dataflow Model" (VLDB 2015): the instant up to which nothing more is
expected. Here every part says how far it has come, so the watermark is exact as long as the parts keep up.
"""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgefuse.core.types import SECOND, HealthChange, Modality, Nanoseconds, Observation

LATENESS: Mapping[Modality, Nanoseconds] = {"audio": 3 * SECOND // 2, "vision": SECOND, "sensor": 0}
"""How long a window waits for a part that lags; sensors have no regular progress, so nobody waits for them."""

_Key = tuple[Nanoseconds, int, str, str]


def _key(fact: Observation | HealthChange) -> _Key:
    if isinstance(fact, HealthChange):
        return (fact.t, 0, fact.part, "")  # changes of one part at one moment keep the order of arrival
    return (fact.end, 1, fact.detector, fact.id)


@dataclass(slots=True)
class Window:
    """Holds observations back until everything earlier has been told, or has had its time."""

    lateness: Mapping[str, Nanoseconds]
    """Part -> how long it may lag. Only these parts hold the watermark."""
    watermark: Nanoseconds | None = None
    """Everything up to here has been released; never goes back."""
    late: int = 0
    """Observations that came behind the watermark; they were delivered all the same."""
    _reported: dict[str, Nanoseconds] = field(default_factory=dict)
    _alive: dict[str, bool] = field(default_factory=dict)
    _buffer: list[tuple[_Key, Observation | HealthChange]] = field(default_factory=list)

    def add(self, fact: Observation | HealthChange) -> None:
        """Buffer one fact; the order of adding does not matter."""
        key = _key(fact)
        if isinstance(fact, Observation) and self.watermark is not None and key[0] <= self.watermark:
            self.late += 1
        insort(self._buffer, (key, fact), key=lambda entry: entry[0])

    def reported(self, part: str, until: Nanoseconds) -> None:
        """Note that a part has told everything up to `until`; it lives, unless it is known to be dead."""
        self._alive.setdefault(part, True)
        self._reported[part] = max(until, self._reported.get(part, until))

    def alive(self, part: str, *, alive: bool) -> None:
        """Note whether a part can hold the watermark."""
        self._alive[part] = alive

    def _lags(self, t: Nanoseconds) -> list[str]:
        """Live parts that have not told everything up to `t`."""
        return [part for part in self.lateness if self._alive.get(part, False) and self._reported.get(part, t - 1) < t]

    def advance(self, now: Nanoseconds) -> Nanoseconds:
        """Move the watermark as far as the parts and `now` allow, and return it."""
        limits = [max(now - self.lateness[part], self._reported.get(part, 0)) for part in self._lags(now)]
        reached = min([now, *limits])
        self.watermark = reached if self.watermark is None else max(self.watermark, reached)
        return self.watermark

    def peek(self) -> Nanoseconds | None:
        """Event time of the earliest fact that waits."""
        return self._buffer[0][0][0] if self._buffer else None

    def take(self, until: Nanoseconds) -> list[Observation | HealthChange]:
        """Release what happened at or before `until`, in order of (end, part, id)."""
        count = 0
        while count < len(self._buffer) and self._buffer[count][0][0] <= until:
            count += 1
        released = [fact for _, fact in self._buffer[:count]]
        del self._buffer[:count]
        return released

    def due(self, t: Nanoseconds) -> Nanoseconds:
        """When the watermark reaches `t` by time alone, should no part say anything more."""
        return max([t, *(t + self.lateness[part] for part in self._lags(t))])
