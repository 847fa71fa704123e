"""What the gate does otherwise than when the last build was made: whom it took out, by which rules.

A build tells whom it is without (`coverage_daily.excluded_because`), and what it was made of holds
a digest of the rules it is judged by.
"""

from __future__ import annotations

import duckdb
import polars as pl

from flows.run import expectations_digest

RULES = "rules"
"""The layer under which the digest stands among the inputs of a build: one row, without a venue or
a day. Builds from before that was kept have none."""

_DAY = ["dataset", "venue", "date"]


def by_rules() -> tuple[str, str, str, None, str]:
    """The row of today's rules: layer, name, venue, date and digest."""
    return RULES, "", "", None, expectations_digest()


def out_of(build: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """`dataset`, `venue`, `date` and `reason` of the venue-days a build is without."""
    return build.sql(
        "SELECT dataset, venue, date, excluded_because AS reason FROM coverage_daily "
        "WHERE excluded_because IS NOT NULL"
    ).pl()


def otherwise(
    now: pl.DataFrame, then: pl.DataFrame, changed: pl.DataFrame, inputs: pl.DataFrame | None
) -> pl.DataFrame:
    """Venue-days that went out, for another reason or are back: `dataset`, `venue`, `date`, `key`,
    which says so, and a `symbol` that is NULL, as of a raw file about many.

    now, then: what is out and what was (`out_of`). changed: days (`dataset`, `venue`, `date`) whose
    rows differ, which may be why. inputs: what the last build was made of, None if not known. Where
    the rows are the same and the rules are not, `key` names these too.
    """
    said = pl.concat(
        [
            now.join(then, on=[*_DAY, "reason"], how="anti").select(
                *_DAY, pl.format("taken out by the gate: {}", "reason").alias("key")
            ),
            then.join(now, on=_DAY, how="anti").select(
                *_DAY, pl.lit("no longer taken out by the gate").alias("key")
            ),
        ]
    )
    same_rows = said.join(changed, on=_DAY, how="anti")
    other_rows = said.join(changed, on=_DAY, how="semi")
    by_others = same_rows.with_columns(pl.col("key") + _rules_since(inputs))
    return pl.concat([other_rows, by_others]).with_columns(pl.lit(None, pl.String).alias("symbol"))


def _rules_since(inputs: pl.DataFrame | None) -> str:
    """(rules x → y), where they changed; empty where they did not, or that is not known."""
    known = [] if inputs is None else inputs.filter(pl.col("layer") == RULES)["sha256"].to_list()
    new = expectations_digest()
    return f" (rules {known[0]} → {new})" if known and known != [new] else ""
