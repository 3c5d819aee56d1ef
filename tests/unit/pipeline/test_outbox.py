"""What the outbox keeps, forgets, drops and survives."""

import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from edgefuse.core.health import PartHealth
from edgefuse.core.types import SECOND, Message, MessageClass
from edgefuse.pipeline.clock import ReplayClock, wall_ns
from edgefuse.pipeline.outbox import Outbox

T = TypeVar("T")


@dataclass
class Desk:
    """An outbox under a clock that the test moves."""

    outbox: Outbox
    clock: ReplayClock
    health: PartHealth

    def message(
        self, name: str, cls: MessageClass = "alert", topic: str = "t", size: int = 10, **rest: object
    ) -> Message:
        """A message made now."""
        now = wall_ns(self.clock.wall(self.clock.t))
        return Message(name, cls, topic, b"x" * size, now, **rest)  # type: ignore[arg-type]

    async def due(self) -> list[str]:
        """Ids in the order of sending."""
        return [message.id for message in await self.outbox.pending(10_000)]


def run(path: Path, work: Callable[[Desk], Awaitable[T]], *, max_mb: float = 16) -> T:
    """Open the outbox, work, close it."""

    async def main() -> T:
        clock, health = ReplayClock(datetime(2026, 1, 1, tzinfo=timezone.utc)), PartHealth("outbox", "outbox")
        clock.t = 1000 * SECOND
        outbox = Outbox(path, clock, health, max_mb=max_mb)
        await outbox.open()
        try:
            return await work(Desk(outbox, clock, health))
        finally:
            await outbox.close()

    return anyio.run(main)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "state" / "outbox.db"


def test_alerts_go_before_intents_before_states_each_oldest_first(path: Path) -> None:
    """The order of sending is by class, then by age."""

    async def work(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("s", "state"), desk.message("i", "intent"), desk.message("a1")])
        await desk.outbox.commit([desk.message("a2"), desk.message("i2", "intent")])
        assert await desk.due() == ["a1", "a2", "i", "i2", "s"]
        assert [each.id for each in await desk.outbox.pending(2, {"a1"})] == ["a2", "i"]

    run(path, work)


def test_messages_and_state_survive_a_restart(path: Path) -> None:
    """What was committed is there after the process is gone; the first start has no state."""

    async def first(desk: Desk) -> None:
        assert await desk.outbox.load_state() is None
        message = desk.message("a", retain=True, qos=1, needs_ack=True, expires=10**19 // 2)
        assert await desk.outbox.commit([message], {"fired": {"r": 1}})

    async def second(desk: Desk) -> None:
        [message] = await desk.outbox.pending()
        assert (message.id, message.payload, message.retain, message.needs_ack) == ("a", b"x" * 10, True, True)
        assert await desk.outbox.load_state() == {"fired": {"r": 1}}

    run(path, first)
    run(path, second)


def test_an_id_that_is_present_is_ignored(path: Path) -> None:
    """Committing the same id twice keeps the first."""

    async def work(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("a", topic="first")])
        await desk.outbox.commit([desk.message("a", topic="second")])
        assert [each.topic for each in await desk.outbox.pending()] == ["first"]

    run(path, work)


def test_a_state_replaces_the_older_one_of_its_topic(path: Path) -> None:
    """Only the latest belief waits, other topics and other classes stay."""

    async def work(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("s1", "state", "b"), desk.message("o", "state", "c")])
        await desk.outbox.commit([desk.message("a", "alert", "b"), desk.message("s2", "state", "b")])
        assert await desk.due() == ["a", "o", "s2"]

    run(path, work)


def test_an_expired_intent_is_dropped_and_counted(path: Path) -> None:
    """It is not sent from the moment it expires; alerts do not expire with it."""

    async def work(desk: Desk) -> None:
        late = wall_ns(desk.clock.wall(desk.clock.t + 10 * SECOND))
        await desk.outbox.commit([desk.message("i", "intent", expires=late), desk.message("a")])
        desk.clock.t += 10 * SECOND
        assert await desk.due() == ["a"]
        await desk.outbox.maintain(0)
        assert desk.health.dropped == 1
        assert desk.health.info["dropped"] == {"intent": 1}

    run(path, work)


def test_an_alert_lingers_until_the_broker_was_heard_from_five_seconds_later(path: Path) -> None:
    """PUBACK alone does not remove it, time alone neither; intents go at once."""

    async def work(desk: Desk) -> None:
        acked = desk.clock.t
        await desk.outbox.commit([desk.message("a"), desk.message("i", "intent")])
        await desk.outbox.acked("a", "i")
        assert await desk.due() == []
        depth = await desk.outbox.depth()
        assert (depth.alerts, depth.lingering, depth.intents) == (1, 1, 0)
        desk.clock.t += 60 * SECOND
        await desk.outbox.maintain(acked + 5 * SECOND)
        assert (await desk.outbox.depth()).alerts == 1
        await desk.outbox.maintain(acked + 5 * SECOND + 1)
        assert (await desk.outbox.depth()).alerts == 0

    run(path, work)


