"""The one place where data may be lost: samples, oldest first, and counted."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Bounded queue from many threads to one reader; a full ring drops its oldest item. Never blocks."""

    def __init__(self, capacity: int, on_drop: Callable[[T], None], wake: Callable[[], None]) -> None:
        """`wake` is called, on the writer's thread, after every item."""
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._on_drop = on_drop
        self._wake = wake

    def put(self, item: T) -> None:
        """Add, from any thread."""
        self._items.append(item)
        while len(self._items) > self._capacity:
            try:
                self._on_drop(self._items.popleft())
            except IndexError:  # the reader took it in between
                break
        self._wake()

    def take(self) -> list[T]:
        """Everything there is, oldest first; only the reader calls it."""
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken

    def __len__(self) -> int:
        return len(self._items)


class Inbox(Generic[T]):
    """Unbounded, from many threads to one task."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._woken = threading.Event()

    def put(self, item: T) -> None:
        """Add without blocking, from any thread."""
        self._items.append(item)
        if not self._woken.is_set():
            self._woken.set()
            try:
                self._loop.call_soon_threadsafe(self._ready.set)
            except RuntimeError:  # the loop is closed: the daemon has stopped and nobody will read
                return

    async def take(self, wait_s: float) -> list[T]:
        """Everything waiting, oldest first; waits for an item, but no longer than `wait_s`."""
        if not self._items:
            self._ready.clear()
            self._woken.clear()
            if not self._items:
                timer = self._loop.call_later(wait_s, self._ready.set)
                await self._ready.wait()
                timer.cancel()
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken
