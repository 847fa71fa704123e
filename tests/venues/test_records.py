"""Records to typed rows: what is read once for two datasets is what each would have read."""

from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from transforms.records import Reading, Records, Sifted, number, read_once, sift, text, utc_text

LINES = (
    "2021-01-17 08:00:00,BTCUSDT,1,2",
    "2021-01-17 08:05:00,BTCUSDT,x,2",
    "2021-01-17 08:10:00,BTCUSDT,1,y",
    "yesterday,BTCUSDT,1,2",
    "2021-01-17 08:20:00,,x,2",
)
ORIGIN = {"symbol": text("name"), "at": utc_text("stamp")}


def records() -> Records:
    cells = [[cell or None for cell in line.split(",")] for line in LINES]
    frame = pl.DataFrame(
        cells, schema=dict.fromkeys(("stamp", "name", "one", "two"), pl.String), orient="row"
    )
    numbered = frame.with_columns(
        raw_key=pl.lit("key"), raw_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    )
    return Records(numbered, {"key": len(LINES)}, (), lambda _key, row: LINES[row - 1])


def sifted(given: Records, origin: dict[str, Reading], cell: str) -> Sifted:
    return sift(given, "open_interest", origin | {"amount": number(cell)}, at="at")


def test_what_is_read_once_is_what_each_would_read() -> None:
    once, origin = read_once(records(), ORIGIN)
    for cell, faulty in (("one", [2, 4, 5]), ("two", [3, 4, 5])):
        apart, together = sifted(records(), ORIGIN, cell), sifted(once, origin, cell)
        assert_frame_equal(together.rows, apart.rows)
        assert_frame_equal(together.rejected, apart.rejected)
        assert together.rejected["raw_row"].to_list() == faulty


def test_reasons_name_the_cell_that_was_read_once() -> None:
    once, origin = read_once(records(), ORIGIN)
    reasons = sifted(once, origin, "one").rejected["reason"].to_list()
    assert reasons == [
        "one x is not a finite number",
        "stamp yesterday is not a time",
        "name is empty",
    ]
