"""Contract sizes that open interest says, against those of the list."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from transforms.contract_sizes import contradicted
from transforms.native import OPEN_INTEREST

DAY = date(2026, 3, 1)
SCHEMA = OPEN_INTEREST | {
    "date": pl.Date(),
    "margin_type": pl.String(),
    "contract_size": pl.Float64(),
}


def samples(*changes: dict[str, Any]) -> pl.DataFrame:
    """Samples a minute apart of 1,000 contracts and 10 coins: a contract is 0.01 coins."""
    plain = {
        "symbol": "BTC-USDT-SWAP",
        "raw_key": "raw/a",
        "amount": 1000.0,
        "unit": "contracts",
        "value_coin": 10.0,
        "price": 50_000.0,
        "date": DAY,
        "margin_type": "linear",
        "contract_size": 0.01,
    }
    rows = [
        plain | {"sampled_at": datetime(2026, 3, 1, 0, minute, tzinfo=UTC)} | change
        for minute, change in enumerate(changes)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def test_sizes_that_agree_are_no_conflict() -> None:
    assert contradicted(samples({}, {"value_coin": 10.004})).is_empty()
    assert contradicted(samples().clear()).is_empty()


def test_a_listed_size_that_open_interest_denies_is_told_once_a_day() -> None:
    wrong = samples(*[{"contract_size": 1.0}] * 3)
    for rows in (wrong, wrong.reverse()):
        assert contradicted(rows).rows() == [
            # 10 coins ÷ 1,000 contracts = 0.01, listed as 1
            (
                "BTC-USDT-SWAP",
                datetime(2026, 3, 1, tzinfo=UTC),
                "contract_size",
                "1.0",
                "0.01",
                "raw/a",
                "raw/a",
            )
        ]


def test_one_odd_sample_of_a_day_denies_nothing() -> None:
    assert contradicted(samples({}, {"value_coin": 1000.0}, {})).is_empty()


def test_an_inverse_contract_is_worth_coins_times_price() -> None:
    # 2 coins × 50,000 ÷ 1,000 contracts = 100 dollars each
    inverse = {"margin_type": "inverse", "value_coin": 2.0}
    assert contradicted(samples(inverse | {"contract_size": 100.0})).is_empty()
    found = contradicted(samples(inverse | {"contract_size": 1.0}))
    assert found.select("kept_value", "other_value").rows() == [("1.0", "100.0")]


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "coin"},
        {"unit": "usd"},
        {"margin_type": "quanto"},
        {"value_coin": None},
        {"amount": None},
        {"amount": 0.0, "value_coin": 0.0},
        {"margin_type": "inverse", "price": None},
        {"contract_size": None},
    ],
)
def test_what_says_nothing_of_a_size(change: dict[str, Any]) -> None:
    assert contradicted(samples({"contract_size": 1.0} | change)).is_empty()
