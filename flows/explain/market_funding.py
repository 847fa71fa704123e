"""Funding of the market: which venue's rate weighs how much."""

from __future__ import annotations

import math
from datetime import date, timedelta
from statistics import median
from typing import Any

import polars as pl

from flows.explain.market import Sources
from flows.explain.part import Part, largest_first
from flows.explain.published import Build
from flows.explain.question import Question, command
from transforms.schemas.column import ContractKind

_RATE = "funding_rate_8h"
_OI_WEIGHTED = "funding_rate_8h_oi_weighted"
_WEIGHTS = (
    (_OI_WEIGHTED, "open_interest_usd_mean", "open interest"),
    ("funding_rate_8h_volume_weighted", "volume_usd", "traded volume"),
)
_DAY = ["date", "venue", "symbol"]
_OVER_DAYS = ("funding_cumulative_7d", "funding_cumulative_30d", "funding_compounded_30d")


def parts(build: Build, asked: Question, found: Sources) -> list[Part]:
    rates = _rates(found, asked.day)
    made = [_weighted(asked.day, rates, *weight) for weight in _WEIGHTS]
    return [*made, _unweighted(asked.day, rates), _over_days(build, asked)]


def _rates(found: Sources, day: date) -> list[dict[str, Any]]:
    """The day's perpetuals with a rate per 8 h, in order of venue and symbol, with both weights."""
    on_day = pl.col("date") == day
    return (
        found.inputs.funding.filter(
            on_day,
            pl.col("contract_kind") == ContractKind.PERPETUAL.value,
            pl.col(_RATE).is_not_null(),
        )
        .join(found.interest.select(*_DAY, "open_interest_usd_mean"), on=_DAY, how="left")
        .join(found.inputs.prices.select(*_DAY, "volume_usd"), on=_DAY, how="left")
        .sort("venue", "symbol")
        .to_dicts()
    )


def _weighted(day: date, rates: list[dict[str, Any]], column: str, weight: str, word: str) -> Part:
    counted = [row for row in rates if (row[weight] or 0) > 0]
    weights = math.fsum(row[weight] for row in counted)
    rows = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            weight: row[weight],
            _RATE: row[_RATE],
            "share": row[weight] / weights,
            "contribution": row[weight] * row[_RATE] / weights,
            "explain": command("funding_daily", day, row["venue"], row["symbol"]),
        }
        for row in counted
    ]
    value = math.fsum(row["contribution"] for row in rows) if rows else None
    gives = {column: value}
    if column == _OI_WEIGHTED:
        gives["funding_rate_annualised_oi_weighted"] = None if value is None else value * 3 * 365
    left_out = [f"{row['venue']} {row['symbol']}" for row in rates if row not in counted]
    return Part(
        f"Rates per 8 h weighted by {word}: contribution = share × rate",
        tuple(gives),
        largest_first(rows, lambda row: row["share"]),
        gives,
        (f"without a weight, and left out: {', '.join(left_out)}",) if left_out else (),
    )


def _unweighted(day: date, rates: list[dict[str, Any]]) -> Part:
    values = [row[_RATE] for row in rates]
    gives: dict[str, Any] = {"funding_venues": len({row["venue"] for row in rates})}
    if values:
        gives |= {
            "funding_rate_8h_mean": math.fsum(values) / len(values),
            "funding_rate_8h_median": median(values),
            "funding_rate_8h_min": min(values),
            "funding_rate_8h_max": max(values),
        }
    rows = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            _RATE: row[_RATE],
            "explain": command("funding_daily", day, row["venue"], row["symbol"]),
        }
        for row in sorted(rates, key=lambda row: -row[_RATE])
    ]
    columns = (
        "funding_venues",
        *(f"funding_rate_8h_{what}" for what in ("mean", "median", "min", "max")),
    )
    return Part("Perpetuals with a rate per 8 h, each counted once", columns, rows, gives)


def _over_days(build: Build, asked: Question) -> Part:
    """The days a sum over days is made of, from the published table itself."""
    rest = {name: value for name, value in asked.key.items() if name != "date"}
    where = "".join(f' AND "{name}" = ?' for name in rest)
    days = build.rows(
        f"SELECT date, {_OI_WEIGHTED} FROM {asked.table} WHERE date BETWEEN ? AND ?{where} "  # noqa: S608 - names of ours
        "ORDER BY date",
        [asked.day - timedelta(days=29), asked.day, *rest.values()],
    )
    known = [day for day in days if day[_OI_WEIGHTED] is not None]
    paid = {day["date"]: 3 * day[_OI_WEIGHTED] for day in known}
    gives: dict[str, Any] = {}
    for length in (7, 30):
        within = [
            paid[day]
            for day in (asked.day - timedelta(days=n) for n in range(length))
            if day in paid
        ]
        whole = len(within) == length
        gives[f"funding_cumulative_{length}d"] = math.fsum(within) if whole else None
        if length == 30:
            product = math.prod(1 + each for each in reversed(within)) - 1
            gives["funding_compounded_30d"] = product if whole else None
    rows = [
        {
            "date": day,
            _OI_WEIGHTED: value / 3,
            "paid": value,
            "explain": command(asked.table, day, *rest.values(), column=_OI_WEIGHTED),
        }
        for day, value in sorted(paid.items(), reverse=True)
    ]
    return Part(
        f"Days with a rate among the 30 that end here ({len(rows)}): paid = 3 × rate",
        _OVER_DAYS,
        rows,
        gives,
    )
