"""Readings that are put together are those of the files read together."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.normalise.examplex import VENUE, funding, liquidation, open_interest, payload
from transforms.payload import Payload
from transforms.reading import Reading, read

FILES = [
    payload(
        "lines/a@2025-01-01..2025-01-01.jsonl",
        [
            funding("2025-01-01T08:00"),
            {"dataset": "funding_rates", "rejected": "no rate", "at": "2025-01-01T16:00"},
        ],
    ),
    payload("lines/b@2025-01-02..2025-01-02.jsonl", [open_interest("2025-01-02T01:00", 5.0)]),
    payload("lines/c@2025-01-03..2025-01-03.jsonl", [funding("2025-01-03T08:00", "0.0002")]),
    payload("lines/d.jsonl", [liquidation("2025-01-02T03:00", 1.0)]),
]
KEYS = pl.Enum(sorted(file.raw_key for file in FILES))


def same(one: Reading, other: Reading) -> None:
    assert one.rows.keys() == other.rows.keys()
    for name, rows in one.rows.items():
        assert_frame_equal(
            rows.sort("raw_key", "raw_row"), other.rows[name].sort("raw_key", "raw_row")
        )
    assert_frame_equal(one.rejected.sort("raw_key"), other.rejected.sort("raw_key"))
    assert_frame_equal(one.files.sort("raw_key"), other.files.sort("raw_key"))


@pytest.mark.parametrize("cut", range(len(FILES) + 1))
def test_files_read_apart_and_put_together(cut: int) -> None:
    whole = read(VENUE, FILES, KEYS)
    assert sum(rows.height for rows in whole.rows.values()) == len(FILES)
    assert whole.rejected.height == 1
    same(read(VENUE, FILES[:cut], KEYS).beside(read(VENUE, FILES[cut:], KEYS)), whole)


@pytest.mark.parametrize("some", [[], FILES[1:3], FILES])
def test_what_was_found_in_some_of_the_files(some: list[Payload]) -> None:
    part = read(VENUE, FILES, KEYS).of(pl.Series([file.raw_key for file in some]))
    assert part.keys == {file.raw_key for file in some}
    same(part, read(VENUE, some, KEYS))
