import threading

import anyio
import pytest

from edgefuse.core.errors import SourceError
from edgefuse.sources.threads import in_thread

pytestmark = pytest.mark.anyio


async def test_errors_of_the_thread_are_raised_to_the_task() -> None:
    """What the driver raises, the supervisor sees."""

    def work(_: threading.Event) -> None:
        raise SourceError("unplugged")

    with pytest.raises(SourceError, match="unplugged"):
        await in_thread("t", work)


async def test_cancellation_stops_the_thread_and_waits_for_it() -> None:
    """After cancellation the driver has been closed."""
    closed = threading.Event()
    started = anyio.Event()

    def work(stop: threading.Event) -> None:
        anyio.from_thread.run_sync(started.set, token=token)
        stop.wait()
        closed.set()

    token = anyio.lowlevel.current_token()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_thread, "t", work)
        await started.wait()
        tasks.cancel_scope.cancel()

    assert closed.is_set()


async def test_a_hanging_driver_is_left_behind() -> None:
    """A driver that ignores `stop` holds nothing up, also when it comes back later."""
    release = threading.Event()

    def work(_: threading.Event) -> None:
        release.wait()

    def check() -> None:
        raise SourceError("it hangs")

    with pytest.raises(SourceError, match="it hangs"):
        await in_thread("t", work, check, patience_s=0.05)
    release.set()
