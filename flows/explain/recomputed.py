"""The row made anew by the table's own computation, beside the published one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from flows.explain.inputs import Found
from flows.explain.published import Build
from flows.explain.question import VENUE_TABLES, Question
from transforms.daily.table import Inputs

DAY = timedelta(days=1)


def venue_row(
    build: Build, asked: Question, rows: Found, accounting: Found
) -> dict[str, Any] | None:
    """The row as these normalised rows give it; None where they give none.

    rows, accounting: of the venue, over all days the table's windows look at.
    """
    table = VENUE_TABLES[asked.table]
    made = table.compute(
        Inputs(
            rows=rows.rows.drop("date").lazy(),
            accounting=accounting.rows,
            instruments=build.table("instruments", "venue = ?", [asked.venue]),
            regimes=build.table("liquidation_regimes", "venue = ?", [asked.venue]),
            venue=str(asked.venue),
        ),
        asked.day,
        asked.day,
    )
    return only_row(made, asked)


def only_row(made: pl.DataFrame, asked: Question) -> dict[str, Any] | None:
    """The row with the key that is asked for."""
    found = made.filter(*(pl.col(name) == value for name, value in asked.key.items()))
    return found.row(0, named=True) if found.height else None


def compared(
    asked: Question, row: dict[str, Any], made: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Column by column: `published`, `computed`, and whether they are `equal` to the last bit."""
    return [
        {
            "column": name,
            "published": row[name],
            "computed": None if made is None else made[name],
            "equal": made is not None and row[name] == made[name],
        }
        for name in asked.columns
    ]
