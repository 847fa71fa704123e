"""What the SQL makes of a few rows, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
import structlog

from flows.reconcile import NothingToReconcile, recomputation, reconcile
from flows.run import Days, Run
from flows.storage.object_store import ObjectStore
from sql.reconcile import ROWS_BEFORE, STEPS
from tests.daily.given import at, liquidated, settlements
from tests.reconcile.lakes import begin, build, put

FIRST, LAST = date(2026, 3, 10), date(2026, 3, 11)
DAYS = Days(FIRST, LAST)


@pytest.fixture(autouse=True, scope="module")
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def interest(stamp: str, coin: float, usd: float | None, **facts: Any) -> dict[str, Any]:
    why = {} if usd is not None else {"amount_null_reason": "no price beside the snapshot"}
    return {
        "sampled_at": at(stamp),
        "sample_interval_minutes": 720,
        "open_interest_native": coin,
        "open_interest_coin": coin,
        "open_interest_usd": usd,
        **why,
        **facts,
    }


def bar(stamp: str, close: float, volume: float | None, **facts: Any) -> dict[str, Any]:
    return {
        "opened_at": at(stamp),
        "interval_minutes": 720,
        "price_source": "last",
        "price_open": 100.0,
        "price_high": 200.0,
        "price_low": 50.0,
        "price_close": close,
        "volume_coin": volume,
        "volume_usd": volume,
        **facts,
    }


BINANCE, BYBIT = {"venue": "binance"}, {"venue": "bybit"}
INVERSE = {"symbol": "BTCUSD", "quote_asset": "USD", "margin_type": "inverse"}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    run = begin(tmp_path_factory.mktemp("hand") / "lake", ("binance", "bybit", "cryptoquant"))
    put(
        run,
        "funding_rates",
        [
            *settlements(
                ["2026-03-09 16:00", "2026-03-10 00:00", "2026-03-10 08:00", "2026-03-10 16:00",
                 "2026-03-11 00:00", "2026-03-11 16:00"],
                "0.0001", **BINANCE,
            ),
            # 4 h: the day's 6 × 0.0002 are 0.0012 in 24 h, 0.0004 in eight.
            *settlements(
                ["2026-03-09 20:00", "2026-03-10 00:00", "2026-03-10 04:00", "2026-03-10 08:00",
                 "2026-03-10 12:00", "2026-03-10 16:00", "2026-03-10 20:00"],
                "0.0002", declared=4.0, **BYBIT,
            ),
        ],
    )  # fmt: skip
    put(
        run,
        "open_interest",
        [
            interest("2026-03-09 12:00", 9, 900, **BINANCE),
            interest("2026-03-10 00:00", 10, 1000, **BINANCE),
            interest("2026-03-10 12:00", 12, 2000, **BINANCE),
            interest("2026-03-11 00:00", 15, 3000, **BINANCE),
            interest("2026-03-10 00:00", 3, 300, **BYBIT),
            interest("2026-03-10 12:00", 5, 700, **BYBIT),
            interest("2026-03-11 12:00", 4, 400, **BYBIT),
            # Only dollars at first, so that mean and close in dollars are the first sample's.
            interest("2026-03-11 00:00", 1, 100, **BYBIT, **INVERSE),
            interest("2026-03-11 12:00", 2, None, **BYBIT, **INVERSE),
            # One of 288 samples: a trace.
            interest("2026-03-11 00:00", 7, 700, **BYBIT, symbol="BTCPERP")
            | {"sample_interval_minutes": 5},
        ],
    )
    put(
        run,
        "prices",
        [
            bar("2026-03-09 12:00", 110.0, 1.0, **BINANCE),
            bar("2026-03-10 00:00", 120.0, 600.0, **BINANCE),
            bar("2026-03-10 12:00", 121.0, 400.0, **BINANCE),
            bar("2026-03-10 00:00", 130.0, 1000.0, **BYBIT),
            bar("2026-03-10 12:00", 131.0, 2000.0, **BYBIT),
            # Mark before last.
            bar("2026-03-10 00:00", 140.0, None, **BYBIT) | {"price_source": "mark"},
        ],
    )
    put(
        run,
        "positioning",
        [
            {"sampled_at": at("2026-03-10 00:00"), "long_short_account_ratio": 1.0, **BINANCE},
            {"sampled_at": at("2026-03-10 12:00"), "long_short_account_ratio": 2.0,
             "taker_buy_sell_ratio": 0.5, **BINANCE},
            {"sampled_at": at("2026-03-10 12:00"), "long_short_account_ratio": 3.0, **BYBIT},
        ],
    )  # fmt: skip
    put(
        run,
        "liquidations",
        [
            liquidated("2026-03-09 23:00", "long", 50.0, **BINANCE),
            liquidated("2026-03-10 10:00", "long", 30.0, **BINANCE),
            liquidated("2026-03-10 23:00", "short", 20.0, **BYBIT),
            liquidated("2026-03-10 23:00", "long", None, **BYBIT),
        ],
    )
    reserve = {
        "venue": "cryptoquant", "bucket_minutes": 1440, "still_forming": False, "source": "dump",
    }  # fmt: skip
    put(
        run,
        "reserves",
        [
            {"symbol": "btc all", "sampled_at": at("2026-03-10 00:00"), "reserve_coin": 170.0}
            | reserve,
            {"symbol": "btc binance", "sampled_at": at("2026-03-10 00:00"), "reserve_coin": 9.0}
            | reserve
            | {"reference_venue": "binance"},
        ],
    )
    return run, build(run, DAYS)


@pytest.fixture(scope="module")
def connection(given: tuple[Run, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    run, path = given
    with recomputation(run, path, DAYS) as opened:
        yield opened


def ask(
    connection: duckdb.DuckDBPyConnection, columns: str, day: date, table: str = "market_daily"
) -> tuple[Any, ...]:
    (found,) = connection.execute(
        f"SELECT {columns} FROM {table} WHERE date = ?",  # noqa: S608 - ours
        [day],
    ).fetchall()
    return tuple(found)


def test_every_statement_is_a_step() -> None:
    there = [e.name for e in files("sql.reconcile").iterdir() if e.name.endswith(".sql")]
    assert sorted(f"{step}.sql" for step in STEPS) == sorted(there)
    assert len(there) > 10
    assert all(days >= 0 for days in ROWS_BEFORE.values())


def test_who_is_there(connection: duckdb.DuckDBPyConnection) -> None:
    columns = "venues, instruments, funding_venues, open_interest_venues, liquidations_venues"
    assert ask(connection, columns, FIRST) == (2, 2, 2, 2, 2)
    # The inverse contract came; the trace is not there at all.
    assert ask(connection, columns, LAST) == (2, 3, 1, 2, 0)


def test_funding(connection: duckdb.DuckDBPyConnection) -> None:
    # Binance 0.0001 per 8 h with mean OI (1000 + 2000) / 2 = 1500 and volume 1000; Bybit 0.0004
    # with (300 + 700) / 2 = 500 and 3000.
    weighted = (1500 * 0.0001 + 500 * 0.0004) / 2000  # 0.000175
    by_volume = (1000 * 0.0001 + 3000 * 0.0004) / 4000  # 0.000325
    found = ask(
        connection,
        "funding_rate_8h_oi_weighted, funding_rate_8h_volume_weighted, funding_rate_8h_mean, "
        "funding_rate_8h_median, funding_rate_8h_min, funding_rate_8h_max, "
        "funding_rate_annualised_oi_weighted, funding_cumulative_7d",
        FIRST,
    )
    rest = (0.00025, 0.00025, 0.0001, 0.0004, weighted * 1095)
    assert found[:-1] == pytest.approx((weighted, by_volume, *rest), rel=1e-12)
    assert found[-1] is None
    # 16 h after 00:00 may be a change of interval or a gap: longer than 8 h, a gap. So two
    # settlements pay for 8 h each: 0.0002 in 16 h.
    (rate,) = ask(connection, "funding_rate_8h_mean", LAST)
    assert rate == pytest.approx(0.0001)


def test_open_interest(connection: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "open_interest_usd, open_interest_coin, open_interest_usd_linear, "
        "open_interest_usd_inverse, open_interest_usd_quanto, open_interest_change_usd, "
        "open_interest_change_coin, open_interest_change_pct"
    )
    # 2000 + 700; 12 + 5; Binance came from 900 and 9, but the day before has no published row.
    assert ask(connection, columns, FIRST) == (2700, 17, 2700, None, None, None, None, None)
    # 3000 + 400 + 100; 15 + 4 + 2; from (12, 2000) and (5, 700) by (+3, +1000) and (−1, −300).
    assert ask(connection, columns, LAST) == (3500, 21, 3400, 100, None, 700, 2, 2 / 17)
    # At the prices of the day before: (2000 · 3/12 − 700 · 1/5) / 2700 = (500 − 140) / 2700.
    total = ask(connection, "open_interest_change_pct", LAST, "market_total_daily")
    assert total == pytest.approx((360 / 2700,))


def test_liquidations(connection: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "liquidations_long_usd, liquidations_short_usd, liquidations_total_usd, "
        "liquidations_max_24h_usd, liquidations_max_24h_end, liquidations_to_open_interest"
    )
    # Bybit's longs are not known. In (09 10:00, 10 10:00] lie 50 + 30; at 23:00 the 50 are gone,
    # since the window is open at its start: 30 + 20. The day before has no published row.
    at_ten = datetime.fromisoformat("2026-03-10 10:00")
    assert ask(connection, columns, FIRST) == (30, 20, 50, 80, at_ten, None)
    assert ask(connection, columns, LAST) == (None,) * 6
    # `unknown` is weaker than partial: nothing documents a regime of Bybit's for a hand-made row.
    (weakest,) = ask(connection, "liquidations_completeness", FIRST)
    assert weakest in {"partial", "unknown"}


def test_price_is_of_the_contract_with_most_open_interest(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    columns = "price_venue, price_open, price_high, price_low, price_close, price_return"
    found = ask(connection, columns, FIRST)
    assert found == ("binance", 100, 200, 50, 121, pytest.approx(121 / 110 - 1))
    (bybit,) = connection.execute(
        "SELECT price_close, volume_usd FROM prices_day WHERE venue = 'bybit'"
    ).fetchall()
    assert bybit == (140, 3000)


def test_ratios_leverage_and_coverage(connection: duckdb.DuckDBPyConnection) -> None:
    # (1500 · 1.5 + 500 · 3) / 2000; only Binance's takers; 17 coins of 170.
    columns = "long_short_account_ratio, taker_buy_sell_ratio, leverage_ratio"
    assert ask(connection, columns, FIRST) == pytest.approx((1.875, 0.5, 0.1))
    assert ask(connection, "leverage_ratio, open_interest_coverage", LAST) == (None, 1)


def test_the_transforms_agree(given: tuple[Run, Path]) -> None:
    run, path = given
    found = reconcile(run, path, DAYS)
    assert found.differences.rows() == []
    assert found.cells["market_daily"] > 50
    assert found.cells["market_total_daily"] > 40
    assert found.cells["signals_daily"] > 0


class Elsewhere:
    """A lake that is no folder here: what is to be read has to be fetched."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.fetched: list[str] = []

    def get_file(self, key: str, path: Path) -> None:
        self.fetched.append(key)
        self._store.get_file(key, path)


def test_a_lake_elsewhere(given: tuple[Run, Path]) -> None:
    run, path = given
    store = Elsewhere(run.store)
    found = reconcile(replace(run, store=store), path, DAYS)  # type: ignore[arg-type] # as much of a store as is asked
    assert found.differences.rows() == []
    assert {key.split("/")[1] for key in store.fetched} == set(ROWS_BEFORE)


def test_a_check_of_nothing_is_an_error(given: tuple[Run, Path]) -> None:
    run, path = given
    with pytest.raises(NothingToReconcile, match="from 2030-01-01 to 2030-01-02"):
        reconcile(run, path, Days(date(2030, 1, 1), date(2030, 1, 2)))
