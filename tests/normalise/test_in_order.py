"""Sorting by one integer gives what sorting by the columns gives."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalise.examplex import instant
from transforms.in_order import in_order
from transforms.native import UTC_MICROS

KEY = ("date", "symbol", "at", "number")
SCHEMA = {
    "date": pl.Date(),
    "symbol": pl.String(),
    "at": UTC_MICROS,
    "number": pl.Int64(),
    "position": pl.Int64(),
}
NOON = instant("2025-01-26T12:00")

rows = st.lists(
    st.tuples(
        st.dates(date(1969, 12, 1), date(2100, 1, 1)),
        st.text(max_size=3),
        st.integers(-(2**40), 2**40).map(lambda n: NOON + timedelta(microseconds=n)),
        st.integers(-(2**62), 2**62) | st.integers(-3, 3),
    ),
    max_size=12,
)


def frame(given_rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    numbered = [(*row, position) for position, row in enumerate(given_rows)]
    return pl.DataFrame(numbered, schema=SCHEMA, orient="row")


@given(rows)
def test_any_key_sorts_as_its_columns_do(given_rows: list[tuple[Any, ...]]) -> None:
    whole = frame(given_rows)
    for key in (KEY, KEY[:3], KEY[1:2], KEY[3:]):
        found, expected = in_order(whole, key), whole.sort(key)
        assert found.select(key).equals(expected.select(key))
        assert found["position"].sort().to_list() == whole["position"].to_list()


def test_rows_in_order_are_left_where_they_are() -> None:
    whole = frame([(date(2025, 1, 1), "A", NOON, 2), (date(2025, 1, 1), "A", NOON, 2)])
    assert in_order(whole, KEY) is whole


@pytest.mark.parametrize("dtype", [pl.Enum(["b", "a"]), pl.Float64()])
def test_values_without_an_integer_are_sorted_by_column(dtype: pl.DataType) -> None:
    values = ["a", "b"] if isinstance(dtype, pl.Enum) else [1.5, 0.5]
    whole = pl.DataFrame({"value": pl.Series(values, dtype=dtype)})
    assert in_order(whole, ["value"])["value"].to_list() == values[::-1]
