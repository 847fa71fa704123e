"""Whether two made the same tables: a time counts only for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

TABLES = {
    "open_interest_daily": (
        "sample_count",
        "open_interest_coin_close",
        "open_interest_coin_mean",
        "open_interest_usd_close",
    ),
    "funding_daily": ("settlement_count", "funding_rate_sum"),
}
"""What the scripts make as well as the mill, beside date and symbol."""
KEY = ("date", "symbol")
RELATIVE = 1e-9
"""Doubles may differ by the order in which they were added; counts may not differ at all."""
SMALLEST = 1e-12
"""Below this a difference is dust: rates that add up to 0 leave some."""


class Disagreement(AssertionError):
    """The numbers differ; the message names the table, the column and the worst rows."""


def agree(ours: Path, theirs: Path) -> int:
    """Compare the tables two folders hold as Parquet, row by row, in both directions.

    Returns how many symbol-days were compared. Raises Disagreement, also where there is nothing to
    compare.
    """
    return sum(
        _agree(table, *(_read(folder / f"{table}.parquet", columns) for folder in (ours, theirs)))
        for table, columns in TABLES.items()
    )


def _read(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Text, days and numbers in one type each, whichever library wrote them."""
    return pl.read_parquet(path).select(
        pl.col("date").cast(pl.Date),
        pl.col("symbol").cast(pl.String),
        *(pl.col(c).cast(pl.Int64 if c.endswith("_count") else pl.Float64) for c in columns),
    )


def _agree(table: str, ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    if ours.is_empty():
        raise Disagreement(f"{table}: there are no rows to compare")
    for name, rows in (("ours", ours), ("theirs", theirs)):
        if rows.select(KEY).is_duplicated().any():
            raise Disagreement(f"{table}: {name} has a symbol-day twice")
    for here, there, missing in ((ours, theirs, "theirs"), (theirs, ours, "ours")):
        alone = here.join(there, on=KEY, how="anti").sort(KEY)
        if alone.height:
            raise Disagreement(
                f"{table}: {alone.height} symbol-days are missing in {missing}, the first of them "
                f"{alone.select(KEY).row(0)}"
            )
    both = ours.join(theirs, on=KEY, suffix="_theirs", validate="1:1")
    for column in ours.columns:
        if column in KEY:
            continue
        differing = both.filter(_differs(column, ours.schema[column])).sort(KEY)
        if differing.height:
            shown = differing.select(*KEY, column, f"{column}_theirs").head(3).rows()
            raise Disagreement(f"{table}.{column}: {differing.height} symbol-days differ: {shown}")
    return both.height


def _differs(column: str, kind: pl.DataType) -> pl.Expr:
    mine, other = pl.col(column), pl.col(f"{column}_theirs")
    if kind.is_integer():
        return mine.ne_missing(other)
    allowed = pl.max_horizontal(other.abs() * RELATIVE, SMALLEST)
    near = (mine - other).abs() <= allowed
    return ~pl.when(mine.is_null() | other.is_null()).then(
        mine.is_null() & other.is_null()
    ).otherwise(near).fill_null(value=False)
