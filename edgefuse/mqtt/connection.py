"""The connection that comes back: one asyncio task, one network thread at a time, back-off with jitter.

Nothing here keeps messages. `publish` either returns after the broker's acknowledgement or raises; the outbox
keeps what was not acknowledged and sends it again.
"""

import asyncio
import random
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
import structlog

from edgefuse.config.models import Mqtt
from edgefuse.core.errors import PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock, Incoming
from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.mqtt.address import Address, resolve
from edgefuse.mqtt.wire import (
    CONNECT_TIMEOUT_S,
    NO_SUBSCRIBERS,
    UNSUPPORTED_VERSION,
    Extras,
    Hello,
    Received,
    Version,
    Wire,
    matcher,
)

ONLINE = b"online"
OFFLINE = b"offline"
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
STEADY_S = 5
"""A connection that lasted this long resets the back-off."""
PUBACK_TIMEOUT_S = 20.0
_HANDSHAKE_S = 10.0
_GOODBYE_S = 2.0
_TEXT = Extras(content_type="text/plain")
_JSON = Extras()
_log = structlog.get_logger()

Handler: TypeAlias = Callable[[Incoming], None]


class NotConnectedError(PublishError):
    """There is no connection now; every publish would fail until it is back."""


class NobodyListensError(PublishError):
    """The broker took the message and dropped it: nobody is subscribed (MQTT 5, reason code 0x10)."""


