"""Which symbol-days a venue's liquidation feeds covered, and how completely.

Four kinds of file cover a day. One an archive publishes about a single symbol covers that symbol,
even if it is empty. An all-market recording covers every instrument live that day whose margin type
occurs in it: a venue's linear and inverse products have feeds of their own, and hearing one says
nothing of the other. A recording of one symbol, by its name or because no other is heard in it,
covers that symbol where it has events: its silence says nothing of the others. An export of the
whole market cut by the hour covers its hour, even a quiet one, and every hour without a file is
known to be missing.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.grain import IDENTITY
from transforms.schemas.column import Completeness, SourceKind

_WEAKEST_LAST = [level.value for level in Completeness]
_HOURS = 24


def _live(instruments: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Every (day, instrument) of `days` on which the instrument was listed; a bound that is not
    known is open. Where two listings share a day, the later one."""
    starts, ends = pl.col("valid_from").dt.date(), pl.col("valid_to")
    midnight = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return (
        days.join(
            instruments.select("symbol", "listing", *IDENTITY, "valid_from", "valid_to"),
            how="cross",
        )
        .filter(
            (starts <= pl.col("date")).fill_null(value=True),
            (ends > midnight).fill_null(value=True),
        )
        .sort("symbol", "date", "listing")
        .group_by("symbol", "date", maintain_order=True)
        .agg(pl.col(*IDENTITY).last())
    )


_FILE = ["date", "raw_key"]


def cut_by_the_hour(accounting: pl.DataFrame) -> pl.DataFrame:
    """Files about the whole market and one hour of the day they are counted on: not those of
    another day's hour that hold a stray record of this one."""
    own_day = pl.col("hour").dt.date() == pl.col("date")
    return accounting.filter(pl.col("symbol").is_null(), own_day)


def _all_market_files(events: pl.DataFrame, accounting: pl.DataFrame) -> pl.DataFrame:
    """`date` and `raw_key` of the files in which the whole market can be heard that day."""
    many = events.group_by(_FILE).agg(pl.col("symbol").n_unique()).filter(pl.col("symbol") > 1)
    whole = accounting.filter(pl.col("symbol").is_null(), pl.col("hour").is_null())
    heard = whole.select(_FILE).join(many, on=_FILE, how="semi")
    return pl.concat([heard, cut_by_the_hour(accounting).select(_FILE)]).unique()


def _all_market_events(events: pl.DataFrame, accounting: pl.DataFrame) -> pl.DataFrame:
    return events.join(_all_market_files(events, accounting), on=_FILE, how="semi")


def covered(
    events: pl.DataFrame, accounting: pl.DataFrame, instruments: pl.DataFrame
) -> pl.DataFrame:
    """`symbol`, `date` and identity of every symbol-day that a feed covered.

    events: the days' rows with `date` and `raw_key`; accounting: the days' files. A symbol-day
    of an instrument nobody has described is there only if it has rows.
    """
    seen = events.group_by("symbol", "date").agg(pl.col(*IDENTITY).last())
    described = instruments.sort("listing").group_by("symbol").agg(pl.col(*IDENTITY).last())
    by_symbol = (
        # Records set aside may have been events: then no zero is known.
        accounting.filter(pl.col("symbol").is_not_null(), pl.col("rows_quarantined") == 0)
        .select("symbol", "date")
        .unique()
        .join(described, on="symbol")
    )
    heard = _all_market_events(events, accounting).select("date", "margin_type").unique()
    by_market = _live(instruments, heard.select("date").unique()).join(
        heard, on=["date", "margin_type"], how="semi"
    )
    columns = ["symbol", "date", *IDENTITY]
    return pl.concat([frame.select(columns) for frame in (seen, by_market, by_symbol)]).unique(
        ["symbol", "date"], keep="first", maintain_order=True
    )


