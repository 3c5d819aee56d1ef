"""What every test can use, and what every test must keep to."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

POOLS = ("ThreadPoolExecutor", "AnyIO worker")
ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test without a docstring does not say which fact it tests."""
    nameless = [item.nodeid for item in items if not (getattr(item, "function", None) or item).__doc__]
    if nameless:
        raise pytest.UsageError("tests without a docstring that states the fact under test:\n" + "\n".join(nameless))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data, beside the checkout or under EDGEFUSE_DATA; skips where it is absent."""
    for candidate in (os.environ.get("EDGEFUSE_DATA"), ROOT.parent / "shared" / "data"):
        if candidate and Path(candidate).is_dir():
            return Path(candidate)
    pytest.skip("the real data is not here (../shared/data or EDGEFUSE_DATA)")


@pytest.fixture(autouse=True)
def _no_leftover_threads() -> Iterator[None]:
    """A test ends its threads; those of thread pools of libraries are exempt by name."""
    before = set(threading.enumerate())
    yield
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread not in before
        and not thread.daemon
        and not thread.name.startswith(("ThreadPoolExecutor", "AnyIO worker"))
    ]
    assert not left, f"threads left running: {left}"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The daemon runs on asyncio."""
    return "asyncio"
