import threading

import anyio
import pytest

from edgefuse.pipeline.ring import Ring

pytestmark = pytest.mark.anyio


async def test_full_ring_drops_the_oldest_and_tells() -> None:
    """A full ring keeps the newest items and hands each dropped one to its callback."""
    dropped: list[int] = []
    ring: Ring[int] = Ring(3, dropped.append)
    for item in range(5):
        ring.put(item)

    assert await ring.take() == [2, 3, 4]
    assert dropped == [0, 1]


async def test_take_waits_for_the_first_item() -> None:
    """take() sleeps until a thread puts something."""
    ring: Ring[str] = Ring(8, lambda _: None)
    thread = threading.Timer(0.05, ring.put, ["late"])
    thread.start()
    with anyio.fail_after(5):
        assert await ring.take() == ["late"]
    thread.join()


async def test_nothing_is_lost_between_threads_below_capacity() -> None:
    """Four threads put 4000 items; every one is taken or counted as dropped, none twice."""
    dropped: list[int] = []
    ring: Ring[int] = Ring(50, dropped.append)
    threads = [threading.Thread(target=lambda k=k: [ring.put(k * 1000 + i) for i in range(1000)]) for k in range(4)]
    for thread in threads:
        thread.start()
    taken: list[int] = []
    while any(thread.is_alive() for thread in threads) or len(ring):
        with anyio.move_on_after(0.05):
            taken += await ring.take()

    assert sorted(taken + dropped) == list(range(4000))


async def test_cancelled_take_loses_nothing() -> None:
    """Cancelling a waiting take() leaves later items in the ring."""
    ring: Ring[int] = Ring(8, lambda _: None)
    with anyio.move_on_after(0.01):
        await ring.take()
    ring.put(7)

    assert await ring.take() == [7]
