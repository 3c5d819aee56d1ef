"""The tasks of a running daemon around the decider."""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from edgefuse.core.ports import Clock
from edgefuse.core.types import SECOND
from edgefuse.pipeline.decide import Decider, Item, Outcome
from edgefuse.pipeline.ring import Inbox
from edgefuse.pipeline.stages import DetectorStage

TICK_NS = SECOND
"""The decider steps at least this often."""
STUCK_NS = 20 * SECOND
"""A detector that works on one sample for longer than this holds the watchdog."""


async def decide(
    inbox: Inbox[Item],
    decider: Callable[[], Decider],
    write: Callable[[Outcome], Awaitable[None]],
    clock: Clock,
    beat: Callable[[], None],
) -> None:
    """Step for ever: on what arrives, and when something is due. What arrived is settled once it is written."""
    while True:
        now = clock.now()
        due = decider().next_due(now)
        wait = TICK_NS if due is None else min(TICK_NS, max(0, due - now))
        items = await inbox.take(wait / SECOND)
        with anyio.CancelScope(shield=True):  # a stop in between would have it all told again after the start
            await write(decider().step(items, clock.now()))
        for item in items:
            for settled in getattr(item, "settled", ()):
                settled()
        beat()


def stuck(stages: Sequence[DetectorStage], clock: Clock) -> list[str]:
    """Names of detectors that make no progress."""
    now = clock.now()
    return [stage.name for stage in stages if stage.busy_since is not None and now - stage.busy_since > STUCK_NS]
