"""Moments of the night's day in rows of exports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.faults.folder import Row

NIGHT_MS = 1612051200000
"""2021-01-31 00:00 UTC."""

_DAY_MS = 86_400_000
_STAMPS = ("calc_time", "create_time", "open_time", "time")


def of_night(row: Row, hour: int | range | None = None) -> bool:
    """Whether a record is of the night's day (and of an hour, or of some hours, of it)."""
    text = next(row[name] for name in _STAMPS if name in row)
    if text.isdecimal():
        moment = datetime.fromtimestamp(int(text) / 1000, UTC)
    else:
        moment = datetime.fromisoformat(text if "+" in text or "Z" in text else f"{text}+00:00")
    on_day = 0 <= moment.timestamp() * 1000 - NIGHT_MS < _DAY_MS
    hours = range(hour, hour + 1) if isinstance(hour, int) else hour
    return on_day and (hours is None or moment.hour in hours)


def shifted(text: str, by: timedelta) -> str:
    """A label `YYYY-MM-DD HH:MM:SS` moved."""
    return f"{datetime.fromisoformat(f'{text}+00:00') + by:%Y-%m-%d %H:%M:%S}"
