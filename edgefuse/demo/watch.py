"""An independent MQTT client: hears everything that the daemon publishes, and plays the lamp and the fan."""

import json
import queue
from collections.abc import Iterator, Mapping
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edgefuse.core.ports import Clock
from edgefuse.demo.timeline import Received


class Watcher:
    """Subscribed to everything; `things` maps a command topic to the state topic of the thing behind it."""

    def __init__(self, clock: Clock, things: Mapping[str, str]) -> None:
        self._clock = clock
        self._things = things
        self._arrived: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, "edgefuse-demo-watcher", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)

    def connect(self, port: int) -> bool:
        """Try once; False when no broker listens there yet."""
        try:
            if self._client.connect("127.0.0.1", port, keepalive=30) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
        except OSError:
            return False
        self._client.loop_start()
        return True

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def next(self, timeout_s: float) -> Received | None:
        """The oldest message not yet taken; None when nothing comes in time."""
        try:
            return self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def rest(self) -> Iterator[Received]:
        """Whatever has arrived by now."""
        while not self._arrived.empty():
            yield self._arrived.get()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        payload = decoded(message.payload)
        self._arrived.put(Received(self._clock.now(), message.topic, payload, message.retain))
        if message.topic in self._things:
            client.publish(self._things[message.topic], message.payload, qos=1, retain=True)


def decoded(payload: bytes | bytearray) -> Any:
    """JSON where it is JSON, else text."""
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
