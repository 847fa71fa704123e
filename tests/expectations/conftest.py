"""A small valid build, and copies of it with something broken in them.

Run r2 covers 2026-03-02 and 2026-03-03; 2026-03-01 is there from run r1. Six perpetuals on two
venues, each with the same simple numbers; rows of other tables fit them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from expectations.rule import Scope
from flows.storage.warehouse import Warehouse
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary
from transforms.schemas.references import REFERENCE_DATASET

BEFORE, FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
DAYS = (BEFORE, FIRST, LAST)
RUN = "r2"
SHA = "0123456789abcdef" * 4

# venue, symbol, base, quote, margin, price
PERPETUALS = [
    ("binance", "BTCUSDT", "BTC", "USDT", "linear", 60_000.0),
    ("binance", "ETHUSDT", "ETH", "USDT", "linear", 2_000.0),
    ("binance", "SOLUSDT", "SOL", "USDT", "linear", 100.0),
    ("binance", "XRPUSDT", "XRP", "USDT", "linear", 2.0),
    ("binance", "BTCUSD_PERP", "BTC", "USD", "inverse", 60_000.0),
    ("bybit", "BTCUSDT", "BTC", "USDT", "linear", 60_000.0),
]


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def _venue_days() -> Iterator[tuple[dict[str, Any], float]]:
    for day in DAYS:
        for venue, symbol, base, quote, margin, price in PERPETUALS:
            yield (
                {
                    "date": day,
                    "venue": venue,
                    "symbol": symbol,
                    "base_asset": base,
                    "quote_asset": quote,
                    "margin_type": margin,
                    "contract_kind": "perpetual",
                },
                price,
            )


def _funding() -> list[dict[str, Any]]:
    # 0.0001 + 0.0002 + 0.0003 = 0.0006 over 24 h → 0.0002 per 8 h → × 1095 = 0.219 a year
    return [
        row
        | {
            "settlement_count": 3,
            "expected_settlement_count": 3,
            "interval_hours": 8.0,
            "hours_covered": 24.0,
            "funding_rate_sum": 0.0006,
            "funding_rate_8h": 0.0002,
            "funding_rate_annualised": 0.219,
            "funding_rate_first": 0.0001,
            "funding_rate_last": 0.0003,
            "funding_rate_min": 0.0001,
            "funding_rate_max": 0.0003,
            "funding_cumulative_7d": None,
            "funding_cumulative_30d": None,
        }
        for row, _ in _venue_days()
    ]


def _open_interest() -> list[dict[str, Any]]:
    coins = {"open": 1000.0, "high": 1100.0, "low": 900.0, "close": 1050.0, "mean": 1000.0}
    return [
        row
        | {"sample_count": 288, "expected_sample_count": 288}
        | {f"open_interest_coin_{name}": coin for name, coin in coins.items()}
        | {f"open_interest_usd_{name}": coin * price for name, coin in coins.items()}
        | {
            "open_interest_change_coin": None if row["date"] == BEFORE else 0.0,
            "open_interest_change_usd": None if row["date"] == BEFORE else 0.0,
            "open_interest_change_pct": None if row["date"] == BEFORE else 0.0,
        }
        for row, price in _venue_days()
    ]


def _liquidations() -> list[dict[str, Any]]:
    # Longs 3 coins, shorts 1 coin at the day's price, two coins of it in the largest order.
    return [
        row
        | {
            "long_usd": 3 * price,
            "short_usd": price,
            "total_usd": 4 * price,
            "long_coin": 3.0,
            "short_coin": 1.0,
            "long_count": 2,
            "short_count": 1,
            "largest_usd": 2 * price,
            "largest_side": "long",
            "largest_at": _at(row["date"], 9),
            "max_24h_usd": 5 * price,
            "max_24h_end": _at(row["date"], 12),
            "max_1h_usd": 3 * price,
            "max_1h_end": _at(row["date"], 9),
            "priced_at_limit_count": 0,
            "completeness": "throttled",
        }
        for row, price in _venue_days()
    ]


def _hours() -> list[dict[str, Any]]:
    # The three orders of the day: a short at 8, the largest at 9, the other long at 12.
    orders = [(8, 0, 1), (9, 2, 0), (12, 1, 0)]
    return [
        row
        | {
            "hour": _at(row["date"], hour),
            "long_usd": long * price,
            "short_usd": short * price,
            "total_usd": (long + short) * price,
            "long_coin": float(long),
            "short_coin": float(short),
            "long_count": min(long, 1),
            "short_count": min(short, 1),
        }
        for row, price in _venue_days()
        for hour, long, short in orders
    ]


def _positioning() -> list[dict[str, Any]]:
    return [
        row
        | {
            "sample_count": 288,
            "long_short_account_ratio_mean": 1.5,
            "long_short_account_ratio_close": 1.4,
            "top_trader_account_ratio_mean": 1.2,
            "top_trader_account_ratio_close": 1.1,
            "top_trader_position_ratio_mean": None,
            "top_trader_position_ratio_close": None,
            "taker_buy_sell_ratio_mean": 0.9,
            "taker_buy_sell_ratio_close": 1.0,
        }
        for row, _ in _venue_days()
    ]


def _prices() -> list[dict[str, Any]]:
    return [
        row
        | {
            "price_open": price,
            "price_high": price * 1.05,
            "price_low": price * 0.95,
            "price_close": price,
            "price_source": "mark",
            "volume_coin": 10_000.0,
            "volume_usd": 10_000.0 * price,
            "price_return": None if row["date"] == BEFORE else 0.0,
        }
        for row, price in _venue_days()
    ]


def _instruments() -> list[dict[str, Any]]:
    return [
        {
            "venue": venue,
            "symbol": symbol,
            "listing": 1,
            "base_asset": base,
            "quote_asset": quote,
            "settle_asset": base if margin == "inverse" else quote,
            "margin_type": margin,
            "contract_kind": "perpetual",
            "contract_size": 100.0 if margin == "inverse" else 1.0,
            "base_multiplier": 1.0,
            "valid_from": _at(date(2020, 1, 1), 0),
            "valid_to": None,
        }
        for venue, symbol, base, quote, margin, _ in PERPETUALS
    ]


def _coverage() -> list[dict[str, Any]]:
    present = {"binance": 5, "bybit": 1}
    return [
        {
            "date": day,
            "venue": venue,
            "dataset": dataset,
            "instruments_expected": count,
            "instruments_present": count,
            "rows": 1000,
            "status": "ok",
        }
        for day in DAYS
        for venue, count in present.items()
        for dataset in dict.fromkeys(SOURCE_DATASET.values())
    ]


def _raw_files() -> list[dict[str, Any]]:
    return [
        {
            "venue": "cryptoquant" if dataset in REFERENCE_DATASET.values() else "binance",
            "dataset": dataset,
            "key": f"raw/binance/archive/BTCUSDT/BTCUSDT-{dataset}-{day}.zip@0123456789ab",
            "source_url": "https://data.example/file.zip",
            "sha256": SHA,
            "bytes": 10_800,
            "venue_checksum": "match",
            "fetched_at": _at(day + timedelta(days=1), 8),
            "rows_read": 1000,
            "rows_kept": 990,
            "rows_duplicate": 10,
            "rows_quarantined": 0,
            "label_convention": "to_midnight" if dataset == "open_interest" else None,
            "superseded_by": None,
        }
        for dataset in dict.fromkeys((SOURCE_DATASET | REFERENCE_DATASET).values())
        for day in DAYS
    ]


# The BTC instruments above are three times 1050 coins, 63 million USD, of open interest and three
# times 180,000 USD of longs; funding is 0.0002 per 8 h. provider, series, metric, unit, exchange,
# quote, kind, length and number of buckets, value.
REFERENCES = [
    ("cryptoquant", "btc/open-interest/all_exchange", "open_interest_usd", "USD", None, None, None,
     1440, 1, 200e6),
    ("cryptoquant", "btc/price-ohlcv/all_exchange", "price_usd", "USD", None, None, None,
     1440, 1, 60_500.0),
    ("coinglass", "liquidation-aggregated-history_BTC", "liquidations_long_usd", "USD", None, None,
     None, 240, 6, 600_000.0),
    ("coinalyze", "BTCUSDT_PERP.A", "open_interest_usd", "USD", "binance", "USDT", "perpetual",
     1440, 1, 62e6),
    ("coinalyze", "BTCUSDT_PERP.A", "funding_rate", "fraction", "binance", "USDT", "perpetual",
     1440, 1, 0.0003),
]  # fmt: skip


def _references() -> list[dict[str, Any]]:
    return [
        {
            "date": day,
            "provider": provider,
            "series": series,
            "base_asset": "BTC",
            "reference_venue": exchange,
            "bucket_minutes": minutes,
            "bucket_count": buckets,
            "expected_bucket_count": 1440 // minutes,
            "is_partial": False,
            "metric": metric,
            "quote_asset": quote,
            "margin_type": None,
            "contract_kind": kind,
            "interval_hours": None,
            "unit": unit,
            "value": value,
        }
        for day in DAYS
        for provider, series, metric, unit, exchange, quote, kind, minutes, buckets, value in (
            REFERENCES
        )
    ]


def _reserves() -> list[dict[str, Any]]:
    return [
        {
            "date": day,
            "provider": "cryptoquant",
            "series": "btc/reserve/all_exchange",
            "base_asset": "BTC",
            "reference_venue": None,
            "bucket_minutes": 1440,
            "bucket_count": 1,
            "expected_bucket_count": 1,
            "is_partial": False,
            "reserve_coin": 2_000_000.0,
        }
        for day in DAYS
    ]


def _market(day: date, sum_of_prices: float, *, linear: float, inverse: float) -> dict[str, Any]:
    """What the two market tables have in common. Every perpetual above has 1,050 coins open and 4
    of them liquidated, so amounts are multiples of the sum of their prices; of equal rates every
    mean is that rate."""
    first_day = day == BEFORE
    return {
        "date": day,
        "funding_rate_8h_oi_weighted": 0.0002,
        "funding_rate_8h_volume_weighted": 0.0002,
        "funding_rate_8h_mean": 0.0002,
        "funding_rate_8h_median": 0.0002,
        "funding_rate_8h_min": 0.0002,
        "funding_rate_8h_max": 0.0002,
        "funding_rate_annualised_oi_weighted": 0.219,
        "funding_cumulative_7d": None,
        "funding_cumulative_30d": None,
        "funding_compounded_30d": None,
        "open_interest_usd": 1050 * sum_of_prices,
        "open_interest_usd_linear": linear,
        "open_interest_usd_inverse": inverse or None,
        "open_interest_usd_quanto": None,
        "open_interest_change_usd": None if first_day else 0.0,
        "open_interest_change_pct": None if first_day else 0.0,
        "liquidations_long_usd": 3 * sum_of_prices,
        "liquidations_short_usd": sum_of_prices,
        "liquidations_total_usd": 4 * sum_of_prices,
        # Of every perpetual the same 24 hours, with a coin of the day before.
        "liquidations_max_24h_usd": 5 * sum_of_prices,
        "liquidations_max_24h_end": _at(day, 12),
        "liquidations_completeness": "throttled",
        # 4 coins of the 1,050 of the day before.
        "liquidations_to_open_interest": None if first_day else 4 / 1050,
        "long_short_account_ratio": 1.5,
        "taker_buy_sell_ratio": 0.9,
        "open_interest_coverage": 1.0,
    }


# asset, price, instruments, venues, open interest in USD by margin
ASSETS = [
    # 2 × 1,050 × 60,000 linear and once inverse; 3 × 60,000 is the sum of prices.
    ("BTC", 60_000.0, 3, 2, 126e6, 63e6),
    ("ETH", 2_000.0, 1, 1, 2.1e6, 0.0),
    ("SOL", 100.0, 1, 1, 105e3, 0.0),
    ("XRP", 2.0, 1, 1, 2.1e3, 0.0),
]


def _market_daily() -> list[dict[str, Any]]:
    return [
        _market(day, count * price, linear=linear, inverse=inverse)
        | {
            "base_asset": asset,
            "venues": venues,
            "instruments": count,
            "funding_venues": venues,
            "open_interest_venues": venues,
            "liquidations_venues": venues,
            "open_interest_coin": 1050.0 * count,
            "open_interest_change_coin": None if day == BEFORE else 0.0,
            "price_open": price,
            "price_high": price * 1.05,
            "price_low": price * 0.95,
            "price_close": price,
            "price_return": None if day == BEFORE else 0.0,
            # Of equal open interest and volume, the first by name.
            "price_venue": "binance",
            "price_symbol": f"{asset}USDT",
            # 3,150 coins of the 2 million that exchanges hold.
            "leverage_ratio": 0.001575 if asset == "BTC" else None,
        }
        for day in DAYS
        for asset, price, count, venues, linear, inverse in ASSETS
    ]


def _market_total() -> list[dict[str, Any]]:
    # 3 × 60,000 + 2,000 + 100 + 2 = 182,102
    # 126,000,000 + 2,100,000 + 105,000 + 2,100 = 128,207,100
    return [
        _market(day, 182_102.0, linear=128_207_100.0, inverse=63e6)
        | {
            "assets": 4,
            "venues": 2,
            "instruments": 6,
            "funding_venues": 2,
            "open_interest_venues": 2,
            "liquidations_venues": 2,
        }
        for day in DAYS
    ]


def _signals() -> list[dict[str, Any]]:
    # One to three days are no history: everything that needs one is not known.
    unknown = dict.fromkeys(PUBLISHED_TABLES["signals_daily"].columns())
    return [
        unknown
        | {
            "date": day,
            "base_asset": asset,
            "funding_history_days": days,
            "open_interest_history_days": days,
            "liquidations_history_days": days,
        }
        for days, day in enumerate(DAYS, start=1)
        for asset, *_ in ASSETS
    ]


def _history() -> dict[str, list[dict[str, Any]]]:
    return {
        "liquidation_regimes": [
            {
                "venue": "binance",
                "valid_from": date(2021, 4, 27),
                "valid_to": None,
                "completeness": "throttled",
                "source": "https://docs.example/changelog",
            }
        ],
        "source_conflicts": [
            {
                "date": BEFORE,
                "dataset": "funding_rates",
                "venue": "binance",
                "symbol": "BTCUSDT",
                "at": _at(BEFORE, 8),
                "column_name": "funding_rate",
                "kept_value": "0.0001",
                "other_value": "0.0002",
                "kept_raw_key": "raw/a",
                "other_raw_key": "raw/b",
            }
        ],
        "corrections": [
            {
                "id": "btc-rate",
                "venue": "binance",
                "dataset": "funding_rates",
                "action": "set funding_rate = 0.0001",
                "reason": "a rate of 5, which was never charged",
                "source": "https://venue.example/notice",
                "expires": date(2027, 1, 1),
                "rows_changed": 1,
                "rows_dropped": 0,
                "first_date": BEFORE,
                "last_date": BEFORE,
                "status": "applied",
            }
        ],
        "runs": [
            {
                "run_id": "r1",
                "started_at": _at(FIRST, 1),
                "finished_at": _at(FIRST, 2),
                "command": "nightly",
                "first_date": BEFORE,
                "last_date": BEFORE,
                "code_version": "0.1.0",
                "verdict": "passed",
                "build_sha256": SHA,
            }
        ],
        "expectation_results": [
            {
                "run_id": "r1",
                "table_name": "funding_daily",
                "expectation": "not_empty",
                "severity": "critical",
                "date": None,
                "venue": None,
                "success": True,
                "observed": "0 failing, 6 rows",
                "threshold": "at least one row",
                "detail": None,
            }
        ],
        "restatements": [
            {
                "run_id": "r1",
                "item": 1,
                "table_name": "funding_daily",
                "date": BEFORE,
                "venue": "binance",
                "symbol": "BTCUSDT",
                "key_detail": None,
                "kind": "changed",
                "column_name": "funding_rate_sum",
                "old_value": "0.0005",
                "new_value": "0.0006",
                "difference": 0.0001,
                "cause": "raw/b",
            }
        ],
    }


def _frames() -> dict[str, pl.DataFrame]:
    rows = {
        "market_daily": _market_daily(),
        "market_total_daily": _market_total(),
        "signals_daily": _signals(),
        "funding_daily": _funding(),
        "open_interest_daily": _open_interest(),
        "liquidations_daily": _liquidations(),
        "liquidations_hourly": _hours(),
        "positioning_daily": _positioning(),
        "prices_daily": _prices(),
        "reference_daily": _references(),
        "reserves_daily": _reserves(),
        "instruments": _instruments(),
        "coverage_daily": _coverage(),
        "raw_files": _raw_files(),
        **_history(),
    }
    frames = {"column_dictionary": column_dictionary()}
    for table, table_rows in rows.items():
        columns = PUBLISHED_TABLES[table].columns()
        frames[table] = PUBLISHED_TABLES[table].validate(
            pl.DataFrame(table_rows, schema={n: c.dtype for n, c in columns.items()})
        )
    return frames


@pytest.fixture(scope="session")
def scope() -> Scope:
    return Scope(RUN, FIRST, LAST)


@pytest.fixture(scope="session")
def valid_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("build") / "perpmill.duckdb"
    with Warehouse.create(path, None, RUN) as warehouse:
        for table, rows in _frames().items():
            warehouse.append(table, rows)
    return path


@pytest.fixture
def broken(valid_build: Path, tmp_path: Path) -> Callable[[str], Path]:
    """The valid build after some SQL."""

    def make(statements: str) -> Path:
        path = tmp_path / "broken.duckdb"
        shutil.copyfile(valid_build, path)
        with duckdb.connect(str(path)) as connection:
            connection.execute(statements)
        return path

    return make
