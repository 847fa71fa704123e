"""One row per fact: repeats are folded away, differing values reported.

Which row is kept follows from what the rows say of themselves (`ORIGIN`), never from the order
they come in: the feed that takes precedence, then the parser's rank, then raw file and record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from transforms.in_order import in_order

ORIGIN = ("precedence", "rank", "raw_key", "raw_row")

BINARY_NOISE = 1e-12
"""Two numbers are the same if they differ by less than this fraction of the larger one. Venues
write doubles as text (`25651.677700000047`, `0.0006900000000000001`), and a product of three
numbers may be off by a few 1e-16; no venue gives twelve digits that mean anything."""

SAME_ORDER_WITHIN = timedelta(minutes=1)
"""How long after its last message another one may still be about the same liquidation order."""

_MESSAGE = (
    "liquidated_at",
    "symbol",
    "side",
    "price",
    "amount",
    "order_price",
    "order_quantity",
    "last_quantity",
    "order_status",
)
_ORDER = ("symbol", "side", "order_price", "order_quantity")


@dataclass(frozen=True, slots=True)
class Folded:
    """What is left of rows that state facts more than once.

    rows: one row per fact, sorted by its key, in the columns that came in.
    duplicates: the rows that were folded into one of them, likewise.
    conflicts: one row per differing value: the key columns and `column_name`, `kept_value`,
        `other_value`, `kept_raw_key`, `other_raw_key`. Equal lines are given once.
    """

    rows: pl.DataFrame
    duplicates: pl.DataFrame
    conflicts: pl.DataFrame


def fold(
    rows: pl.DataFrame,
    key: Sequence[str],
    values: Sequence[str],
    order: Sequence[str] = ORIGIN,
    basis: Mapping[str, pl.Expr] | None = None,
) -> Folded:
    """One row per `key` (never NULL): the first in `order`, its NULLs filled from the next ones.

    values: columns that are compared, and filled where they are NULL; all other columns stay as
        in the row that is kept. Numbers are compared as numbers (`BINARY_NOISE`).
    basis: for a value that is only comparable between rows that agree on something else (a
        native amount between rows of one unit), what that is.
    """
    ranked = in_order(rows, key)
    news = ranked.select(_news(key))["news"]
    if news.all():
        return Folded(ranked, ranked.clear(), _no_conflicts(ranked, key))
    repeated = ~(news & news.shift(-1, fill_value=True))
    several = ranked.filter(repeated).sort(*key, *order, nulls_last=True)
    starts = _news(key)
    several = several.with_columns(
        starts.cum_sum().alias("_fact"),
        (~starts).alias("_repeat"),
        *(essence.alias(f"_of_{name}") for name, essence in (basis or {}).items()),
    )
    # Within a fact the rows stand in `order`, so "first that is not NULL" is well defined.
    filled = several.group_by("_fact", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().first() for name in values),
        *(
            pl.col("raw_key").filter(pl.col(name).is_not_null()).first().alias(f"_from_{name}")
            for name in values
        ),
        *(
            pl.col(f"_of_{name}").filter(pl.col(name).is_not_null()).first().alias(f"_basis_{name}")
            for name in (basis or {})
        ),
    )
    kept = (
        several.filter(~pl.col("_repeat"))
        .join(filled.select("_fact", *values), on="_fact", suffix="_filled")
        .with_columns(pl.coalesce(name, f"{name}_filled").alias(name) for name in values)
        .select(rows.columns)
    )
    others = several.filter("_repeat")
    return Folded(
        pl.concat([ranked.filter(~repeated), kept]).sort(key),
        others.select(rows.columns),
        _conflicts(others, filled, key, values, [*(basis or {})]),
    )


def _news(key: Sequence[str]) -> pl.Expr:
    """Whether a row states another fact than the one before it."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in key).alias(
        "news"
    )


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    if dtype.is_decimal():  # with no more digits than it has
        text = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return text


