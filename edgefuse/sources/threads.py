"""Blocking drivers, each in a daemon thread, awaited from the event loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import anyio

_POLL_S = 0.25


async def in_thread(
    name: str,
    work: Callable[[threading.Event], None],
    check: Callable[[], None] | None = None,
    patience_s: float = 3,
) -> None:
    """Run `work(stop)` in a daemon thread called `name` and raise here what it raises.

    `check` is called four times a second and may raise to give up. Cancellation, or an error of `check`, sets `stop`
    and waits `patience_s` for the thread; one that hangs inside its driver is left behind and cannot block the exit.
    """
    loop = asyncio.get_running_loop()
    stop, ended = threading.Event(), asyncio.Event()
    errors: list[BaseException] = []

    def body() -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001  raised again by the task that waits
            errors.append(error)
        finally:
            with suppress(RuntimeError):  # the loop is closed when a thread left behind comes back
                loop.call_soon_threadsafe(ended.set)

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    try:
        while check and not ended.is_set():
            with anyio.move_on_after(_POLL_S):
                await ended.wait()
            check()
        await ended.wait()
    finally:
        stop.set()
        with anyio.move_on_after(patience_s, shield=True):
            await ended.wait()
            thread.join(patience_s)
    if errors:
        raise errors[0]
