"""References and reserves by day: sums, closes and means of finished buckets, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tests.daily.given import at, day, files, inputs, listings, rows
from transforms.daily.catalogue import DAILY, REFERENCES, tables_of
from transforms.daily.coverage import coverage_daily, presence
from transforms.daily.reference_daily import REFERENCE_DAILY
from transforms.daily.reserves_daily import RESERVES_DAILY
from transforms.daily.table import DailyTable
from transforms.schemas.references import REFERENCE_DATASET, REFERENCE_TABLES
from transforms.venue import discover

D1, D2 = "2021-01-16", "2021-01-17"

UNITS = {"open_interest_coin": "coin", "funding_rate": "fraction"}


def bucket(stamp: str, metric: str, value: float, **more: Any) -> dict[str, Any]:
    """A finished bucket of 12 hours."""
    return {
        "bucket_at": at(stamp),
        "symbol": "series",
        "metric": metric,
        "unit": UNITS.get(metric, "USD"),
        "value": value,
        "bucket_minutes": 720,
        "still_forming": False,
        "base_asset": "BTC",
        "quote_asset": None,
        "margin_type": None,
        "contract_kind": None,
    } | more


def computed(
    records: Sequence[Mapping[str, Any]],
    first: str = D1,
    last: str = D2,
    table: DailyTable = REFERENCE_DAILY,
) -> pl.DataFrame:
    """The table; rows may come in any order."""
    frame = rows(table.dataset, records)
    said = table.compute(inputs(frame), day(first), day(last))
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=7)
    assert said.equals(table.compute(inputs(mixed), day(first), day(last)))
    return said


def values(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select("date", *columns).with_columns(pl.col("date").cast(pl.String)).rows()


def test_the_catalogue_is_that_of_the_schemas() -> None:
    assert {table.name: table.schema for table in REFERENCES} == REFERENCE_TABLES
    assert {table.name: table.dataset for table in REFERENCES} == REFERENCE_DATASET


def test_liquidations_add_up() -> None:
    metric = "liquidations_long_usd"
    daily = computed(
        [
            bucket("2021-01-16 00:00", metric, 1.5),
            bucket("2021-01-16 12:00", metric, 2.25),
            bucket("2021-01-17 00:00", metric, 4.0),
        ]
    )
    # 1.5 + 2.25; the 17th has one of two buckets
    assert values(daily, "value", "bucket_count", "expected_bucket_count", "is_partial") == [
        (D1, 3.75, 2, 2, False),
        (D2, 4.0, 1, 2, True),
    ]
    assert daily["provider"].unique().to_list() == ["examplex"]
    assert daily["unit"].unique().to_list() == ["USD"]


@pytest.mark.parametrize("metric", ["open_interest_usd", "open_interest_coin", "price_usd"])
def test_levels_are_the_last_close(metric: str) -> None:
    daily = computed(
        [bucket("2021-01-16 12:00", metric, 5.0), bucket("2021-01-16 00:00", metric, 9.0)]
    )
    assert values(daily, "value") == [(D1, 5.0)]


def test_a_rate_is_the_mean_of_the_closes() -> None:
    daily = computed(
        [
            bucket("2021-01-16 00:00", "funding_rate", 0.0001, interval_hours=1.0),
            bucket("2021-01-16 12:00", "funding_rate", 0.0003, interval_hours=1.0),
        ]
    )
    # (0.0001 + 0.0003) ÷ 2
    assert values(daily, "value", "interval_hours", "unit") == [
        (D1, pytest.approx(0.0002, rel=1e-15), 1.0, "fraction")
    ]


def test_a_bucket_that_was_still_forming_is_left_out() -> None:
    forming = {"still_forming": True}
    metric = "liquidations_short_usd"
    daily = computed(
        [
            bucket("2021-01-16 00:00", metric, 1.0),
            bucket("2021-01-16 12:00", metric, 8.0, **forming),
            bucket("2021-01-17 00:00", metric, 8.0, **forming),
        ]
    )
    assert values(daily, "value", "is_partial") == [(D1, 1.0, True)]


def test_of_two_bucket_lengths_the_one_that_covers_more_counts() -> None:
    metric = "liquidations_long_usd"
    daily = computed(
        [
            # a whole day in one bucket, half of it in a finer one
            bucket("2021-01-16 00:00", metric, 10.0, bucket_minutes=1440),
            bucket("2021-01-16 00:00", metric, 3.0),
            # the same length covered: the finer one
            bucket("2021-01-17 00:00", metric, 10.0, bucket_minutes=1440),
            bucket("2021-01-17 00:00", metric, 4.0),
            bucket("2021-01-17 12:00", metric, 5.0),
            # a week is no day
            bucket("2021-01-17 00:00", metric, 99.0, bucket_minutes=7 * 1440),
        ]
    )
    assert values(daily, "value", "bucket_minutes") == [(D1, 10.0, 1440), (D2, 9.0, 720)]


def test_a_snapshot_counts_where_there_is_no_bucket_and_has_no_length() -> None:
    metric = "open_interest_usd"
    snapshot = {"bucket_minutes": 0}
    daily = computed(
        [
            bucket("2021-01-16 00:00", metric, 1.0, **snapshot),
            bucket("2021-01-16 09:00", metric, 2.0, **snapshot),
            bucket("2021-01-17 00:00", metric, 3.0, **snapshot),
            bucket("2021-01-17 00:00", metric, 4.0, bucket_minutes=1440),
        ]
    )
    columns = ("value", "bucket_count", "bucket_minutes", "expected_bucket_count", "is_partial")
    assert values(daily, *columns) == [(D1, 2.0, 2, None, None, None), (D2, 4.0, 1, 1440, 1, False)]


def test_series_are_kept_apart() -> None:
    metric = "open_interest_usd"
    whole = {"bucket_minutes": 1440}
    daily = computed(
        [
            bucket("2021-01-16 00:00", metric, 1.0, symbol="all", **whole),
            bucket(
                "2021-01-16 00:00", metric, 2.0, symbol="one", reference_venue="binance", **whole
            ),
            bucket("2021-01-16 00:00", "price_usd", 3.0, symbol="all", **whole),
        ]
    )
    assert values(daily, "series", "metric", "reference_venue", "value") == [
        (D1, "all", "open_interest_usd", None, 1.0),
        (D1, "all", "price_usd", None, 3.0),
        (D1, "one", "open_interest_usd", "binance", 2.0),
    ]


def test_a_range_can_be_cut_into_days() -> None:
    records = [
        bucket(f"2021-01-{16 + n // 2} {12 * (n % 2):02}:00", "price_usd", float(n))
        for n in range(8)
    ]
    whole = computed(records, "2021-01-16", "2021-01-19")
    assert whole.height == 4
    one = [
        computed(records, str(d), str(d))
        for d in (day("2021-01-16") + timedelta(days=n) for n in range(4))
    ]
    assert pl.concat(one).equals(whole)


@pytest.mark.parametrize("table", REFERENCES, ids=lambda table: table.name)
def test_nothing_in_nothing_out(table: DailyTable) -> None:
    daily = computed([], table=table)
    assert daily.is_empty()
    assert daily.schema == table.schema.create_empty().schema


def test_reserves_are_those_of_the_last_finished_bucket() -> None:
    def held(stamp: str, coins: float, **more: Any) -> dict[str, Any]:
        return {
            "sampled_at": at(stamp),
            "symbol": "btc/reserve/all_exchange",
            "bucket_minutes": 720,
            "still_forming": False,
            "reserve_coin": coins,
        } | more

    daily = computed(
        [
            held("2021-01-16 00:00", 2.5e6),
            held("2021-01-16 12:00", 2.4e6),
            held("2021-01-17 00:00", 2.3e6),
            held("2021-01-17 12:00", 1.0, still_forming=True),
        ],
        table=RESERVES_DAILY,
    )
    assert values(daily, "series", "base_asset", "reserve_coin", "is_partial") == [
        (D1, "btc/reserve/all_exchange", "BTC", 2.4e6, False),
        (D2, "btc/reserve/all_exchange", "BTC", 2.3e6, True),
    ]


def test_aggregators_owe_references_and_exchanges_everything_else() -> None:
    venues = discover()
    aggregators = {name for name, venue in venues.items() if tables_of(venue) == REFERENCES}
    assert aggregators == {"coinalyze", "coinglass", "cryptoquant"}
    assert all(tables_of(venues[name]) == DAILY for name in venues.keys() - aggregators)


def test_coverage_of_an_aggregator_knows_no_funding() -> None:
    seen = rows("references", [bucket("2021-01-16 00:00", "price_usd", 1.0)])
    table = coverage_daily(
        presence(seen.lazy(), "references"),
        day(D1),
        day(D2),
        venue="cryptoquant",
        datasets={"references"},
        owed=set(REFERENCE_DATASET.values()),
        instruments=listings([]),
        accounting=files([]),
    )
    assert values(table, "dataset", "status", "rows") == [
        (D1, "references", "ok", 1),
        (D1, "reserves", "unsupported", 0),
        (D2, "references", "missing", 0),
        (D2, "reserves", "unsupported", 0),
    ]
