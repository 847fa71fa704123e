"""Datasets' contracts on single rows: which rows break one, and why."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from transforms.coded import enums, in_words
from transforms.in_order import in_order
from transforms.schemas.normalised import DATASETS
from transforms.schemas.published import primary_key

_POSITION = "_position"


def _row_contract(name: str, schema: type[dy.Schema]) -> type[dy.Schema]:
    """The rules of a schema that concern single rows: repeated keys are still to be folded."""
    columns = {n: column.with_primary_key(False) for n, column in schema.columns().items()}
    return type(name, (dy.Schema,), columns | {_POSITION: dy.UInt32()})


def _holds(schema: type[dy.Schema]) -> list[pl.Expr]:
    """Per rule on single rows whether all rows keep it."""
    return [
        rule.all().alias(f"{name}|{said}")
        for name, column in schema.columns().items()
        for said, rule in column.validation_rules(pl.col(name)).items()
    ]


_HOLDS = {name: _holds(schema) for name, schema in DATASETS.items()}
_ROW_CONTRACTS = {name: _row_contract(name, schema) for name, schema in DATASETS.items()}


def uphold(dataset: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that keep the dataset's contract, and those that do not with a `reason`.

    Rows are judged before they are folded: a broken row must not win over a sound one.
    """
    if all(rows.select(_HOLDS[dataset]).row(0)):  # as nearly always; what follows is dear
        return rows, rows.clear().with_columns(pl.lit(None, pl.String()).alias("reason"))
    numbered = rows.with_row_index(_POSITION)
    failure = _ROW_CONTRACTS[dataset].filter(in_words(numbered))[1]
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


def sealed(dataset: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that keep their contract (`uphold`) as `date` and the dataset's columns, sorted by day
    and key.

    Raises AssertionError where a column is not of its type, or a key is there twice.
    """
    schema = DATASETS[dataset]
    key = primary_key(schema)
    result = rows.select("date", *schema.column_names())
    result = in_order(result, ("date", *key))
    found = dict(result.drop("date").schema) | dict.fromkeys(enums(result), pl.String())
    assert found == dict(schema.create_empty().schema), dataset  # noqa: S101
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in key)
    assert not result.select(again.any())[0, 0], f"{dataset}: a key is there twice"  # noqa: S101
    return result
