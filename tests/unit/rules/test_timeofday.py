from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from edgefuse.config.rules import TimeBody
from edgefuse.rules.timeofday import within

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = TimeBody(after="22:00", before="06:00", days=["fri"])


def inside(body: TimeBody, *moment: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> bool:
    return within(body, datetime(*moment, tzinfo=zone, fold=fold), zone)[0]  # type: ignore[misc,arg-type] # year, month, day, hour, minute


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((2026, 6, 5, 21, 59), False),
        ((2026, 6, 5, 22, 0), True),
        ((2026, 6, 6, 5, 59), True),
        ((2026, 6, 6, 6, 0), False),
        ((2026, 6, 6, 23, 0), False),
        ((2026, 6, 5, 3, 0), False),
    ],
)
def test_span_over_midnight_belongs_to_the_day_it_began(moment: tuple[int, ...], expected: bool) -> None:  # noqa: FBT001
    """Friday night lasts until Saturday morning; `after` is included, `before` is not."""
    assert inside(NIGHT, *moment) is expected


def test_same_time_twice_is_the_whole_day() -> None:
    """All of Friday, or from 22:00 on Friday for a day."""
    assert inside(TimeBody(days=["fri"]), 2026, 6, 5, 0, 0)
    assert not inside(TimeBody(days=["fri"]), 2026, 6, 6, 0, 0)
    late = TimeBody(after="22:00", before="22:00", days=["fri"])
    assert inside(late, 2026, 6, 6, 21, 59)
    assert not inside(late, 2026, 6, 5, 21, 59)


def test_hour_that_is_skipped() -> None:
    """A span that would begin in it begins when the clocks skip it; one that would end there ends an hour later."""
    body = TimeBody(after="02:30", before="03:15")
    assert not inside(body, 2026, 3, 29, 1, 59)
    assert inside(body, 2026, 3, 29, 3, 0)
    assert not inside(body, 2026, 3, 29, 3, 15)
    assert inside(TimeBody(after="01:00", before="02:30"), 2026, 3, 29, 3, 29)


def test_hour_that_comes_twice() -> None:
    """Only the first of the two counts."""
    body = TimeBody(after="02:15", before="02:45")
    assert inside(body, 2026, 10, 25, 2, 30)
    assert not inside(body, 2026, 10, 25, 2, 30, fold=1)


def test_next_change_is_told() -> None:
    """Begin and end as instants; None when nothing changes in the next day."""
    noon = datetime(2026, 6, 5, 12, tzinfo=timezone.utc)

    assert within(NIGHT, noon, BERLIN) == (False, datetime(2026, 6, 5, 20, tzinfo=timezone.utc))
    assert within(NIGHT, noon + timedelta(hours=9), BERLIN) == (True, datetime(2026, 6, 6, 4, tzinfo=timezone.utc))
    assert within(NIGHT, noon + timedelta(days=3), BERLIN) == (False, None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_every_day_of_a_year_has_one_night(zone: str) -> None:
    """Walking from change to change, a nightly span begins and ends once per day, clocks changed or not."""
    where, body = ZoneInfo(zone), TimeBody(after="02:10", before="02:50")
    moment = datetime.combine(date(2026, 1, 1), datetime.min.time(), where).astimezone(timezone.utc)
    end = datetime.combine(date(2027, 1, 1), datetime.min.time(), where).astimezone(timezone.utc)
    begun = 0
    while moment < end:
        now, edge = within(body, moment, where)
        moment = edge or moment + timedelta(hours=12)
        begun += moment < end and not now and within(body, moment, where)[0]

    assert begun == 365
