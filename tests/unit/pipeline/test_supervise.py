import random
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from edgefuse.core.errors import ConfigError, SourceError
from edgefuse.core.health import PartHealth
from edgefuse.pipeline import supervise as module
from edgefuse.pipeline.supervise import supervise

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.001)


def _fails(times: int, error: Exception) -> Callable[[], Awaitable[None]]:
    left = [times]

    async def run() -> None:
        await anyio.lowlevel.checkpoint()
        if left[0]:
            left[0] -= 1
            raise error

    return run


async def test_transient_error_is_retried() -> None:
    """A source that fails twice is restarted twice and then ends."""
    part = PartHealth("cam", "source")
    states: list[tuple[str, str]] = []
    part.listeners.append(lambda changed: states.append((changed.state, changed.reason)))
    await supervise(part, _fails(2, SourceError("unplugged")), random.Random(1))

    assert part.restarts == 2
    assert states == [("failed", "unplugged"), ("ended", "it came to its end")]


async def test_operator_error_is_not_retried() -> None:
    """What only the operator can mend goes through at once."""
    with pytest.raises(ConfigError):
        await supervise(PartHealth("cam", "source"), _fails(1, ConfigError("no such device")))


async def test_bug_is_not_hidden() -> None:
    """Any other exception goes through, so that the process ends and is restarted."""
    with pytest.raises(ZeroDivisionError):
        await supervise(PartHealth("cam", "source"), _fails(1, ZeroDivisionError()))
