"""Every file of the dumps is read by its venue, and every record of it is accounted for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from transforms.normalise import instrument_reading, normalise, survey
from transforms.payload import Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Venue, discover

DUMPS = Path(__file__).parents[2].parent / "shared" / "data" / "dumps"
pytestmark = pytest.mark.skipif(not DUMPS.is_dir(), reason="no ../shared/data beside the repo")

FOLDERS = sorted(path.name for path in DUMPS.iterdir()) if DUMPS.is_dir() else []
FETCHED_AT = datetime(2026, 9, 1, tzinfo=UTC)


def payloads(venue: Venue) -> list[Payload]:
    root = DUMPS / venue.name
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        match = venue.feed_for(SourceKind.DUMP, name)
        assert match is not None, f"no feed of {venue.name} reads {name}"
        found.append(
            Payload(f"raw/{name}", name, path.read_bytes(), SourceKind.DUMP, match[1], FETCHED_AT)
        )
    return found


def test_there_are_dumps_of_all_these_venues() -> None:
    assert len(FOLDERS) >= 13
    assert set(FOLDERS) <= discover().keys()


@pytest.mark.parametrize("name", FOLDERS)
def test_rows_in_are_rows_out_and_quarantined_and_duplicates(name: str) -> None:
    venue = discover()[name]
    files = payloads(venue)
    assert files
    answers = [p for p in files if "instruments" in p.path]
    listed = instrument_reading(venue, answers)
    if answers:
        assert listed.answers.height > 0, "an instrument dump without an instrument"
    data = [p for p in files if p not in answers]
    spans = {p.path: survey(venue, p) for p in data}
    for path, span in spans.items():
        assert span is not None, f"{path} holds not a row"
    if not data:
        return
    first = min(span[0] for span in spans.values() if span)
    last = max(span[1] for span in spans.values() if span)
    result = normalise(venue, data, first, last, listed.answers)
    accounting = pl.concat([p.accounting for p in result.partitions])
    assert accounting["raw_key"].n_unique() == len(data), "a file nobody accounts for"
    assert accounting.select(
        (
            pl.col("rows_read")
            == pl.col("rows_kept") + pl.col("rows_duplicate") + pl.col("rows_quarantined")
        ).all()
    ).item()
    kept = sum(p.rows.height for p in result.partitions)
    assert kept == accounting["rows_kept"].sum() > 0
    quarantined = [p.quarantined for p in result.partitions if p.quarantined.height]
    assert not quarantined, pl.concat(quarantined)["reason"].unique().to_list()
