"""What a contract is by the venue's own open interest, held against the list of instruments.

Where a venue gives open interest in contracts and in coins (OKX `oi` and `oiCcy`), one over the
other is the size of a contract, whatever a list says. Open interest takes the venue's coins;
liquidations come in contracts alone and would be wrong by as much as the list is.
"""

from __future__ import annotations

import polars as pl

from transforms.native import Unit
from transforms.schemas.column import Margin

APART = 1.5
"""Sizes differ by powers of ten, and by a factor of two at least (a coin divided). Between coins
and dollars of an inverse contract stands a price that is minutes old."""


def contradicted(rows: pl.DataFrame) -> pl.DataFrame:
    """Instrument-days whose open interest says another contract size than their rows rest on.

    rows: identified native open interest with `date`. One conflict per symbol and day, about its
    first sample, in the columns of `transforms.fold.Folded.conflicts`: the size as listed is what
    is kept, the median of the day's samples (coins of a linear contract, quote of an inverse one)
    the other value. Both name the file of the sample: no file gives the size itself.
    """
    linear = pl.col("margin_type") == Margin.LINEAR.value
    value = (
        pl.when(linear)
        .then("value_coin")
        .when(pl.col("margin_type") == Margin.INVERSE.value)
        .then(pl.col("value_coin") * pl.col("price"))
    )
    judged = (
        rows.filter(
            pl.col("unit") == Unit.CONTRACTS.value,
            pl.col("amount") > 0,
            pl.col("contract_size") > 0,
            value > 0,
        )
        .select(
            "symbol",
            "date",
            "sampled_at",
            "raw_key",
            "contract_size",
            implied=value / pl.col("amount"),
        )
        .sort("symbol", "sampled_at", "raw_key", "implied")
        .group_by("symbol", "date", "contract_size", maintain_order=True)
        .agg(pl.col("sampled_at", "raw_key").first(), pl.col("implied").median())
    )
    off = pl.col("implied") / pl.col("contract_size")
    return judged.filter((off > APART) | (off < 1 / APART)).select(
        pl.col("symbol").cast(pl.String),
        "sampled_at",
        column_name=pl.lit("contract_size"),
        kept_value=pl.col("contract_size").cast(pl.String),
        other_value=pl.col("implied").round_sig_figs(6).cast(pl.String),
        kept_raw_key=pl.col("raw_key").cast(pl.String),
        other_raw_key=pl.col("raw_key").cast(pl.String),
    )
