"""Venue tables of a simulated market, straight from what the simulator knows to be true.

Not milled: a hundred days through files and parsers would take minutes, and what they do to the
numbers is tested elsewhere (`tests/flows/test_simulated_truth.py`).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import dataframely as dy
import polars as pl

from simulator.plan import Plan
from simulator.simulate import simulate
from tests.market.given import Given, Record
from transforms.market import market_daily, signals_daily
from transforms.market.table import MarketInputs
from transforms.schemas.daily import (
    FundingDaily,
    LiquidationsDaily,
    OpenInterestDaily,
    PositioningDaily,
    PricesDaily,
)
from transforms.schemas.normalised import Liquidations

DAY = timedelta(days=1)
ON = ["date", "venue", "symbol", "base_asset", "quote_asset", "margin_type", "contract_kind"]


def _identified(rows: pl.DataFrame) -> pl.DataFrame:
    inverse = pl.col("product") == "cm"
    dated = pl.col("symbol").str.contains(r"_\d{6}$")
    return rows.with_columns(
        venue=pl.lit("binance"),
        base_asset=pl.col("symbol").str.extract(r"^(.+?)USD", 1),
        quote_asset=pl.when(inverse).then(pl.lit("USD")).otherwise(pl.lit("USDT")),
        margin_type=pl.when(inverse).then(pl.lit("inverse")).otherwise(pl.lit("linear")),
        contract_kind=pl.when(dated).then(pl.lit("dated")).otherwise(pl.lit("perpetual")),
    )


def _valid(schema: type[dy.Schema], rows: pl.DataFrame) -> pl.DataFrame:
    """With NULL in the columns that the truth says nothing of."""
    unsaid = [name for name in schema.column_names() if name not in rows.columns]
    return schema.validate(
        rows.with_columns(pl.lit(None).alias(name) for name in unsaid).select(
            schema.column_names()
        ),
        cast=True,
    )


def _truth(root: Path, kind: str) -> pl.DataFrame:
    files = sorted((root / "truth/binance").glob(f"{kind}*.parquet"))
    assert files
    return _identified(pl.concat([pl.read_parquet(file) for file in files]))


def _funding(settled: pl.DataFrame) -> pl.DataFrame:
    rate = pl.col("funding_rate").cast(pl.Float64)
    days = (
        settled.with_columns(date=pl.col("settled_at").dt.date())
        .sort("settled_at")
        .group_by(ON)
        .agg(
            settlement_count=pl.len(),
            hours_covered=pl.col("interval_hours").sum(),
            funding_rate_sum=rate.sum(),
            funding_rate_first=rate.first(),
            funding_rate_last=rate.last(),
            funding_rate_min=rate.min(),
            funding_rate_max=rate.max(),
        )
        .with_columns(funding_rate_8h=pl.col("funding_rate_sum") * 8 / pl.col("hours_covered"))
    )
    return _valid(FundingDaily, days)


def _open_interest(days: pl.DataFrame) -> pl.DataFrame:
    def change(unit: str) -> pl.Expr:
        close = pl.col(f"open_interest_{unit}_close")
        by_symbol = {"partition_by": "symbol", "order_by": "date"}
        yesterday = pl.col("date").shift(1).over(**by_symbol) + DAY == pl.col("date")
        return pl.when(yesterday).then(close - close.shift(1).over(**by_symbol))

    return _valid(
        OpenInterestDaily,
        days.with_columns(
            expected_sample_count=288,
            open_interest_change_coin=change("coin"),
            open_interest_change_usd=change("usd"),
        ),
    )


def _of_samples(samples: pl.DataFrame) -> pl.DataFrame:
    coin, usd, mark = (
        pl.col(name) for name in ("open_interest_coin", "open_interest_usd", "mark_price")
    )
    return (
        samples.with_columns(date=pl.col("sampled_at").dt.date())
        .sort("symbol", "sampled_at")
        .group_by(ON, maintain_order=True)
        .agg(
            sample_count=pl.len(),
            open_interest_coin_close=coin.last(),
            open_interest_usd_close=usd.last(),
            open_interest_usd_mean=usd.mean(),
            long_short_account_ratio_mean=pl.col("accounts_ratio").mean(),
            taker_buy_sell_ratio_mean=pl.col("taker_ratio").mean(),
            price_open=mark.first(),
            price_high=mark.max(),
            price_low=mark.min(),
            price_close=mark.last(),
            volume_usd=(pl.col("volume_coin") * mark).sum(),
        )
    )


def _liquidations(events: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """A feed that was there on all days, also on those without an event."""
    usd = pl.col("amount_usd")
    sums = events.group_by(pl.col("liquidated_at").dt.date().alias("date"), "symbol").agg(
        long_usd=usd.filter(side="long").sum(),
        short_usd=usd.filter(side="short").sum(),
        long_count=(pl.col("side") == "long").sum(),
        short_count=(pl.col("side") == "short").sum(),
    )
    amounts = ["long_usd", "short_usd", "long_count", "short_count"]
    rows = (
        days.select(ON)
        .join(sums, on=["date", "symbol"], how="left")
        .with_columns(pl.col(amounts).fill_null(0))
        .with_columns(
            total_usd=pl.col("long_usd") + pl.col("short_usd"),
            priced_at_limit_count=0,
            completeness=pl.lit("complete"),
        )
    )
    return _valid(LiquidationsDaily, rows)


def market_inputs(root: Path) -> MarketInputs:
    days = _of_samples(_truth(root, "samples"))
    key = ["symbol", "at", "position"]
    events = _valid(
        Liquidations,
        _truth(root, "liquidations")
        .filter(pl.col("published"))
        .with_columns(
            liquidated_at="at",
            side="position",
            event_ordinal=pl.int_range(pl.len()).over(key) + 1,
            listing=1,
            source=pl.lit("dump"),
            raw_key=pl.lit("truth"),
            raw_row=1,
            price="average_price",
            price_kind=pl.lit("average"),
            amount_native="quantity",
        ),
    )
    nothing = Given().inputs()
    return MarketInputs(
        funding=_funding(_truth(root, "settlements")),
        open_interest=_open_interest(days),
        liquidations=_liquidations(events, days),
        positioning=_valid(PositioningDaily, days),
        prices=_valid(PricesDaily, days.with_columns(price_source=pl.lit("mark"))),
        reserves=nothing.reserves,
        instruments=nothing.instruments,
        events=events.lazy(),
    )


def market_and_signals(plan: Plan, root: Path) -> pl.DataFrame:
    """Both tables side by side over the days of the plan."""
    simulate(plan, root)
    market = market_daily.compute(market_inputs(root), plan.first, plan.last)
    signals = signals_daily.compute(market, plan.first, plan.last)
    assert signals.height == market.height
    return market.join(signals, on=["date", "base_asset"], validate="1:1").sort(
        "base_asset", "date"
    )


def by_days(broken_on: date, found: pl.DataFrame, asset: str) -> dict[int, Record]:
    """Rows of an asset by days from the break."""
    return {
        (row["date"] - broken_on).days: row
        for row in found.filter(base_asset=asset).iter_rows(named=True)
    }
