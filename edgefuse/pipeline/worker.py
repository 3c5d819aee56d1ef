"""A thread that cannot block the exit, unlike those of concurrent.futures."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue


class Worker:
    """Does what it is given, one after the other, in one daemon thread. Call from an event loop."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    async def do(self, work: Callable[[], None]) -> None:
        """Return when it is done; raises what it raises. When cancelled the work goes on."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def tell(error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def body() -> None:
            failed: BaseException | None = None
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by the task that waits
                failed = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, failed)

        self._work.put(body)
        await done

    def end(self) -> None:
        """Let the thread end after what it was given."""
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
