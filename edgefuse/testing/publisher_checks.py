"""Checks of publishers."""

from collections.abc import Callable, Iterator

import anyio

from edgefuse.core.errors import PublishError
from edgefuse.core.ports import LocalPublisher, Publisher
from edgefuse.core.types import Message
from edgefuse.testing.config_checks import Check, check_config

_WALL = 1_767_614_400_000_000_000
_LIMIT_S = 30


def messages() -> list[Message]:
    """An intent, an alert, a state, and payloads that are empty, no JSON, no UTF-8 and large."""
    return [
        Message("m1", "intent", "edgefuse/x/intent", b'{"intent": "turn_on"}', _WALL, expires=_WALL + 10**10),
        Message("m2", "alert", "edgefuse/x/alert/fire", b'{"severity": "Extreme"}', _WALL, needs_ack=True),
        Message("m3", "state", "edgefuse/x/status", b"online", _WALL, retain=True),
        Message("m4", "state", "edgefuse/x/empty", b"", _WALL, qos=0),
        Message("m5", "state", "edgefuse/x/noise", b"\xff\x00\xfe", _WALL),
        Message("m6", "state", "edgefuse/x/large", b"[" + b"1," * 50_000 + b"1]", _WALL),
    ]


def check_publisher(make: Callable[[], Publisher]) -> Iterator[Check]:
    """Facts that hold for every publisher. `make` gives a fresh one each time, whose other side answers."""
    first = make()
    yield from check_config(type(first).Config)
    yield Check("publishes every kind of message", lambda: anyio.run(_publishes, first))
    yield Check("takes the same message twice", lambda: anyio.run(_publishes_twice, make()))
    yield Check("closes twice", lambda: anyio.run(_closes, make()))
    yield Check("after closing raises nothing but PublishError", lambda: anyio.run(_publishes_late, make()))
    if isinstance(first, LocalPublisher):
        yield Check("local: takes everything, also when closed", lambda: anyio.run(_takes, make()))


async def _publishes(publisher: Publisher) -> None:
    assert isinstance(publisher, Publisher), f"{type(publisher).__name__} lacks a method of ports.Publisher"
    with anyio.fail_after(_LIMIT_S):
        for message in messages():
            await publisher.publish(message)
        await publisher.close()


async def _publishes_twice(publisher: Publisher) -> None:
    """The outbox repeats what it does not know to be delivered."""
    with anyio.fail_after(_LIMIT_S):
        for message in messages()[:1] * 2:
            await publisher.publish(message)
        await publisher.close()


async def _closes(publisher: Publisher) -> None:
    with anyio.fail_after(_LIMIT_S):
        await publisher.close()
        await publisher.close()


async def _publishes_late(publisher: Publisher) -> None:
    with anyio.fail_after(_LIMIT_S):
        await publisher.close()
        try:
            await publisher.publish(messages()[0])
        except PublishError:
            return


async def _takes(publisher: Publisher) -> None:
    """`take` raises nothing, whatever it is given and whenever."""
    assert isinstance(publisher, LocalPublisher)
    for message in messages() * 2:
        publisher.take(message)
    with anyio.fail_after(_LIMIT_S):
        await publisher.close()
    for message in messages():
        publisher.take(message)