def test_requeue_takes_back_recent_acknowledgements(path: Path) -> None:
    """After a reconnect what was acknowledged since then is due again, older ones are not."""

    async def work(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("old"), desk.message("new")])
        await desk.outbox.acked("old")
        desk.clock.t += SECOND
        await desk.outbox.acked("new")
        assert await desk.outbox.requeue_since(desk.clock.t) == 1
        assert await desk.due() == ["new"]

    run(path, work)


def test_lingering_alerts_are_sent_again_after_a_restart(path: Path) -> None:
    """A power cut may have hit the broker too, so a restart trusts no recent PUBACK."""

    async def first(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("a")])
        await desk.outbox.acked("a")

    async def second(desk: Desk) -> None:
        assert await desk.due() == ["a"]

    run(path, first)
    run(path, second)


def test_an_unconfirmed_alert_is_sent_again_ever_more_slowly(path: Path) -> None:
    """After 30 s, then 60 s, with the same id, until the controller confirms it."""

    async def work(desk: Desk) -> None:
        await desk.outbox.commit([desk.message("a", needs_ack=True)])
        for wait in (30, 60, 120):
            await desk.outbox.acked("a")
            desk.clock.t += wait * SECOND - 1
            await desk.outbox.maintain(desk.clock.t)
            assert await desk.due() == []
            desk.clock.t += 1
            assert await desk.due() == ["a"]
        await desk.outbox.confirmed("a")
        assert await desk.due() == []

    run(path, work)


def test_alerts_of_unknown_age_are_not_aged_out(path: Path) -> None:
    """A row from before the clock was set stays; one that is older than keep_days goes, and is counted."""

    async def work(desk: Desk) -> None:
        unset = Message("unset", "alert", "t", b"", 5 * SECOND)
        old = Message("old", "alert", "t", b"", wall_ns(desk.clock.wall(0)) - 8 * 86_400 * SECOND)
        await desk.outbox.commit([unset, old, desk.message("new")])
        await desk.outbox.maintain(0)
        assert await desk.due() == ["unset", "new"]
        assert desk.health.info["dropped"] == {"alert": 1}

    run(path, work)


def test_a_corrupt_database_is_moved_aside(path: Path) -> None:
    """The daemon starts with a fresh one and says where the old one is."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)

    async def work(desk: Desk) -> None:
        assert await desk.outbox.commit([desk.message("a")])
        assert await desk.due() == ["a"]
        assert desk.health.state == "degraded"
        assert "corrupt" in desk.health.reason

    run(path, work)
    assert len(list(path.parent.glob("outbox.db.corrupt-*"))) == 1


def test_a_database_with_overwritten_pages_is_moved_aside(path: Path) -> None:
    """Its head is sound and its pages are not: found at the start, replaced, kept for the operator."""

    async def fill(desk: Desk) -> None:
        await desk.outbox.commit([desk.message(f"a{n}", size=3000) for n in range(200)])

    async def again(desk: Desk) -> None:
        assert await desk.outbox.commit([desk.message("b")], {"n": 1})
        assert await desk.due() == ["b"]
        assert desk.health.state == "degraded"

    run(path, fill)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    run(path, again)


def test_a_full_outbox_drops_intents_and_states_first(path: Path) -> None:
    """At its limit room is made for alerts by dropping the lesser classes, counted."""

    async def work(desk: Desk) -> None:
        fill = [desk.message(f"i{n}", "intent", size=4000) for n in range(20)]
        assert await desk.outbox.commit(fill)
        alerts = [desk.message(f"a{n}", size=4000) for n in range(20)]
        assert await desk.outbox.commit(alerts)
        assert await desk.due() == [f"a{n}" for n in range(20)]
        assert desk.health.info["dropped"] == {"intent": 20}
        assert desk.health.state == "ok"

    run(path, work, max_mb=0.15)


async def _fill_and_recover(desk: Desk, make_room: Callable[[], None]) -> None:
    outbox = desk.outbox
    names = []
    while len(names) < 2000 and desk.health.state != "failed":
        names.append(f"a{len(names)}")
        stored = await outbox.commit([desk.message(names[-1], size=4000)], {"n": len(names)})
    assert not stored
    assert "full" in desk.health.reason
    assert await desk.due() == names
    await outbox.acked(*names[:3])
    assert await desk.due() == names[3:]
    make_room()
    await outbox.maintain(0)
    assert desk.health.state == "ok"
    assert await desk.due() == names[3:]
    assert await outbox.load_state() == {"n": len(names)}


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a tmpfs needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_no_alert(tiny_disk: Path) -> None:
    """What does not fit is held in memory, sent from there, and stored once there is room."""
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    run(tiny_disk / "outbox.db", lambda desk: _fill_and_recover(desk, ballast.unlink))


def test_a_disk_that_takes_nothing_loses_no_alert(tmp_path: Path) -> None:
    """Where not even the file can be made, alerts are kept and sent from memory."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    async def work(desk: Desk) -> None:
        assert desk.health.state == "failed"
        assert not await desk.outbox.commit([desk.message("a")], {"n": 1})
        assert await desk.due() == ["a"]
        await desk.outbox.acked("a")
        assert await desk.due() == []
        assert await desk.outbox.requeue_since(0) == 1
        blocked.unlink()
        await desk.outbox.maintain(0)
        assert (desk.health.state, await desk.due()) == ("ok", ["a"])

    run(blocked / "outbox.db", work)
