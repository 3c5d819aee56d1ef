"""The outbox's tables and every SQL statement on them. Synchronous; raises sqlite3.Error.

Also used on an in-memory database, for what the disk does not take.
"""

import json
import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse.core.types import SECOND, Json, Message, Nanoseconds

RESEND_S = 30
"""Silence of the controller after which an alert that it must confirm is sent again; doubles each time."""
LONGEST_RESEND_S = 600
SANE_CLOCK: Nanoseconds = 1_577_836_800 * SECOND
"""2020: a row made before it was made by a clock that was not set yet, and has no known age."""
_BUSY_TIMEOUT_S = 5.0
_WAL_BYTES = 4_194_304
_PROBE_BYTES = 16_384
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  cls TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  retain INTEGER NOT NULL,
  qos INTEGER NOT NULL,
  needs_ack INTEGER NOT NULL,
  acked INTEGER,               -- monotonic time of PUBACK in this process
  resend INTEGER,              -- monotonic time to send it again unless confirmed
  sends INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS message_order ON message (
  CASE cls WHEN 'alert' THEN 0 WHEN 'intent' THEN 1 ELSE 2 END, seq);
CREATE INDEX IF NOT EXISTS message_topic ON message (topic) WHERE cls = 'state';
CREATE INDEX IF NOT EXISTS message_acked ON message (acked) WHERE acked IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_expires ON message (expires) WHERE expires IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_age ON message (created) WHERE cls = 'alert';
CREATE TABLE IF NOT EXISTS rule_state (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL);
"""
_INSERT = """
INSERT OR IGNORE INTO message (id, cls, topic, payload, created, expires, retain, qos, needs_ack)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ROW = "SELECT id, cls, topic, payload, created, expires, retain, qos, needs_ack FROM message"
_DUE = f"""
{_ROW} WHERE (acked IS NULL OR resend <= ?) AND (expires IS NULL OR expires > ?)
ORDER BY CASE cls WHEN 'alert' THEN 0 WHEN 'intent' THEN 1 ELSE 2 END, seq"""


@dataclass(frozen=True, slots=True)
class Depth:
    """How full the outbox is."""

    alerts: int
    intents: int
    states: int
    lingering: int
    """Alerts that are acknowledged but not forgotten yet; part of `alerts`."""
    bytes: int
    """Of the payloads."""


