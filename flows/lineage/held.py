"""What events are made of: the run, raw exports by venue and feed, datasets, published tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from flows.storage.build_file import connect
from sql.written import quoted
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary


@dataclass(frozen=True, slots=True)
class Traced:
    """A run as events name it.

    namespace: of its jobs. lake: address, absolute. first, last: UTC days asked for, inclusive.
    """

    namespace: str
    lake: str
    run_id: str
    command: str
    code_version: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Source:
    """Raw exports of one venue and dataset, or normalised rows of one dataset (venue empty).

    files, rows, bytes: behind the build; None: not known. digest: of their contents, the same
    for the same contents.
    """

    dataset: str
    venue: str
    files: int
    rows: int
    bytes: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Table:
    """A published table. null_counts: rows in which a column is NULL."""

    name: str
    description: str
    fields: tuple[Field, ...]
    rows: int
    null_counts: dict[str, int]


def raw_sources(build: Path) -> list[Source]:
    """The raw files behind a build that none has superseded, by venue and dataset."""
    connection = connect(build, read_only=True)
    try:
        found = connection.execute(
            "SELECT dataset, venue, count(*), coalesce(sum(rows_read), 0)::BIGINT, "
            "sum(bytes)::BIGINT, list(sha256 ORDER BY sha256) FROM raw_files "
            "WHERE superseded_by IS NULL GROUP BY ALL ORDER BY venue, dataset"
        ).fetchall()
    finally:
        connection.close()
    return [
        Source(dataset, venue, files, rows, size, _digest(hashes))
        for dataset, venue, files, rows, size, hashes in found
    ]


def normalised_sources(partitions: pl.DataFrame) -> list[Source]:
    """The normalised datasets. partitions: what the layer has now: `name`, `sha256`, `rows`."""
    by_dataset = partitions.group_by("name").agg("rows", "sha256").sort("name")
    return [
        Source(str(name), "", len(rows), sum(rows), None, _digest(sorted(hashes)))
        for name, rows, hashes in by_dataset.rows()
    ]


def published_tables(build: Path) -> list[Table]:
    """Every table of a build, with counts."""
    columns = column_dictionary()
    connection = connect(build, read_only=True)
    try:
        tables = []
        for name, schema in PUBLISHED_TABLES.items():
            of_table = columns.filter(pl.col("table_name") == name)
            fields = tuple(
                Field(column, kind, f"{meaning} [{unit}]")
                for column, kind, meaning, unit in of_table.select(
                    "column_name", "type", "meaning", "unit"
                ).rows()
            )
            counted = ", ".join(f"count({quoted(field.name)})" for field in fields)
            row = connection.execute(f"SELECT count(*), {counted} FROM main.{quoted(name)}")  # noqa: S608 - names of the schemas
            rows, *known = row.fetchone() or (0,)
            nulls = {f.name: rows - n for f, n in zip(fields, known, strict=True)}
            summary = " ".join((schema.__doc__ or "").split())
            tables.append(Table(name, summary, fields, rows, nulls))
        return tables
    finally:
        connection.close()


def _digest(hashes: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
