"""Venue-days the gate found unfit, taken out of the tables as missing.

An exclusion is about the very rows the gate saw and the rules it saw them with: it ends by itself
once a venue replaces a file, a parser is fixed, or the rules change, and then the gate judges anew.
Raw files and normalised rows stay where they are.
"""

from __future__ import annotations

import polars as pl

from flows.run import Run, expectations_digest
from flows.storage.partitions import Layer, fingerprint

LEDGER = "exclusions"
KEY = ("dataset", "venue", "date")

_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "content": pl.String(),
    "reason": pl.String(),
}


def exclude(run: Run, unfit: pl.DataFrame) -> int:
    """Record venue-days to be taken out from the next transform on; how many were not out yet.

    unfit: `expectations.gate.UNFIT`.
    """
    named = unfit.join(_contents(run), on=KEY).join(excluded(run), on=KEY, how="anti").sort(KEY)
    run.ledger.append(LEDGER, named.select(_SCHEMA.keys()))
    return named.height


def excluded(run: Run) -> pl.DataFrame:
    """`dataset`, `venue`, `date` and `reason` of the venue-days that are out."""
    said = run.ledger.latest(LEDGER, by=KEY)
    if said is None:
        return pl.DataFrame(schema=_SCHEMA).drop("content")
    return said.join(_contents(run), on=[*KEY, "content"], how="semi").select(*KEY, "reason")


def without(partitions: pl.DataFrame, out: pl.DataFrame) -> pl.DataFrame:
    """Partitions of a layer named by dataset, but for the venue-days that are `out`."""
    days = out.select(pl.col("dataset").alias("name"), "venue", "date")
    return partitions.join(days, on=["name", "venue", "date"], how="anti", maintain_order="left")


def _contents(run: Run) -> pl.DataFrame:
    """What each venue-day of a dataset consists of, and what judges it."""
    layers = [Layer(run.store, run.ledger, name).current() for name in ("normalised", "accounting")]
    parts = pl.concat(layers).group_by("name", "venue", "date").agg(pl.col("sha256").sort())
    digests = [fingerprint(expectations_digest(), *found) for found in parts["sha256"]]
    return parts.select(
        pl.col("name").alias("dataset"),
        "venue",
        "date",
        content=pl.Series(digests, dtype=pl.String),
    )
