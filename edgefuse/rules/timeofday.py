"""Spans of the day as instants, so that the night on which the clocks change is neither skipped nor seen twice."""

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from edgefuse.config.rules import TimeBody

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


def _span(after: str, before: str, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant and first instant past the span that begins on `day`, in UTC.

    A span that would begin in the hour which the clocks skip begins when they skip it; one that would end there ends
    an hour later. A time that comes twice is the first of the two.
    """
    begin, end = time.fromisoformat(after), time.fromisoformat(before)
    last = day if end > begin else day + _DAY
    return _skipped(day, begin, zone) or _instant(day, begin, zone), _instant(last, end, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(timezone.utc)


def _skipped(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """When the clocks went forward over this time, by bisection between its two readings (PEP 495); None if it is."""
    late = _instant(day, at, zone)
    if late.astimezone(zone).time() == at:
        return None
    early = _instant(day, at.replace(fold=1), zone)
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return late.replace(microsecond=0)


def within(body: TimeBody, moment: datetime, zone: ZoneInfo) -> tuple[bool, datetime | None]:
    """Whether an aware datetime lies in the span, and when that may change; None if not in the next day."""
    spans = _spans(body.after, body.before, tuple(body.days), moment.astimezone(zone).date(), zone)
    edges = [edge for each in spans for edge in each if edge > moment]
    return any(begin <= moment < end for begin, end in spans), min(edges, default=None)


@lru_cache(maxsize=1024)
def _spans(
    after: str, before: str, days: tuple[str, ...], today: date, zone: ZoneInfo
) -> tuple[tuple[datetime, datetime], ...]:
    near = [today + n * _DAY for n in (-1, 0, 1)]
    return tuple(_span(after, before, day, zone) for day in near if not days or _DAYS[day.weekday()] in days)
