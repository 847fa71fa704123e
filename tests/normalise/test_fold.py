"""Folding: repeats go, NULLs are filled, differences are reported, liquidation orders are one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.normalise.examplex import instant
from transforms.fold import Folded, fold, fold_liquidations
from transforms.native import LIQUIDATIONS, UTC_MICROS

NOON = instant("2025-01-26T12:00")

FACT = {
    "symbol": pl.String(),
    "at": UTC_MICROS,
    "x": pl.Float64(),
    "rate": pl.Decimal(38, 20),
    "unit": pl.String(),
    "precedence": pl.Int64(),
    "rank": pl.Int64(),
    "raw_key": pl.String(),
    "raw_row": pl.Int64(),
}


def facts(*rows: dict[str, Any]) -> pl.DataFrame:
    base = {"symbol": "A", "at": NOON, "precedence": 0, "rank": 0, "raw_key": "f", "raw_row": 1}
    return pl.DataFrame([base | row for row in rows], schema=FACT)


def folded(rows: pl.DataFrame, **more: Any) -> Folded:
    return fold(rows, ["symbol", "at"], ["x", "rate"], **more)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"precedence": 0, "rank": 9}, {"precedence": 1, "rank": 0}),
        ({"rank": 0, "raw_key": "z"}, {"rank": 1, "raw_key": "a"}),
        ({"raw_key": "a", "raw_row": 9}, {"raw_key": "b", "raw_row": 1}),
        ({"raw_row": 2}, {"raw_row": 10}),
    ],
)
def test_which_row_is_kept(better: dict[str, Any], worse: dict[str, Any]) -> None:
    rows = facts(worse | {"x": 2.0}, better | {"x": 1.0})
    for each in (rows, rows.reverse()):
        result = folded(each)
        assert result.rows["x"].to_list() == [1.0]
        assert result.duplicates["x"].to_list() == [2.0]


def test_nulls_are_filled_from_the_next_rows_in_order() -> None:
    result = folded(
        facts(
            {"raw_key": "a", "x": None, "rate": None},
            {"raw_key": "b", "x": None, "rate": Decimal("0.5")},
            {"raw_key": "c", "x": 3.0, "rate": Decimal("0.5")},
        )
    )
    assert result.rows.select("raw_key", "x", pl.col("rate").cast(float)).row(0) == ("a", 3.0, 0.5)
    assert result.duplicates["raw_key"].to_list() == ["b", "c"]
    assert result.conflicts.is_empty()


def test_each_differing_value_is_a_conflict_with_the_published_one() -> None:
    result = folded(
        facts(
            {"raw_key": "a", "x": None, "rate": Decimal("0.10")},
            {"raw_key": "b", "x": 2.0, "rate": Decimal("0.1")},
            {"raw_key": "c", "x": 3.0, "rate": Decimal("0.2")},
        )
    )
    assert result.conflicts.rows() == [
        ("A", NOON, "rate", "0.1", "0.2", "a", "c"),
        ("A", NOON, "x", "2.0", "3.0", "b", "c"),  # the value of b had filled a's NULL
    ]


def test_numbers_that_differ_by_binary_noise_are_the_same() -> None:
    noise = facts({"x": 25651.6777, "raw_row": 1}, {"x": 25651.677700000047, "raw_row": 2})
    assert folded(noise).conflicts.is_empty()
    real = facts({"x": 77361.25100000, "raw_row": 1}, {"x": 77361.25100010, "raw_row": 2})
    assert folded(real).conflicts.height == 1


def test_a_value_is_only_compared_where_its_basis_agrees() -> None:
    rows = facts({"x": 1.0, "unit": "coin"}, {"x": 9.0, "unit": "usd", "raw_row": 2})
    assert folded(rows).conflicts.height == 1
    assert folded(rows, basis={"x": pl.col("unit")}).conflicts.is_empty()
    same = rows.with_columns(unit=pl.lit("coin"))
    assert folded(same, basis={"x": pl.col("unit")}).conflicts.height == 1


def test_rows_that_state_different_facts_are_left_alone() -> None:
    rows = facts({"x": 1.0}, {"x": 2.0, "symbol": "B"}, {"x": 3.0, "at": NOON + timedelta(1)})
    result = folded(rows)
    assert sorted(result.rows["x"]) == [1.0, 2.0, 3.0]
    assert result.duplicates.is_empty()
    assert result.conflicts.is_empty()
    assert result.conflicts.columns == folded(facts({}, {"raw_row": 2})).conflicts.columns
    assert folded(facts()).rows.is_empty()


small = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from("AB"),
            "x": st.sampled_from([None, 1.0, 2.0]),
            "precedence": st.integers(0, 1),
            "raw_key": st.sampled_from("fg"),
        }
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(small, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    numbered = [row | {"raw_row": n} for n, row in enumerate(rows)]
    shuffled = list(numbered)
    random.shuffle(shuffled)
    one, other = folded(facts(*numbered)), folded(facts(*shuffled))
    assert one.rows.equals(other.rows)
    assert one.duplicates.equals(other.duplicates)
    assert one.conflicts.equals(other.conflicts)
    assert one.rows.height + one.duplicates.height == len(rows)


def messages(*rows: dict[str, Any]) -> pl.DataFrame:
    """Messages about an order of 5 at 99, so many seconds after noon."""
    base = {
        "symbol": "A",
        "side": "long",
        "price": 100.0,
        "order_price": 99.0,
        "order_quantity": 5.0,
        "raw_key": "f",
        "rank": 0,
        "precedence": 0,
    }
    return pl.DataFrame(
        [
            base
            | {"liquidated_at": NOON + timedelta(seconds=row.get("after", 0)), "raw_row": n}
            | {k: v for k, v in row.items() if k != "after"}
            for n, row in enumerate(rows, start=1)
        ],
        schema=LIQUIDATIONS | {"precedence": pl.Int64()},
    )


def test_an_exact_repeat_goes_wherever_it_stands() -> None:
    result = fold_liquidations(
        messages({"amount": 5.0, "raw_key": "b"}, {"amount": 5.0, "raw_key": "a"}, {"amount": 5.0})
    )
    assert result.rows["raw_key"].to_list() == ["a"]
    assert result.duplicates["raw_key"].to_list() == ["b", "f"]


@pytest.mark.parametrize(
    "differing",
    [
        {"side": "short"},
        {"symbol": "B"},
        {"price": 101.0},
        {"order_quantity": 6.0},
        {"last_quantity": 1.0},
        {"order_status": "FILLED"},
        {"after": 0.001},
    ],
)
def test_what_differs_in_anything_is_another_event(differing: dict[str, Any]) -> None:
    assert (
        fold_liquidations(messages({"amount": 5.0}, {"amount": 5.0} | differing)).rows.height == 2
    )


def test_messages_about_one_order_become_its_last() -> None:
    result = fold_liquidations(
        messages(
            {"amount": 5.0, "after": 100, "price": 97.0, "order_status": "FILLED"},
            {"amount": 1.0},
            {"amount": 3.0, "after": 50, "price": 98.0},
        )
    )
    kept = result.rows.row(0, named=True)
    assert result.rows.height == 1
    assert (kept["amount"], kept["price"], kept["raw_row"]) == (5.0, 97.0, 1)
    assert kept["liquidated_at"] == NOON + timedelta(seconds=100)
    assert result.duplicates["raw_row"].to_list() == [2, 3]


def test_growth_within_one_instant_is_one_order_too() -> None:
    # The dearer price came first: price must not decide which message is the later one.
    result = fold_liquidations(
        messages({"amount": 1.0, "price": 101.0}, {"amount": 2.0, "price": 100.0})
    )
    assert result.rows["amount"].to_list() == [2.0]


@pytest.mark.parametrize(
    ("seconds", "orders"), [(60, 1), (60.000001, 2)], ids=["a minute", "a microsecond more"]
)
def test_a_minute_is_the_limit(seconds: float, orders: int) -> None:
    rows = messages({"amount": 1.0}, {"amount": 2.0, "after": seconds})
    assert fold_liquidations(rows).rows.height == orders


def test_an_amount_that_does_not_grow_is_another_order() -> None:
    result = fold_liquidations(
        messages({"amount": 5.0}, {"amount": 5.0, "after": 1}, {"amount": 2.0, "after": 2})
    )
    assert result.rows["amount"].to_list() == [5.0, 5.0, 2.0]


@pytest.mark.parametrize("unknown", ["order_price", "order_quantity"])
def test_without_the_order_each_message_stands_for_itself(unknown: str) -> None:
    rows = messages({"amount": 1.0, unknown: None}, {"amount": 2.0, "after": 1, unknown: None})
    assert fold_liquidations(rows).rows.height == 2


def test_events_of_one_instant_are_numbered_in_a_fixed_order() -> None:
    rows = messages(
        {"amount": 2.0, "order_quantity": 7.0},
        {"amount": 1.0, "order_quantity": 6.0},
        {"amount": 3.0, "side": "short"},
        {"amount": 4.0, "after": 1, "order_quantity": 9.0},
    )
    expected = [(1.0, 1), (2.0, 2), (3.0, 1), (4.0, 1)]
    for each in (rows, rows.reverse()):
        numbered = fold_liquidations(each).rows.sort("amount").select("amount", "event_ordinal")
        assert numbered.rows() == expected


def test_no_messages_are_no_orders() -> None:
    result = fold_liquidations(messages())
    assert result.rows.is_empty()
    assert result.duplicates.is_empty()
    assert "event_ordinal" in result.rows.columns
