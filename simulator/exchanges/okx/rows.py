"""OKX's rows and envelopes, the same in its answers and in dumps of them."""

from __future__ import annotations

from typing import Any

import polars as pl

from simulator.bars import bars
from simulator.listing import Listing
from simulator.numerals import plain, trimmed


def envelope(data: list[Any]) -> dict[str, Any]:
    """A successful answer."""
    return {"code": "0", "data": data, "msg": ""}


def with_forecast(settlements: pl.DataFrame) -> pl.DataFrame:
    """One symbol's settlements with `forecast`, what was expected of each an interval before.

    It is near the rate before it, and never equal to what was settled.
    """
    rate = pl.col("funding_rate").cast(pl.Float64)
    before = pl.coalesce(rate.shift(1), rate)
    forecast = (0.7 * before + 0.3 * rate + 3e-8).round(10)
    return settlements.sort("stamp_ms").with_columns(forecast=forecast)


def funding_rows(settlements: pl.DataFrame) -> list[dict[str, str]]:
    """One symbol's settlements, newest first."""
    return [
        {
            "formulaType": "noRate",
            "fundingRate": trimmed(forecast, 10),
            "fundingTime": str(stamp),
            "instId": symbol,
            "instType": "SWAP",
            "method": "current_period",
            "realizedRate": plain(rate),
        }
        for forecast, stamp, symbol, rate in with_forecast(settlements)
        .sort("stamp_ms", descending=True)
        .select("forecast", "stamp_ms", "symbol", "funding_rate")
        .iter_rows()
    ]


def open_interest_row(
    symbol: str, contracts: float, coins: float, usd: float, stamp: int
) -> dict[str, str]:
    """One snapshot: contracts, coins and US dollars, one-sided."""
    return {
        "instId": symbol,
        "instType": "SWAP",
        "oi": trimmed(contracts, 8),
        "oiCcy": trimmed(coins, 8),
        "oiUsd": trimmed(usd, 4),
        "ts": str(stamp),
    }


def ratio_rows(samples: pl.DataFrame, of: str = "accounts_ratio") -> list[list[str]]:
    """`[ts, long ÷ short]` of all accounts, or of what else is named, newest first."""
    newest = samples.sort("stamp", descending=True)
    return [
        [str(stamp), trimmed(ratio, 4)] for stamp, ratio in newest.select("stamp", of).iter_rows()
    ]


def open_interest_history_rows(samples: pl.DataFrame) -> list[list[str]]:
    """`[ts, oi, oiCcy, oiUsd]`, newest first."""
    newest = samples.sort("stamp", descending=True).select(
        "stamp", "open_interest_native", "open_interest_coin", "open_interest_usd"
    )
    return [
        [str(stamp), trimmed(oi, 8), trimmed(coin, 8), trimmed(usd, 4)]
        for stamp, oi, coin, usd in newest.iter_rows()
    ]


def mark_candles(samples: pl.DataFrame, minutes: int, _listing: Listing) -> list[list[str]]:
    """`[ts, open, high, low, close, confirm]` of the mark, newest first; all are over."""
    newest = bars(samples, minutes, "mark_price").sort("stamp", descending=True)
    prices = newest.select("stamp", "open", "high", "low", "close")
    return [
        [str(stamp), *(trimmed(price, 8) for price in four), "1"]
        for stamp, *four in prices.iter_rows()
    ]


def candles(samples: pl.DataFrame, minutes: int, listing: Listing) -> list[list[str]]:
    """`[ts, open, high, low, close, vol, volCcy, volCcyQuote, confirm]` of what was traded, newest
    first: contracts, coins and dollars; all are over."""
    newest = bars(samples, minutes, "last_price").sort("stamp", descending=True)
    traded = pl.col("turnover" if listing.inverse else "volume")
    told = newest.select(
        "stamp",
        *("open", "high", "low", "close"),
        (traded / listing.contract_size).alias("contracts"),
        "volume",
        "turnover",
    )
    return [
        [str(stamp), *(trimmed(number, 8) for number in numbers), "1"]
        for stamp, *numbers in told.iter_rows()
    ]
