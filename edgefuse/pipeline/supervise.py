"""Keeps a source running: back-off on transient errors, everything else is a bug and propagates."""

import random
from collections.abc import Awaitable, Callable

import anyio
import structlog

from edgefuse.core.errors import TransientError
from edgefuse.core.health import PartHealth

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
_log = structlog.get_logger()


async def supervise(part: PartHealth, run: Callable[[], Awaitable[None]], rng: random.Random | None = None) -> None:
    """Run until it returns by itself; restart after a TransientError with exponential, jittered delays.

    A run that made samples resets the delay. Health tells the state and the reason.
    """
    rng = rng or random.Random()  # noqa: S311 - jitter, not secrecy
    delay = FIRST_DELAY_S
    while True:
        before = part.samples
        try:
            await run()
        except TransientError as error:
            if part.samples > before:
                delay = FIRST_DELAY_S
            part.restarts += 1
            part.set("failed", str(error))
            _log.warning("part failed", part=part.name, error=str(error), retry_s=round(delay, 1))
            await anyio.sleep(delay * rng.uniform(0.8, 1.2))
            delay = min(2 * delay, LONGEST_DELAY_S)
        else:
            part.set("ended", "it came to its end")
            _log.info("part ended", part=part.name)
            return
