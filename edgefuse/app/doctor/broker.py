"""The MQTT broker, by a connection of our own that says goodbye."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.doctor.system import daemon_runs
from edgefuse.config.models import Mqtt
from edgefuse.core.errors import ConfigError
from edgefuse.mqtt.address import Address, resolve
from edgefuse.mqtt.connection import why_not
from edgefuse.mqtt.wire import UNSUPPORTED_VERSION, Extras, Hello, Received, Version, Wire
from edgefuse.pipeline.broker import DEFAULT_PORT, HOST, find_mosquitto, holder

_ANSWER_S = 5.0
_BAD_LOGIN = frozenset({0x86, 0x87, 4, 5})
"""CONNACK of MQTT 5 (3.2.2.2) and of 3.1.1 (3.2.2.3): wrong user name or password, not authorised."""
_OTHER_VERSION = "the broker does not speak this version of MQTT"
_LOGIN = "compare mqtt.username_file and mqtt.password_file with the broker's users (`mosquitto_passwd`)"
_TURN_ON = "start it (`apt install mosquitto`), or set mqtt.url; `embedded` brings a broker of its own"
_RIGHTS = "allow the user to read and write {base}/{device}/# in the broker's access list"


@dataclass(slots=True)
class _Heard:
    """Notes what happens on the wire, for the thread that waits."""

    answered: threading.Event = field(default_factory=threading.Event)
    echoed: threading.Event = field(default_factory=threading.Event)
    suback: threading.Event = field(default_factory=threading.Event)
    refusal: tuple[str, int] | None = None
    lost: str = ""
    subscription_refused: bool = False

    def opened(self, wire: Wire, *, session_present: bool) -> None:
        del wire, session_present
        self.answered.set()

    def refused(self, wire: Wire, reason: str, code: int) -> None:
        del wire
        self.refusal = reason, code
        self.answered.set()

    def closed(self, wire: Wire, reason: str) -> None:
        del wire
        self.lost = reason
        for event in (self.answered, self.suback):
            event.set()

    def acknowledged(self, wire: Wire, mid: int, code: int, why: str) -> None:
        """The echo tells more."""

    def received(self, wire: Wire, message: Received) -> None:
        if message.qos:
            wire.ack(message)
        if message.payload:
            self.echoed.set()

    def heard_from(self) -> None:
        """Every packet; nobody asks."""

    def subscribed(self, mid: int, failures: Sequence[bool]) -> None:
        del mid
        self.subscription_refused = any(failures)
        self.suback.set()


def check(case: Case) -> Iterator[Finding]:
    """Connect, then write, read and remove a retained message of our own."""
    config = case.site.mqtt if case.site else Mqtt()
    device = case.site.device.id if case.site else "doctor"
    if config.url.startswith("embedded"):
        yield embedded(config.url)
        return
    try:
        address = resolve(config)
    except ConfigError as error:
        yield Finding("connect", "broker", "fail", str(error).replace("\n", "; "), "mend the configuration")
        return
    for version in _versions(config):
        findings = list(_met(case, address, config, device, version))
        if findings[0].found != _OTHER_VERSION or version == "3.1.1":
            break
    yield from findings


def _versions(config: Mqtt) -> Sequence[Version]:
    return ("5", "3.1.1") if config.version == "auto" else (config.version,)


def _met(case: Case, address: Address, config: Mqtt, device: str, version: Version) -> Iterator[Finding]:
    heard = _Heard()
    topic = f"{config.base}/{device}/doctor"
    wire = Wire(address, Hello(f"edgefuse-doctor-{os.getpid()}", config.keepalive_s, 0, topic, b""), version, heard)
    try:
        wire.open()
    except OSError as error:
        yield Finding("connect", "broker", case.bad(), why_not(error, address), _TURN_ON)
        return
    try:
        heard.answered.wait(_ANSWER_S)
        problem = _unanswered(case, heard, address, version)
        if problem is not None:
            yield problem
            return
        yield Finding("connect", "broker", "ok", f"{address} answers, MQTT {version}")
        if version == "3.1.1":
            advice = "use a broker of MQTT 5 (mosquitto 2)"
            yield Finding("version", "broker", "warn", "MQTT 3.1.1 does not tell when nobody gets an alert", advice)
        rights = _RIGHTS.format(base=config.base, device=device)
        yield _rights(case, wire, heard, topic, rights)
        wire.disconnect()
    finally:
        wire.join()


def _unanswered(case: Case, heard: _Heard, address: Address, version: Version) -> Finding | None:
    """Why there is no connection, if there is none."""
    if heard.refusal is not None:
        reason, code = heard.refusal
        if code in _BAD_LOGIN:
            return Finding("connect", "broker", case.bad(), f"{address} refuses the login: {reason}", _LOGIN)
        if code == UNSUPPORTED_VERSION:
            return Finding("connect", "broker", case.bad(), _OTHER_VERSION, "set mqtt.version to auto")
        return Finding("connect", "broker", case.bad(), f"{address} refuses: {reason}", "read the broker's log")
    if heard.lost and version == "5":
        return Finding("connect", "broker", case.bad(), _OTHER_VERSION, "set mqtt.version to auto")
    if heard.lost or not heard.answered.is_set():
        why = heard.lost or f"{address} takes the connection and says nothing for {_ANSWER_S:g} s"
        return Finding("connect", "broker", case.bad(), why, "is it an MQTT broker, and its port without TLS?")
    return None


def _rights(case: Case, wire: Wire, heard: _Heard, topic: str, advice: str) -> Finding:
    """A retained message comes back only where we may write and read."""
    wire.subscribe([topic])
    heard.suback.wait(_ANSWER_S)
    if heard.subscription_refused:
        return Finding("rights", "broker", case.bad(), f"it refuses to subscribe us to {topic}", advice)
    extras = Extras(content_type="text/plain")
    wire.publish(topic, b"here", extras, qos=1, retain=True)
    back = heard.echoed.wait(_ANSWER_S)
    wire.publish(topic, b"", extras, qos=1, retain=True)
    if not back:
        return Finding("rights", "broker", case.bad(), f"a message to {topic} does not come back", advice)
    return Finding("rights", "broker", "ok", f"may write and read {topic}")


def embedded(url: str) -> Finding:
    """Whether there is one, and its port is free."""
    port = int(url.partition(":")[2] or DEFAULT_PORT)
    program = find_mosquitto()
    if program is None and find_spec("iotcore") is None:
        advice = "apt install mosquitto, or pip install 'edgefuse[broker]'"
        return Finding("connect", "broker", "fail", "no program for the embedded broker", advice)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            found = f"port {port} for the embedded broker: {error.strerror}, by {holder(port)}"
            if daemon_runs():
                return Finding("connect", "broker", "ok", f"{found}; the daemon is running")
            return Finding("connect", "broker", "fail", found, f"end that, or set mqtt.url to embedded:{port + 1}")
    return Finding("connect", "broker", "ok", f"a broker of its own by {program or 'iotcore'}, port {port} is free")
