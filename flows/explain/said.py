"""`perpmill explain`: all steps of one row's way back, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from flows.explain import (
    absence,
    history,
    market,
    market_funding,
    market_interest,
    market_liquidations,
    market_prices,
    quality,
    signals,
)
from flows.explain.inputs import Found, Lake, told
from flows.explain.part import Part
from flows.explain.published import Build, open_build
from flows.explain.question import VENUE_TABLES, Question, question
from flows.explain.raw_files import Bytes, keys_of, raw_files
from flows.explain.recomputed import compared, only_row, venue_row
from flows.explain.row import described, published_row
from flows.run import code_version
from flows.settings import Settings
from transforms.schemas.normalised import TIME_COLUMN

DAY = timedelta(days=1)
_IDENTITY = {
    *("venue", "symbol", "base_asset", "quote_asset", "margin_type", "contract_kind", "listing"),
    *("source", "raw_key", "raw_row", "date"),
}


def explain(
    settings: Settings,
    table: str,
    key: Sequence[str],
    column: str | None = None,
    *,
    raw_rows: int | None = None,
) -> dict[str, Any]:
    """Where a published row comes from.

    key: the words of its primary key. raw_rows: give the text of so many records from the
    beginning and as many from the end as they stand in their raw files; 0: of all; None: of none.

    Raises ExplainError for a table, key or column there is not, NothingPublished.
    """
    with open_build(settings) as build:
        asked = question(build, table, key, column)
        row = published_row(build, asked)
        said = _asked(build, asked) | {"found": row is not None}
        if row is None:
            return said | {
                "reasons": absence.reasons(build, asked),
                "coverage": quality.coverage(build, asked),
                "history": _history(build, asked),
            }
        lake = Lake(settings, build)
        said |= {"row": row, "values": described(build, asked, row)}
        if table in VENUE_TABLES:
            said |= _venue(build, lake, asked, row, raw_rows)
        elif table == "signals_daily":
            said |= _signals(build, asked, row)
        else:
            said |= _market(build, lake, asked, row)
        said["quality"] = {
            "gate": quality.gate(build, asked, row["published_by"]),
            "coverage": quality.coverage(build, asked),
            "conflicts": quality.conflicts(build, asked),
            "corrections": quality.corrections(build, lake, asked),
        }
        if table in VENUE_TABLES:
            keys = [file["key"] for file in said["raw_files"]]
            said["quality"]["set_aside"] = quality.set_aside(lake, asked, keys)
        return said | {"history": _history(build, asked)}


def _asked(build: Build, asked: Question) -> dict[str, Any]:
    pointer = build.pointer
    runs = build.rows("SELECT code_version FROM runs WHERE run_id = ?", [pointer.run_id])
    return {
        "table": asked.table,
        "key": asked.key,
        "column": asked.column,
        "build": {
            "run_id": pointer.run_id,
            "published_at": pointer.published_at,
            "sha256": pointer.sha256,
            "code_version": runs[0]["code_version"] if runs else None,
            "code_version_here": code_version(),
        },
    }


def _history(build: Build, asked: Question) -> dict[str, Any]:
    return {
        "versions": history.versions(build, asked),
        "restatements": history.restatements(build, asked),
    }


def _venue(
    build: Build, lake: Lake, asked: Question, row: dict[str, Any], raw_rows: int | None
) -> dict[str, Any]:
    table, venue, day = VENUE_TABLES[asked.table], str(asked.venue), asked.day
    first, last = day - table.lookback_days * DAY, day + table.lookahead_days * DAY
    everything = lake.read("normalised", table.dataset, venue, first, last)
    accounting = lake.read("accounting", table.dataset, venue, first, last)
    of_symbol = everything.rows.filter(pl.col("symbol") == asked.symbol)
    own = _of_row(asked, of_symbol.filter(pl.col("date") == day))
    on_day = accounting.rows.filter(pl.col("date") == day)
    keys = keys_of(own, on_day, str(asked.symbol))
    around = (
        of_symbol.filter(pl.col("date") != day)
        .group_by("date")
        .agg(rows=pl.len(), raw_files=pl.col("raw_key").n_unique())
        .sort("date")
        .to_dicts()
    )
    values = [name for name in own.columns if name not in _IDENTITY]
    said: dict[str, Any] = {
        "inputs": told([everything, accounting]),
        "rows": own.select(*values, "raw_row", "raw_key").to_dicts(),
        "window": {
            "dataset": table.dataset,
            "first": first,
            "last": last,
            "days": around,
        },
        "raw_files": raw_files(build, lake, table.dataset, day, keys, own, on_day),
        "recomputed": compared(asked, row, venue_row(build, asked, everything, accounting)),
    }
    said["raw_is_sound"] = all(
        file["found"] not in (Bytes.ALTERED, Bytes.GONE) for file in said["raw_files"]
    )
    if raw_rows is not None:
        from flows.explain.record_text import records  # noqa: PLC0415 - loads every venue

        wanted = [(each["raw_key"], each["raw_row"]) for each in said["rows"]]
        if 0 < 2 * raw_rows < len(wanted):
            wanted = wanted[:raw_rows] + wanted[-raw_rows:]
        said["records"] = [asdict(each) for each in records(lake, venue, table.dataset, wanted)]
    return said


def _of_row(asked: Question, rows: pl.DataFrame) -> pl.DataFrame:
    """Of the day's rows those the key speaks of, in order of time."""
    time = TIME_COLUMN[VENUE_TABLES[asked.table].dataset]
    if "hour" in asked.key:
        rows = rows.filter(pl.col(time).dt.truncate("1h") == asked.key["hour"])
    if "metric" in asked.key:
        rows = rows.filter(pl.col("metric") == asked.key["metric"])
    return rows.sort(time, "raw_key", "raw_row")


def _market(build: Build, lake: Lake, asked: Question, row: dict[str, Any]) -> dict[str, Any]:
    found = market.sources(build, lake, asked)
    made = only_row(market.made(asked, found), asked)
    parts = [
        *market_funding.parts(build, asked, found),
        *market_interest.parts(asked, found),
        *market_liquidations.parts(asked, found, row),
        *market_prices.parts(asked, found, row),
    ]
    return {
        "inputs": told([found.events]),
        "parts": _wanted(asked, parts, row),
        "recomputed": compared(asked, row, made),
    }


def _signals(build: Build, asked: Question, row: dict[str, Any]) -> dict[str, Any]:
    rows = signals.market(build, asked)
    made = only_row(signals.made(asked, rows), asked)
    return {
        "inputs": told([Found(pl.DataFrame(), [])]),
        "parts": _wanted(asked, signals.parts(asked, rows, row), row),
        "recomputed": compared(asked, row, made),
    }


def _wanted(asked: Question, parts: list[Part], row: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts that explain a column that is asked for."""
    return [part.said(row) for part in parts if set(part.columns) & set(asked.columns)]


def plain(value: object) -> object:
    """What JSON has no word for: times as ISO 8601 with their zone, exact numbers as text."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value) if isinstance(value, date) else repr(value)
