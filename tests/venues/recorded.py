"""Recorded files and messages beside the checkout, as payloads of a venue's feeds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from transforms.payload import Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Feed, Venue

DATA = Path(__file__).parents[3] / "shared" / "data"
FETCHED_AT = datetime(2026, 9, 1, tzinfo=UTC)

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)


def payload(
    venue: Venue, path: str, content: bytes, source: SourceKind = SourceKind.DUMP
) -> Payload:
    """One file at `path` below the root of its source."""
    found = venue.feed_for(source, path)
    assert found is not None, f"no {source} feed of {venue.name} reads {path}"
    return Payload(f"raw/{source}/{path}", path, content, source, found[1], FETCHED_AT)


def answer(venue: Venue, path: str, document: object) -> Payload:
    return payload(venue, path, json.dumps(document).encode())


def feed_of(venue: Venue, given: Payload) -> Feed:
    found = venue.feed_for(given.source, given.path)
    assert found is not None
    return found[0]


def dumps(venue: Venue) -> dict[str, list[Payload]]:
    """All recorded dump files of a venue by feed; each must be read by one."""
    root = DATA / "dumps" / venue.name
    found: dict[str, list[Payload]] = {}
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        given = payload(venue, file.relative_to(root).as_posix(), file.read_bytes())
        found.setdefault(feed_of(venue, given).name, []).append(given)
    assert found, f"no recorded dumps of {venue.name}"
    return found


def golden(name: str, kind: str) -> Iterator[tuple[bytes, list[dict[str, Any]]]]:
    """Messages and their published normalised results, of one kind of result."""
    messages = (DATA / "messages" / f"{name}.jsonl").read_bytes().splitlines()
    results = (DATA / "messages" / f"{name}.expected.jsonl").read_text(encoding="utf-8")
    for message, line in zip(messages, map(json.loads, results.splitlines()), strict=True):
        chosen = [result for result in line["results"] if result["kind"] == kind]
        if chosen:
            yield message, chosen


def assert_all_accounted(parsed: Parsed) -> None:
    """rows + rejected = read, over all files."""
    came_out = sum(frame.height for frame in parsed.rows.values()) + parsed.rejected.height
    assert came_out == parsed.read["rows_read"].sum()


def day_of(rows: pl.DataFrame, symbol: str, day: str) -> dict[int, Any]:
    """Settled rates of a UTC day by hour."""
    chosen = rows.filter(
        pl.col("symbol") == symbol, pl.col("settled_at").dt.strftime("%Y-%m-%d") == day
    )
    return {at.hour: rate for at, rate in chosen.select("settled_at", "funding_rate").iter_rows()}
