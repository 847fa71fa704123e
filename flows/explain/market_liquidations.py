"""Liquidations of the market: by instrument, and the largest 24 hours event by event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from flows.explain.market import Sources
from flows.explain.part import Part, largest_first, total
from flows.explain.question import Question, command
from transforms.daily.fixed_point import FIXED_POINT
from transforms.schemas.column import Completeness

DAY = timedelta(days=1)
_BEST_FIRST = [level.value for level in Completeness]
_WINDOW = timedelta(hours=24)
_EVENTS_SHOWN = 10


def parts(asked: Question, found: Sources, row: dict[str, Any]) -> list[Part]:
    rows = (
        found.inputs.liquidations.filter(pl.col("date") == asked.day)
        .sort("venue", "symbol")
        .to_dicts()
    )
    return [
        _sums(asked, rows),
        *_largest_window(asked, found, row, bool(rows)),
        _share(asked, found, rows),
    ]


def _sums(asked: Question, rows: list[dict[str, Any]]) -> Part:
    long, short = (
        total([row["long_usd"] for row in rows]),
        total([row["short_usd"] for row in rows]),
    )
    both = None if long is None and short is None else (long or 0.0) + (short or 0.0)
    gives: dict[str, Any] = {
        "liquidations_long_usd": long,
        "liquidations_short_usd": short,
        "liquidations_total_usd": both,
        "liquidations_venues": len({row["venue"] for row in rows}),
        "liquidations_completeness": _weakest(rows),
    }
    shown = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            "long_usd": row["long_usd"],
            "short_usd": row["short_usd"],
            "orders": row["long_count"] + row["short_count"],
            "completeness": row["completeness"],
            "explain": command("liquidations_daily", asked.day, row["venue"], row["symbol"]),
        }
        for row in rows
    ]
    return Part(
        "Positions liquidated, by instrument",
        tuple(gives),
        largest_first(shown, lambda row: (row["long_usd"] or 0) + (row["short_usd"] or 0)),
        gives,
        ("the weakest completeness counts; an amount without a price makes it partial",),
    )


def _weakest(rows: list[dict[str, Any]]) -> str | None:
    if not rows:
        return None
    partial = _BEST_FIRST.index(Completeness.PARTIAL.value)
    ranks = [
        max(
            _BEST_FIRST.index(row["completeness"]),
            partial if row["long_usd"] is None or row["short_usd"] is None else 0,
        )
        for row in rows
    ]
    return _BEST_FIRST[max(ranks)]


def _largest_window(
    asked: Question, found: Sources, row: dict[str, Any], covered: bool
) -> list[Part]:
    columns = ("liquidations_max_24h_usd", "liquidations_max_24h_end")
    end = row["liquidations_max_24h_end"]
    if end is None:
        title = "No event with a price, so no window of 24 hours"
        gives = {"liquidations_max_24h_usd": 0.0 if covered else None}
        return [Part(title, columns, [], gives)]
    within = (
        found.events.rows.filter(
            pl.col("liquidated_at").is_between(end - _WINDOW, end, closed="right"),
            pl.col("amount_usd").is_not_null(),
        )
        .with_columns(exact=pl.col("amount_usd").cast(FIXED_POINT))
        .sort("venue", "symbol", "liquidated_at", "side", "event_ordinal")
    )
    exact = within["exact"].sum()
    by_instrument = (
        within.group_by("venue", "symbol", maintain_order=True)
        .agg(
            events=pl.len(),
            usd=pl.col("exact").sum().cast(pl.String).cast(pl.Float64),
            long_usd=pl.col("exact").filter(pl.col("side") == "long").sum().cast(pl.Float64),
        )
        .to_dicts()
    )
    largest = within.sort("exact", descending=True, maintain_order=True).head(_EVENTS_SHOWN)
    window = f"({end - _WINDOW:%Y-%m-%d %H:%M:%S}, {end:%Y-%m-%d %H:%M:%S}] UTC"
    return [
        Part(
            f"The largest 24 hours that end on the day: {window}, {within.height} events",
            columns,
            largest_first(
                [
                    each
                    | {
                        "explain": command(
                            "liquidations_daily", asked.day, each["venue"], each["symbol"]
                        )
                    }
                    for each in by_instrument
                ],
                lambda each: each["usd"],
            ),
            {"liquidations_max_24h_usd": float(str(exact)), "liquidations_max_24h_end": end},
        ),
        Part(
            f"The largest {largest.height} of these events",
            columns,
            largest.select(
                "liquidated_at",
                "venue",
                "symbol",
                "side",
                "amount_usd",
                "price",
                "raw_row",
                "raw_key",
            ).to_dicts(),
        ),
    ]


def _share(asked: Question, found: Sources, rows: list[dict[str, Any]]) -> Part:
    before = {
        (each["venue"], each["symbol"]): each["open_interest_usd_close"]
        for each in found.interest.filter(pl.col("date") == asked.day - DAY).iter_rows(named=True)
    }
    shown = []
    for row in rows:
        was = before.get((row["venue"], row["symbol"]))
        if was is not None and row["total_usd"] is not None:
            shown.append(
                {
                    "venue": row["venue"],
                    "symbol": row["symbol"],
                    "total_usd": row["total_usd"],
                    "open_interest_usd_before": was,
                    "explain": command(
                        "open_interest_daily", asked.day - DAY, row["venue"], row["symbol"]
                    ),
                }
            )
    liquidated = total([each["total_usd"] for each in shown])
    interest = total([each["open_interest_usd_before"] for each in shown])
    share = liquidated / interest if interest and liquidated is not None else None
    return Part(
        "Liquidated against the open interest of the day before, instruments with both",
        ("liquidations_to_open_interest",),
        largest_first(shown, lambda each: each["total_usd"]),
        {"liquidations_to_open_interest": share},
        () if share is None else (f"{liquidated!r} / {interest!r} USD",),
    )
