"""Messages over a real mosquitto that dies, forgets, refuses and encrypts."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import anyio
import pytest

from edgefuse.config.models import Mqtt
from edgefuse.core.errors import PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Incoming
from edgefuse.core.types import Message
from edgefuse.mqtt import Connection, NotConnectedError
from edgefuse.pipeline.clock import SystemClock, wall_ns
from edgefuse.pipeline.delivery import Delivery
from edgefuse.pipeline.outbox import Outbox
from edgefuse.publishers.mqtt import MqttPublisher

pytestmark = pytest.mark.e2e
CLOCK = SystemClock()
PATIENCE_S = 30.0
Broker: TypeAlias = Any
"""The class of conftest.py."""
MakeBroker: TypeAlias = Callable[..., Broker]
WaitFor: TypeAlias = Callable[..., None]


@dataclass
class Stack:
    """Outbox, delivery and connection as the daemon has them."""

    connection: Connection
    outbox: Outbox
    health: PartHealth
    sent: list[str] = field(default_factory=list)
    """Ids in the order in which they were handed to the broker."""


class Noting:
    """A publisher that notes what passes."""

    Config = MqttPublisher.Config

    def __init__(self, inner: MqttPublisher, sent: list[str]) -> None:
        self._inner, self._sent = inner, sent

    async def publish(self, message: Message) -> None:
        """Pass on."""
        self._sent.append(message.id)
        await self._inner.publish(message)

    async def close(self) -> None:
        """Nothing."""


def connection(url: str, device: str = "hall", **options: Any) -> tuple[Connection, PartHealth]:
    """A connection and its health."""
    health = PartHealth("broker", "broker")
    return Connection(Mqtt(url=url, **options), device, CLOCK, health), health


@asynccontextmanager
async def connected(one: Connection) -> AsyncIterator[None]:
    """Run it until the block ends, then close it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run)
        yield
        await one.close()


@asynccontextmanager
async def stack(url: str, folder: Path) -> AsyncIterator[Stack]:
    """A running stack."""
    one, health = connection(url)
    outbox = Outbox(folder / "outbox.db", CLOCK, PartHealth("outbox", "outbox"))
    await outbox.open()
    built = Stack(one, outbox, health)
    context = Context("mqtt", CLOCK, PartHealth("mqtt", "publisher"), one, cast("Any", None), None)
    publisher = Noting(MqttPublisher(MqttPublisher.Config(), context), built.sent)
    delivery = Delivery(outbox, [publisher], CLOCK, context.health, one)
    one.on_connect.append(delivery.reconnected)
    async with connected(one), anyio.create_task_group() as tasks:
        tasks.start_soon(delivery.run)
        yield built
        tasks.cancel_scope.cancel()
    await outbox.close()


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, generously."""
    with anyio.move_on_after(PATIENCE_S):
        while not condition():
            await anyio.sleep(0.01)
        return
    pytest.fail(f"{what}: not within {PATIENCE_S:.0f} s")


def alert(name: str, *, needs_ack: bool = False) -> Message:
    """An alert."""
    now = wall_ns(CLOCK.wall(CLOCK.now()))
    payload = json.dumps({"schema": 1, "id": name}).encode()
    return Message(name, "alert", "edgefuse/hall/alert/fire", payload, now, needs_ack=needs_ack)


def test_no_alert_is_lost_when_the_broker_is_killed(make_broker: MakeBroker, tmp_path: Path) -> None:
    """200 alerts, the broker killed with -9 in the middle and away for 3 s: all arrive, doubles have the same id."""
    broker = make_broker(persistent=True)
    listener = broker.listener("edgefuse/+/alert/#")
    wanted = [f"a{n}" for n in range(200)]

    async def main() -> None:
        async with stack(broker.url, tmp_path) as it:
            await until(lambda: it.connection.connected, "connected")
            for n, name in enumerate(wanted):
                if n == 100:
                    broker.kill()
                await it.outbox.commit([alert(name)], {"n": n})
                await anyio.sleep(0.005)
            await anyio.sleep(3)
            broker.start()
            await until(lambda: set(listener.ids("edgefuse/hall/alert/fire")) >= set(wanted), "all alerts arrived")

    anyio.run(main)
    ids = listener.ids("edgefuse/hall/alert/fire")
    assert set(ids) == set(wanted)
    assert [json.loads(each.payload)["id"] for each in listener.on("edgefuse/hall/alert/fire")] == ids


def test_what_the_broker_acknowledged_and_forgot_is_sent_again(broker: Broker, tmp_path: Path) -> None:
    """A broker that is killed right after PUBACK gets the alert again with the same id when it is back."""

    broker.listener("edgefuse/#")

    async def main() -> None:
        async with stack(broker.url, tmp_path) as it:
            await until(lambda: it.connection.connected, "connected")
            await it.outbox.commit([alert("one")])
            await _acknowledged(it, 1)
            broker.kill()
            await until(lambda: not it.connection.connected, "loss noticed")
            broker.start()
            await until(lambda: it.sent.count("one") > 1, "sent again")
            await _acknowledged(it, 1)

    anyio.run(main)


async def _acknowledged(it: Stack, count: int) -> None:
    with anyio.move_on_after(PATIENCE_S):
        while (await it.outbox.depth()).lingering != count:
            await anyio.sleep(0.01)
        return
    pytest.fail("not acknowledged")


def test_an_alert_that_needs_an_ack_stays_until_it_comes(broker: Broker, tmp_path: Path) -> None:
    """PUBACK does not remove it; the controller's `{id}` does."""

    broker.listener("edgefuse/#")

    async def main() -> None:
        async with stack(broker.url, tmp_path) as it:
            await until(lambda: it.connection.connected, "connected")
            await it.outbox.commit([alert("one", needs_ack=True)])
            await _acknowledged(it, 1)
            await it.outbox.maintain(CLOCK.now() + 60_000_000_000)
            assert (await it.outbox.depth()).alerts == 1
            await it.outbox.confirmed("one")
            assert (await it.outbox.depth()).alerts == 0

    anyio.run(main)


