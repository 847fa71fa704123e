"""Which symbols a source is asked for, where nothing can be listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import polars as pl

from flows.instruments import instrument_answers
from flows.run import Days, Run

_WILD = frozenset("*?[")


def named(patterns: Sequence[str]) -> list[str]:
    """The configured symbols that are names, not patterns."""
    return sorted({pattern for pattern in patterns if not _WILD & set(pattern)})


def listed_symbols(run: Run, venue_name: str, days: Days) -> list[str]:
    """Symbols that the venue's instrument answers say were trading on some of the days.

    Of answers about one listing the newest counts: those from before a delisting was announced
    know of no end, and would have a symbol asked for that the venue refuses, night after night.
    """
    first = datetime.combine(days.first, time(), UTC)
    after = datetime.combine(days.last + timedelta(days=1), time(), UTC)
    listings = (
        instrument_answers(run, run.venues[venue_name])
        .sort("observed_at", maintain_order=True)
        .unique(["symbol", "valid_from"], keep="last", maintain_order=True)
    )
    live = listings.filter(
        (pl.col("valid_from").is_null() | (pl.col("valid_from") < after))
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") > first))
    )
    return live["symbol"].unique().sort().to_list()
