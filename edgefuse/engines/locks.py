"""Locks by name in a folder, that other processes and threads respect and that a killed holder lets go."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_POLL_S = 0.2


class Locks:
    """Files that are locked with `flock`; the files stay, so that nobody locks one that another has deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        """Name -> thread that holds it through this object."""

    def mine(self, name: str) -> bool:
        """Whether the calling thread holds it."""
        return self._held.get(name) == threading.get_ident()

    @contextmanager
    def take(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold a lock that the calling thread does not hold yet.

        `waiting` is called again and again while somebody else has it; what it raises ends the wait. Raises OSError.
        """
        with self._open(name) as file:
            while not _locked(file):
                waiting()
                time.sleep(_POLL_S)
            self._held[name] = threading.get_ident()
            try:
                yield
            finally:
                del self._held[name]

    @contextmanager
    def if_free(self, name: str) -> Iterator[bool]:
        """Whether nobody else holds it; nobody can take it inside the block if so. False in a read-only folder."""
        if self.mine(name):
            yield True
            return
        try:
            file = self._open(name)
        except OSError:
            yield False
            return
        with file:
            yield _locked(file)

    def _open(self, name: str) -> IO[str]:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a")


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
