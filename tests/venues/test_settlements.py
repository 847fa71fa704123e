"""Settlements, times of files and times of rows, as venues share them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from transforms.answer_paths import edges, file_times
from transforms.answers import read_json, stamps_in
from transforms.native import UTC_MICROS
from transforms.payload import BadPayload, Facts, Payload
from transforms.records import Fault, either, epoch, exact_rate, number
from transforms.schemas.column import Margin, SourceKind
from transforms.settlements import settlements
from transforms.venue import Window

FETCHED = datetime(2026, 9, 5, 6, tzinfo=UTC)


def _file(content: bytes, facts: Facts) -> Payload:
    return Payload("raw/a.json", "a.json", content, SourceKind.DUMP, facts, FETCHED)


def test_settlements_are_of_the_paths_symbol_and_days_and_on_the_minute() -> None:
    content = (
        b'[{"s":"A","t":1788249600004,"r":"1E-4","m":"2"},'  # 2026-09-01 08:00:00.004
        b'{"s":"B","t":1788249600000,"r":"0","m":"2"},'
        b'{"s":"A","t":1785571200000,"r":"0","m":"2"},'  # a month before
        b'{"s":"A","t":1788278400000,"r":"0","m":"-1"},'
        b'{"s":"A","t":1788278400000,"r":"-","m":"1"}]'
    )
    day = date(2026, 9, 1)
    files = [_file(content, Facts("A", day, day))]
    where = {name: (name,) for name in "strm"}
    records = read_json("x", files, where, lambda answer: answer).with_facts(files)  # type: ignore[arg-type,return-value]  # a list
    frame = records.frame.rename({"s": "symbol"})
    told = type(records)(frame, records.read, records.unreadable, records.text_of, records.files)
    found = settlements(
        told,
        epoch("t"),
        exact_rate("r"),
        checks=[Fault(pl.col("mark_price") < 0, pl.lit("below zero"))],
        mark_price=number("m"),
    )
    columns = ("symbol", "settled_at", "settled_at_original", "funding_rate", "mark_price")
    at = datetime(2026, 9, 1, 8, tzinfo=UTC)
    assert found.rows.select(columns).rows() == [
        ("A", at, at.replace(microsecond=4000), Decimal("0.0001"), 2.0)
    ]
    assert found.rejected["reason"].str.slice(0, 18).to_list() == [
        "symbol B in a file", "settled_at_origina", "below zero", "r - is not a decim"
    ]  # fmt: skip


def test_files_have_times_even_where_there_are_none() -> None:
    frame = pl.DataFrame({"raw_key": ["raw/a.json"]})
    dated = file_times([_file(b"", Facts(None, labels={"dated": "2025"}))])
    assert frame.select(dated).item() == datetime(2025, 1, 1, tzinfo=UTC)
    assert frame.select(file_times([_file(b"", Facts(None))])).item() == FETCHED
    nothing = frame.clear().select(file_times([]).alias("at"))
    assert nothing.schema == {"at": UTC_MICROS}


@pytest.mark.parametrize("row", [{}, {"t": None}, {"t": "soon"}, [], 3])
def test_a_row_without_its_time(row: object) -> None:
    assert stamps_in("x", "a.json", [{"t": "5"}], ("t",)) == [5]
    with pytest.raises(BadPayload, match="without its time"):
        stamps_in("x", "a.json", [{"t": "5"}, row], ("t",))


def test_either_of_two_and_the_other_where_it_is_not_known() -> None:
    known = pl.DataFrame({"inverse": [True, False, None]})
    told = known.select(either(pl.col("inverse"), Margin.INVERSE, Margin.LINEAR))
    assert told.to_series().to_list() == ["inverse", "linear", "linear"]


def test_edges_of_a_window_are_its_first_and_last_millisecond() -> None:
    window = Window(date(2026, 9, 1), date(2026, 9, 2), [], FETCHED)
    first = 1788220800000  # 2026-09-01 00:00
    assert edges(window) == (first, first + 2 * 86_400_000 - 1)