class Table:
    """One database."""

    def __init__(self, path: Path | None, max_bytes: int) -> None:
        """Open or make it; `path` None keeps it in memory. Nothing in it counts as acknowledged any more."""
        target = ":memory:" if path is None else str(path)
        self._log = None if path is None else path.with_name(f"{path.name}-wal")
        self.db = sqlite3.connect(target, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
        try:
            self._prepare(max_bytes)
        except sqlite3.Error:
            self.db.close()
            raise

    def _prepare(self, max_bytes: int) -> None:
        db = self.db
        if not db.execute("PRAGMA page_count").fetchone()[0]:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # it would fall into some alert's commit; see `keep_house`
        db.execute("PRAGMA synchronous = FULL")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {found}")
        page_size, pages = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count"))
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA max_page_count = {max(max_bytes // page_size, pages, 16)}")
        if db.execute("SELECT 1 FROM message WHERE acked IS NOT NULL").fetchone():
            db.execute("UPDATE message SET acked = NULL, resend = NULL")

    def close(self) -> None:
        """Fold the write-ahead log into the file and close."""
        self.db.close()

    def commit(self, messages: Sequence[Message], state: Json | None) -> None:
        """Store all or nothing; on disk when it returns if there is more than states and QoS 0."""
        durable = state is not None or any(message.cls != "state" and message.qos for message in messages)
        self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        text = None if state is None else json.dumps(state, separators=(",", ":"), allow_nan=False)
        with self._transaction():
            for message in messages:
                if message.cls == "state":
                    self.db.execute("DELETE FROM message WHERE cls = 'state' AND topic = ?", (message.topic,))
                self.db.execute(_INSERT, _row(message))
            if text is not None:
                self.db.execute("INSERT OR REPLACE INTO rule_state VALUES (1, ?)", (text,))

    def forget_state(self) -> None:
        """Forget the rules' state: it is stored elsewhere."""
        self.db.execute("DELETE FROM rule_state")

    def probe(self) -> bool:
        """Write something and take it back: whether the disk takes anything."""
        self.commit([Message("probe", "state", "probe", bytes(_PROBE_BYTES), 0)], None)
        self.delete(("probe",))
        return True

    def unsent(self) -> list[Message]:
        """Everything that is not acknowledged, or not confirmed, in the order it came."""
        rows = self.db.execute(f"{_ROW} WHERE acked IS NULL OR needs_ack ORDER BY seq")
        return [_message(row) for row in rows]

    def state(self) -> Json | None:
        """The rules' state as last committed."""
        row = self.db.execute("SELECT value FROM rule_state").fetchone()
        return None if row is None else json.loads(row[0])

    def due(self, now: Nanoseconds, wall: Nanoseconds, limit: int, skip: Container[str]) -> list[Message]:
        """What should be sent at monotonic `now`: alerts, intents, states, each oldest first."""
        found: list[Message] = []
        for row in self.db.execute(_DUE, (now, wall)):
            if row[0] not in skip:
                found.append(_message(row))
                if len(found) == limit:
                    break
        return found

    def acked(self, ids: Iterable[str], now: Nanoseconds) -> None:
        """PUBACK: forget states and intents; alerts linger, and stay until confirmed where they must be."""
        self.db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            for name in ids:
                self.db.execute("DELETE FROM message WHERE id = ? AND cls != 'alert' AND NOT needs_ack", (name,))
                self.db.execute(
                    "UPDATE message SET acked = ?, sends = sends + 1,"
                    " resend = CASE needs_ack WHEN 1 THEN ? + min(? << min(sends, 10), ?) * ? END WHERE id = ?",
                    (now, now, RESEND_S, LONGEST_RESEND_S, SECOND, name),
                )

    def delete(self, ids: Iterable[str]) -> None:
        """Forget messages."""
        self.db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            self.db.executemany("DELETE FROM message WHERE id = ?", [(name,) for name in ids])

    def requeue(self, since: Nanoseconds) -> int:
        """Take back the acknowledgements from monotonic `since` on. Returns how many."""
        return self.db.execute("UPDATE message SET acked = NULL, resend = NULL WHERE acked >= ?", (since,)).rowcount

    def forget_acked(self, before: Nanoseconds) -> int:
        """End the lingering of what was acknowledged before monotonic `before`. Returns how many."""
        self.db.execute("PRAGMA synchronous = NORMAL")
        return self.db.execute("DELETE FROM message WHERE acked < ? AND NOT needs_ack", (before,)).rowcount

    def expire(self, wall: Nanoseconds, oldest: Nanoseconds) -> dict[str, int]:
        """Drop what has expired, and alerts from before wall time `oldest`. Returns counts by class."""
        rows = self.db.execute(
            "SELECT id, cls FROM message WHERE expires <= ?"
            " UNION SELECT id, cls FROM message WHERE cls = 'alert' AND created BETWEEN ? AND ?",
            (wall, SANE_CLOCK, oldest),
        ).fetchall()
        return self._drop(rows)

    def drop_lesser(self) -> dict[str, int]:
        """Make room: drop all states and intents. Returns counts by class."""
        return self._drop(self.db.execute("SELECT id, cls FROM message WHERE cls != 'alert'").fetchall())

    def drop_oldest(self) -> int:
        """The last resort in memory. Returns how many went (0 or 1)."""
        return self.db.execute("DELETE FROM message WHERE seq = (SELECT min(seq) FROM message)").rowcount

    def depth(self) -> Depth:
        """Count rows and bytes."""
        row = self.db.execute(
            "SELECT total(cls = 'alert'), total(cls = 'intent'), total(cls = 'state'),"
            " total(cls = 'alert' AND acked IS NOT NULL), total(length(payload) + length(topic)) FROM message"
        ).fetchone()
        return Depth(*(int(value) for value in row))

    def keep_house(self) -> None:
        """Once the write-ahead log has grown, fold it into the file and give freed pages back to the file system."""
        if self._log is None or not self._log.exists() or self._log.stat().st_size < _WAL_BYTES // 2:
            return
        self.db.execute("PRAGMA incremental_vacuum(256)").fetchall()
        self.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def give_back(self) -> None:
        """Fold the write-ahead log into the file, on a disk that is full perhaps because of it."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def _drop(self, rows: Sequence[tuple[str, str]]) -> dict[str, int]:
        if not rows:
            return {}
        self.delete(name for name, _ in rows)
        counts: dict[str, int] = {}
        for _, cls in rows:
            counts[cls] = counts.get(cls, 0) + 1
        return counts


def _row(message: Message) -> tuple[Any, ...]:
    return (
        message.id,
        message.cls,
        message.topic,
        message.payload,
        message.created,
        message.expires,
        message.retain,
        message.qos,
        message.needs_ack,
    )


def _message(row: tuple[Any, ...]) -> Message:
    name, cls, topic, payload, created, expires, retain, qos, needs_ack = row
    return Message(name, cls, topic, payload, created, expires, bool(retain), qos, bool(needs_ack))
