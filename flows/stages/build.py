"""Build: one new DuckDB file from the last published one plus the partitions that changed."""

from __future__ import annotations

import hashlib
import io
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from flows import restatements
from flows.evidence import corrected_rows, evidence_tables
from flows.inventory import TABLE as RAW_FILES
from flows.inventory import Inventory
from flows.reporting import Reporter, log
from flows.run import Days, Run, code_version
from flows.storage.builds import CONTENTS_SCHEMA, Builds, Candidate, writing
from flows.storage.parquet import parquet_bytes
from flows.storage.partitions import Layer
from flows.storage.publication import Pointer, Publication
from flows.storage.warehouse import Warehouse
from transforms.schemas.evidence import Runs
from transforms.schemas.published import PUBLISHED_TABLES, stable_columns


def build_candidate(run: Run, days: Days, reporter: Reporter) -> Candidate | None:
    """Write the next build and close it; None if it would hold what is published already.

    `days` is what the run was asked for (UTC, inclusive); the build holds all days of the lake.
    """
    publication = Publication(run.store)
    pointer = publication.current()
    builds = Builds(run.store, run.settings.cache)
    made_of = None if pointer is None else builds.contents(pointer.run_id)
    layers = [Layer(run.store, run.ledger, name) for name in ("daily", "market")]
    partitions = pl.concat(layer.current() for layer in layers)
    corrected = corrected_rows(run)
    tables, inventory = evidence_tables(run, corrected), Inventory(run, corrected)
    contents = pl.concat(
        [each.select(CONTENTS_SCHEMA.keys()) for each in (partitions, inventory.partitions)]
        + [_whole(tables)]
    ).sort("name", "venue", "date")
    changed = (
        contents
        if made_of is None
        else contents.join(made_of, on=list(CONTENTS_SCHEMA), how="anti", nulls_equal=True)
    )
    if changed.is_empty():
        log.info("nothing new", published=None if pointer is None else pointer.run_id)
        return None
    path = builds.workplace(run.run_id, "candidate.duckdb")
    previous = publication.verified_build(run.settings.cache)
    months_changed = changed.filter(pl.col("name") == RAW_FILES)
    days_changed = changed.filter(pl.col("date").is_not_null(), pl.col("name") != RAW_FILES)
    keys = {
        (name, venue, day): key
        for name, venue, day, key in partitions.select("name", "venue", "date", "key").rows()
    }
    with (
        writing(run.store.address),
        reporter.steps(
            "build", days_changed.height + months_changed.height + len(tables)
        ) as advance,
        Warehouse.create(path, previous, run.run_id) as warehouse,
    ):
        for (name, venue), group in days_changed.group_by("name", "venue", maintain_order=True):
            frames = []
            for day in group["date"]:
                content = run.store.get(keys[str(name), str(venue), day])
                frames.append(pl.read_parquet(io.BytesIO(content)))
                advance()
            warehouse.replace_days(
                str(name), str(venue), group["date"].to_list(), pl.concat(frames)
            )
        for name, rows in tables.items():
            warehouse.replace_table(name, rows)
            advance()
        for venue, month in months_changed.select("venue", "date").iter_rows():
            warehouse.put_rows(RAW_FILES, inventory.rows(venue, month))
            advance()
        if warehouse.height(RAW_FILES) != inventory.height:
            # A row is gone that was: of another code's datasets, or of a venue that was left out.
            warehouse.clear(RAW_FILES)
            for rows in inventory.whole():
                warehouse.put_rows(RAW_FILES, rows)
        if previous is not None and pointer is not None:
            warehouse.replace_table("runs", _past_runs(previous, pointer))
            evidence = restatements.gather(
                run, pointer.run_id, previous, builds.inputs(pointer.run_id), tables["instruments"]
            )
            found = restatements.restatements(
                warehouse.changes(), warehouse.touched(), evidence, run.run_id
            )
            warehouse.append("restatements", found)
    first, last = _span(days_changed if days_changed.height else partitions, days)
    candidate = Candidate(
        run_id=run.run_id,
        command=run.command,
        code_version=code_version(),
        started_at=run.started_at,
        first=days.first,
        last=days.last,
        first_changed=first,
        last_changed=last,
        based_on=None if pointer is None else pointer.run_id,
    )
    builds.keep(run.run_id, "candidate.duckdb")
    builds.describe(candidate, contents, restatements.made_of(run))
    log.info("built", changed_partitions=days_changed.height, bytes=path.stat().st_size)
    return candidate


def _whole(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The contents rows of tables that are replaced as a whole."""
    rows = []
    for name, table in tables.items():
        stable = table.select(stable_columns(PUBLISHED_TABLES[name]))
        rows.append((name, "", None, hashlib.sha256(parquet_bytes(stable)).hexdigest()))
    return pl.DataFrame(rows, schema=CONTENTS_SCHEMA, orient="row")


def _span(partitions: pl.DataFrame, days: Days) -> tuple[date, date]:
    """First and last day the gate has to look at."""
    seen = [*partitions["date"].drop_nulls(), days.first, days.last]
    return min(seen), max(seen)


def _past_runs(build: Path, pointer: Pointer) -> pl.DataFrame:
    """The runs the last build knows of; its own hash could not stand in it, but stands here."""
    with duckdb.connect(str(build), read_only=True) as connection:
        runs = connection.sql("SELECT * FROM runs").pl()
    schema = Runs.create_empty().schema
    stamps = [name for name, kind in schema.items() if isinstance(kind, pl.Datetime)]
    return runs.with_columns(
        *(pl.col(name).dt.replace_time_zone("UTC") for name in stamps),
        pl.when(pl.col("run_id") == pointer.run_id)
        .then(pl.lit(pointer.sha256))
        .otherwise("build_sha256")
        .alias("build_sha256"),
    )
