"""Bars over the snapshots of one symbol, for the exchanges whose APIs have them."""

from __future__ import annotations

from typing import Literal

import polars as pl

Price = Literal["mark_price", "last_price"]


def bars(samples: pl.DataFrame, minutes: int, price: Price) -> pl.DataFrame:
    """`stamp` (start, ms), `open`, `high`, `low`, `close`, `volume`, `turnover`, oldest first.

    samples: of one symbol, five minutes apart, with `stamp` in ms. minutes: from five on; what
    happens between two snapshots is not known, so that a bar of five has one price. volume is
    base units, turnover US dollars.
    """
    length = minutes * 60_000
    told = pl.col(price)
    return (
        samples.sort("stamp")
        .group_by(pl.col("stamp") // length * length, maintain_order=True)
        .agg(
            told.first().alias("open"),
            told.max().alias("high"),
            told.min().alias("low"),
            told.last().alias("close"),
            # In the order of time, whatever the number of threads.
            pl.col("volume_coin").implode().list.sum().alias("volume"),
            (pl.col("volume_coin") * told).implode().list.sum().alias("turnover"),
        )
    )
