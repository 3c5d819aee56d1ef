"""Sensors that speak MQTT."""

import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field, StringConstraints, field_validator

from edgefuse.config.models import Name, SourceConfig, Strict
from edgefuse.core.ports import Context, Emit, Incoming
from edgefuse.core.types import Modality, Reading
from edgefuse.sources.payloads import Pick, Wanted, availability, parse, pointer_tokens


class PickConfig(Strict):
    """`{at: /sensor/t, unit: F}`: where a value is, and value * scale + offset in which unit."""

    at: str = ""
    """JSON pointer (RFC 6901); empty is the whole message."""
    unit: str = ""
    """Unit of the message; known ones are converted to SI."""
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0

    @field_validator("at")
    @classmethod
    def _is_a_pointer(cls, at: str) -> str:
        pointer_tokens(at)
        return at


class MqttReadings:
    """Emits a Reading for every value of every message on a topic; never fails by itself.

    A message that makes no sense is counted and settled at once; all others are settled when all their readings are.
    """

    class Config(SourceConfig):
        """`{type: mqtt, topic: zigbee2mqtt/hall_climate, area: hall}`."""

        type: Literal["mqtt"]
        topic: Annotated[str, StringConstraints(min_length=1, max_length=65535)]
        """Topic filter; `+` and `#` are allowed."""
        quantity: Name | None = None
        """Of plain values (`21.5`, `ON`); default by the last parts of the topic."""
        unit: str = ""
        """Of plain values; known ones are converted to SI."""
        values: dict[Name, PickConfig | str] = Field(default_factory=dict)
        """Quantity -> JSON pointer, or {at, unit, scale, offset}, for what is not recognised by itself."""
        availability: str | None = None
        """Topic that says online or offline; default where the device's make tells it."""
        stale_s: Annotated[float, Field(gt=0)] | None = 3600

        @field_validator("topic", "availability")
        @classmethod
        def _is_a_filter(cls, topic: str | None) -> str | None:
            levels = (topic or "x").split("/")
            for place, level in enumerate(levels):
                misplaced = ("#" in level and (level != "#" or place + 1 < len(levels))) or (
                    "+" in level and level != "+"
                )
                if misplaced or "\0" in level:
                    raise ValueError(f"expected an MQTT topic filter (+ and # stand alone, # last), got '{topic}'")
            return topic

        @field_validator("values")
        @classmethod
        def _are_pointers(cls, values: dict[str, PickConfig | str]) -> dict[str, PickConfig | str]:
            for at in values.values():
                if isinstance(at, str):
                    pointer_tokens(at)
            return values

    modality: Modality = "sensor"

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        picks = {name: PickConfig(at=at) if isinstance(at, str) else at for name, at in config.values.items()}
        values = {name: Pick(pick.at, pick.unit, pick.scale, pick.offset) for name, pick in picks.items()}
        self._wanted = Wanted(config.quantity, config.unit, values)
        self._availability = config.availability or availability_topic(config.topic)
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; the bus keeps the subscriptions across reconnects."""
        subscribed = self._emit is not None
        self._emit = emit
        if not subscribed:
            if self._availability:
                self._context.bus.subscribe(self._availability, self._present)
            self._context.bus.subscribe(self._config.topic, self._read)
        await anyio.sleep_forever()

    def _present(self, message: Incoming) -> None:
        there = availability(message.payload)
        message.settled()
        if there is None:
            self._context.health.reject("availability neither online nor offline")
        elif not there:
            self._context.health.set("failed", f"offline, says {message.topic}"[:200])
        elif self._context.health.state == "failed":
            self._context.health.set("ok")

    def _read(self, message: Incoming) -> None:
        if _tells_availability(message):
            message.settled()
            return
        parsed = parse(message.topic, message.payload, self._wanted)
        for reason in parsed.rejected:
            self._context.health.reject(reason)
        if not parsed.found:
            message.settled()
            return
        if not message.retained or self._context.health.state == "starting":
            self._context.health.set("ok")
        assert self._emit is not None
        settle = Countdown(len(parsed.found), message.settled)
        for quantity, value, unit in parsed.found:
            self._emit(self._reading(message, quantity, value, unit, settle.one()))

    def _reading(self, message: Incoming, quantity: str, value: Any, unit: str, settled: Callable[[], None]) -> Reading:
        return Reading(
            source=self._context.name,
            area=self._config.area,
            t=message.t,
            quantity=quantity,
            value=value,
            unit=unit,
            retained=message.retained,
            settled=settled,
        )


class Countdown:
    """Calls `done` once, when each of `count` callbacks was called; from any thread, and however often each."""

    def __init__(self, count: int, done: Callable[[], None]) -> None:
        self._left = count
        self._done = done
        self._lock = threading.Lock()

    def one(self) -> Callable[[], None]:
        """One of the callbacks."""
        called = False

        def settled() -> None:
            nonlocal called
            with self._lock:
                if called:
                    return
                called = True
                self._left -= 1
                last = self._left == 0
            if last:
                self._done()

        return settled


def availability_topic(topic: str) -> str | None:
    """Where a device says whether it is there: zigbee2mqtt, Tasmota's last will, ESPHome's status; None if unknown."""
    parts = topic.split("/")
    if "+" in parts or "#" in parts:
        return None
    if parts[0] == "tele" and parts[-1] in {"SENSOR", "STATE"}:
        return "/".join((*parts[:-1], "LWT"))
    if parts[-1] == "state" and len(parts) >= 4 and parts[-3] in {"sensor", "binary_sensor", "text_sensor"}:  # noqa: PLR2004 - <prefix>/sensor/<id>/state
        return "/".join((*parts[:-3], "status"))
    return f"{topic}/availability" if parts[0].startswith("zigbee2mqtt") else None


def _tells_availability(message: Incoming) -> bool:
    """A wildcard also catches the availability of its devices, which is no reading."""
    return message.topic.endswith(("/availability", "/LWT")) and availability(message.payload) is not None