class Connection:
    """The broker as the parts see it: a `Bus` to listen on, and `publish`."""

    def __init__(self, config: Mqtt, device: str, clock: Clock, health: PartHealth, *, url: str | None = None) -> None:
        """Read the credentials. `url` replaces the configured one (embedded broker). Raises ConfigError."""
        self.address: Address = resolve(config, url)
        self.connected = False
        self.session_present = False
        """What the broker said at the latest connect."""
        self.heard: Nanoseconds = 0
        """When the latest packet came from the broker, monotonic."""
        self.on_connect: list[Callable[[bool], None]] = []
        """Called on the event loop with `session_present` after every connect."""
        self._clock = clock
        self._health = health
        self._status = f"{config.base}/{device}/status"
        self._hello = Hello(f"edgefuse-{device}", config.keepalive_s, config.session_expiry_s, self._status, OFFLINE)
        self._wanted = config.version
        self._old_broker = False
        self._silent = 0
        """Connections in a row that the broker closed before it answered CONNECT."""
        self._handlers: list[tuple[str, Callable[[str], bool], Handler]] = []
        self._wire: Wire | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._asked: dict[int, Sequence[str]] = {}
        self._scope: anyio.CancelScope | None = None
        self._closing = False
        self._rng = random.Random()  # noqa: S311 - jitter, not secrecy

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Call `handler` on the MQTT thread for every matching message, across reconnects. Any thread."""
        self._handlers.append((topic_filter, matcher(topic_filter), handler))
        wire = self._wire
        if self.connected and wire is not None:
            self._ask(wire, [topic_filter])

    async def run(self) -> None:
        """Stay connected until `close` or cancelled. An absent broker is no error; a bug in a handler is."""
        self._loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        with anyio.CancelScope() as self._scope:
            while not self._closing:
                begin = self._clock.now()
                reason = await self._live_once()
                if self._clock.now() - begin > STEADY_S * SECOND:
                    delay = FIRST_DELAY_S
                self._health.restarts += 1
                self._health.set("failed", reason)
                pause = delay * self._rng.uniform(0.5, 1.0)
                _log.warning("no broker", reason=reason, retry_s=round(pause, 2))
                await anyio.sleep(pause)
                delay = min(2 * delay, LONGEST_DELAY_S)
        self._health.set("ended", "closed")

    async def close(self) -> None:
        """Say offline and disconnect; `run` returns when that is done. Calling twice is allowed."""
        self._closing = True
        if self._scope is not None:
            self._scope.cancel()

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        extras: Extras = _JSON,
        heard: bool = False,
    ) -> None:
        """Return after PUBACK (QoS 0: after handing over).

        With `heard`, raises NobodyListensError when a broker of MQTT 5 says that it has no subscriber to give it to.

        QoS 2 is sent as QoS 1: the message's id makes a duplicate harmless. Raises NotConnectedError without a
        connection or when it breaks, PublishError when the broker refuses or does not answer in time.
        """
        wire = self._wire
        if wire is None or not self.connected:
            raise NotConnectedError(f"not connected to {self.address}: {self._health.reason or 'not yet'}")
        try:
            mid = wire.publish(topic, payload, extras, qos=min(qos, 1), retain=retain)
        except ValueError as error:
            raise PublishError(f"{topic}: cannot be published: {error}") from error
        if mid is None:
            raise NotConnectedError(f"connection to {self.address} lost")
        if qos:
            with suppress(*(() if heard else (NobodyListensError,))):
                await self._puback(wire, mid, topic)

    async def _puback(self, wire: Wire, mid: int, topic: str) -> None:
        waiting = self._waiting[mid] = asyncio.get_running_loop().create_future()
        try:
            with anyio.move_on_after(PUBACK_TIMEOUT_S):
                await waiting
                return
        finally:
            if self._waiting.get(mid) is waiting:
                del self._waiting[mid]
        self._end(wire, f"no acknowledgement from {self.address} within {PUBACK_TIMEOUT_S:.0f} s")
        raise PublishError(f"{topic}: no acknowledgement from {self.address} within {PUBACK_TIMEOUT_S:.0f} s")

    async def _live_once(self) -> str:
        """Connect once and stay until the connection ends. Returns why it did."""
        wire = self._wire = Wire(self.address, self._hello, self._next_version(), self)
        self._answered = self._loop.create_future()
        self._ended = self._loop.create_future()
        try:
            try:
                await anyio.to_thread.run_sync(wire.open)
            except OSError as error:
                return why_not(error, self.address)
            return await self._until_ended()
        finally:
            with anyio.CancelScope(shield=True):
                await self._goodbye(wire)

    async def _until_ended(self) -> str:
        done, _ = await asyncio.wait(
            [self._answered, self._ended], timeout=_HANDSHAKE_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            return f"{self.address} accepts connections but does not answer as an MQTT broker"
        reason: str = await self._ended
        if self._answered.done():
            return reason
        self._silent += 1
        return f"{self.address} closed the connection before it answered"

    def _next_version(self) -> Version:
        """MQTT 5; 3.1.1 after the broker said it knows no 5, and every other time where it only hangs up."""
        if self._wanted != "auto":
            return self._wanted
        return "3.1.1" if self._old_broker or self._silent % 2 else "5"

    async def _goodbye(self, wire: Wire) -> None:
        """Leave no thread and no waiting publisher behind, and after a clean stop no last will."""
        if self.connected:
            with anyio.move_on_after(_GOODBYE_S), suppress(PublishError):
                await self.publish(self._status, OFFLINE, retain=True, extras=_TEXT)
            wire.disconnect()
            await asyncio.wait([self._ended], timeout=_GOODBYE_S)
        self.connected, self._wire = False, None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(NotConnectedError(f"connection to {self.address} lost before PUBACK"))
        await anyio.to_thread.run_sync(wire.join)

    # Told by the network thread; what touches state is handed to the event loop.

    def opened(self, wire: Wire, *, session_present: bool) -> None:
        """Subscribe and say online, then tell the event loop."""
        self.heard = self._clock.now()
        self._ask(wire, list(dict.fromkeys(name for name, _, _ in self._handlers)))
        wire.publish(self._status, ONLINE, _TEXT, qos=1, retain=True)
        self._post(self._opened, wire, session_present)

    def refused(self, wire: Wire, reason: str, code: int) -> None:
        """Fall back to 3.1.1 where the broker knows no 5; else it is a reason to wait."""
        self._post(self._refused, wire, reason, code)

    def closed(self, wire: Wire, reason: str) -> None:
        """End this connection."""
        self._post(self._end, wire, reason)

    def acknowledged(self, wire: Wire, mid: int, code: int, why: str) -> None:
        """Wake the publisher that waits."""
        self._post(self._acknowledged, wire, mid, code, why)

    def heard_from(self) -> None:
        """Note that the broker lives."""
        self.heard = self._clock.now()

    def subscribed(self, mid: int, failures: Sequence[bool]) -> None:
        """Say in health which subscriptions the broker refused."""
        names = [name for name, failed in zip(self._asked.pop(mid, ()), failures, strict=False) if failed]
        if names:
            self._post(self._health.set, "degraded", f"the broker refuses to subscribe us to {', '.join(names)}")

    def received(self, wire: Wire, message: Received) -> None:
        """Hand a message to everyone who asked for it; PUBACK follows when all of them settled."""
        handlers = [handler for _, matches, handler in self._handlers if matches(message.topic)]
        shares = _Shares(len(handlers), lambda: wire.ack(message))
        now = self._clock.now()
        for handler in handlers:
            incoming = Incoming(
                message.topic,
                message.payload,
                message.retained,
                now,
                shares.take(),
                message.response_topic,
                message.correlation,
            )
            self._call(handler, incoming)

    def _call(self, handler: Handler, incoming: Incoming) -> None:
        """Let a bug in a handler end `run`, not this thread alone."""
        returned = False
        try:
            handler(incoming)
            returned = True
        finally:
            if not returned:
                self._post(self._crash, sys.exc_info()[1])

    def _ask(self, wire: Wire, names: Sequence[str]) -> None:
        mid = wire.subscribe(names)
        if mid is not None:
            self._asked[mid] = names

    def _post(self, function: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function, *args)

    def _opened(self, wire: Wire, session_present: bool) -> None:  # noqa: FBT001 - called through the loop
        if wire is not self._wire or self._ended.done():
            return
        self._answer()
        if wire.version == "5":
            self._silent = 0
        self.connected, self.session_present = True, session_present
        self._health.info.update(mqtt=wire.version, address=str(self.address))
        self._health.set("ok", "")
        _log.info("broker connected", address=str(self.address), mqtt=wire.version, session_present=session_present)
        for listener in self.on_connect:
            listener(session_present)

    def _refused(self, wire: Wire, reason: str, code: int) -> None:
        if wire is self._wire:
            self._answer()
            self._old_broker |= code == UNSUPPORTED_VERSION and wire.version == "5"
            self._end(wire, f"{self.address} refuses: {reason}")

    def _answer(self) -> None:
        if not self._answered.done():
            self._answered.set_result(None)

    def _end(self, wire: Wire, reason: str) -> None:
        if wire is self._wire and not self._ended.done():
            self.connected = False
            self._ended.set_result(reason)

    def _crash(self, error: BaseException) -> None:
        if not self._ended.done():
            self._answer()
            self._ended.set_exception(error)

    def _acknowledged(self, wire: Wire, mid: int, code: int, why: str) -> None:
        waiting = self._waiting.pop(mid, None) if wire is self._wire else None
        if waiting is None or waiting.done():
            return
        if code == NO_SUBSCRIBERS:
            waiting.set_exception(NobodyListensError(f"nobody is subscribed at {self.address}"))
        elif code:
            waiting.set_exception(PublishError(f"{self.address} refuses the message: {why}"))
        else:
            waiting.set_result(None)


class _Shares:
    """Calls `done` once all shares are given back, from any thread; at once when there are none."""

    def __init__(self, count: int, done: Callable[[], None]) -> None:
        self._left = count
        self._done = done
        self._lock = threading.Lock()
        if not count:
            done()

    def take(self) -> Callable[[], None]:
        """A share as a function; calling it twice gives it back once."""
        open_ = [True]

        def give_back() -> None:
            with self._lock:
                self._left -= open_[0]
                last = open_[0] and not self._left
                open_[0] = False
            if last:
                self._done()

        return give_back


def why_not(error: OSError, address: Address) -> str:
    """Say in a few words why a connection could not be made."""
    match error:
        case ConnectionRefusedError():
            return f"connection refused {address}"
        case ssl.SSLCertVerificationError():
            return f"TLS: {address}: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {address}: {error.reason or error}"
        case socket.gaierror():
            return f"cannot resolve the host name {address.host}: {error.strerror}"
        case TimeoutError():
            return f"no answer from {address} within {CONNECT_TIMEOUT_S:.0f} s"
        case _:
            return f"{address}: {error.strerror or error}"
