"""Publishes to the broker."""

from typing import Literal, Protocol, runtime_checkable

from edgefuse.config.models import PublisherConfig
from edgefuse.core.errors import ConfigError
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Message, Nanoseconds
from edgefuse.mqtt import Extras


@runtime_checkable
class Sender(Protocol):
    """The half of the connection that sends."""

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        extras: Extras = ...,
        heard: bool = False,
    ) -> None:
        """Return after PUBACK. Raises PublishError."""


class MqttPublisher:
    """Sends messages over the daemon's own connection, with their id as user property."""

    class Config(PublisherConfig):
        """`{type: mqtt}`; the broker is in `mqtt:`."""

        type: Literal["mqtt"] = "mqtt"

    def __init__(self, config: Config, context: Context) -> None:
        """Raise ConfigError where the bus cannot send."""
        del config
        if not isinstance(context.bus, Sender):
            raise ConfigError(f"publishers.{context.name}: the bus cannot publish; got {type(context.bus).__name__}")
        self._sender: Sender = context.bus
        self._clock = context.clock

    async def publish(self, message: Message) -> None:
        """Return after PUBACK. Raises PublishError; an alert that nobody is subscribed to is not taken either."""
        extras = Extras(message_id=message.id, expiry_s=self._left(message), content_type=_content_type(message))
        await self._sender.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            extras=extras,
            heard=message.cls == "alert",
        )

    async def close(self) -> None:
        """Nothing to let go: the connection is the daemon's."""

    def _left(self, message: Message) -> int | None:
        """Whole seconds for the broker to keep it; at least one, so that clocks that differ a little do no harm."""
        if message.expires is None:
            return None
        wall: Nanoseconds = int(self._clock.wall(self._clock.now()).timestamp() * 1e6) * 1000
        return max(1, -((wall - message.expires) // SECOND))


def _content_type(message: Message) -> str:
    return "application/json" if message.payload[:1] in {b"{", b"["} else "text/plain"
