"""What a market row is made from: the venue tables of the build, and the liquidation events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from flows.explain.inputs import Found, Lake, together
from flows.explain.published import Build
from flows.explain.question import Question
from transforms.market import market_daily, market_total_daily
from transforms.market.grain import without_traces
from transforms.market.table import EVENTS_LOOKBACK_DAYS, LOOKBACK_DAYS, MarketInputs
from transforms.schemas.normalised import DATASETS

DAY = timedelta(days=1)
_EVENTS = "liquidations"


@dataclass(frozen=True, slots=True)
class Sources:
    """Of one asset, or of all where the row is about the market as a whole.

    events: normalised liquidations of the day and the day before, with the state of their
        partitions.
    """

    inputs: MarketInputs
    events: Found

    @property
    def interest(self) -> pl.DataFrame:
        """Open interest that counts: days of which only a neighbour's file speaks do not."""
        return without_traces(self.inputs.open_interest)


def sources(build: Build, lake: Lake, asked: Question) -> Sources:
    """Everything the row was made from, whichever of its columns is asked for."""
    asset = asked.symbol
    of_asset = "" if asset is None else " AND base_asset = ?"
    only = [] if asset is None else [asset]

    def table(name: str, lookback: int = 0) -> pl.DataFrame:
        since = asked.day - lookback * DAY
        return build.table(name, f"date BETWEEN ? AND ?{of_asset}", [since, asked.day, *only])

    first = asked.day - EVENTS_LOOKBACK_DAYS * DAY
    read = [
        lake.read("normalised", _EVENTS, venue, first, asked.day)
        for venue in lake.venues(_EVENTS, first, asked.day)
    ]
    empty = DATASETS[_EVENTS].create_empty().with_columns(pl.lit(None, pl.Date).alias("date"))
    events = together([Found(empty, []), *read])
    if asset is not None:
        events = Found(events.rows.filter(pl.col("base_asset") == asset), events.states)
    return Sources(
        MarketInputs(
            funding=table("funding_daily", LOOKBACK_DAYS),
            open_interest=table("open_interest_daily", LOOKBACK_DAYS),
            liquidations=table("liquidations_daily"),
            positioning=table("positioning_daily"),
            prices=table("prices_daily"),
            reserves=table("reserves_daily"),
            instruments=build.table("instruments", f"true{of_asset}", only),
            events=events.rows.drop("date").lazy(),
        ),
        events,
    )


def made(asked: Question, found: Sources) -> pl.DataFrame:
    """The table's rows of the day, computed from these."""
    compute = market_daily.compute if asked.table == "market_daily" else market_total_daily.compute
    return compute(found.inputs, asked.day, asked.day)
