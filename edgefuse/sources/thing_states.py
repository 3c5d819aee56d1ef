"""How the things stand, as they tell it themselves on their `state` topics. Added by the daemon; not configured."""

from functools import partial
from typing import Annotated, Literal

import anyio
from pydantic import Field

from edgefuse.config.models import Name, SourceConfig
from edgefuse.core.ports import Context, Emit, Incoming
from edgefuse.core.types import Modality, Reading
from edgefuse.sources.mqtt_readings import Countdown
from edgefuse.sources.thing_payloads import fields_of


class ThingStates:
    """Emits a Reading `<thing>.<field>` for everything that a thing tells: `hall_light.on`, `front_door.locked`."""

    class Config(SourceConfig):
        """`{type: things, states: {hall_light: zigbee2mqtt/hall_light}}`."""

        type: Literal["things"] = "things"
        states: Annotated[dict[Name, str], Field(min_length=1)]
        """Thing -> topic."""
        stale_s: Annotated[float, Field(gt=0)] | None = None
        """Things speak when they change."""

    modality: Modality = "sensor"

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; the bus keeps the subscriptions across reconnects."""
        subscribed = self._emit is not None
        self._emit = emit
        topics: dict[str, list[str]] = {}
        for thing, topic in self._config.states.items():
            topics.setdefault(topic, []).append(thing)
        self._context.health.set("ok")
        if not subscribed:
            for topic, things in topics.items():
                self._context.bus.subscribe(topic, partial(self._read, things))
        await anyio.sleep_forever()

    def _read(self, things: list[str], message: Incoming) -> None:
        found = fields_of(message.payload)
        if not found:
            self._context.health.reject("state that cannot be read" if found is None else "nothing known in it")
            message.settled()
            return
        assert self._emit is not None
        settle = Countdown(len(found) * len(things), message.settled)
        for thing in things:
            for field, value in found.items():
                self._emit(
                    Reading(
                        source=self._context.name,
                        area=self._config.area,
                        t=message.t,
                        quantity=f"{thing}.{field}",
                        value=value,
                        retained=message.retained,
                        settled=settle.one(),
                    )
                )
