"""The market computed anew from the venue tables of a build."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from transforms.market import market_daily, market_total_daily, signals_daily
from transforms.market.table import MarketInputs
from transforms.schemas.published import PUBLISHED_TABLES


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    columns = PUBLISHED_TABLES[name].columns()
    rows = connection.sql(f"SELECT {', '.join(columns)} FROM {name}").pl()  # noqa: S608 - ours
    moments = [n for n, dtype in rows.schema.items() if dtype == pl.Datetime]
    return rows.with_columns(pl.col(moments).dt.replace_time_zone("UTC")).cast(
        {n: c.dtype for n, c in columns.items()}
    )


def _events(hours: pl.DataFrame) -> pl.LazyFrame:
    """One event per side that was liquidated in an hour."""
    return pl.concat(
        hours.filter(pl.col(f"{side}_count") > 0).select(
            "base_asset", liquidated_at="hour", amount_usd=f"{side}_usd"
        )
        for side in ("long", "short")
    ).lazy()


def market_of(build: Path) -> dict[str, pl.DataFrame]:
    """`market_daily`, `market_total_daily` and `signals_daily` over all days of the build."""
    with duckdb.connect(str(build), read_only=True) as connection:
        inputs = MarketInputs(
            funding=_table(connection, "funding_daily"),
            open_interest=_table(connection, "open_interest_daily"),
            liquidations=_table(connection, "liquidations_daily"),
            positioning=_table(connection, "positioning_daily"),
            prices=_table(connection, "prices_daily"),
            reserves=_table(connection, "reserves_daily"),
            instruments=_table(connection, "instruments"),
            events=_events(_table(connection, "liquidations_hourly")),
        )
    days = inputs.funding["date"]
    first, last = days.min(), days.max()
    market = market_daily.compute(inputs, first, last)
    return {
        "market_daily": market,
        "market_total_daily": market_total_daily.compute(inputs, first, last),
        "signals_daily": signals_daily.compute(market, first, last),
    }


def replace_market(build: Path) -> None:
    """Put the market that follows from its venue tables into the build."""
    tables = market_of(build)
    with duckdb.connect(str(build)) as connection:
        for name, rows in tables.items():
            moments = [n for n, dtype in rows.schema.items() if dtype == pl.Datetime]
            naive = rows.with_columns(pl.col(moments).dt.replace_time_zone(None))
            connection.register("rows", naive)
            connection.execute(
                f"DELETE FROM {name}; "  # noqa: S608 - a table of ours
                f"INSERT INTO {name} BY NAME SELECT *, 'r2' AS published_by FROM rows"
            )
