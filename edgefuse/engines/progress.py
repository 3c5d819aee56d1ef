"""How far a build is, as one share that only grows, and whether somebody still waits for it."""

import threading
from collections.abc import Sequence
from typing import overload

from edgefuse.core.errors import BuildCancelled
from edgefuse.core.ports import BuildReport, Tensors

_WAITING = "waiting for another process that builds it"


class Progress:
    """Joins the shares of stages; may be told from any thread."""

    def __init__(self, what: str, report: BuildReport) -> None:
        self._what = what
        self._report = report
        self._share = 0.0
        self._lock = threading.Lock()
        self._cancelled = False
        self.waited = False
        """Whether another process was at work on the same engine."""

    def stage(self, begin: float, end: float, name: str) -> BuildReport:
        """The report for the part of the whole from `begin` to `end`; its phases come after the stage's name."""

        def tell(share: float, phase: str) -> bool:
            inside = begin + (end - begin) * min(max(share, 0.0), 1.0)
            return self._tell(inside, f"{name}: {phase}" if phase else name)

        return tell

    def wait(self) -> None:
        """Somebody else builds it. Raises BuildCancelled."""
        self.waited = True
        self._tell(0.0, _WAITING)
        self.check()

    def check(self) -> None:
        """Raises BuildCancelled once the report has answered False."""
        if self._cancelled:
            raise BuildCancelled(f"{self._what}: cancelled")

    def _tell(self, share: float, phase: str) -> bool:
        with self._lock:
            self._share = max(self._share, share)
            self._cancelled = not self._report(self._share, phase) or self._cancelled
        return not self._cancelled


class Watched(Sequence[Tensors]):
    """Feeds that tell how many of them were taken, and end the reading once nobody waits for it."""

    def __init__(self, feeds: Sequence[Tensors], progress: Progress, report: BuildReport) -> None:
        self._feeds = feeds
        self._progress = progress
        self._report = report

    def __len__(self) -> int:
        return len(self._feeds)

    @overload
    def __getitem__(self, index: int) -> Tensors: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensors]: ...
    def __getitem__(self, index: int | slice) -> Tensors | Sequence[Tensors]:
        if isinstance(index, slice):
            return self._feeds[index]
        found = self._feeds[index]  # raises IndexError at the end, which is how a loop over it stops
        self._report(index / len(self._feeds), "")
        self._progress.check()
        return found
