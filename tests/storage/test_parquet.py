"""Parquet files are a function of their rows, and plain to any reader."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from flows.storage.parquet import parquet_bytes
from transforms.coded import coded

ROWS = pl.DataFrame(
    {
        "symbol": ["ETHUSDT", "BTCUSDT", None, "ETHUSDT"],
        "raw_row": [1, 2, None, 4],
        "amount": [0.1, None, float("inf"), -0.0],
        "rate": [Decimal("0.0001"), None, Decimal("-0.00075"), Decimal(0)],
        "date": [date(2021, 1, 17), None, date(2021, 1, 18), date(2021, 1, 19)],
        "at": [datetime(2021, 1, 17, 8, tzinfo=UTC), None, None, None],
        "sure": [True, None, False, True],
        "texts": [["a"], None, [], ["b", "c"]],
        "nothing": [None] * 4,
    },
    schema_overrides={
        "rate": pl.Decimal(38, 20),
        "at": pl.Datetime("us", "UTC"),
        "nothing": pl.String,
    },
)


def read(content: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(content))


def with_codes(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(coded(rows["symbol"]), coded(rows["nothing"]))


def test_what_is_written_is_read() -> None:
    assert_frame_equal(read(parquet_bytes(ROWS)), ROWS)
    assert_frame_equal(read(parquet_bytes(ROWS.clear())), ROWS.clear())


def test_an_enum_is_written_as_text() -> None:
    codes = with_codes(ROWS)
    assert_frame_equal(read(parquet_bytes(codes)), ROWS)
    assert parquet_bytes(codes) == parquet_bytes(ROWS)
    assert parquet_bytes(codes.clear()) == parquet_bytes(ROWS.clear())


def test_words_that_do_not_occur_leave_no_trace() -> None:
    more = pl.Enum(["A", "BTCUSDT", "ETHUSDT", "Z"])
    others = ROWS.with_columns(pl.col("symbol").cast(more))
    assert parquet_bytes(others) == parquet_bytes(with_codes(ROWS))
    content = parquet_bytes(others.filter(pl.col("symbol") == "BTCUSDT"))
    assert b"ETHUSDT" not in content


def test_other_readers_see_plain_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(parquet_bytes(with_codes(ROWS)))
    # In the order of the file, whose floats are split by byte.
    found = duckdb.read_parquet(str(path)).select("symbol", "amount", "raw_row").fetchall()
    assert found == [
        ("ETHUSDT", 0.1, 1),
        ("BTCUSDT", None, 2),
        (None, float("inf"), None),
        ("ETHUSDT", -0.0, 4),
    ]
    assert b"ARROW:schema" not in path.read_bytes()
    floats = pq.ParquetFile(path).metadata.row_group(0).column(2)
    assert floats.path_in_schema == "amount"
    assert "BYTE_STREAM_SPLIT" in floats.encodings


def test_types_that_would_be_read_back_as_others_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^length: Duration"):
        parquet_bytes(pl.DataFrame({"length": [timedelta(hours=8)]}))


def test_the_same_rows_give_the_same_bytes_whatever_pieces_they_stand_in() -> None:
    pieces = pl.concat([ROWS.slice(0, 1), ROWS.slice(1, 3)], rechunk=False)
    assert parquet_bytes(pieces) == parquet_bytes(ROWS)
