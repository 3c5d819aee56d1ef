"""The clocks. No other module reads the time."""

import time
from datetime import datetime, timedelta, timezone

from edgefuse.core.types import Nanoseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def wall_ns(moment: datetime) -> Nanoseconds:
    """Nanoseconds since 1970 UTC of an aware datetime, exact to the microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class SystemClock:
    """The machine's clock; `wall` follows corrections by NTP."""

    def now(self) -> Nanoseconds:
        """Monotonic."""
        return time.monotonic_ns()  # noqa: TID251  here, and nowhere else

    def wall(self, t: Nanoseconds) -> datetime:
        """UTC time of a monotonic instant, by the offset of this moment."""
        ns = time.time_ns() - time.monotonic_ns() + t  # noqa: TID251  here, and nowhere else
        return _EPOCH + timedelta(microseconds=ns // 1000)

    def cpu(self) -> Nanoseconds:
        """CPU time of the calling thread."""
        return time.thread_time_ns()


class ReplayClock:
    """Stands where the recording stands."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.t: Nanoseconds = 0

    def now(self) -> Nanoseconds:
        """Time since the start of the recording."""
        return self.t

    def wall(self, t: Nanoseconds) -> datetime:
        """When that was."""
        return self._start + timedelta(microseconds=t // 1000)

    def cpu(self) -> Nanoseconds:
        """CPU time of the calling thread."""
        return time.thread_time_ns()
