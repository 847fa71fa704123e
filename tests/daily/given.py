"""Normalised rows for tests of the daily tables: what a test does not say gets a plain default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.evidence import Instruments, LiquidationRegimes
from transforms.schemas.normalised import DATASETS, TIME_COLUMN, Accounting

VENUE = "examplex"

_PLAIN: dict[str, Any] = {
    "venue": VENUE,
    "symbol": "BTCUSDT",
    "base_asset": "BTC",
    "quote_asset": "USDT",
    "settle_asset": "USDT",
    "margin_type": "linear",
    "contract_kind": "perpetual",
    "contract_size": 1.0,
    "base_multiplier": 1.0,
    "listing": 1,
    "source": "archive",
    "raw_key": "raw/file",
    "raw_row": 1,
    "event_ordinal": 1,
    "price_kind": "average",
    "price": 100.0,
    "amount_native": 1.0,
    "rows_read": 0,
    "rows_kept": 0,
    "rows_duplicate": 0,
    "rows_quarantined": 0,
}


def at(text: str) -> datetime:
    """`2021-01-16 08:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def _frame(schema: Any, records: Sequence[Mapping[str, Any]], plain: Mapping[str, Any]) -> Any:
    empty = schema.create_empty()
    names = empty.columns
    given = [{name: plain.get(name) for name in names} | dict(record) for record in records]
    for record in given:
        unknown = record.keys() - set(names)
        assert not unknown, f"{schema.__name__} has no {unknown}"
    return schema.validate(pl.DataFrame(given, schema=empty.schema, orient="row"))


def rows(dataset: str, records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Valid normalised rows of a dataset."""
    stamp = TIME_COLUMN[dataset]
    original = f"{stamp}_original"
    schema = DATASETS[dataset]
    if original in schema.columns():
        records = [{original: record[stamp], **record} for record in records]
    return _frame(schema, records, _PLAIN)


def settlements(
    stamps: Sequence[str],
    rate: str | Sequence[str] = "0.0001",
    *,
    declared: float | Sequence[float | None] | None = None,
    **facts: Any,
) -> list[dict[str, Any]]:
    """Funding records at the stamps."""
    rates = [rate] * len(stamps) if isinstance(rate, str) else rate
    hours = list(declared) if isinstance(declared, Sequence) else [declared] * len(stamps)
    return [
        {
            "settled_at": at(stamp),
            "funding_rate": Decimal(value),
            "interval_hours_declared": interval,
            **facts,
        }
        for stamp, value, interval in zip(stamps, rates, hours, strict=True)
    ]


def liquidated(
    stamp: str, side: str, usd: float | None, coin: float | None = 1.0, **facts: Any
) -> dict[str, Any]:
    """A liquidation of the plain instrument."""
    why = {} if usd is not None and coin is not None else {"amount_null_reason": "no price"}
    return {
        "liquidated_at": at(stamp),
        "side": side,
        "amount_usd": usd,
        "amount_coin": coin,
        **why,
        **facts,
    }


def files(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Accounting with `date`."""
    plain = _PLAIN | {"symbol": None, "dataset": "liquidations"}
    days = [record["date"] for record in records]
    bare = [{k: v for k, v in record.items() if k != "date"} for record in records]
    return _frame(Accounting, bare, plain).with_columns(pl.Series("date", days, dtype=pl.Date()))


def listings(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """`Instruments` rows."""
    return _frame(Instruments, records, _PLAIN)


def regimes(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return _frame(LiquidationRegimes, records, {"venue": VENUE, "source": "docs"})


def inputs(
    frame: pl.DataFrame,
    *,
    accounting: pl.DataFrame | None = None,
    instruments: pl.DataFrame | None = None,
    venue_regimes: pl.DataFrame | None = None,
) -> Inputs:
    return Inputs(
        rows=frame.lazy(),
        accounting=files([]) if accounting is None else accounting,
        instruments=listings([]) if instruments is None else instruments,
        regimes=regimes([]) if venue_regimes is None else venue_regimes,
        venue=VENUE,
    )


def computed(
    table: DailyTable, records: Sequence[Mapping[str, Any]], first: str, last: str, **context: Any
) -> pl.DataFrame:
    """The table over first … last from the records of its dataset."""
    frame = rows(table.dataset, records)
    return table.compute(inputs(frame, **context), day(first), day(last))


def column(frame: pl.DataFrame, name: str, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """Values of one column of a symbol, by ISO day."""
    of_symbol = frame.filter(pl.col("symbol") == symbol)
    return {str(d): v for d, v in of_symbol.select("date", name).iter_rows()}
