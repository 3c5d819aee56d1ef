"""Services that speak Wyoming (https://github.com/OHF-Voice/wyoming): recognisers, wake words, voices. The client."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgefuse.core.errors import TransientError, needs
from edgefuse.core.types import SAMPLE_RATE

if TYPE_CHECKING:
    from wyoming.event import Event, Eventable

LONGEST_LINE = 1_000_000
LONGEST_PAYLOAD = 64_000_000
"""Bytes of one event: minutes of sound."""
BLOCK = SAMPLE_RATE // 10
"""Samples in a chunk of sound that is sent."""


class ServiceError(TransientError):
    """A service is not there, does not answer in time, or makes no sense."""


def library() -> None:
    """Raise ConfigError where the package `wyoming` is not installed."""
    with needs("wyoming", "a Wyoming service"):
        import wyoming  # noqa: F401


def endpoint(url: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port:
        raise ValueError(f"expected tcp://host:port, got {url}")
    return parts.hostname, parts.port


class Link:
    """A connection, for one thread that sends and one that receives."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect. Raises ServiceError; ConfigError without the library."""
        library()
        self.url, self._timeout_s = url, timeout_s
        with self._told():
            self._socket = socket.create_connection(endpoint(url), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._out = self._socket.makefile("wb")
        self._in = _Bounded(self._socket.makefile("rb"))

    def send(self, event: "Eventable") -> None:
        """Raises ServiceError."""
        from wyoming.event import write_event

        with self._told():
            write_event(event.event(), self._out)

    def receive(self) -> "Event":
        """The next event. Raises ServiceError, also where the connection ended."""
        from wyoming.event import read_event

        with self._told():
            event = read_event(self._in)  # type: ignore[arg-type]
        if event is None:
            raise ServiceError(f"{self.url}: the connection ended, or what came is not Wyoming")
        return event

    def patient(self) -> None:
        """From now on it may be silent for as long as it likes, but not refuse what is sent."""
        limit = struct.pack("ll", max(1, int(self._timeout_s)), 0)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def hang_up(self) -> None:
        """End it for both sides, from any thread; who waits for it gets ServiceError."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free it."""
        for file in (self._out, self._in, self._socket):
            with suppress(OSError):
                file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ServiceError(f"{self.url}: no answer in time") from error
        except (OSError, ValueError, AttributeError, TypeError, LookupError, RecursionError) as error:
            raise ServiceError(f"{self.url}: {error}") from error


class _Bounded:
    """Reads no more than an event may be long."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self) -> bytes:
        line: bytes = self._file.readline(LONGEST_LINE)
        if len(line) >= LONGEST_LINE:
            raise OSError(f"an event of more than {LONGEST_LINE} bytes")
        return line

    def read(self, size: int) -> bytes:
        if size > LONGEST_PAYLOAD:
            raise OSError(f"an event with {size} bytes")
        read: bytes = self._file.read(size)
        return read

    def close(self) -> None:
        self._file.close()


@contextmanager
def talk(url: str, timeout_s: float) -> Iterator[Link]:
    """A connection that ends after `timeout_s` whatever happens. Raises ServiceError."""
    link = Link(url, timeout_s)
    timer = threading.Timer(timeout_s, link.hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield link
    finally:
        timer.cancel()
        link.close()


def answer(link: Link, wanted: str) -> "Event":
    """The next event of this type; others are passed over. Raises ServiceError, also for an event `error`."""
    while True:
        event = link.receive()
        if event.type == wanted:
            return event
        if event.type == "error":
            raise ServiceError(f"{link.url}: {event.data.get('text', 'error')}")


def text_of(event: "Event", key: str, url: str) -> str:
    """A text in an event's data. Raises ServiceError."""
    data: Any = event.data
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise ServiceError(f"{url}: expected `{key}` in {event.type}")
    return value


def described(url: str, kind: str, timeout_s: float = 3) -> list[str]:
    """Names of the models or voices of one kind (`asr`, `tts`, `wake`) that a service offers. Raises ServiceError."""
    from wyoming.info import Describe

    with talk(url, timeout_s) as link:
        link.send(Describe())
        data: Any = answer(link, "info").data
    try:
        programs = data.get(kind) or []
        return [
            str(model["name"]) for program in programs for model in program.get("models", program.get("voices", []))
        ]
    except (AttributeError, LookupError, TypeError) as error:
        raise ServiceError(f"{url}: its description cannot be read: {error!r}") from error
