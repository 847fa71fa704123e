"""What the market tables are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

LOOKBACK_DAYS = 30
"""Days before the first output day that the venue tables are needed for: a 30-day sum needs 29,
the last day on which every venue was seen is looked for in 30."""

EVENTS_LOOKBACK_DAYS = 1
"""Days before the first output day that liquidation events are needed for."""


@dataclass(frozen=True, slots=True)
class MarketInputs:
    """The published venue tables of all venues, from first to last, `funding` and `open_interest`
    from first − LOOKBACK_DAYS; rows of other days may be among them and are not looked at. A table
    nobody fills is there without rows.

    reserves: `schemas.references.ReservesDaily`.
    instruments: `schemas.evidence.Instruments`.
    events: `schemas.normalised.Liquidations` of all venues, from first − EVENTS_LOOKBACK_DAYS.
    """

    funding: pl.DataFrame
    open_interest: pl.DataFrame
    liquidations: pl.DataFrame
    positioning: pl.DataFrame
    prices: pl.DataFrame
    reserves: pl.DataFrame
    instruments: pl.DataFrame
    events: pl.LazyFrame

    @property
    def venue_tables(self) -> tuple[pl.DataFrame, ...]:
        """The tables a row of which makes an asset, or a venue, present on a day."""
        return (
            self.funding,
            self.open_interest,
            self.liquidations,
            self.positioning,
            self.prices,
        )
