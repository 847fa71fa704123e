"""Rows for tests of the market tables: what a test does not say gets a plain default.

Days are counted from `TODAY`: 0 is today, −1 the day before. Moments are written
`(day, "23:59:30")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dataframely as dy
import polars as pl

from tests.daily.given import listings, rows
from transforms.market import market_daily, market_total_daily, signals_daily
from transforms.market.table import MarketInputs
from transforms.schemas.daily import (
    FundingDaily,
    LiquidationsDaily,
    OpenInterestDaily,
    PositioningDaily,
    PricesDaily,
)
from transforms.schemas.market import MARKET_TABLES, MarketDaily
from transforms.schemas.references import ReservesDaily

TODAY = date(2026, 3, 31)

Record = dict[str, Any]

_IDENTITY: Record = {
    "base_asset": "BTC",
    "quote_asset": "USDT",
    "margin_type": "linear",
    "contract_kind": "perpetual",
}


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


def moment(offset: int, clock: str = "00:00") -> datetime:
    return datetime.combine(day(offset), time.fromisoformat(clock), tzinfo=UTC)


def _record(offset: int, venue: str, symbol: str, plain: Record, facts: Record) -> Record:
    return {"date": day(offset), "venue": venue, "symbol": symbol, **_IDENTITY, **plain, **facts}


def funding(
    offset: int, venue: str, rate_8h: float | None, symbol: str = "BTCUSDT", **facts: Any
) -> Record:
    """A day's funding; where the rate per 8 h is NULL, the hours it was paid for are not known."""
    paid = 0.0 if rate_8h is None else 3 * rate_8h
    plain = {
        "settlement_count": 3,
        "funding_rate_sum": paid,
        "funding_rate_first": paid / 3,
        "funding_rate_last": paid / 3,
        "funding_rate_min": paid / 3,
        "funding_rate_max": paid / 3,
        "funding_rate_8h": rate_8h,
        "hours_covered": None if rate_8h is None else 24.0,
        "interval_hours": None if rate_8h is None else 8.0,
    }
    return _record(offset, venue, symbol, plain, facts)


def open_interest(
    offset: int,
    venue: str,
    symbol: str = "BTCUSDT",
    *,
    usd: float | None = None,
    coin: float | None = None,
    mean: float | None = None,
    change_usd: float | None = None,
    change_coin: float | None = None,
    samples: tuple[int, int | None] = (288, 288),
    **facts: Any,
) -> Record:
    """usd, coin: at the close; mean: in USD; samples: seen and expected."""
    plain = {
        "sample_count": samples[0],
        "expected_sample_count": samples[1],
        "open_interest_usd_close": usd,
        "open_interest_coin_close": coin,
        "open_interest_usd_mean": mean,
        "open_interest_change_usd": change_usd,
        "open_interest_change_coin": change_coin,
    }
    return _record(offset, venue, symbol, plain, facts)


TRACE: Record = {"samples": (1, 288)}
"""The neighbour file's midnight sample and nothing else: 1 ÷ 288 = 0.35 %."""


def liquidated(
    offset: int,
    venue: str,
    long: float | None,
    short: float | None,
    symbol: str = "BTCUSDT",
    **facts: Any,
) -> Record:
    """A day of a liquidation feed, in USD; the total is known where both sides are."""
    plain = {
        "long_usd": long,
        "short_usd": short,
        "total_usd": None if long is None or short is None else long + short,
        "long_count": 1,
        "short_count": 1,
        "priced_at_limit_count": 0,
        "completeness": "complete",
    }
    return _record(offset, venue, symbol, plain, facts)


def positioning(
    offset: int,
    venue: str,
    accounts: float | None,
    taker: float | None = None,
    symbol: str = "BTCUSDT",
    **facts: Any,
) -> Record:
    plain = {
        "sample_count": 288,
        "long_short_account_ratio_mean": accounts,
        "taker_buy_sell_ratio_mean": taker,
    }
    return _record(offset, venue, symbol, plain, facts)


def price(
    offset: int,
    venue: str,
    symbol: str = "BTCUSDT",
    *,
    ohlc: tuple[float, float, float, float] = (100.0, 110.0, 90.0, 105.0),
    volume: float | None = None,
    returned: float | None = None,
    **facts: Any,
) -> Record:
    """volume: in USD."""
    plain = {
        "price_open": ohlc[0],
        "price_high": ohlc[1],
        "price_low": ohlc[2],
        "price_close": ohlc[3],
        "price_source": "mark",
        "volume_usd": volume,
        "price_return": returned,
    }
    return _record(offset, venue, symbol, plain, facts)


