"""Times as the profiles want them: ISO 8601 in UTC, to the millisecond."""

from datetime import UTC, datetime


def time_of(when: datetime) -> str:
    """A time.

    >>> time_of(datetime(2026, 1, 31, 12, 0, 0, 1500, UTC))
    '2026-01-31T12:00:00.001+00:00'
    """
    return when.astimezone(UTC).isoformat(timespec="milliseconds")