def test_status_says_online_then_offline(broker: Broker, wait_for: WaitFor) -> None:
    """Retained `online` after connecting, `offline` after a clean stop."""
    listener = broker.listener("edgefuse/hall/status")
    one, health = connection(broker.url)

    async def main() -> None:
        async with connected(one):
            await until(lambda: listener.on("edgefuse/hall/status"), "online")
            assert (health.state, health.reason) == ("ok", "")

    anyio.run(main)
    wait_for(lambda: listener.messages[-1].payload == b"offline", "offline")
    assert [each.payload for each in listener.messages][:2] == [b"online", b"offline"]
    assert health.state == "ended"


def test_nothing_dies_while_the_broker_is_absent(make_broker: MakeBroker) -> None:
    """Started without a broker it says so in health, refuses to publish, and connects once there is one."""
    broker = make_broker()
    broker.kill()
    one, health = connection(broker.url)

    async def main() -> None:
        async with connected(one):
            await until(lambda: health.state == "failed", "failure seen")
            assert health.reason == f"connection refused 127.0.0.1:{broker.port}"
            with pytest.raises(NotConnectedError):
                await one.publish("x", b"")
            broker.start()
            await until(lambda: one.connected, "connected")
            await one.publish("x", b"")

    anyio.run(main)


def test_a_wrong_password_is_named(make_broker: MakeBroker, tmp_path: Path) -> None:
    """The reason says that the broker refuses us; the right password connects."""
    passwords = tmp_path / "passwords"
    passwords.write_text("edge:right\n")
    passwords.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
    broker = make_broker(f"password_file {passwords}", anonymous=False)
    user, secret = tmp_path / "user", tmp_path / "secret"
    user.write_text("edge\n")
    secret.write_text("wrong\n")
    secret.chmod(0o600)

    async def main() -> None:
        one, health = connection(broker.url, username_file=user, password_file=secret)
        async with connected(one):
            await until(lambda: health.state == "failed", "refused")
            assert health.reason == f"127.0.0.1:{broker.port} refuses: not authorized"
        secret.write_text("right\n")
        one, health = connection(broker.url, username_file=user, password_file=secret)
        async with connected(one):
            await until(lambda: one.connected, "connected")
        assert "right" not in repr(one.address)

    anyio.run(main)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls_with_our_own_authority(make_broker: MakeBroker, certificate: tuple[Path, Path]) -> None:
    """mqtts with the right CA connects; without it the reason begins with TLS."""
    cert, key = certificate
    broker = make_broker(f"certfile {cert}", f"keyfile {key}")
    url = f"mqtts://127.0.0.1:{broker.port}"

    async def main() -> None:
        stranger, health = connection(url)
        async with connected(stranger):
            await until(lambda: health.state == "failed", "refused")
            assert health.reason.startswith(f"TLS: 127.0.0.1:{broker.port}: ")
        one, _ = connection(url, ca_file=cert)
        async with connected(one):
            await until(lambda: one.connected, "connected")
            await one.publish("x", b"y")

    anyio.run(main)