def reserve(
    offset: int,
    coin: float,
    provider: str = "counter",
    series: str = "btc",
    venue: str | None = None,
    **facts: Any,
) -> Record:
    return {
        "date": day(offset),
        "provider": provider,
        "series": series,
        "base_asset": "BTC",
        "reference_venue": venue,
        "bucket_count": 1,
        "reserve_coin": coin,
        **facts,
    }


def event(
    offset: int, clock: str, venue: str, usd: float | None, symbol: str = "BTCUSDT", **facts: Any
) -> Record:
    """A liquidated long."""
    why = "no price" if usd is None else None
    return {
        "liquidated_at": moment(offset, clock),
        "venue": venue,
        "symbol": symbol,
        "side": "long",
        "amount_usd": usd,
        "amount_coin": 1.0,
        "amount_null_reason": why,
        **facts,
    }


def listing(venue: str, symbol: str = "BTCUSDT", **facts: Any) -> Record:
    return {"venue": venue, "symbol": symbol, **facts}


def frame(schema: type[dy.Schema], records: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Valid rows; what a record does not say is NULL."""
    empty = schema.create_empty()
    given = []
    for record in records:
        unknown = record.keys() - set(empty.columns)
        assert not unknown, f"{schema.__name__} has no {unknown}"
        given.append({name: record.get(name) for name in empty.columns})
    return schema.validate(pl.DataFrame(given, schema=empty.schema, orient="row"))


@dataclass(frozen=True)
class Given:
    """Records of the inputs of `market_daily` and `market_total_daily`."""

    funding: list[Record] = field(default_factory=list)
    open_interest: list[Record] = field(default_factory=list)
    liquidations: list[Record] = field(default_factory=list)
    positioning: list[Record] = field(default_factory=list)
    prices: list[Record] = field(default_factory=list)
    reserves: list[Record] = field(default_factory=list)
    instruments: list[Record] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)

    def inputs(self) -> MarketInputs:
        return MarketInputs(
            funding=frame(FundingDaily, self.funding),
            open_interest=frame(OpenInterestDaily, self.open_interest),
            liquidations=frame(LiquidationsDaily, self.liquidations),
            positioning=frame(PositioningDaily, self.positioning),
            prices=frame(PricesDaily, self.prices),
            reserves=frame(ReservesDaily, self.reserves),
            instruments=listings(self.instruments),
            events=rows("liquidations", self.events).lazy(),
        )


@dataclass(frozen=True)
class MarketDays:
    """Rows of `market_daily`, the input of `signals_daily`: by asset and day."""

    columns: Mapping[tuple[int, str], Record]

    def market(self) -> pl.DataFrame:
        plain: Record = {
            "venues": 1,
            "instruments": 1,
            "funding_venues": 1,
            "open_interest_venues": 1,
            "liquidations_venues": 1,
        }
        return frame(
            MarketDaily,
            [
                {"date": day(offset), "base_asset": asset, **plain, **known}
                for (offset, asset), known in sorted(self.columns.items())
            ],
        )


Key = tuple[int, str] | int
"""The day, and the asset unless it is of all assets."""


@dataclass(frozen=True)
class Golden:
    """Rows and what they come to, worked out by hand.

    expected: by key, some columns of the row; None where there is to be no row.
    first: first day that is computed; the last one is today.
    """

    name: str
    table: str
    given: Given | MarketDays
    expected: Mapping[Key, Record | None]
    first: int = 0


def computed(golden: Golden) -> pl.DataFrame:
    first = day(golden.first)
    if isinstance(golden.given, MarketDays):
        assert golden.table == "signals_daily"
        return signals_daily.compute(golden.given.market(), first, TODAY)
    compute = {
        "market_daily": market_daily.compute,
        "market_total_daily": market_total_daily.compute,
    }[golden.table]
    return compute(golden.given.inputs(), first, TODAY)


def by_key(table: str, computed_rows: pl.DataFrame) -> dict[Key, Record]:
    """Rows by their key, as tests write it."""
    found: dict[Key, Record] = {}
    for row in computed_rows.iter_rows(named=True):
        offset = (row["date"] - TODAY).days
        key: Key = offset if table == "market_total_daily" else (offset, row["base_asset"])
        assert key not in found
        found[key] = row
    assert list(found) == sorted(found)
    assert computed_rows.columns == list(MARKET_TABLES[table].column_names())
    return found
