"""Datasets' contracts on single rows: which rows break one, and why."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from transforms.schemas.normalised import DATASETS

_POSITION = "_position"


def _row_contract(name: str, schema: type[dy.Schema]) -> type[dy.Schema]:
    """The rules of a schema that concern single rows: repeated keys are still to be folded."""
    columns = {n: column.with_primary_key(False) for n, column in schema.columns().items()}
    return type(name, (dy.Schema,), columns | {_POSITION: dy.UInt32()})


_ROW_CONTRACTS = {name: _row_contract(name, schema) for name, schema in DATASETS.items()}


def uphold(dataset: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that keep the dataset's contract, and those that do not with a `reason`.

    Rows are judged before they are folded: a broken row must not win over a sound one.
    """
    numbered = rows.with_row_index(_POSITION)
    failure = _ROW_CONTRACTS[dataset].filter(numbered)[1]
    if not len(failure):
        return rows, rows.clear().with_columns(pl.lit(None, pl.String()).alias("reason"))
    verdicts = failure.details()
    broken = [rule.split("|", 1) for rule in sorted(failure.counts())]
    reason = pl.concat_str(
        [
            pl.when(pl.col(f"{column}|{rule}") == "invalid").then(
                pl.format(
                    f"{column} {rule}: {{}}", pl.col(column).cast(pl.String).fill_null("NULL")
                )
            )
            for column, rule in broken
        ],
        separator="; ",
        ignore_nulls=True,
    )
    faulty = verdicts.select(_POSITION, reason.alias("reason"))
    return (
        numbered.join(faulty, on=_POSITION, how="anti", maintain_order="left").drop(_POSITION),
        numbered.join(faulty, on=_POSITION).drop(_POSITION),
    )
