"""One network connection to the broker, from CONNECT to its end; the only user of the MQTT client library.

A new client is made for every connection, so nothing of the library's own queue outlives it: what was not
acknowledged is sent again by the outbox, once, and an acknowledgement never reaches the wrong connection.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgefuse.mqtt.address import Address

Version: TypeAlias = Literal["5", "3.1.1"]
IN_FLIGHT = 100
"""QoS 1 messages that may be unacknowledged at once, in each direction."""
CONNECT_TIMEOUT_S = 5.0
UNSUPPORTED_VERSION = 0x84
NO_SUBSCRIBERS = 0x10
"""MQTT 5, 3.4.2.1: the message is accepted, but there are no subscribers."""
_PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True)
class Extras:
    """What MQTT 5 can say about a message beside its payload; 3.1.1 leaves it out."""

    message_id: str = ""
    """User property `id`."""
    expiry_s: int | None = None
    content_type: str = "application/json"
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """What is said in CONNECT."""

    client_id: str
    keepalive_s: int
    session_expiry_s: int
    will_topic: str
    will_payload: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the library gave it."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int
    response_topic: str | None
    correlation: bytes | None


class Events(Protocol):
    """Told on the network thread what happens on a wire."""

    def opened(self, wire: "Wire", *, session_present: bool) -> None:
        """CONNACK said yes."""

    def refused(self, wire: "Wire", reason: str, code: int) -> None:
        """CONNACK said no."""

    def closed(self, wire: "Wire", reason: str) -> None:
        """The connection is gone; nothing more comes from this wire."""

    def acknowledged(self, wire: "Wire", mid: int, code: int, why: str) -> None:
        """PUBACK; `code` is 0 when the broker took the message for somebody, else `why` says it in words."""

    def received(self, wire: "Wire", message: Received) -> None:
        """A message came; call `wire.ack` for QoS 1."""

    def heard_from(self) -> None:
        """Any packet came, so the broker lives."""

    def subscribed(self, mid: int, failures: Sequence[bool]) -> None:
        """SUBACK, one entry per filter: whether it was refused."""


class Wire:
    """One connection."""

    def __init__(self, address: Address, hello: Hello, version: Version, events: Events) -> None:
        self.version = version
        self._address = address
        self._hello = hello
        self._events = events
        self._client = self._make_client()

    def open(self) -> None:
        """Connect the socket, send CONNECT and start the network thread. Blocks; raises OSError."""
        properties = None
        if self.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._hello.session_expiry_s
            properties.ReceiveMaximum = IN_FLIGHT
        clean: Any = {"clean_start": False} if self.version == "5" else {}
        address = self._address
        self._client.connect(address.host, address.port, self._hello.keepalive_s, properties=properties, **clean)
        self._client.loop_start()

    def subscribe(self, topic_filters: Sequence[str]) -> int | None:
        """Ask for messages with QoS 1. Returns the id of the SUBACK to come."""
        wanted: list[Any] = [(name, SubscribeOptions(qos=1) if self.version == "5" else 1) for name in topic_filters]
        return self._client.subscribe(wanted)[1] if wanted else None

    def publish(self, topic: str, payload: bytes, extras: Extras, *, qos: int, retain: bool) -> int | None:
        """Hand over one message. Returns its id, or None when the connection is gone. Raises ValueError."""
        properties = self._publish_properties(extras) if self.version == "5" else None
        info = self._client.publish(topic, payload, qos, retain, properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def ack(self, message: Received) -> None:
        """Send PUBACK; any thread, harmless when the connection is gone."""
        if self._client.is_connected():
            self._client.ack(message.mid, message.qos)

    def disconnect(self) -> None:
        """Say DISCONNECT, which discards the last will."""
        self._client.disconnect()

    def join(self) -> None:
        """End the network thread and close the socket. Blocks for a moment."""
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._hello.client_id,
            clean_session=None if self.version == "5" else False,
            protocol=_PROTOCOLS[self.version],
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.suppress_exceptions = True
        client.max_inflight_messages_set(IN_FLIGHT)
        client.will_set(self._hello.will_topic, self._hello.will_payload, qos=1, retain=True)
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls is not None:
            client.tls_set_context(self._address.tls)
        self._listen(client)
        return client

    def _listen(self, client: Client) -> None:
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_log = self._on_log

    def _on_connect(self, _client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, _props: Any) -> None:
        if code.is_failure:
            self._events.refused(self, str(code).lower(), code.value)
        else:
            self._events.opened(self, session_present=bool(flags.session_present))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _props: Any
    ) -> None:
        by_broker = flags.is_disconnect_packet_from_server
        why = f"closed by the broker: {str(code).lower()}" if by_broker else "connection lost"
        self._events.closed(self, f"{self._address}: {why}")

    def _on_publish(self, _client: Client, _data: Any, mid: int, code: ReasonCode, _props: Any) -> None:
        taken = not code.is_failure and code.value != NO_SUBSCRIBERS
        self._events.acknowledged(self, mid, 0 if taken else code.value, "" if taken else str(code).lower())

    def _on_subscribe(self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], _props: Any) -> None:
        self._events.subscribed(mid, [code.is_failure for code in codes])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        props = message.properties
        received = Received(
            message.topic,
            bytes(message.payload),
            message.retain,
            message.mid,
            message.qos,
            getattr(props, "ResponseTopic", None),
            getattr(props, "CorrelationData", None),
        )
        self._events.received(self, received)

    def _on_log(self, _client: Client, _data: Any, _level: int, text: str) -> None:
        if text.startswith("Received"):
            self._events.heard_from()

    @staticmethod
    def _publish_properties(extras: Extras) -> Properties:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = extras.content_type
        if extras.message_id:
            properties.UserProperty = ("id", extras.message_id)
        if extras.expiry_s is not None:
            properties.MessageExpiryInterval = extras.expiry_s
        if extras.response_topic:
            properties.ResponseTopic = extras.response_topic
        if extras.correlation is not None:
            properties.CorrelationData = extras.correlation
        return properties


def matcher(topic_filter: str) -> Callable[[str], bool]:
    """Whether a topic matches a filter; a shared subscription matches like its inner filter."""
    inner = topic_filter.split("/", 2)[2] if topic_filter.startswith("$share/") else topic_filter
    return lambda topic: topic_matches_sub(inner, topic)


def _no_delay(_client: Client, _data: Any, sock: Any) -> None:
    """Nagle's algorithm costs a QoS 1 round trip of some 40 ms on top of under one."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
