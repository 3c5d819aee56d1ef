"""The one place where data may be lost: samples, oldest first, and counted."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Bounded queue from many threads to one task; a full ring drops its oldest item."""

    def __init__(self, capacity: int, on_drop: Callable[[T], None]) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._on_drop = on_drop
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()

    def put(self, item: T) -> None:
        """Add without blocking, from any thread."""
        self._items.append(item)
        while len(self._items) > self._capacity:
            try:
                self._on_drop(self._items.popleft())
            except IndexError:  # the consumer took it in between
                break
        if not self._ready.is_set():
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop is closed: the daemon is stopping and nobody will read
            return

    async def take(self) -> list[T]:
        """Everything waiting, oldest first; waits for at least one item."""
        while not self._items:
            self._ready.clear()
            if not self._items:
                await self._ready.wait()
        self._ready.clear()
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken

    def __len__(self) -> int:
        return len(self._items)
