"""What stands behind the numbers, gathered from the ledgers: the tables a build replaces whole."""

from __future__ import annotations

import io

import polars as pl

from flows.corrections import corrections_table
from flows.instruments import venue_instruments
from flows.run import Run
from flows.storage.partitions import Layer
from transforms.regimes import regime_table
from transforms.schemas.evidence import Instruments, LiquidationRegimes, SourceConflicts
from transforms.schemas.normalised import Conflicts, CorrectedRows
from transforms.schemas.published import column_dictionary, primary_key


def evidence_tables(run: Run, corrected: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every table of a build that is not made of partitions, but for what the gate adds.

    corrected: `corrected_rows`.
    """
    venues = run.venues.values()
    return {
        "instruments": _stacked([venue_instruments(run, v) for v in venues], Instruments),
        "liquidation_regimes": _stacked([regime_table(v) for v in venues], LiquidationRegimes),
        "source_conflicts": _source_conflicts(run),
        "corrections": corrections_table(run.corrections, corrected, run.started_at.date()),
        "column_dictionary": column_dictionary(),
    }


def corrected_rows(run: Run) -> pl.DataFrame:
    """What corrections did: `CorrectedRows` with the `date` of their partition."""
    return _read_layer(run, "corrections", CorrectedRows.create_empty())


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


def _source_conflicts(run: Run) -> pl.DataFrame:
    return (
        _read_layer(run, "conflicts", Conflicts.create_empty())
        .select(SourceConflicts.column_names())
        .unique(primary_key(SourceConflicts), keep="first", maintain_order=True)
        .sort(primary_key(SourceConflicts))
    )
