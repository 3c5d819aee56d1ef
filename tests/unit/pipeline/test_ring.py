import threading

import anyio
import pytest

from edgefuse.pipeline.ring import Inbox, Ring

pytestmark = pytest.mark.anyio


async def test_full_ring_drops_the_oldest_and_tells() -> None:
    """A full ring keeps the newest items and hands each dropped one to its callback."""
    dropped: list[int] = []
    ring: Ring[int] = Ring(3, dropped.append, lambda: None)
    for item in range(5):
        ring.put(item)

    assert ring.take() == [2, 3, 4]
    assert dropped == [0, 1]


async def test_ring_wakes_its_reader() -> None:
    """Every put wakes, so that a reader in another thread sleeps in between."""
    woken = threading.Event()
    ring: Ring[str] = Ring(8, lambda _: None, woken.set)
    thread = threading.Timer(0.05, ring.put, ["late"])
    thread.start()
    assert woken.wait(5)
    thread.join()

    assert ring.take() == ["late"]


async def test_nothing_is_lost_between_threads() -> None:
    """Four threads put 4000 items; every one is taken or counted as dropped, none twice."""
    dropped: list[int] = []
    ring: Ring[int] = Ring(50, dropped.append, lambda: None)
    threads = [threading.Thread(target=lambda k=k: [ring.put(k * 1000 + i) for i in range(1000)]) for k in range(4)]
    for thread in threads:
        thread.start()
    taken: list[int] = []
    while any(thread.is_alive() for thread in threads) or len(ring):
        taken += ring.take()

    assert sorted(taken + dropped) == list(range(4000))


async def test_inbox_keeps_everything_from_many_threads() -> None:
    """Four threads put 4000 items while a task takes them; none is lost, none comes twice."""
    inbox: Inbox[int] = Inbox()
    threads = [threading.Thread(target=lambda k=k: [inbox.put(k * 1000 + i) for i in range(1000)]) for k in range(4)]
    for thread in threads:
        thread.start()
    taken: list[int] = []
    with anyio.fail_after(10):
        while len(taken) < 4000:
            taken += await inbox.take(5)

    assert sorted(taken) == list(range(4000))


async def test_cancelled_take_loses_nothing() -> None:
    """Cancelling a waiting take() leaves later items in the inbox."""
    inbox: Inbox[int] = Inbox()
    with anyio.move_on_after(0.01):
        await inbox.take(5)
    inbox.put(7)

    assert await inbox.take(5) == [7]


async def test_take_gives_up_after_its_time() -> None:
    """Without an item take() returns an empty list once its time is over."""
    inbox: Inbox[int] = Inbox()

    assert await inbox.take(0.01) == []
