"""The outbox under a crash at any statement."""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.core.health import PartHealth
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.outbox import Outbox

CHILD = """
import asyncio, json, os, signal, sys
from pathlib import Path
from edgefuse.core.health import PartHealth
from edgefuse.core.types import Message
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline import outbox_table
from edgefuse.pipeline.outbox import Outbox

path, statements, operations = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
left = [statements]

class Dying(outbox_table.Table):
    def _prepare(self, max_bytes):
        if self.db.execute("PRAGMA database_list").fetchone()[2]:
            self.db.set_trace_callback(self._count)
        super()._prepare(max_bytes)

    def _count(self, statement):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

import edgefuse.pipeline.outbox as module
module.Table = Dying

async def main():
    outbox = Outbox(path, SystemClock(), PartHealth("outbox", "outbox"))
    await outbox.open()
    for n, (kind, which) in enumerate(operations):
        if kind == "commit":
            messages = [Message(f"m{n}.{k}", "alert", "t", b"x" * 100, 1, needs_ack=True) for k in range(which % 3 + 1)]
            await outbox.commit(messages, {"n": n})
        else:
            await outbox.confirmed(f"m{which}.0")
        print(json.dumps([n]), flush=True)

asyncio.run(main())
"""
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["commit", "commit", "confirm"]), st.integers(0, 8)), min_size=3, max_size=10
)


def run_child(path: Path, statements: int, operations: list[tuple[str, int]]) -> int:
    """Run the operations in a process that is killed at a statement. Returns how many were reported done."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(statements), json.dumps(operations)],
        capture_output=True,
        check=False,
    )
    assert done.returncode in {0, -9}, done.stderr.decode()
    return len(done.stdout.splitlines())


def replayed(operations: list[tuple[str, int]]) -> tuple[set[str], int | None]:
    """What must be there after these operations: ids and the state's number."""
    ids: set[str] = set()
    state = None
    for n, (kind, which) in enumerate(operations):
        if kind == "commit":
            ids |= {f"m{n}.{k}" for k in range(which % 3 + 1)}
            state = n
        else:
            ids.discard(f"m{which}.0")
    return ids, state


@settings(max_examples=15, deadline=None)
@given(operations=OPERATIONS, statements=st.integers(0, 120))
def test_a_kill_at_any_statement_loses_nothing_that_was_committed(
    operations: list[tuple[str, int]], statements: int
) -> None:
    """After kill -9 the file holds exactly what was reported done, or that and the whole next operation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        done = run_child(path, statements, operations)

        async def look() -> tuple[set[str], int | None, str]:
            health = PartHealth("outbox", "outbox")
            outbox = Outbox(path, SystemClock(), health)
            await outbox.open()
            found = {message.id for message in await outbox.pending(10_000)}
            state = await outbox.load_state()
            await outbox.close()
            return found, None if state is None else state["n"], health.state

        found, state, health = asyncio.run(look())
        assert health == "ok"
        assert (found, state) in (replayed(operations[:done]), replayed(operations[: done + 1]))
