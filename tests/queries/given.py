"""Small builds written by hand, and questions asked of them.

A record names only what a case is about. Columns that may be NULL are NULL, the others get a value
that no query here depends on.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.queries import named, values
from flows.storage.build_file import connect, tables_in
from flows.storage.warehouse import Warehouse
from transforms.schemas.published import PUBLISHED_TABLES

DAY = date(2021, 1, 17)
BEFORE = date(2021, 1, 16)

Record = dict[str, Any]
Tables = dict[str, list[Record]]
Row = tuple[Any, ...]

_FILLED: dict[type[pl.DataType], Any] = {
    pl.String: "-",
    pl.Int64: 0,
    pl.Float64: 0.0,
    pl.Boolean: False,
    pl.Date: DAY,
    pl.Datetime: datetime(2021, 1, 17, tzinfo=UTC),
}


@dataclass(frozen=True)
class Case:
    """A build, values for the parameters, and the rows that must come out, in order.

    columns: those compared, where not all are.
    """

    tables: Tables
    rows: Sequence[Row]
    given: tuple[str, ...] = ()
    columns: tuple[str, ...] = field(default=())


def at(text: str) -> datetime:
    """A UTC moment, as it is written into a frame."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seen(text: str) -> datetime:
    """The same moment as it is read back: builds hold UTC without a zone."""
    return datetime.fromisoformat(text)


def frame(table: str, records: list[Record]) -> pl.DataFrame:
    columns = PUBLISHED_TABLES[table].columns()
    filled = {
        name: None if column.nullable else _FILLED[type(column.dtype)]
        for name, column in columns.items()
    }
    unknown = {name for record in records for name in record} - set(columns)
    assert not unknown, f"{table} has no {unknown}"
    return pl.DataFrame(
        [filled | record for record in records],
        schema={name: column.dtype for name, column in columns.items()},
        orient="row",
    ).with_columns(
        pl.col(name).dt.replace_time_zone(None)
        for name, column in columns.items()
        if isinstance(column.dtype, pl.Datetime)
    )


def empty_build(path: Path) -> Path:
    Warehouse.create(path, None).close()
    return path


def filled_build(empty: Path, path: Path, tables: Tables) -> Path:
    """A copy of an empty build with these rows."""
    shutil.copyfile(empty, path)
    connection = connect(path)
    try:
        there = tables_in(connection)
        for table, records in tables.items():
            incoming = frame(table, records)
            # What the build itself says of a row, beside what the schema has.
            own = [name for name in there[table] if name not in incoming.columns]
            incoming = incoming.with_columns(pl.lit("run").alias(name) for name in own)
            connection.register("incoming", incoming)
            connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")  # noqa: S608 - a published table's name
            connection.unregister("incoming")
    finally:
        connection.close()
    return path


def ask(build: Path, text: str, bound: dict[str, Any] | None = None) -> tuple[list[str], list[Row]]:
    """Columns and rows of a statement."""
    with duckdb.connect(str(build), read_only=True) as connection:
        found = connection.execute(text, bound)
        return [column[0] for column in found.description or []], found.fetchall()


def newest(build: Path) -> date | None:
    day: date | None = ask(build, "SELECT max(date) FROM market_daily")[1][0][0]
    return day


def run(build: Path, name: str, *given: str) -> tuple[list[str], list[Row]]:
    """A query of the cookbook with these parameters."""
    query = named(name)
    return ask(build, query.text, values(query, given, lambda: newest(build)) or None)


def near(value: Any) -> Any:
    """Equal up to the last places of a double; everything else exactly."""
    return pytest.approx(value, rel=1e-9, abs=1e-15) if isinstance(value, float) else value


def close_rows(rows: Sequence[Row]) -> list[Row]:
    return [tuple(near(value) for value in row) for row in rows]


# ---- records ------------------------------------------------------------------------------------


def instrument(venue: str, symbol: str, base_asset: str = "BTC", **more: Any) -> Record:
    return {
        "venue": venue,
        "symbol": symbol,
        "base_asset": base_asset,
        "quote_asset": "USDT",
        "margin_type": "linear",
        "contract_kind": "perpetual",
    } | more


BINANCE = instrument("binance", "BTCUSDT")
BYBIT = instrument("bybit", "BTCUSDT")
DATED = instrument("binance", "BTCUSDT_210326", contract_kind="dated")
ETHER = instrument("binance", "ETHUSDT", "ETH")


def funding(who: Record, rate_8h: float | None, day: date = DAY, **more: Any) -> Record:
    """A whole day of three settlements, unless told otherwise."""
    total = 0.0 if rate_8h is None else 3 * rate_8h
    return (
        who
        | {
            "date": day,
            "settlement_count": 3,
            "expected_settlement_count": 3,
            "interval_hours": 8.0,
            "hours_covered": 24.0,
            "funding_rate_sum": total,
            "funding_rate_8h": rate_8h,
            "funding_rate_annualised": None if rate_8h is None else 1095 * rate_8h,
            "funding_rate_max": rate_8h or 0.0,
        }
        | more
    )


def interest(who: Record, usd: float | None, day: date = DAY, **more: Any) -> Record:
    """All 288 snapshots seen; a hundredth of the dollars in coin."""
    coin = None if usd is None else usd / 100
    return (
        who
        | {
            "date": day,
            "sample_count": 288,
            "expected_sample_count": 288,
            "open_interest_usd_close": usd,
            "open_interest_usd_mean": usd,
            "open_interest_coin_close": coin,
        }
        | more
    )


def liquidated(
    who: Record,
    long: float | None,
    short: float | None,
    known: str = "complete",
    day: date = DAY,
    **more: Any,
) -> Record:
    total = None if long is None or short is None else long + short
    return (
        who
        | {
            "date": day,
            "long_usd": long,
            "short_usd": short,
            "total_usd": total,
            "long_count": 1,
            "short_count": 1,
            "completeness": known,
        }
        | more
    )


def hour(who: Record, start: str, long: float | None, short: float | None, **more: Any) -> Record:
    moment = at(start)
    return (
        who
        | {
            "date": moment.date(),
            "hour": moment,
            "long_usd": long,
            "short_usd": short,
            "long_count": 2,
            "short_count": 1,
        }
        | more
    )


def market(base_asset: str = "BTC", day: date = DAY, **more: Any) -> Record:
    return {"date": day, "base_asset": base_asset} | more


def total(day: date = DAY, **more: Any) -> Record:
    return {"date": day} | more
