"""Orders from fills: each fill says what its order had come to, and fold keeps the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from transforms.fills import accumulated
from transforms.fold import fold_liquidations
from transforms.native import LIQUIDATIONS
from transforms.payload import REJECTED_SCHEMA
from transforms.records import Sifted

START = datetime(2025, 10, 10, 21, tzinfo=UTC)
Fill = tuple[str, str, int, float, float]  # order, number, milliseconds, price, amount


def sifted(*fills: Fill, unit: str = "coin", raw_key: str = "a") -> Sifted:
    rows = [
        (raw_key, row, "BTC", "long", oid, tid, START + timedelta(milliseconds=ms), p, q, unit)
        for row, (oid, tid, ms, p, q) in enumerate(fills, start=1)
    ]
    columns = ["raw_key", "raw_row", "symbol", "side", "oid", "tid", "liquidated_at", "price"]
    frame = pl.DataFrame(rows, schema=[*columns, "amount", "unit"], orient="row").with_columns(
        pl.col("liquidated_at").cast(pl.Datetime("us", "UTC"))
    )
    return Sifted("liquidations", frame, pl.DataFrame(schema=REJECTED_SCHEMA))


def orders(*parts: Sifted) -> list[tuple[float, float]]:
    """Amount and price of each order that is left after folding."""
    frames = [accumulated(part, ["symbol", "side", "oid"], "tid").rows for part in parts]
    rows = pl.concat(frames).with_columns(
        precedence=pl.lit(0), rank=pl.lit(0), price_kind=pl.lit("average"),
        last_quantity=pl.lit(None, pl.Float64), order_status=pl.lit(None, pl.String),
    )  # fmt: skip
    assert set(LIQUIDATIONS) <= set(rows.columns)
    folded = fold_liquidations(rows)
    assert folded.rows.height + folded.duplicates.height == rows.height
    return sorted(folded.rows.select("amount", "price").rows())


def test_equal_fills_of_one_order_both_count() -> None:
    # 2 × 1.5 at 100, and 1 at 106: 4 coins for 406 dollars
    fills = (("1", "a", 0, 100.0, 1.5), ("1", "b", 0, 100.0, 1.5), ("1", "c", 0, 106.0, 1.0))
    assert orders(sifted(*fills)) == [(4.0, 101.5)]


def test_dollar_amounts_average_harmonically() -> None:
    # 100 at 50 is 2 coins, 100 at 25 is 4: 200 dollars for 6 coins
    fills = (("1", "a", 0, 50.0, 100.0), ("1", "b", 5, 25.0, 100.0))
    assert orders(sifted(*fills, unit="usd")) == [(200.0, pytest.approx(200 / 6, rel=1e-15))]


def test_a_fill_told_twice_counts_once() -> None:
    one = ("1", "a", 0, 100.0, 1.0)
    other = ("1", "b", 0, 101.0, 1.0)
    assert orders(sifted(one, one, other, one)) == [(2.0, 100.5)]
    assert orders(sifted(one, other), sifted(other, one, raw_key="b")) == [(2.0, 100.5)]


def test_orders_stay_apart() -> None:
    fills = (("1", "a", 0, 100.0, 1.0), ("2", "b", 0, 101.0, 3.0), ("1", "c", 0, 100.0, 1.0))
    assert orders(sifted(*fills)) == [(2.0, 100.0), (3.0, 101.0)]


def test_fills_more_than_a_minute_apart_are_not_added_up() -> None:
    within = (("1", "a", 0, 100.0, 1.0), ("1", "b", 60_000, 100.0, 2.0))
    beyond = (("1", "a", 0, 100.0, 1.0), ("1", "b", 60_001, 100.0, 2.0))
    assert orders(sifted(*within)) == [(3.0, 100.0)]
    assert orders(sifted(*beyond)) == [(1.0, 100.0), (2.0, 100.0)]


def test_the_order_of_records_does_not_matter() -> None:
    fills = [("1", str(n), n % 3, 100.0 + n / 7, 0.1 * (n + 1)) for n in range(20)]
    forward = sifted(*fills).rows
    key = ["raw_key", "tid"]
    frames = [
        accumulated(
            Sifted("liquidations", rows, pl.DataFrame(schema=REJECTED_SCHEMA)), ["oid"], "tid"
        ).rows.sort(key)
        for rows in (forward, forward.reverse(), forward.sample(fraction=1, shuffle=True, seed=3))
    ]
    assert_frame_equal(frames[0], frames[1])
    assert_frame_equal(frames[0], frames[2])
