"""Funding settlements: the same row, whatever a venue calls its cells."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.records import (
    Fault,
    Reading,
    Records,
    Sifted,
    of_path_symbol,
    sift,
    text,
    within_path_days,
)


def settlements(
    records: Records,
    settled_at: Reading,
    funding_rate: Reading,
    *,
    symbol: str = "symbol",
    checks: Sequence[Fault] = (),
    **more: Reading,
) -> Sifted:
    """Settlements at the nearest minute, their own stamp beside it.

    records: with the facts of their paths, whose symbol and days they must be of.
    symbol: the column that names the instrument. more: further columns.
    checks: further faults, over the columns read.
    """
    original = "settled_at_original"
    return sift(
        records,
        "funding_rates",
        {"symbol": text(symbol), original: settled_at, "funding_rate": funding_rate, **more},
        at=original,
        checks=[of_path_symbol(), within_path_days(original), *checks],
    ).derive(settled_at=pl.col(original).dt.round("1m"))