def _no_conflicts(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    columns = ("column_name", "kept_value", "other_value", "kept_raw_key", "other_raw_key")
    return (
        rows.select(key).clear().with_columns(pl.lit(None, pl.String()).alias(c) for c in columns)
    )


def _differs(dtype: pl.DataType, one: str, other: str) -> pl.Expr:
    if not dtype.is_numeric():
        return pl.col(one) != pl.col(other)
    left, right = pl.col(one).cast(pl.Float64), pl.col(other).cast(pl.Float64)
    larger = pl.max_horizontal(left.abs(), right.abs())
    return (left - right).abs() > larger * BINARY_NOISE


def _conflicts(
    others: pl.DataFrame,
    filled: pl.DataFrame,
    key: Sequence[str],
    values: Sequence[str],
    based: Sequence[str],
) -> pl.DataFrame:
    # Compared with the value that is published, which may have filled a NULL of the kept row.
    pairs = others.join(filled, on="_fact", suffix="_filled")
    found = [_no_conflicts(others, key)]
    for name in values:
        dtype = others.schema[name]
        differs = _differs(dtype, f"{name}_filled", name)
        if name in based:
            differs &= pl.col(f"_of_{name}").eq_missing(pl.col(f"_basis_{name}"))
        found.append(
            pairs.filter(differs).select(
                *key,
                pl.lit(name).alias("column_name"),
                _text(f"{name}_filled", dtype).alias("kept_value"),
                _text(name, dtype).alias("other_value"),
                pl.col(f"_from_{name}").cast(pl.String).alias("kept_raw_key"),
                pl.col("raw_key").cast(pl.String).alias("other_raw_key"),
            )
        )
    conflicts = pl.concat(found).unique()
    return conflicts.sort(conflicts.columns)


def fold_liquidations(rows: pl.DataFrame) -> Folded:
    """One row per liquidated order, numbered by `event_ordinal` (replaced if it is there).

    A message that says the same as another (as numbers) is a repeat of it, wherever it stands.
    Of several messages about one order (same symbol, side, limit price and original quantity,
    each within a minute of the one before, the accumulated amount growing) the last one is kept:
    its amount is the whole, and its time and price are the order's. Where limit price or
    original quantity are unknown, each message is an order of its own.

    Whether a message is the last of its order is decided by its next neighbour alone. A window
    of days comes out the same as any longer one if `rows` reach a minute beyond both its ends.
    """
    columns = rows.columns
    said_again = pl.struct(_MESSAGE).is_duplicated()
    told = rows.filter(said_again).sort(*_MESSAGE, *ORIGIN, nulls_last=True)
    news = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in _MESSAGE)
    told = told.with_columns(news.alias("_news"))
    messages = pl.concat([rows.filter(~said_again), told.filter("_news").select(columns)])

    continues = pl.struct(_ORDER).is_duplicated()
    several = messages.filter(continues).sort(
        *_ORDER, "liquidated_at", "amount", *_MESSAGE, nulls_last=True
    )
    grows = (
        pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in _ORDER)
        & (pl.col("liquidated_at").shift(-1) - pl.col("liquidated_at") <= SAME_ORDER_WITHIN)
        & (pl.col("amount").shift(-1) > pl.col("amount"))
    ).fill_null(value=False)
    several = several.with_columns(grows.alias("_grows"))
    orders = pl.concat(
        [messages.filter(~continues), several.filter(~pl.col("_grows")).select(columns)]
    ).sort(*_MESSAGE, nulls_last=True)
    ordinal = pl.int_range(1, pl.len() + 1).over("symbol", "side", "liquidated_at")
    return Folded(
        orders.with_columns(ordinal.alias("event_ordinal")).select(
            *columns, *(() if "event_ordinal" in columns else ("event_ordinal",))
        ),
        pl.concat([told.filter(~pl.col("_news")), several.filter("_grows")], how="diagonal").select(
            columns
        ),
        _no_conflicts(rows, ("symbol", "liquidated_at")),  # all that could differ tells them apart
    )
