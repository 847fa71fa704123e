"""Open interest of the market: closes and changes by instrument, and whom the total lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from flows.explain.market import Sources
from flows.explain.part import Part, largest_first, total
from flows.explain.question import Question, command
from transforms.market.table import LOOKBACK_DAYS
from transforms.schemas.column import Margin

DAY = timedelta(days=1)
_USD, _COIN = "open_interest_usd_close", "open_interest_coin_close"
_INSTRUMENT = ["venue", "symbol"]


def parts(asked: Question, found: Sources) -> list[Part]:
    rows = _instruments(found, asked.day)
    return [
        _levels(asked, rows),
        _changes(asked, rows),
        _coverage(asked, found),
    ]


def _instruments(found: Sources, day: date) -> list[dict[str, Any]]:
    """The day's instruments in order, with what they closed at the day before."""
    before = found.interest.filter(pl.col("date") == day - DAY).select(
        *_INSTRUMENT, usd_before=_USD, coin_before=_COIN
    )
    return (
        found.interest.filter(pl.col("date") == day)
        .join(before, on=_INSTRUMENT, how="left")
        .sort(_INSTRUMENT)
        .to_dicts()
    )


def _levels(asked: Question, rows: list[dict[str, Any]]) -> Part:
    known = [row for row in rows if row[_USD] is not None or row[_COIN] is not None]
    gives: dict[str, Any] = {
        "open_interest_usd": total([row[_USD] for row in known]),
        "open_interest_coin": total([row[_COIN] for row in known]),
        "open_interest_venues": len({row["venue"] for row in known}),
    }
    for margin in Margin:
        of_margin = [row[_USD] for row in known if row["margin_type"] == margin.value]
        gives[f"open_interest_usd_{margin.value}"] = total(of_margin)
    everything = gives["open_interest_usd"]
    shown = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            "margin_type": row["margin_type"],
            _USD: row[_USD],
            _COIN: row[_COIN],
            "share": row[_USD] / everything if everything and row[_USD] is not None else None,
            "explain": command("open_interest_daily", asked.day, row["venue"], row["symbol"]),
        }
        for row in known
    ]
    return Part(
        "Closes by instrument",
        tuple(gives),
        largest_first(shown, lambda row: row[_USD]),
        gives,
    )


def _changes(asked: Question, rows: list[dict[str, Any]]) -> Part:
    by_usd = [
        row
        for row in rows
        if row["usd_before"] is not None and row["open_interest_change_usd"] is not None
    ]
    by_coin = [
        row
        for row in rows
        if row["coin_before"] is not None and row["open_interest_change_coin"] is not None
    ]
    gives: dict[str, Any] = {
        "open_interest_change_usd": total([row["open_interest_change_usd"] for row in by_usd]),
        "open_interest_change_coin": total([row["open_interest_change_coin"] for row in by_coin]),
    }
    notes: tuple[str, ...] = ()
    if asked.table == "market_daily":
        before = total([row["coin_before"] for row in by_coin])
        changed = gives["open_interest_change_coin"]
        gives["open_interest_change_pct"] = changed / before if before else None
        if before:
            notes = (f"Σ of their previous closes: {before!r} coin",)
    else:
        priced = [
            row for row in by_coin if row["coin_before"] > 0 and row["usd_before"] is not None
        ]
        before = total([row["usd_before"] for row in priced])
        at_old = total(
            [
                row["usd_before"] * row["open_interest_change_coin"] / row["coin_before"]
                for row in priced
            ]
        )
        gives["open_interest_change_pct"] = (
            at_old / before if before and at_old is not None else None
        )
        if before:
            notes = (
                f"Σ of their previous closes: {before!r} USD",
                f"Σ of their changes in coin at the prices then: {at_old!r} USD",
            )
    shown = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            "open_interest_change_coin": row["open_interest_change_coin"],
            "coin_before": row["coin_before"],
            "open_interest_change_usd": row["open_interest_change_usd"],
            "usd_before": row["usd_before"],
            "explain": command("open_interest_daily", asked.day, row["venue"], row["symbol"]),
        }
        for row in rows
        if row in by_usd or row in by_coin
    ]
    return Part(
        "Changes of the instruments present on both days",
        ("open_interest_change_usd", "open_interest_change_coin", "open_interest_change_pct"),
        largest_first(shown, lambda row: row["open_interest_change_usd"]),
        gives,
        notes,
    )


def _coverage(asked: Question, found: Sources) -> Part:
    """Who is there and who is not, against the last day on which all of them were."""
    seen = _by_venue(found, asked.day)
    present = {venue for day, venue in seen if day == asked.day}
    back = [asked.day - n * DAY for n in range(1, LOOKBACK_DAYS + 1)]
    lately = {venue for day, venue in seen if day in back}
    missing = {v for v in lately - present if not _delisted(found, v, asked.day)}
    # Who came today was not due, and is measured against nobody.
    due = (lately & present) | missing
    together = next((day for day in back if due and all((day, v) in seen for v in due)), None)
    last = {venue: next((d for d in back if (d, venue) in seen), None) for venue in due}
    share: float | None = None
    rows: list[dict[str, Any]] = []
    for venue in sorted(present | due):
        then = (together or last[venue]) if venue in due else None
        rows.append(
            {
                "venue": venue,
                "present": venue in present,
                "measured_on": then,
                "open_interest_usd_then": None if then is None else seen[then, venue],
                "open_interest_usd": seen.get((asked.day, venue)),
            }
        )
    if missing:
        of_all = total([row["open_interest_usd_then"] for row in rows])
        here = total([r["open_interest_usd_then"] for r in rows if r["present"]])
        share = (here or 0.0) / of_all if of_all else None
    elif present or due:
        share = 1.0
    if missing and together:
        note = f"the last day on which all {len(due)} were seen is {together}"
    elif missing:
        note = "there is no day of the 30 before on which all were seen: each as when last seen"
    else:
        note = "no venue seen in the 30 days before is missing"
    return Part(
        "Coverage: open interest of the venues present and missing",
        ("open_interest_coverage",),
        largest_first(rows, lambda row: row["open_interest_usd_then"]),
        {"open_interest_coverage": share},
        (note,),
    )


def _by_venue(found: Sources, day: date) -> dict[tuple[date, str], float]:
    """Open interest of each venue in USD by day, over the window coverage looks at."""
    known = found.interest.filter(
        pl.col(_USD).is_not_null(),
        pl.col("date").is_between(day - LOOKBACK_DAYS * DAY, day),
    ).sort("date", "venue", "symbol")
    sums: dict[tuple[date, str], list[float]] = {}
    for at, venue, usd in known.select("date", "venue", _USD).iter_rows():
        sums.setdefault((at, venue), []).append(usd)
    return {key: total(values) or 0.0 for key, values in sums.items()}


def _delisted(found: Sources, venue: str, day: date) -> bool:
    ends = found.inputs.instruments.filter(pl.col("venue") == venue)["valid_to"]
    if ends.is_empty() or ends.null_count():
        return False
    last = ends.max()
    over = datetime.combine(day + DAY, time(), UTC)
    return isinstance(last, datetime) and last < over