def _regime_of(days: pl.DataFrame, regimes: pl.DataFrame) -> pl.DataFrame:
    """`date` and the rank of the weakest regime documented for it; without one, unknown."""
    rank = pl.col("completeness").replace_strict(
        {level: i for i, level in enumerate(_WEAKEST_LAST)}, return_dtype=pl.Int64
    )
    documented = (
        days.join(regimes.select("valid_from", "valid_to", regime=rank), how="cross")
        .filter(
            pl.col("valid_from") <= pl.col("date"),
            (pl.col("valid_to") > pl.col("date")).fill_null(value=True),
        )
        .group_by("date")
        .agg(pl.col("regime").max())
    )
    return days.join(documented, on="date", how="left").with_columns(
        pl.col("regime").fill_null(_WEAKEST_LAST.index(Completeness.UNKNOWN.value))
    )


def with_completeness(
    symbol_days: pl.DataFrame,
    events: pl.DataFrame,
    accounting: pl.DataFrame,
    regimes: pl.DataFrame,
) -> pl.DataFrame:
    """Adds `completeness`: the weakest of the documented regime and `partial` where the day rests
    on recordings that all lack a whole UTC hour.

    An all-market recording lacks an hour in which no instrument of the venue was heard, one of a
    single symbol an hour without that symbol. A quiet hour cannot be told from a dead recorder, so
    `partial` it is: a lower bound either way. An hour with an export of its own was heard, quiet or
    not; where such a day lacks hours these are known to be missing, and it is `partial` whatever is
    documented, or not. A symbol with an archive file of its own that day does not rest on
    recordings.
    """
    days = symbol_days.select("date").unique()
    market = _all_market_events(events, accounting)
    cut = cut_by_the_hour(accounting)
    hours = pl.col("liquidated_at").dt.hour().n_unique()
    by_market = (
        pl.concat(
            [
                market.select("date", hour=pl.col("liquidated_at").dt.hour()),
                cut.select("date", pl.col("hour").dt.hour()),
            ]
        )
        .group_by("date")
        .agg(market_hours=pl.col("hour").n_unique())
        .join(cut.select("date", cut=pl.lit(value=True)).unique(), on="date", how="left")
    )
    unnamed = accounting.filter(pl.col("symbol").is_null()).select(
        *_FILE, unnamed=pl.lit(value=True)
    )
    recordings = (
        events.join(market.select(_FILE).unique(), on=_FILE, how="anti")
        .join(unnamed.unique(), on=_FILE, how="left")
        .filter((pl.col("source") == SourceKind.DUMP.value) | pl.col("unnamed").is_not_null())
    )
    by_symbol = recordings.group_by("symbol", "date").agg(own_hours=hours)
    archived = (
        accounting.filter(pl.col("symbol").is_not_null())
        .join(recordings.select(_FILE).unique(), on=_FILE, how="anti")
        .select("symbol", "date", archived=pl.lit(value=True))
        .unique()
    )
    partial = _WEAKEST_LAST.index(Completeness.PARTIAL.value)
    heard = pl.max_horizontal("market_hours", "own_hours")  # NULL: no recording at all
    rests_on_holes = pl.col("archived").is_null() & (heard < _HOURS)
    # Of hours known to be missing more is known than of a feed nobody documents.
    known = pl.col("cut").is_not_null()
    weakest = pl.when(~known).then(pl.max_horizontal("regime", pl.lit(partial))).otherwise(partial)
    return (
        symbol_days.join(_regime_of(days, regimes), on="date", how="left")
        .join(by_market, on="date", how="left")
        .join(by_symbol, on=["symbol", "date"], how="left")
        .join(archived, on=["symbol", "date"], how="left")
        .with_columns(
            completeness=pl.when(rests_on_holes)
            .then(weakest)
            .otherwise("regime")
            .replace_strict(dict(enumerate(_WEAKEST_LAST)), return_dtype=pl.String)
        )
        .drop("regime", "market_hours", "own_hours", "archived", "cut")
    )


def on_days(accounting: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Files that speak of the days first … last."""
    return accounting.filter(pl.col("date").is_between(first, last))