class OldBroker:
    """Stands before a broker and behaves like one that knows MQTT 3.1.1 only."""

    def __init__(self, broker: Broker, *, polite: bool) -> None:
        """`polite` answers MQTT 5 with `unacceptable protocol version`; else it only hangs up."""
        self._polite = polite
        self._behind = broker.port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self.levels: list[int] = []
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while first := self._next():
            client = self._sockets[-1]
            self.levels.append(first[first.index(b"MQTT") + 4])
            if self.levels[-1] == 5:
                client.sendall(b"\x20\x02\x00\x01" if self._polite else b"")
                client.close()
                continue
            behind = socket.create_connection(("127.0.0.1", self._behind))
            behind.sendall(first)
            self._sockets.append(behind)
            pipes = [threading.Thread(target=_pipe, args=ends) for ends in ((client, behind), (behind, client))]
            for pipe in pipes:
                pipe.start()
            for pipe in pipes:
                pipe.join()

    def _next(self) -> bytes:
        client, _ = self._server.accept()
        self._sockets.append(client)
        return client.recv(4096)

    def close(self) -> None:
        """End its threads."""
        port = self._server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        self._thread.join()
        for one in [*self._sockets, self._server]:
            one.close()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("polite", [True, False])
def test_an_old_broker_is_spoken_to_in_its_own_version(broker: Broker, polite: bool) -> None:  # noqa: FBT001
    """Version auto falls back to 3.1.1, whether the broker says why or only hangs up."""
    old = OldBroker(broker, polite=polite)
    one, health = connection(old.url)

    async def main() -> None:
        async with connected(one):
            await until(lambda: one.connected, "connected")
            await one.publish("x", b"y")

    try:
        anyio.run(main)
    finally:
        old.close()
    assert health.info["mqtt"] == "3.1.1"
    assert old.levels == [5, 4]


CLIENT = """
import sys, anyio
from edgefuse.config.models import Mqtt
from edgefuse.core.health import PartHealth
from edgefuse.mqtt import Connection
from edgefuse.pipeline.clock import SystemClock
one = Connection(Mqtt(url=sys.argv[1]), "hall", SystemClock(), PartHealth("broker", "broker"))
one.subscribe("sensor/#", lambda incoming: print("got", incoming.payload.decode(), flush=True))
one.on_connect.append(lambda _: print("connected", flush=True))
anyio.run(one.run)
"""


def test_what_was_not_settled_before_a_crash_comes_again(broker: Broker, wait_for: WaitFor) -> None:
    """kill -9 of a client before `settled`: its will says offline, and its successor gets the message again."""
    listener = broker.listener("edgefuse/hall/status")
    child = subprocess.Popen([sys.executable, "-c", CLIENT, broker.url], stdout=subprocess.PIPE)
    assert child.stdout is not None
    lines = iter(child.stdout.readline, b"")
    wait_for(lambda: listener.messages, "online")
    listener.publish("sensor/door", b"open")
    assert any(line == b"got open\n" for line in lines)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    wait_for(lambda: listener.messages[-1].payload == b"offline", "last will")
    got: list[Incoming] = []

    def settle(incoming: Incoming) -> None:
        got.append(incoming)
        incoming.settled()
        incoming.settled()

    async def once(limit: Callable[[], object]) -> bool:
        one, _ = connection(broker.url)
        one.subscribe("sensor/#", settle)
        async with connected(one):
            await until(lambda: one.connected, "connected")
            await until(limit, "redelivery")
            await one.publish("x", b"")
        return one.session_present

    assert anyio.run(once, lambda: got)
    assert [each.payload for each in got] == [b"open"]
    assert anyio.run(once, lambda: True)
    assert len(got) == 1


