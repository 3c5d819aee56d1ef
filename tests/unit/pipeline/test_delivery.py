"""The loop from outbox to publishers, without a broker."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from edgefuse.core.errors import PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.types import Message, MessageClass
from edgefuse.mqtt import NotConnectedError
from edgefuse.pipeline import delivery as module
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.delivery import AT_ONCE, Delivery
from edgefuse.pipeline.outbox import Outbox

CLOCK = SystemClock()


@dataclass
class Desk:
    """A publisher and a link that do what the test says."""

    Config = object
    taken: list[str] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    gate: anyio.Event | None = None
    most: int = 0
    now: int = 0
    connected: bool = True
    heard: int = 0

    async def publish(self, message: Message) -> None:
        """Take it, refuse it, or wait for the gate."""
        if not self.connected:
            raise NotConnectedError("away")
        if message.id in self.refuse:
            raise PublishError("refused")
        self.now += 1
        self.most = max(self.most, self.now)
        if self.gate is not None:
            await self.gate.wait()
        self.now -= 1
        self.taken.append(message.id)

    async def close(self) -> None:
        """Nothing."""


@asynccontextmanager
async def running(folder: Path, *desks: Desk) -> AsyncIterator[tuple[Outbox, Delivery, PartHealth]]:
    """A delivery at work."""
    outbox = Outbox(folder / "outbox.db", CLOCK, PartHealth("outbox", "outbox"))
    await outbox.open()
    health = PartHealth("delivery", "publisher")
    delivery = Delivery(outbox, desks, CLOCK, health, desks[0])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(delivery.run)
        yield outbox, delivery, health
        tasks.cancel_scope.cancel()
    await outbox.close()


def message(name: str, cls: MessageClass = "alert") -> Message:
    """A message of its own topic."""
    return Message(name, cls, f"t/{name}", b"{}", 1)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, generously."""
    with anyio.fail_after(30):
        while not condition():
            await anyio.sleep(0.005)


def test_alerts_overtake_what_waited_before_them(tmp_path: Path) -> None:
    """After an absence alerts go first, then intents, then states, each in their order."""

    async def main() -> None:
        desk = Desk(connected=False)
        async with running(tmp_path, desk) as (outbox, delivery, _):
            await outbox.commit([message("s", "state"), message("i", "intent"), message("a1")])
            await outbox.commit([message("a2")])
            desk.connected = True
            delivery.reconnected(session_present=True)
            with anyio.fail_after(30):
                await delivery.flush()
            assert desk.taken == ["a1", "a2", "i", "s"]

    anyio.run(main)


def test_only_so_many_are_in_flight(tmp_path: Path) -> None:
    """A slow broker is not flooded, and all messages arrive once it moves."""

    async def main() -> None:
        desk = Desk(gate=anyio.Event())
        async with running(tmp_path, desk) as (outbox, delivery, health):
            await outbox.commit([message(f"a{n}") for n in range(3 * AT_ONCE)])
            await until(lambda: desk.now == AT_ONCE)
            assert desk.gate is not None
            desk.gate.set()
            with anyio.fail_after(30):
                await delivery.flush()
            assert desk.taken == [f"a{n}" for n in range(3 * AT_ONCE)]
            assert desk.most == AT_ONCE
            assert health.snapshot(CLOCK.now())["latency_ms"]["p50"] > 0

    anyio.run(main)


def test_a_refused_message_waits_and_the_others_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again with growing delays until it is taken; health says what is wrong meanwhile."""
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(module, "_TICK_S", 0.02)

    async def main() -> None:
        desk = Desk(refuse={"bad"})
        async with running(tmp_path, desk) as (outbox, _, health):
            await outbox.commit([message("bad"), message("good")])
            await until(lambda: desk.taken == ["good"])
            assert (health.state, health.reason) == ("degraded", "t/bad: refused")
            desk.refuse.clear()
            await until(lambda: desk.taken == ["good", "bad"])
            assert health.state == "ok"

    anyio.run(main)


def test_a_publisher_that_took_a_message_is_not_told_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two publishers only the one that refused gets it again."""
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(module, "_TICK_S", 0.02)

    async def main() -> None:
        first, second = Desk(), Desk(refuse={"a"})
        async with running(tmp_path, first, second) as (outbox, _, health):
            await outbox.commit([message("a")])
            await until(lambda: health.state == "degraded")
            second.refuse.clear()
            await until(lambda: second.taken == ["a"])
            assert first.taken == ["a"]

    anyio.run(main)


def test_recent_acknowledgements_are_taken_back_at_a_reconnect(tmp_path: Path) -> None:
    """An alert that was acknowledged just before the connection broke is sent again, an intent is not."""

    async def main() -> None:
        desk = Desk(heard=CLOCK.now())
        async with running(tmp_path, desk) as (outbox, delivery, _):
            await outbox.commit([message("a"), message("i", "intent")])
            with anyio.fail_after(30):
                await delivery.flush()
            desk.connected = False
            delivery.reconnected(session_present=True)
            desk.connected = True
            await until(lambda: desk.taken == ["a", "i", "a"])

    anyio.run(main)
