"""What a part needs around it, without a device, a broker or a model store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edgefuse.config.models import Device, Site
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Bus, Clock, Context, Incoming, Model, Models
from edgefuse.core.types import SECOND, Modality, Nanoseconds

_START = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)


@dataclass(slots=True)
class FakeClock:
    """Stands still until it is moved."""

    t: Nanoseconds = 0
    start: datetime = _START
    """UTC time at t = 0; a Monday noon."""

    def now(self) -> Nanoseconds:
        """Where it stands."""
        return self.t

    def wall(self, t: Nanoseconds) -> datetime:
        """UTC time of an instant."""
        return self.start + timedelta(microseconds=t // 1000)

    def cpu(self) -> Nanoseconds:
        """Nothing takes any CPU time."""
        return 0

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.t += round(seconds * SECOND)


@dataclass(slots=True)
class FakeBus:
    """Keeps subscriptions and what was published; `deliver` plays the broker."""

    clock: Clock = field(default_factory=FakeClock)
    retained: dict[str, bytes] = field(default_factory=dict)
    """Topic -> what the broker keeps; given to every new subscription that matches."""
    handlers: list[tuple[str, Callable[[Incoming], None]]] = field(default_factory=list)
    published: list[tuple[str, bytes, bool]] = field(default_factory=list)
    """Topic, payload, retain."""
    settled: list[str] = field(default_factory=list)
    """Topics of the messages that the broker may forget."""

    def subscribe(self, topic_filter: str, handler: Callable[[Incoming], None]) -> None:
        """Note the handler, and give it what is retained."""
        self.handlers.append((topic_filter, handler))
        for topic, payload in self.retained.items():
            if matches(topic_filter, topic):
                handler(self._incoming(topic, payload, retained=True))

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        extras: object = None,
        heard: bool = False,
    ) -> None:
        """Note the message; it is acknowledged at once."""
        del qos, extras, heard
        self.published.append((topic, payload, retain))

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> int:
        """Hand a message to every handler whose filter matches; says to how many."""
        message = self._incoming(topic, payload, retained=retained)
        matching = [handler for topic_filter, handler in self.handlers if matches(topic_filter, topic)]
        for handler in matching:
            handler(message)
        return len(matching)

    def _incoming(self, topic: str, payload: bytes, *, retained: bool) -> Incoming:
        return Incoming(topic, payload, retained, self.clock.now(), lambda: self.settled.append(topic))


def matches(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT topic filter covers a topic (MQTT 5, 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"#", "+"}:
        return False
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(given) or level not in {"+", given[i]}:
            return False
    return len(wanted) == len(given)


class NoModels:
    """A model store that is empty."""

    def path(self, name: str) -> Path:
        """Raise ModelError."""
        raise ModelError(f"no model '{name}' in this test; give make_context a real store")

    def card(self, name: str) -> Mapping[str, Any]:
        """Raise ModelError."""
        raise ModelError(f"no model '{name}' in this test; give make_context a real store")

    def engine(self, name: str) -> tuple[str, str]:
        """Raise ModelError."""
        raise ModelError(f"no model '{name}' in this test; give make_context a real store")

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Model:
        """Raise ModelError."""
        del health, threads
        raise ModelError(f"no model '{name}' in this test; give make_context a real store")


def make_context(  # noqa: PLR0913  every part of a Context can be chosen, by name
    name: str = "part",
    *,
    kind: str = "detector",
    clock: Clock | None = None,
    bus: Bus | None = None,
    models: Models | None = None,
    site: Site | None = None,
    modalities: Mapping[str, Modality] | None = None,
) -> Context:
    """A Context with fakes for whatever is not given."""
    clock = clock or FakeClock()
    return Context(
        name=name,
        clock=clock,
        health=PartHealth(name, kind),
        bus=bus or FakeBus(clock),
        models=models or NoModels(),
        site=site or Site(device=Device(id="test", area="hall")),
        modalities=modalities or {},
    )
