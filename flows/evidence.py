"""What stands behind the numbers, gathered from the ledgers: the tables a build replaces whole."""

from __future__ import annotations

import io

import polars as pl

from flows.accounts import COUNTS, accounts
from flows.corrections import corrections_table
from flows.instruments import venue_instruments
from flows.run import Run
from flows.storage import raw_shelf
from flows.storage.partitions import Layer
from transforms.regimes import regime_table
from transforms.schemas.evidence import Instruments, LiquidationRegimes, RawFiles, SourceConflicts
from transforms.schemas.normalised import Conflicts, CorrectedRows
from transforms.schemas.published import column_dictionary, primary_key


def evidence_tables(run: Run) -> dict[str, pl.DataFrame]:
    """Every table of a build that is not made of daily partitions, but for what the gate adds."""
    venues = run.venues.values()
    corrected = _read_layer(run, "corrections", CorrectedRows.create_empty())
    return {
        "instruments": _stacked([venue_instruments(run, v) for v in venues], Instruments),
        "liquidation_regimes": _stacked([regime_table(v) for v in venues], LiquidationRegimes),
        "source_conflicts": _source_conflicts(run),
        "corrections": corrections_table(run.corrections, corrected, run.started_at.date()),
        "raw_files": _raw_files(run, corrected),
        "column_dictionary": column_dictionary(),
    }


def _stacked(
    frames: list[pl.DataFrame], schema: type[Instruments | LiquidationRegimes]
) -> pl.DataFrame:
    return pl.concat([schema.create_empty(), *frames]).sort(primary_key(schema))


def _read_layer(run: Run, name: str, empty: pl.DataFrame) -> pl.DataFrame:
    """All rows of an evidence layer, with the `date` of their partition."""
    current = Layer(run.store, run.ledger, name).current().filter(pl.col("rows") > 0)
    schema = empty.with_columns(pl.lit(None, pl.Date).alias("date"))
    return pl.concat(
        [schema, *(pl.read_parquet(io.BytesIO(run.store.get(key))) for key in current["key"])],
        how="diagonal",  # a partition written before a column was added lacks it
    )


def _of_no_day() -> pl.Expr:
    """A file in which no row of any day was found: nothing counts it, since no day reads it."""
    return (
        pl.col("first_date").is_null()
        & pl.col("rows_read").is_null()
        & (pl.col("dataset") != "instruments")
    )


def _raw_files(run: Run, corrected: pl.DataFrame) -> pl.DataFrame:
    datasets = pl.DataFrame(
        [
            (venue.name, feed.name, dataset, feed.carrier)
            for venue in run.venues.values()
            for feed in venue.feeds
            for dataset in feed.datasets
        ],
        schema={
            "venue": pl.String,
            "feed": pl.String,
            "dataset": pl.String,
            "carrier": pl.String,
        },
        orient="row",
    )
    counts = accounts(run).rename({"raw_key": "key"})
    dropped = corrected.group_by("dataset", pl.col("raw_key").alias("key")).agg(
        pl.col("rows_dropped").sum()
    )
    rows = (
        raw_shelf.history(run.ledger)
        .join(datasets, on=["venue", "feed"])
        .join(counts, on=["dataset", "key"], how="left")
        .join(dropped, on=["dataset", "key"], how="left")
        .with_columns(pl.when(_of_no_day()).then(0).otherwise(name).alias(name) for name in COUNTS)
        .with_columns(
            pl.when(pl.col("rows_read").is_not_null()).then(pl.col("rows_dropped").fill_null(0))
        )
    )
    notes = run.ledger.latest("notes", by=("raw_key", "name"))
    if notes is None:
        conventions = pl.DataFrame(schema={"key": pl.String, "label_convention": pl.String})
    else:
        conventions = notes.filter(pl.col("name") == "label_convention").select(
            pl.col("raw_key").alias("key"), pl.col("value").alias("label_convention")
        )
    return (
        rows.join(conventions, on="key", how="left")
        .select(RawFiles.column_names())
        .sort("venue", "dataset", "key")
    )


def _source_conflicts(run: Run) -> pl.DataFrame:
    return (
        _read_layer(run, "conflicts", Conflicts.create_empty())
        .select(SourceConflicts.column_names())
        .unique(primary_key(SourceConflicts), keep="first", maintain_order=True)
        .sort(primary_key(SourceConflicts))
    )
