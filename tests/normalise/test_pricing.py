"""Amounts that come without a price: which price of the hour before they are valued at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.normalise.examplex import PRICED, VENUE, bar, liquidation, open_interest, payload
from transforms import amounts
from transforms.normalise import Normalised, normalise
from transforms.payload import Payload
from transforms.venue import Venue

D1, D2 = date(2025, 1, 1), date(2025, 1, 2)


def run(
    *records: dict[str, Any], venue: Venue = PRICED, first: date = D1, last: date = D2
) -> Normalised:
    return normalise(venue, [payload("lines/f.jsonl", records)], first, last, None)


def row_of(dataset: str, result: Normalised) -> dict[str, Any]:
    (row,) = [r for p in result.partitions if p.dataset == dataset for r in p.rows.to_dicts()]
    return row


def usd(*bars: dict[str, Any], at: str = "2025-01-01T08:30") -> float | None:
    """What 2 coins without a price are worth at `at`."""
    value: float | None = row_of("open_interest", run(open_interest(at, 2.0), *bars))[
        "open_interest_usd"
    ]
    return value


def test_the_close_of_the_last_bar_that_had_ended_counts() -> None:
    hours = [
        bar("2025-01-01T06:00", 1.0, 60.0),
        bar("2025-01-01T07:00", 60.0, 70.0),
        bar("2025-01-01T08:00", 70.0, 80.0),  # under way at 08:30
    ]
    assert usd(*hours) == 140.0
    # At the very end of a bar its close is known.
    assert usd(*hours, at="2025-01-01T09:00") == 160.0


@pytest.mark.parametrize(
    ("at", "value"), [("2025-01-01T09:00", 140.0), ("2025-01-01T09:00:00.000001", None)]
)
def test_a_price_is_an_hour_old_at_most(at: str, value: float | None) -> None:
    assert usd(bar("2025-01-01T07:00", 60.0, 70.0), at=at) == value


def test_without_an_ended_bar_the_open_of_one_that_begins_right_then_counts() -> None:
    begins = bar("2025-01-01T08:30", 50.0, 99.0, interval_minutes=30)
    assert usd(begins) == 100.0
    assert usd(begins, at="2025-01-01T08:30:01") is None
    assert usd(begins, bar("2025-01-01T07:00", 60.0, 70.0)) == 140.0


def test_mark_comes_before_index_before_last_however_old() -> None:
    last = bar("2025-01-01T08:25", 1.0, 10.0, interval_minutes=5, price_source="last")
    index = bar("2025-01-01T08:20", 1.0, 20.0, interval_minutes=5, price_source="index")
    mark = bar("2025-01-01T08:30", 30.0, 99.0)
    premium = bar("2025-01-01T08:25", 0.1, 0.1, interval_minutes=5, price_source="premium")
    assert usd(premium) is None
    assert usd(premium, last) == 20.0
    assert usd(premium, last, index) == 40.0
    assert usd(premium, last, index, mark) == 60.0


def test_of_bars_that_end_together_the_shortest_counts() -> None:
    ends = [
        bar("2025-01-01T04:30", 1.0, 44.0, interval_minutes=240),
        bar("2025-01-01T08:25", 1.0, 55.0, interval_minutes=5),
    ]
    assert usd(*ends) == usd(*reversed(ends)) == 110.0


def test_bars_that_cross_midnight_and_prices_that_are_none_do_not_count() -> None:
    day = bar("2024-12-31T16:00", 1.0, 44.0, interval_minutes=1440)
    assert usd(day, at="2025-01-01T16:00") is None
    # A whole UTC day ends at its last midnight, and counts then.
    assert usd(day | {"opened_at": "2025-01-01"}, at="2025-01-02") == 88.0
    assert usd(bar("2025-01-01T07:30", 0.0, 0.0)) is None


def test_prices_are_of_the_same_symbol_and_per_its_unit() -> None:
    # 2 × 1000 PEPE at 0.01 a thousand: 2000 coins, 0.02 dollars.
    pepe = open_interest("2025-01-01T08:30", 2.0, symbol="kPEPE-USD")
    found = run(
        pepe,
        bar("2025-01-01T07:00", 1.0, 0.01, symbol="kPEPE-USD"),
        bar("2025-01-01T07:00", 1.0, 70.0),
    )
    row = row_of("open_interest", found)
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (2000.0, 0.02)


def test_a_price_or_value_of_its_own_stands() -> None:
    hour = bar("2025-01-01T07:00", 60.0, 70.0)
    priced = run(open_interest("2025-01-01T08:30", 2.0, price=5.0), hour)
    assert row_of("open_interest", priced)["open_interest_usd"] == 10.0
    valued = run(open_interest("2025-01-01T08:30", 2.0, value_usd=9.0), hour)
    assert row_of("open_interest", valued)["open_interest_usd"] == 9.0


def test_dollars_become_coins_with_it() -> None:
    # 350 dollars at 70.
    found = run(
        open_interest("2025-01-01T08:30", 350.0, unit="usd", symbol="BTC-USD-INV"),
        bar("2025-01-01T07:00", 60.0, 70.0, symbol="BTC-USD-INV"),
    )
    assert row_of("open_interest", found)["open_interest_coin"] == 5.0


def test_without_a_price_one_amount_is_null_and_says_why() -> None:
    row = row_of("open_interest", run(open_interest("2025-01-01T08:30", 2.0)))
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (2.0, None)
    assert row["amount_null_reason"] == amounts.NO_PRICE_BEFORE
    event = row_of("liquidations", run(liquidation("2025-01-01T08:30", 2.0, price=None)))
    assert (event["amount_coin"], event["amount_usd"]) == (2.0, None)
    assert (event["price"], event["price_kind"]) == (None, None)
    assert event["amount_null_reason"] == amounts.NO_PRICE_BEFORE


def test_a_liquidation_says_what_its_price_is() -> None:
    hour = bar("2025-01-01T07:00", 60.0, 70.0, price_source="index")
    lacking = liquidation("2025-01-01T08:30", 2.0, price=None, price_kind="bankruptcy")
    row = row_of("liquidations", run(lacking, hour))
    assert (row["price"], row["price_kind"], row["amount_usd"]) == (70.0, "index", 140.0)
    own = row_of("liquidations", run(liquidation("2025-01-01T08:30", 2.0), hour))
    assert (own["price"], own["price_kind"], own["amount_usd"]) == (100.0, "average", 200.0)


def test_only_a_venue_that_says_so_is_priced_by_its_prices() -> None:
    found = run(
        open_interest("2025-01-01T08:30", 2.0), bar("2025-01-01T07:00", 1.0, 70.0), venue=VENUE
    )
    row = row_of("open_interest", found)
    assert row["open_interest_usd"] is None
    assert row["amount_null_reason"] == amounts.NO_SNAPSHOT_PRICE


# --- quanto --------------------------------------------------------------------------------------

# 3,000,000 contracts × 0.000001 XBT × 2000 points = 6000 XBT; at 30,000 dollars 180 million.
# Exposure 3,000,000 × 0.000001 × 30,000 = 90,000 ETH.
ETH = open_interest("2025-01-01T08:30", 3e6, unit="contracts", symbol="ETH-USD-QTO", price=2000.0)
XBT_BESIDE = open_interest(
    "2025-01-01T08:30", 100.0, unit="contracts", symbol="BTC-USD-INV", price=30_000.0
)
XBT_HOUR = bar("2025-01-01T07:00", 1.0, 30_000.0, symbol="BTC-USD-INV")


def quanto(*others: dict[str, Any], of: dict[str, Any] = ETH) -> tuple[float | None, ...]:
    rows = [
        row
        for partition in run(of, *others).partitions
        if partition.dataset == "open_interest"
        for row in partition.rows.to_dicts()
        if row["symbol"] == "ETH-USD-QTO"
    ]
    (row,) = rows
    return row["open_interest_coin"], row["open_interest_usd"]


@pytest.mark.parametrize("beside", [XBT_BESIDE, XBT_HOUR], ids=["open interest", "bar"])
def test_a_quanto_takes_its_coins_price_from_bars_or_beside_open_interest(
    beside: dict[str, Any],
) -> None:
    assert quanto(beside) == pytest.approx((90_000.0, 180e6))


def test_bars_come_before_snapshots_and_inverse_before_linear() -> None:
    linear = bar("2025-01-01T07:30", 1.0, 50_000.0, symbol="BTC-USD")
    assert quanto(linear) == pytest.approx((150_000.0, 300e6))
    assert quanto(linear, XBT_BESIDE) == pytest.approx((90_000.0, 180e6))
    assert quanto(XBT_HOUR, XBT_BESIDE | {"price": 40_000.0}) == pytest.approx((90_000.0, 180e6))


@pytest.mark.parametrize(
    "useless",
    [
        XBT_BESIDE | {"sampled_at": "2025-01-01T08:30:01"},  # after the moment
        XBT_BESIDE | {"sampled_at": "2025-01-01T07:29:59"},  # older than an hour
        XBT_HOUR | {"symbol": "BTC-EUR-INV"},  # not dollars
        XBT_HOUR | {"symbol": "LTC-USD-INV"},
        XBT_HOUR | {"symbol": "BTC-USD-QTO"},
    ],
)
def test_a_quanto_without_it_is_null_and_says_why(useless: dict[str, Any]) -> None:
    assert quanto(useless) == (None, None)
    row = row_of("open_interest", run(ETH))
    assert row["amount_null_reason"] == amounts.QUANTO


def test_a_quanto_may_lack_both_prices() -> None:
    own = bar("2025-01-01T07:00", 1.0, 2000.0, symbol="ETH-USD-QTO")
    assert quanto(XBT_BESIDE, own, of=ETH | {"price": None}) == pytest.approx((90_000.0, 180e6))
    coin, value = quanto(XBT_BESIDE, of=ETH | {"price": None})
    assert (coin, value) == (pytest.approx(90_000.0), None)


def test_a_quanto_liquidation_is_valued_alike() -> None:
    event = liquidation(
        "2025-01-01T08:45", 3e6, unit="contracts", symbol="ETH-USD-QTO", price=2000.0
    )
    row = row_of("liquidations", run(event, XBT_BESIDE))
    assert (row["amount_coin"], row["amount_usd"]) == pytest.approx((90_000.0, 180e6))


# --- properties ----------------------------------------------------------------------------------

_START = datetime(2025, 1, 1)  # noqa: DTZ001 - written as ISO text without a zone
minutes = st.integers(0, 2 * 1440 - 1) | st.integers(1440 - 70, 1440 + 70)
stamps = minutes.map(lambda m: (_START + timedelta(minutes=m)).isoformat())
prices = st.builds(
    bar,
    stamps,
    st.sampled_from([10.0, 20.0]),
    st.sampled_from([10.0, 30.0]),
    symbol=st.sampled_from(["BTC-USD", "BTC-USD-INV"]),
    interval_minutes=st.sampled_from([1, 60, 1440]),
    price_source=st.sampled_from(["mark", "last"]),
)
events = st.one_of(
    st.builds(
        open_interest,
        stamps,
        st.just(2.0),
        symbol=st.sampled_from(["BTC-USD", "ETH-USD-QTO"]),
        unit=st.just("contracts"),
        price=st.sampled_from([None, 5.0]),
    ),
    st.builds(liquidation, stamps, st.sampled_from([1.0, 2.0]), price=st.none()),
)


def _by_day(payloads: Sequence[Payload], first: date, last: date) -> dict[Any, list[Any]]:
    result = normalise(PRICED, payloads, first, last, None)
    return {(p.dataset, p.date): p.rows.to_dicts() for p in result.partitions}


@settings(max_examples=40, deadline=None)
@given(st.lists(prices | events, max_size=12))
def test_a_days_result_does_not_depend_on_how_the_range_is_cut(
    records: list[dict[str, Any]],
) -> None:
    payloads = [payload("lines/f.jsonl", records)]
    whole = _by_day(payloads, D1, D2)
    assert whole == _by_day(payloads, D1, D1) | _by_day(payloads, D2, D2)


@settings(max_examples=40, deadline=None)
@given(st.lists(prices | events, max_size=12))
def test_the_files_of_a_day_and_of_the_day_before_say_all_its_prices(
    records: list[dict[str, Any]],
) -> None:
    long_before = [
        bar("2024-12-30T23:00", 7.0, 7.0, interval_minutes=1440),
        bar("2024-12-31T22:59", 7.0, 7.0, symbol="BTC-USD-INV", interval_minutes=1440),
    ]
    alone = [payload("lines/f.jsonl", records)]
    more = [*alone, payload("lines/before.jsonl", long_before)]
    assert _by_day(alone, D2, D2) == _by_day(more, D2, D2)
