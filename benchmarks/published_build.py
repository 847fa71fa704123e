"""A published build of a size one asks for, made from random numbers that fit together.

Not milled: years of 600 instruments would take longer to simulate as files than anything that is
measured on the build. Prices walk, the rest follows from them, and the market tables are computed
by the transforms, so the gate finds nothing to object to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from flows.storage.warehouse import Warehouse
from transforms.market import market_daily, market_total_daily, signals_daily
from transforms.market.table import MarketInputs
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.normalised import Liquidations
from transforms.schemas.published import PUBLISHED_TABLES, VERSIONED_TABLES, column_dictionary

VENUES = ("binance", "bybit", "okx", "bitget", "gate", "htx")
_KEY = ("date", "venue", "symbol", "base_asset", "quote_asset", "margin_type", "contract_kind")
_HOURS = (3, 9, 14, 21)
_SHA = "0123456789abcdef" * 4


def write(path: Path, first: date, days: int, instruments: int) -> None:
    """A build at `path` of so many days from `first` on, instruments shared among `VENUES`."""
    tables = _tables(first, days, instruments)
    with Warehouse.create(path, None, "bench") as warehouse:
        for name, rows in tables.items():
            if name not in VERSIONED_TABLES:
                warehouse.replace_table(name, rows)
                continue
            each = rows.partition_by("venue") if "venue" in rows.columns else [rows]
            for part in each:
                venue = part["venue"][0] if "venue" in part.columns else ""
                warehouse.replace_days(name, venue, part["date"].unique().to_list(), part)


def _tables(first: date, days: int, instruments: int) -> dict[str, pl.DataFrame]:
    venue = _venue_tables(first, days, instruments)
    evidence = _evidence(first, days, instruments)
    last = first + timedelta(days=days - 1)
    inputs = MarketInputs(
        funding=venue["funding_daily"],
        open_interest=venue["open_interest_daily"],
        liquidations=venue["liquidations_daily"],
        positioning=venue["positioning_daily"],
        prices=venue["prices_daily"],
        reserves=PUBLISHED_TABLES["reserves_daily"].create_empty(),
        instruments=evidence["instruments"],
        events=_events(venue["liquidations_hourly"]).lazy(),
    )
    market = market_daily.compute(inputs, first, last)
    return {
        **venue,
        "market_daily": market,
        "market_total_daily": market_total_daily.compute(inputs, first, last),
        "signals_daily": signals_daily.compute(market, first, last),
        **evidence,
    }


def _shaped(name: str, columns: Mapping[str, object]) -> pl.DataFrame:
    """The columns in the schema's types; those not given are NULL."""
    schema = PUBLISHED_TABLES[name].create_empty().schema
    given = pl.DataFrame(columns)
    return given.select(
        (pl.col(column) if column in given.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in schema.items()
    )


def _venue_tables(first: date, days: int, instruments: int) -> dict[str, pl.DataFrame]:
    dice = np.random.default_rng(17)
    shape = (instruments, days)
    assets = np.arange(instruments) // len(VENUES)
    # All venues quote an asset alike but for a few basis points.
    walk = np.cumsum(dice.normal(0, 0.02, (assets.max() + 1, days)), axis=1)[assets]
    close = (100.0 / (1 + assets))[:, None] * np.exp(walk) * (1 + dice.normal(0, 2e-4, shape))
    before = np.concatenate([np.full((instruments, 1), np.nan), close[:, :-1]], axis=1)
    coins = (1e7 / close[:, :1]) * np.exp(np.cumsum(dice.normal(0, 0.01, shape), axis=1))
    coins_before = np.concatenate([np.full((instruments, 1), np.nan), coins[:, :-1]], axis=1)
    rates = 0.0001 + dice.normal(0, 3e-5, (3, *shape))
    longs = dice.exponential(2_000.0, (len(_HOURS), *shape))
    shorts = dice.exponential(2_000.0, (len(_HOURS), *shape))
    key = _keys(first, days, instruments)
    total_rate = rates.sum(axis=0)

    def flat(values: np.ndarray) -> pl.Series:
        return pl.Series(values.ravel()).fill_nan(None)

    def table(name: str, columns: Mapping[str, object]) -> pl.DataFrame:
        return _shaped(name, {**key, **columns})

    ends = {
        f"open_interest_{unit}_{what}": flat(coins * (close if unit == "usd" else 1.0) * factor)
        for unit in ("coin", "usd")
        for what, factor in (
            ("open", 1.0), ("high", 1.02), ("low", 0.98), ("close", 1.0), ("mean", 1.0)
        )
    }  # fmt: skip
    hourly = pl.concat(
        _shaped(
            "liquidations_hourly",
            {
                **key,
                "hour": key["date"].cast(pl.Datetime("us")).dt.offset_by(f"{hour}h")
                .dt.replace_time_zone("UTC"),
                "long_usd": flat(longs[n]),
                "short_usd": flat(shorts[n]),
                "total_usd": flat(longs[n] + shorts[n]),
                "long_coin": flat(longs[n] / close),
                "short_coin": flat(shorts[n] / close),
                "long_count": 1,
                "short_count": 1,
            },
        )
        for n, hour in enumerate(_HOURS)
    ).sort("date", "venue", "symbol", "hour")  # fmt: skip
    both = longs.sum(axis=0) + shorts.sum(axis=0)
    return {
        "funding_daily": table(
            "funding_daily",
            {
                "settlement_count": 3,
                "expected_settlement_count": 3,
                "interval_hours": 8.0,
                "hours_covered": 24.0,
                "funding_rate_sum": flat(total_rate),
                "funding_rate_8h": flat(total_rate / 3),
                "funding_rate_annualised": flat(total_rate / 3 * 1095),
                "funding_rate_first": flat(rates[0]),
                "funding_rate_last": flat(rates[2]),
                "funding_rate_min": flat(rates.min(axis=0)),
                "funding_rate_max": flat(rates.max(axis=0)),
            },
        ),
        "open_interest_daily": table(
            "open_interest_daily",
            {
                "sample_count": 288,
                "expected_sample_count": 288,
                **ends,
                "open_interest_change_coin": flat(coins - coins_before),
                "open_interest_change_usd": flat(coins * close - coins_before * before),
                "open_interest_change_pct": flat(coins / coins_before - 1),
            },
        ),
        "liquidations_daily": table(
            "liquidations_daily",
            {
                "long_usd": flat(longs.sum(axis=0)),
                "short_usd": flat(shorts.sum(axis=0)),
                "total_usd": flat(both),
                "long_coin": flat(longs.sum(axis=0) / close),
                "short_coin": flat(shorts.sum(axis=0) / close),
                "long_count": len(_HOURS),
                "short_count": len(_HOURS),
                "largest_usd": flat(np.maximum(longs.max(axis=0), shorts.max(axis=0))),
                "largest_side": "long",
                "largest_at": key["date"].cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
                "max_24h_usd": flat(both),
                "max_1h_usd": flat((longs + shorts).max(axis=0)),
                "priced_at_limit_count": 0,
                "completeness": "throttled",
            },
        ),
        "liquidations_hourly": hourly,
        "positioning_daily": table(
            "positioning_daily",
            {
                "sample_count": 288,
                "long_short_account_ratio_mean": flat(np.exp(dice.normal(0, 0.1, shape))),
                "taker_buy_sell_ratio_mean": flat(np.exp(dice.normal(0, 0.1, shape))),
            },
        ),
        "prices_daily": table(
            "prices_daily",
            {
                "price_open": flat(close),
                "price_high": flat(close * 1.02),
                "price_low": flat(close * 0.98),
                "price_close": flat(close),
                "price_source": "mark",
                "volume_coin": flat(coins * 3),
                "volume_usd": flat(coins * close * 3),
                "price_return": flat(close / before - 1),
            },
        ),
    }


def _keys(first: date, days: int, instruments: int) -> dict[str, pl.Series]:
    """Identity of every instrument-day, in the order of (instruments, days) arrays."""
    each = np.arange(instruments).repeat(days)
    dates = pl.date_range(first, first + timedelta(days=days - 1), "1d", eager=True)
    coins = [f"COIN{n // len(VENUES):03d}" for n in range(instruments)]
    rows = pl.DataFrame(
        {
            "venue": [VENUES[n % len(VENUES)] for n in range(instruments)],
            "symbol": [f"{coin}USDT" for coin in coins],
            "base_asset": coins,
        }
    )[each]
    count = instruments * days
    return {
        "date": pl.concat([dates] * instruments),
        **{name: rows[name] for name in rows.columns},
        "quote_asset": pl.Series(["USDT"] * count),
        "margin_type": pl.Series(["linear"] * count),
        "contract_kind": pl.Series(["perpetual"] * count),
    }


def _events(hourly: pl.DataFrame) -> pl.DataFrame:
    """An order per side and hour."""
    empty = Liquidations.create_empty()
    sides = [
        hourly.select(
            *_KEY[1:],
            pl.col("hour").alias("liquidated_at"),
            pl.lit(side).alias("side"),
            pl.col(f"{side}_usd").alias("amount_usd"),
        )
        for side in ("long", "short")
    ]
    return pl.concat([empty, *sides], how="diagonal")


def _evidence(first: date, days: int, instruments: int) -> dict[str, pl.DataFrame]:
    keys = pl.DataFrame(_keys(first, days, instruments))
    listed = keys.unique(["venue", "symbol"], maintain_order=True)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    datasets = sorted(set(SOURCE_DATASET.values()))
    each = instruments // len(VENUES)
    coverage = (
        keys.select("date", "venue").unique().sort("date", "venue")
        .join(pl.DataFrame({"dataset": datasets}), how="cross")
    )  # fmt: skip
    files = keys.select("date", "venue", "symbol").join(
        pl.DataFrame({"dataset": datasets}), how="cross"
    )
    return {
        "instruments": _shaped(
            "instruments",
            {
                **{name: listed[name] for name in _KEY[1:]},
                "listing": 1,
                "settle_asset": "USDT",
                "contract_size": 1.0,
                "base_multiplier": 1.0,
                "valid_from": start,
            },
        ).sort("venue", "symbol"),
        "coverage_daily": _shaped(
            "coverage_daily",
            {
                **{name: coverage[name] for name in coverage.columns},
                "instruments_expected": each,
                "instruments_present": each,
                "rows": 288 * each,
                "status": "ok",
            },
        ),
        "raw_files": _shaped(
            "raw_files",
            {
                "venue": files["venue"],
                "dataset": files["dataset"],
                "key": files.select(
                    pl.format(
                        "raw/{}/archive/{}/{}-{}-{}.zip@0123456789ab",
                        "venue", "symbol", "symbol", "dataset", "date",
                    )
                ).to_series(),
                "source_url": "https://archive.example/file.zip",
                "sha256": _SHA,
                "bytes": 10_800,
                "venue_checksum": "match",
                "fetched_at": start,
                "rows_read": 288,
                "rows_kept": 288,
                "rows_duplicate": 0,
                "rows_quarantined": 0,
                "rows_dropped": 0,
            },
        ),
        "column_dictionary": column_dictionary(),
    }  # fmt: skip
