"""Takes messages from the outbox to the publishers: alerts first, oldest first, a bounded number at once."""

from collections.abc import Sequence
from typing import Protocol

import anyio
import structlog
from anyio.abc import TaskGroup

from edgefuse.core.errors import PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock, Publisher
from edgefuse.core.types import SECOND, Message, Nanoseconds
from edgefuse.mqtt import NotConnectedError
from edgefuse.pipeline.outbox import LINGER_S, Outbox

AT_ONCE = 64
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
_TICK_S = 1.0
_POLL_S = 0.01
_log = structlog.get_logger()


class Link(Protocol):
    """What must be known of the broker's connection."""

    @property
    def connected(self) -> bool:
        """Whether sending makes sense."""

    @property
    def heard(self) -> Nanoseconds:
        """When the broker last gave a sign of life, monotonic."""


class Delivery:
    """The loop from outbox to publishers."""

    def __init__(
        self,
        outbox: Outbox,
        publishers: Sequence[Publisher],
        clock: Clock,
        health: PartHealth,
        link: Link | None = None,
    ) -> None:
        """Without a `link` it always tries. The latency on `health` is from `commit` to the acknowledgement."""
        self._outbox = outbox
        self._publishers = publishers
        self._clock = clock
        self._health = health
        self._link = link
        self._wake = anyio.Event()
        self._flying: set[str] = set()
        self._refused: dict[str, tuple[Nanoseconds, float]] = {}
        """Message -> not before, and the delay that led there."""
        self._taken: dict[str, int] = {}
        """Message -> how many publishers took it, while others have not."""
        self._heard: Nanoseconds = 0
        """Of the connection that the latest acknowledgements came from."""
        self._requeue = False
        self._next_tick: Nanoseconds = 0
        outbox.on_commit.append(self.wake)

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def reconnected(self, session_present: bool) -> None:  # noqa: FBT001 - a listener of Connection.on_connect
        """Send again what a broker that died may have acknowledged and forgotten, even where it knows our session."""
        del session_present
        self._requeue = True
        self.wake()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                self._wake = anyio.Event()
                await self._keep_house()
                if not await self._send_due(tasks):
                    with anyio.move_on_after(_TICK_S):
                        await self._wake.wait()

    async def flush(self) -> None:
        """Return once nothing is due or in flight. `run` must be running; bound it with a cancel scope."""
        while self._flying or await self._outbox.pending(1):
            self.wake()
            await anyio.sleep(_POLL_S)

    async def _keep_house(self) -> None:
        """Requeue after a reconnect, before the new connection's signs of life count; once a second tidy up."""
        now = self._clock.now()
        if self._requeue:
            self._requeue = False
            count = await self._outbox.requeue_since(self._heard - LINGER_S * SECOND)
            if count:
                _log.info("alerts are sent again: the broker may have forgotten them", count=count)
        if self._link is None:
            self._heard = now
        elif self._link.connected and not self._requeue:
            self._heard = self._link.heard
        if now >= self._next_tick:
            self._next_tick = now + int(_TICK_S * SECOND)
            self._refused = {name: entry for name, entry in self._refused.items() if entry[0] > now - 60 * SECOND}
            await self._outbox.maintain(self._heard)

    async def _send_due(self, tasks: TaskGroup) -> int:
        room = AT_ONCE - len(self._flying)
        if room <= 0 or (self._link is not None and not self._link.connected):
            return 0
        now = self._clock.now()
        skip = self._flying | {name for name, (due, _) in self._refused.items() if due > now}
        messages = await self._outbox.pending(room, skip)
        for message in messages:
            self._flying.add(message.id)
            tasks.start_soon(self._send, message)
        return len(messages)

    async def _send(self, message: Message) -> None:
        try:
            for n, publisher in enumerate(self._publishers):
                if n >= self._taken.get(message.id, 0):
                    await publisher.publish(message)
                    self._taken[message.id] = n + 1
            self._delivered(message)
            await self._outbox.acked(message.id)
        except NotConnectedError:
            pass  # it stays in the outbox, and `reconnected` wakes the loop
        except PublishError as error:
            self._put_off(message, error)
        finally:
            if len(self._flying) >= AT_ONCE:
                self.wake()
            self._flying.discard(message.id)

    def _delivered(self, message: Message) -> None:
        self._taken.pop(message.id, None)
        self._refused.pop(message.id, None)
        now = self._clock.now()
        self._health.arrived(now)
        committed = self._outbox.committed.get(message.id)
        if committed is not None:
            self._health.took(now - committed)
        if not self._refused:
            self._health.set("ok")

    def _put_off(self, message: Message, error: PublishError) -> None:
        _, delay = self._refused.get(message.id, (0, FIRST_DELAY_S / 2))
        delay = min(2 * delay, LONGEST_DELAY_S)
        self._refused[message.id] = (self._clock.now() + int(delay * SECOND), delay)
        self._health.set("degraded", f"{message.topic}: {error}")
        if delay == FIRST_DELAY_S:
            _log.warning("message not taken", id=message.id, topic=message.topic, error=str(error))
