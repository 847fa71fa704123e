"""Liquidation orders from their fills, where a venue tells of each fill.

The normalised row is the order, and two fills of one order may look exactly alike (same instant,
price and size) although both were paid. So each fill is given what its order had come to with
it: the accumulated amount at the average price so far. `transforms.fold` then keeps the last.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.fold import SAME_ORDER_WITHIN
from transforms.native import Unit
from transforms.records import Fault, Sifted

NOTHING_FILLED = Fault(pl.col("amount") <= 0, pl.lit("nothing was filled"))
"""A fill of nothing would look like a second order of the same amount."""


def accumulated(sifted: Sifted, order: Sequence[str], fill: str) -> Sifted:
    """The same rows, `amount` and `price` those of the order up to and with that fill.

    order: the columns that name an order within one raw file. `fill`: the venue's number of a
        fill; one that occurs again in the file is the same fill, and gets the same row.
    Rows need `liquidated_at`, `amount`, `price` and `unit`, as for fills without `order_price`
    and `order_quantity`: these are set to the first fill's price and the order's whole amount, by
    which fold knows the fills of one order. Where an order rests for more than a minute between
    fills, the rest is another order. The average price is the one at which the order's coins and
    dollars both come out right: weighted by amount, or harmonically where amounts are dollars.
    """
    key = ["raw_key", *order]
    rows = sifted.rows.drop("order_price", "order_quantity", strict=False)
    fills = rows.sort(*key, "liquidated_at", fill, "raw_row", nulls_last=True).unique(
        [*key, fill], keep="first", maintain_order=True
    )
    paused = pl.col("liquidated_at").diff().over(key) > SAME_ORDER_WITHIN
    whole = [*key, "_episode"]
    in_dollars = pl.col("unit") == Unit.USD.value
    other = (
        pl.when(in_dollars)
        .then(pl.col("amount") / pl.col("price"))
        .otherwise(pl.col("amount") * pl.col("price"))
    )
    fills = (
        fills.with_columns(paused.fill_null(value=False).cum_sum().over(key).alias("_episode"))
        .with_columns(
            pl.col("amount").cum_sum().over(whole).alias("_amount"),
            other.cum_sum().over(whole).alias("_other"),
            pl.int_range(pl.len()).over(whole).alias("_number"),
            pl.col("price").first().over(whole).alias("order_price"),
        )
        .with_columns(
            pl.col("_amount").last().over(whole).alias("order_quantity"),
            pl.when(pl.col("_number") == 0)
            .then("price")
            .when(in_dollars)
            .then(pl.col("_amount") / pl.col("_other"))
            .otherwise(pl.col("_other") / pl.col("_amount"))
            .alias("_price"),
        )
        .select(
            *key,
            fill,
            pl.col("liquidated_at").alias("_at"),
            "_amount",
            "_price",
            "order_price",
            "order_quantity",
        )
    )
    joined = rows.join(
        fills, on=[*key, fill], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(liquidated_at=pl.col("_at"), amount=pl.col("_amount"), price=pl.col("_price"))
    return Sifted(sifted.dataset, joined.drop("_at", "_amount", "_price"), sifted.rejected)
