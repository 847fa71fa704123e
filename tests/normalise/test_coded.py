"""Recurring text as numbers: it sorts, and is looked up, as the text is."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from transforms.coded import beside, coded, enums, in_words, words

TEXTS = st.lists(st.none() | st.sampled_from(["BTC", "btc", "", "1000PEPE", "ÄTH", "B"]))


@given(TEXTS)
def test_codes_say_and_sort_as_the_text_does(texts: list[str | None]) -> None:
    column = pl.Series("symbol", texts, dtype=pl.String)
    codes = coded(column)
    assert codes.cast(pl.String).to_list() == texts
    assert words(codes).to_list() == sorted({text for text in texts if text is not None})
    assert codes.sort().cast(pl.String).to_list() == column.sort().to_list()
    assert coded(codes).dtype == codes.dtype


def test_in_words_undoes_it_and_leaves_the_rest() -> None:
    rows = pl.DataFrame({"symbol": ["B", None, "A"], "n": [1, 2, 3], "text": ["x", "y", "z"]})
    codes = rows.with_columns(coded(rows["symbol"]))
    assert enums(codes) == ["symbol"]
    assert_frame_equal(in_words(codes), rows)


KEYS = pl.Enum(["a", "b", "c", "d"])
OF_A_KEY = st.sampled_from(["a", "b", "c", "d"])


@given(st.lists(st.none() | OF_A_KEY), st.lists(OF_A_KEY, unique=True))
def test_beside_is_a_left_join(keys: list[str | None], known: list[str]) -> None:
    rows = pl.DataFrame({"key": keys, "n": range(len(keys))}, schema={"key": KEYS, "n": pl.Int64})
    table = pl.DataFrame(
        {
            "key": known,
            "text": [None if key == "c" else key * 2 for key in known],
            "number": [float(ord(key)) for key in known],
        },
        schema={"key": KEYS, "text": pl.String, "number": pl.Float64},
    )
    joined = rows.join(table, on="key", how="left", maintain_order="left")
    assert_frame_equal(beside(rows, "key", table), joined)


def test_keys_of_another_enum_are_refused() -> None:
    rows = pl.DataFrame({"key": ["a"]}, schema={"key": KEYS})
    other = pl.DataFrame({"key": ["a"], "x": [1]}, schema={"key": pl.Enum(["a"]), "x": pl.Int64})
    with pytest.raises(AssertionError, match="key"):
        beside(rows, "key", other)
