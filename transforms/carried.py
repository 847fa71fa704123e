"""Liquidations that a carrier brings where the venue's own exports have them too.

Facts with a key of their own (a settlement, a snapshot) are folded one by one. A liquidation has
none: the same order may be told with another price, or in more messages, by whoever recorded it.
So of each symbol and UTC day one provider's orders are taken, the venue's own before a carrier's;
the others' are repeats of them. Where their totals differ, that is reported: per side, so that a
provider with its sides the wrong way round is seen.
"""

from __future__ import annotations

import polars as pl

from transforms.fold import Folded, fold_liquidations
from transforms.schemas.column import Side

TOLERANCE = 1e-9
"""Fraction by which totals of the same orders, added up by two providers, may be apart."""

_DAY = ("symbol", "date")
_ORDERED = ("symbol", "liquidated_at", "side", "event_ordinal")


def one_provider_a_day(rows: pl.DataFrame) -> Folded:
    """`fold_liquidations`, with one provider per symbol and day.

    rows: identified and converted, with the `carrier` they came by (NULL: the venue's own), their
        `precedence` and the `date` they are accounted on.
    """
    rows = rows.with_columns(pl.col("carrier").cast(pl.String))
    # Which provider comes first must not depend on what else is in the window.
    names = sorted(rows["carrier"].drop_nulls().unique())
    if not names:
        return fold_liquidations(rows)
    providers = [None, *names]
    folded = [
        fold_liquidations(rows.filter(pl.col("carrier").eq_missing(pl.lit(name, pl.String))))
        for name in providers
    ]
    orders = pl.concat(
        [
            each.rows.with_columns(pl.lit(number).alias("_provider"))
            for number, each in enumerate(folded)
        ]
    ).with_columns((pl.col("_provider").min().over(_DAY)).alias("_first"))
    chosen = pl.col("_provider") == pl.col("_first")
    return Folded(
        orders.filter(chosen).select(folded[0].rows.columns).sort(_ORDERED),
        pl.concat(
            [each.duplicates for each in folded] + [orders.filter(~chosen).select(rows.columns)]
        ),
        _conflicts(orders),
    )


def _conflicts(orders: pl.DataFrame) -> pl.DataFrame:
    """Days on which providers' totals differ: in native units, or in coin where those differ."""
    totals = (
        orders.sort("_provider", *_ORDERED)
        .group_by(*_DAY, "_provider", maintain_order=True)
        .agg(
            pl.col("_first").first(),
            pl.col("raw_key").min(),
            pl.col("unit").unique().sort().str.join(" ").alias("unit"),
            *(_total(amount, side) for amount in ("native", "coin") for side in Side),
        )
    )
    chosen = pl.col("_provider") == pl.col("_first")
    pairs = totals.filter(~chosen).join(
        totals.filter(chosen).drop("_provider", "_first"), on=_DAY, suffix="_kept"
    )
    native = pl.col("unit") == pl.col("unit_kept")
    found = []
    for amount, comparable in (("native", native), ("coin", ~native)):
        for side in Side:
            name = f"{amount}_{side.value}"
            kept, other = pl.col(f"{name}_kept"), pl.col(name)
            apart = (kept - other).abs() > TOLERANCE * pl.max_horizontal(kept, other)
            found.append(
                pairs.filter(comparable & apart).select(
                    "symbol",
                    pl.col("date")
                    .cast(pl.Datetime("us"))
                    .dt.replace_time_zone("UTC")
                    .alias("liquidated_at"),
                    pl.lit(f"amount_{amount}, {side.value}s of the day").alias("column_name"),
                    kept.cast(pl.String).alias("kept_value"),
                    other.cast(pl.String).alias("other_value"),
                    pl.col("raw_key_kept").cast(pl.String).alias("kept_raw_key"),
                    pl.col("raw_key").cast(pl.String).alias("other_raw_key"),
                )
            )
    conflicts = pl.concat(found)
    return conflicts.sort(conflicts.columns)


def _total(amount: str, side: Side) -> pl.Expr:
    """Σ of one side, in the order of the rows, so that it is the same sum in every run; NULL
    where one of them is not known."""
    values = pl.col(f"amount_{amount}").filter(pl.col("side") == side.value)
    # Amounts are never negative, but the sum of none is -0.0.
    total = pl.when(values.null_count() == 0).then(values.implode().list.sum().abs())
    return total.alias(f"{amount}_{side.value}")