def test_settled_after_a_reconnect_does_no_harm(broker: Broker) -> None:
    """An acknowledgement for a connection that is gone is not sent on the new one."""
    one, _ = connection(broker.url)
    got: list[Incoming] = []
    one.subscribe("sensor/#", got.append)

    async def main() -> None:
        async with connected(one):
            await until(lambda: one.connected, "connected")
            await one.publish("sensor/a", b"1")
            await until(lambda: got, "message")
            broker.kill()
            await until(lambda: not one.connected, "loss noticed")
            broker.start()
            await until(lambda: one.connected, "connected again")
            got[0].settled()
            await one.publish("sensor/a", b"2")
            await until(lambda: len(got) == 2, "next message")

    anyio.run(main)


def test_a_bug_in_a_handler_ends_the_connection_task(broker: Broker) -> None:
    """An exception in a handler is raised by `run`, not swallowed by the network thread."""
    one, _ = connection(broker.url)

    def broken(incoming: Incoming) -> None:
        raise ZeroDivisionError(incoming.topic)

    one.subscribe("sensor/#", broken)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.run)
            await until(lambda: one.connected, "connected")
            await one.publish("sensor/a", b"1")
            await anyio.sleep(PATIENCE_S)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group on newer anyio
        anyio.run(main)
    assert "ZeroDivisionError" in repr(caught.value)


def test_a_refused_topic_does_not_hold_up_the_others(make_broker: MakeBroker, tmp_path: Path) -> None:
    """A message that the broker's ACL denies stays and is tried again; what comes after it is delivered."""
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite edgefuse/#\n")
    acl.chmod(0o600)
    broker = make_broker(f"acl_file {acl}")

    broker.listener("edgefuse/#")

    async def main() -> None:
        async with stack(broker.url, tmp_path) as it:
            await until(lambda: it.connection.connected, "connected")
            denied = Message("denied", "alert", "secret/x", b"{}", wall_ns(CLOCK.wall(CLOCK.now())))
            await it.outbox.commit([denied, alert("fine")])
            await _acknowledged(it, 1)
            assert (await it.outbox.depth()).alerts == 2
            with pytest.raises(PublishError, match="not authorized"):
                await it.connection.publish("secret/x", b"")

    anyio.run(main)


def test_retained_and_response_topic_are_told(broker: Broker) -> None:
    """A handler learns that a value was kept by the broker, and where an answer is expected."""
    broker.listener().publish("sensor/old", b"1", retain=True)
    one, _ = connection(broker.url)
    got: list[Incoming] = []
    one.subscribe("sensor/#", got.append)

    async def main() -> None:
        async with connected(one):
            await until(lambda: got, "message")

    anyio.run(main)
    assert got[0].retained
    assert got[0].response_topic is None


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the back-off short, so that tests need not wait for it."""
    monkeypatch.setattr("edgefuse.mqtt.connection.LONGEST_DELAY_S", 0.5)


class Mute:
    """Accepts connections and answers CONNECT at most."""

    def __init__(self, connack: bytes) -> None:
        self.accepted = 0
        self._connack = connack
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            self._sockets.append(client)
            if not client.recv(4096):
                return
            self.accepted += 1
            client.sendall(self._connack)

    def close(self) -> None:
        """End its thread."""
        socket.create_connection(("127.0.0.1", self._server.getsockname()[1])).close()
        self._thread.join()
        for one in [*self._sockets, self._server]:
            one.close()


def test_a_broker_that_stops_answering_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PUBACK in time the publisher is told, and the connection is made anew."""
    monkeypatch.setattr("edgefuse.mqtt.connection.PUBACK_TIMEOUT_S", 0.2)
    mute = Mute(b"\x20\x03\x00\x00\x00")
    one, health = connection(mute.url)

    async def main() -> None:
        async with connected(one):
            await until(lambda: one.connected, "connected")
            with pytest.raises(PublishError, match="no acknowledgement"):
                await one.publish("x", b"y")
            assert not one.connected
            await until(lambda: mute.accepted == 2 and one.connected, "connected again")

    try:
        anyio.run(main)
    finally:
        mute.close()
    assert health.restarts == 1


def test_something_that_is_no_broker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that accepts and says nothing is given up after a while, with that reason."""
    monkeypatch.setattr("edgefuse.mqtt.connection._HANDSHAKE_S", 0.2)
    mute = Mute(b"")
    one, health = connection(mute.url)

    async def main() -> None:
        async with connected(one):
            await until(lambda: health.state == "failed", "given up")
            assert health.reason.endswith("accepts connections but does not answer as an MQTT broker")

    try:
        anyio.run(main)
    finally:
        mute.close()
