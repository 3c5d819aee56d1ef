"""Keeps what must reach the controller until it did: messages and the rules' state, in one SQLite transaction.

Loses no alert: a PUBACK is no durability (a broker that is killed forgets what it acknowledged), so alerts linger
after it; what a full or broken disk does not take is held in memory, sent from there, and stored once it can be.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import structlog

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock
from edgefuse.core.types import SECOND, Json, Message, Nanoseconds
from edgefuse.pipeline.clock import wall_ns
from edgefuse.pipeline.outbox_table import RESEND_S, Depth, Table

LINGER_S = 5
"""How long an alert is kept after PUBACK; it goes once the broker has been heard from after that."""
RAM_BYTES = 32_000_000
"""Most that is held in memory while the disk takes nothing."""
_DAY = 86_400 * SECOND
_MB = 1_000_000
_ORDER = {"alert": 0, "intent": 1, "state": 2}
_MOST_TIMED = 4096
_COUNT_PAUSE = 50
"""Counting a full outbox takes long: wait so many times as long before the next count."""
_T = TypeVar("_T")
_log = structlog.get_logger()


class Outbox:
    """Rows wait here until they are acknowledged. Call from one event loop; SQLite runs in a thread of its own."""

    def __init__(
        self, path: Path, clock: Clock, health: PartHealth, *, max_mb: float = 256, keep_days: float = 7
    ) -> None:
        """`path` is the database file; its folder is made. `open` before use."""
        self.on_commit: list[Callable[[], None]] = []
        """Called on the event loop after every commit."""
        self.committed: dict[str, Nanoseconds] = {}
        """When each alert and intent that still waits was handed to `commit`; monotonic."""
        self._path = path
        self._clock = clock
        self._health = health
        self._max_bytes = int(max_mb * _MB)
        self._keep = int(keep_days * _DAY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._disk: Table | None = None
        self._owed: list[Callable[[Table], object]] = []
        """Statements that the disk did not take; they come first when it does again."""
        self._hidden: dict[str, Nanoseconds | None] = {}
        """Rows on disk that are done but for the owed statements -> when acknowledged; None: confirmed."""
        self._dropped: dict[str, int] = {}
        self._count_at: Nanoseconds = 0

    async def open(self) -> None:
        """Open the database; a corrupt one is moved aside. Never fails for the disk's sake."""
        await self._call(self._open)

    async def close(self) -> None:
        """Finish what was begun and end the thread."""
        await self._call(self._close)
        self._thread.shutdown(wait=True)

    async def commit(self, messages: Sequence[Message], state: Json | None = None) -> bool:
        """Store messages and state together; ids that are present are ignored.

        Returns True once it is on disk, False when it is only held in memory because the disk failed.
        """
        begin = self._clock.now()
        for message in messages:
            if message.cls != "state" and len(self.committed) < _MOST_TIMED:
                self.committed.setdefault(message.id, begin)
        stored = await self._call(lambda: self._commit(messages, state))
        self._health.took(self._clock.now() - begin)
        for listener in self.on_commit:
            listener()
        return stored

    async def load_state(self) -> Json | None:
        """The rules' state as last committed, None at the first start."""
        return await self._call(lambda: self._try(Table.state))

    async def pending(self, limit: int = 64, skip: Container[str] = ()) -> list[Message]:
        """What should be sent now: alerts, then intents, then states, each oldest first."""
        return await self._call(lambda: self._pending(limit, skip))

    async def acked(self, *ids: str) -> None:
        """Note a PUBACK."""
        now = self._clock.now()
        for name in ids:
            self.committed.pop(name, None)
        await self._call(lambda: self._settle(ids, now, lambda table: table.acked(ids, now)))

    async def confirmed(self, name: str) -> None:
        """Note the controller's own acknowledgement: it has acted."""
        await self._call(lambda: self._settle((name,), None, lambda table: table.delete((name,))))

    async def requeue_since(self, since: Nanoseconds) -> int:
        """Send again what was acknowledged from monotonic `since` on. Returns how many alerts that is."""
        return await self._call(lambda: self._requeue(since))

    async def maintain(self, heard: Nanoseconds) -> None:
        """Drop what expired, forget what lingered long enough before the broker was last heard, store what is held."""
        await self._call(lambda: self._maintain(heard))

    async def depth(self) -> Depth:
        """Count what waits, on disk and in memory."""
        return await self._call(self._depth)

    # Below: everything runs on the outbox's thread.

    async def _call(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self._ram = Table(None, 4 * RAM_BYTES)
        self._try(Table.depth)
        if self._disk is not None and self._health.state == "starting":
            self._health.set("ok")

    def _close(self) -> None:
        self._drain()
        for table in (self._disk, self._ram):
            if table is not None:
                table.close()

    def _try(self, work: Callable[[Table], _T]) -> _T | None:
        """Do it on disk. None, with the reason in health, where the disk does not let us."""
        try:
            if self._disk is None:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._disk = Table(self._path, self._max_bytes)
            return work(self._disk)
        except (sqlite3.OperationalError, OSError) as error:
            self._failed(str(error))
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            self._quarantine(str(error))
        return None

    def _failed(self, why: str) -> None:
        if self._health.state != "failed":
            _log.error("outbox cannot write", file=str(self._path), error=why)
        self._health.set("failed", f"{self._path}: {why}; new alerts are held in memory only")

    def _quarantine(self, why: str) -> None:
        """Move a corrupt database aside, with its log files; the next statement makes a new one."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None
        stamp = self._clock.wall(self._clock.now()).strftime("%Y%m%dT%H%M%S%f")
        aside = self._path.with_name(f"{self._path.name}.corrupt-{stamp}")
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            self._failed(f"{why}; it cannot be moved aside: {error}")
            return
        _log.error("outbox is corrupt; it starts anew", file=str(self._path), moved_to=str(aside), error=why)
        self._health.set("degraded", f"{self._path} was corrupt ({why}); moved to {aside.name}, started anew")
        self._hidden.clear()
        self._owed.clear()

    def _commit(self, messages: Sequence[Message], state: Json | None) -> bool:
        if self._drain() and self._stored(messages, state):
            if self._health.state == "failed":
                self._health.set("ok")
            return True
        self._ram.commit(messages, state)
        self._bound_memory()
        return False

    def _stored(self, messages: Sequence[Message], state: Json | None) -> bool:
        def work(table: Table) -> bool:
            table.commit(messages, state)
            return True

        if self._try(work):
            return True
        self._count(self._try(Table.drop_lesser))
        return bool(self._try(work))

    def _drain(self) -> bool:
        """Bring to disk what it owes and what memory holds. Returns whether nothing is left."""
        while self._owed:
            owed = self._owed[0]
            if self._try(lambda table, owed=owed: (owed(table), True)) is None and self._owed:  # type: ignore[misc]
                return False
            del self._owed[:1]
        self._hidden.clear()
        held, state = self._ram.unsent(), self._ram.state()
        if (held or state is not None) and not self._stored(held, state):
            return False
        if held or state is not None:
            self._ram.delete(message.id for message in held)
            self._ram.forget_state()
        return True

    def _bound_memory(self) -> None:
        if self._ram.depth().bytes <= RAM_BYTES:
            return
        self._count(self._ram.drop_lesser())
        while self._ram.depth().bytes > RAM_BYTES and self._ram.drop_oldest():
            self._count({"alert": 1})
            _log.critical("an alert is lost: the disk takes nothing and memory is full", file=str(self._path))

    def _count(self, dropped: dict[str, int] | None) -> None:
        for cls, count in (dropped or {}).items():
            self._dropped[cls] = self._dropped.get(cls, 0) + count
            self._health.dropped += count
        if dropped:
            self._health.info["dropped"] = dict(self._dropped)

    def _pending(self, limit: int, skip: Container[str]) -> list[Message]:
        now = self._clock.now()
        wall = wall_ns(self._clock.wall(now))
        hidden = {name for name, acked in self._hidden.items() if acked is None or now < acked + RESEND_S * SECOND}
        found = self._try(lambda table: table.due(now, wall, limit, _Either(skip, hidden))) or []
        held = self._ram.due(now, wall, limit, skip)
        return sorted(found + held, key=lambda message: _ORDER[message.cls])[:limit] if held else found

    def _settle(self, ids: Sequence[str], acked: Nanoseconds | None, work: Callable[[Table], object]) -> None:
        work(self._ram)
        done = self._try(lambda table: (work(table), True))
        if done is None and self._health.state == "failed":
            self._owed.append(work)
            self._hidden.update(dict.fromkeys(ids, acked))

    def _requeue(self, since: Nanoseconds) -> int:
        for name, acked in list(self._hidden.items()):
            if acked is not None and acked >= since:
                del self._hidden[name]
        count = self._try(lambda table: table.requeue(since))
        if count is None or self._owed:
            self._owed.append(lambda table: table.requeue(since))
        return self._ram.requeue(since) + (count or 0)

    def _maintain(self, heard: Nanoseconds) -> None:
        if self._health.state == "failed":
            self._try(Table.give_back)
            if self._drain() and self._try(Table.probe):
                self._health.set("ok")
        wall = wall_ns(self._clock.wall(self._clock.now()))
        before = heard - LINGER_S * SECOND
        self._count(self._ram.expire(wall, wall - self._keep))
        self._count(self._try(lambda table: table.expire(wall, wall - self._keep)))
        self._ram.forget_acked(before)
        self._try(lambda table: table.forget_acked(before))
        self._try(Table.keep_house)
        begin = self._clock.now()
        if begin >= self._count_at:
            self._health.info["depth"] = asdict(self._depth())
            self._count_at = begin + _COUNT_PAUSE * (self._clock.now() - begin)

    def _depth(self) -> Depth:
        disk, ram = self._try(Table.depth) or Depth(0, 0, 0, 0, 0), self._ram.depth()
        return Depth(
            disk.alerts + ram.alerts,
            disk.intents + ram.intents,
            disk.states + ram.states,
            disk.lingering + ram.lingering,
            disk.bytes + ram.bytes,
        )


class _Either:
    """Membership in one of two containers."""

    def __init__(self, first: Container[str], second: Container[str]) -> None:
        self._both = (first, second)

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self._both)
