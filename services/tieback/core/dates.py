"""Days and points in time, as metadata holds them and filters compare them.

A point in time is an aware `datetime` in UTC; a day is a `date`. A day has no place on the clock: where it is
compared with a point in time, its midnight in UTC stands for it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?")


def read_date(text: str) -> date | None:
    """The day or point in time of an RFC 3339 text, or None where it is none.

    ``2024-03-01``, ``2024-03-01T10:30:00Z``, ``2024-03-01T10:30+02:00``; without an offset it is UTC. Of a
    second's fraction, microseconds are kept.
    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _TIME.fullmatch(text):
            return in_utc(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):  # no such day, or beyond the years 1 to 9999
        return None
    return None


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; one without a time zone is taken as UTC. OverflowError past the year 9999."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def instant(value: date) -> datetime:
    """A point in time, or a day's midnight in UTC."""
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)


def day(value: date) -> date:
    """A day, or the day in UTC of a point in time."""
    return value.date() if isinstance(value, datetime) else value
