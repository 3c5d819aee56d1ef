"""The share of a build."""

import pytest

from edgefuse.core.errors import BuildCancelled
from edgefuse.engines.progress import Progress, Watched


def test_the_share_never_goes_back() -> None:
    """A stage that begins anew, or tells nonsense, leaves the share where it was; stages follow each other."""
    told: list[tuple[float, str]] = []

    def report(share: float, phase: str) -> bool:
        told.append((round(share, 3), phase))
        return True

    progress = Progress("it", report)
    first, second = progress.stage(0.0, 0.5, "one"), progress.stage(0.5, 1.0, "two")
    for tell, share in ((first, 0.8), (first, 0.2), (first, 7.0), (second, -1.0), (second, 0.5)):
        tell(share, "")

    assert told == [(0.4, "one"), (0.4, "one"), (0.5, "one"), (0.5, "two"), (0.75, "two")]


def test_a_cancelled_build_stays_cancelled() -> None:
    """One False is enough, whatever the report answers later."""
    answers = iter([True, False, True])
    progress = Progress("it", lambda _share, _phase: next(answers))
    tell = progress.stage(0.0, 1.0, "build")

    assert [tell(0.1, ""), tell(0.2, ""), tell(0.3, "")] == [True, False, False]
    with pytest.raises(BuildCancelled, match="it: cancelled"):
        progress.check()


def test_watched_feeds_are_the_feeds_and_end_when_nobody_waits() -> None:
    """Reading them tells how many were taken, and raises once the report answers False."""
    told: list[float] = []

    def report(share: float, _phase: str) -> bool:
        told.append(share)
        return share < 0.5

    progress = Progress("it", report)
    feeds = Watched([{}, {}, {}, {}], progress, progress.stage(0.0, 1.0, "verify"))

    assert len(feeds) == 4
    with pytest.raises(BuildCancelled):
        list(feeds)
    assert told == [0.0, 0.25, 0.5]
