"""Views are made anew in each build, and the reconciliation puts like beside like."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.storage.warehouse import Warehouse
from sql.views import meaning, views
from transforms.schemas.published import PUBLISHED_TABLES

DAY = date(2021, 1, 16)


def rows(table: str, *records: dict[str, Any]) -> pl.DataFrame:
    schema = {name: column.dtype for name, column in PUBLISHED_TABLES[table].columns().items()}
    given = [dict.fromkeys(schema) | {"date": DAY} | record for record in records]
    return pl.DataFrame(given, schema=schema)


def instrument(venue: str, symbol: str, **more: Any) -> dict[str, Any]:
    quote = "USDT" if symbol.endswith("USDT") else "USD"
    return {
        "venue": venue,
        "symbol": symbol,
        "base_asset": "BTC",
        "quote_asset": quote,
        "margin_type": "linear" if quote == "USDT" else "inverse",
        "contract_kind": "perpetual",
    } | more


BINANCE, INVERSE, BYBIT = (
    instrument("binance", "BTCUSDT"),
    instrument("binance", "BTCUSD_PERP"),
    instrument("bybit", "BTCUSDT"),
)
DATED = BINANCE | {"symbol": "BTCUSDT_210326", "contract_kind": "dated"}
ETHER = instrument("binance", "ETHUSDT", base_asset="ETH")


def interest(who: dict[str, Any], usd: float | None, mean: float | None = None) -> dict[str, Any]:
    coin = None if usd is None else usd / 100
    return who | {
        "sample_count": 1,
        "open_interest_usd_close": usd,
        "open_interest_coin_close": coin,
        "open_interest_usd_mean": usd if mean is None else mean,
    }


def funding(who: dict[str, Any], rate: float, hours: float = 8.0) -> dict[str, Any]:
    names = ("sum", "first", "last", "min", "max")
    return who | {
        "settlement_count": 1,
        "funding_rate_8h": rate,
        "interval_hours": hours,
        **{f"funding_rate_{name}": rate for name in names},
    }


def liquidated(who: dict[str, Any], long: float, short: float, known: str) -> dict[str, Any]:
    counts = {"long_count": 1, "short_count": 1, "priced_at_limit_count": 0}
    return who | counts | {"long_usd": long, "short_usd": short, "completeness": known}


def priced(who: dict[str, Any], close: float) -> dict[str, Any]:
    bar = {f"price_{name}": close for name in ("open", "high", "low", "close")}
    return who | bar | {"price_source": "mark"}


def theirs(metric: str, value: float, **more: Any) -> dict[str, Any]:
    return {
        "provider": "coinglass",
        "series": "series",
        "base_asset": "BTC",
        "bucket_count": 1,
        "is_partial": False,
        "metric": metric,
        "unit": "USD",
        "value": value,
    } | more


def built(path: Path, **tables: list[dict[str, Any]]) -> Path:
    with Warehouse.create(path, None) as warehouse:
        for table, records in tables.items():
            warehouse.append(table, rows(table, *records))
    return path


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_each_file_makes_the_view_of_its_name_and_says_what_it_is(tmp_path: Path) -> None:
    assert "reference_reconciliation" in views()
    path = built(tmp_path / "build.duckdb")
    found = dict(asked(path, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    assert found == {name: meaning(text) for name, text in views().items()}
    assert all(found.values())


def test_a_view_survives_the_copy_to_the_next_build_and_is_that_of_the_file(
    tmp_path: Path,
) -> None:
    first = built(tmp_path / "first.duckdb", reference_daily=[theirs("price_usd", 5.0)])
    with duckdb.connect(str(first)) as connection:
        connection.execute("DROP VIEW reference_reconciliation")
        connection.execute("CREATE VIEW reference_reconciliation AS SELECT 42 AS theirs")
    second = tmp_path / "second.duckdb"
    Warehouse.create(second, first).close()
    assert asked(first, "SELECT theirs FROM reference_reconciliation") == [(42,)]
    assert asked(second, "SELECT theirs FROM reference_reconciliation") == [(5.0,)]


def test_providers_own_their_days(tmp_path: Path) -> None:
    path = tmp_path / "build.duckdb"
    other = theirs("price_usd", 7.0, provider="cryptoquant")
    with Warehouse.create(path, None) as warehouse:
        warehouse.append(
            "reference_daily", rows("reference_daily", theirs("price_usd", 5.0), other)
        )
        again = rows("reference_daily", theirs("price_usd", 6.0))
        warehouse.replace_days("reference_daily", "coinglass", [DAY], again)
    assert asked(path, "SELECT provider, value FROM reference_daily ORDER BY ALL") == [
        ("coinglass", 6.0),
        ("cryptoquant", 7.0),
    ]


OURS: dict[str, list[dict[str, Any]]] = {
    "open_interest_daily": [
        interest(BINANCE, 600.0, 300.0),
        interest(INVERSE, 200.0, 100.0),
        interest(BYBIT, 100.0),
        interest(DATED, 50.0),
        interest(ETHER, 9999.0),
    ],
    "funding_daily": [
        funding(BINANCE, 0.0004),
        funding(INVERSE, 0.0008),
        funding(instrument("gate", "BTCUSDT"), 0.01, hours=4.0),
    ],
    "liquidations_daily": [
        liquidated(BINANCE, 30.0, 10.0, "throttled"),
        liquidated(BYBIT, 5.0, 2.0, "complete"),
    ],
    "prices_daily": [
        priced(BINANCE, 36000.0),
        priced(BYBIT, 36010.0),
        priced(DATED, 40000.0),
    ],
}


@pytest.mark.parametrize(
    ("reference", "ours", "said", "venues", "instruments"),
    [
        # 600 + 200 + 100 + 50, dated contracts too
        (theirs("open_interest_usd", 1900.0), 950.0, 1900.0, "binance, bybit", 4),
        # 600 + 200 + 50
        (
            theirs("open_interest_usd", 1700.0, reference_venue="binance"),
            850.0,
            1700.0,
            "binance",
            3,
        ),
        # the one instrument Coinalyze's BTCUSDT_PERP.A is
        (
            theirs(
                "open_interest_usd",
                1200.0,
                reference_venue="binance",
                quote_asset="USDT",
                contract_kind="perpetual",
            ),
            600.0,
            1200.0,
            "binance",
            1,
        ),
        # coins of linear contracts: 6 + 1 + 0.5
        (
            theirs("open_interest_coin", 15.0, unit="coin", margin_type="linear"),
            7.5,
            15.0,
            "binance, bybit",
            3,
        ),
        # 30 + 5
        (theirs("liquidations_long_usd", 70.0), 35.0, 70.0, "binance, bybit", 2),
        # 10 + 2
        (theirs("liquidations_short_usd", 24.0), 12.0, 24.0, "binance, bybit", 2),
        # (300 × 0.0004 + 100 × 0.0008) ÷ 400; Gate has no open interest and no weight; whose
        # interval nobody says stays as it is
        (theirs("funding_rate", 0.001, unit="fraction"), 0.0005, 0.001, "binance, gate", 3),
        # a rate for an hour is an eighth of that for eight
        (
            theirs("funding_rate", 0.000125, unit="fraction", interval_hours=1.0),
            0.0005,
            0.001,
            "binance, gate",
            3,
        ),
        # Gate pays every 4 hours, as we saw, so its rate is half of one for eight; without open
        # interest ours is the plain mean
        (
            theirs("funding_rate", 0.005, unit="fraction", reference_venue="gate"),
            0.01,
            0.01,
            "gate",
            1,
        ),
        # median of the perpetuals
        (theirs("price_usd", 72010.0), 36005.0, 72010.0, "binance, bybit", 2),
        # nothing of ours
        (theirs("price_usd", 5.0, base_asset="DOGE"), None, 5.0, None, 0),
        (theirs("open_interest_usd", 5.0, reference_venue="cme"), None, 5.0, None, 0),
    ],
)
def test_like_stands_beside_like(
    tmp_path: Path,
    reference: dict[str, Any],
    ours: float | None,
    said: float,
    venues: str | None,
    instruments: int,
) -> None:
    path = built(tmp_path / "build.duckdb", **OURS, reference_daily=[reference])
    [row] = asked(
        path,
        "SELECT ours, theirs, difference, ratio, ours_venues, ours_instruments "
        "FROM reference_reconciliation",
    )
    near = None if ours is None else pytest.approx(ours, rel=1e-12)
    difference = None if ours is None else pytest.approx(ours - said, rel=1e-9, abs=1e-15)
    ratio = None if ours is None else pytest.approx(ours / said, rel=1e-12)
    assert row == (near, pytest.approx(said, rel=1e-12), difference, ratio, venues, instruments)


def test_liquidations_say_how_complete_ours_are(tmp_path: Path) -> None:
    path = built(
        tmp_path / "build.duckdb",
        **OURS,
        reference_daily=[
            theirs("liquidations_long_usd", 0.0),
            theirs("liquidations_long_usd", 1.0, series="b", reference_venue="bybit"),
            theirs("price_usd", 1.0),
        ],
    )
    found = asked(
        path,
        "SELECT series, metric, ours_completeness, ratio IS NULL FROM reference_reconciliation "
        "ORDER BY ALL",
    )
    # the weaker of two; and nothing is divided by zero
    assert found == [
        ("b", "liquidations_long_usd", "complete", False),
        ("series", "liquidations_long_usd", "throttled", True),
        ("series", "price_usd", None, False),
    ]
