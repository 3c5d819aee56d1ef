"""Counters and states of the parts, the same for MQTT, logs and the dashboard."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgefuse.core.types import HealthState, Json, Nanoseconds

ALIVE: frozenset[HealthState] = frozenset({"ok", "degraded"})
_KEPT = 512
_MS = 1_000_000


@dataclass(slots=True)
class PartHealth:
    """Health of one source, detector, publisher or of the broker connection.

    Each counter has one writing thread, except `count`, which appends to a deque (atomic in CPython).
    """

    name: str
    kind: str
    """source, detector, publisher, broker, outbox."""
    state: HealthState = "starting"
    reason: str = ""
    listeners: list[Callable[["PartHealth"], None]] = field(default_factory=list, repr=False)
    """Called, on the thread that changed it, after `state` or `reason` changed."""
    last: Nanoseconds = 0
    """When the last sample or observation came."""
    samples: int = 0
    observations: int = 0
    dropped: int = 0
    restarts: int = 0
    model_cpu: Nanoseconds = 0
    """CPU time spent inside model calls."""
    info: dict[str, Json] = field(default_factory=dict)
    """engine and why, device name, frame size ..."""
    _latency: deque[Nanoseconds] = field(default_factory=lambda: deque(maxlen=_KEPT), repr=False)
    _rejected: dict[str, int] = field(default_factory=dict)
    _arrivals: deque[Nanoseconds] = field(default_factory=lambda: deque(maxlen=_KEPT), repr=False)

    def set(self, state: HealthState, reason: str = "") -> None:
        """Change state; listeners hear of it once."""
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            for listener in self.listeners:
                listener(self)

    @property
    def alive(self) -> bool:
        """Whether its silence means anything."""
        return self.state in ALIVE

    def reject(self, why: str) -> None:
        """Count one bad sample or payload under a short reason."""
        self._rejected[why] = self._rejected.get(why, 0) + 1

    @property
    def rejected(self) -> int:
        """How many bad samples so far."""
        return sum(self._rejected.values())

    def arrived(self, t: Nanoseconds) -> None:
        """Count one sample."""
        self.samples += 1
        self.last = t
        self._arrivals.append(t)

    def took(self, duration: Nanoseconds) -> None:
        """Note the latency of one sample, from its end to its observations."""
        self._latency.append(duration)

    @contextmanager
    def model_call(self, cpu: Callable[[], Nanoseconds]) -> Iterator[None]:
        """Count the CPU time of a model call; `cpu` is `Clock.cpu`."""
        begin = cpu()
        try:
            yield
        finally:
            self.model_cpu += cpu() - begin

    def rate(self, now: Nanoseconds) -> float:
        """Samples per second over the last ten seconds."""
        recent = [t for t in list(self._arrivals) if now - t <= 10_000 * _MS]
        return round(len(recent) / 10, 2)

    def snapshot(self, now: Nanoseconds) -> dict[str, Json]:
        """JSON-ready copy."""
        latency = sorted(self._latency)
        pick = (lambda q: round(latency[int(q * (len(latency) - 1))] / _MS, 3)) if latency else (lambda _: None)
        return {
            "kind": self.kind,
            "state": self.state,
            "reason": self.reason,
            "rate_hz": self.rate(now),
            "samples": self.samples,
            "observations": self.observations,
            "dropped": self.dropped,
            "rejected": self.rejected,
            "rejected_why": dict(self._rejected),
            "restarts": self.restarts,
            "latency_ms": {"p50": pick(0.5), "p99": pick(0.99)},
            "model_cpu_s": round(self.model_cpu / 1e9, 3),
            **({"info": dict(self.info)} if self.info else {}),
        }


@dataclass(slots=True)
class Health:
    """All parts of the daemon."""

    parts: dict[str, PartHealth] = field(default_factory=dict)

    def part(self, name: str, kind: str) -> PartHealth:
        """The health of a part, made at its first mention."""
        return self.parts.setdefault(name, PartHealth(name, kind))

    def snapshot(self, now: Nanoseconds) -> dict[str, Json]:
        """JSON-ready copy of all parts."""
        return {name: part.snapshot(now) for name, part in list(self.parts.items())}
