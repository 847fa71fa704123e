"""Liquidations of an hour, by hand."""

from __future__ import annotations

from tests.daily.given import at, computed, day, files, liquidated, listings
from transforms.daily.liquidations_hourly import LIQUIDATIONS_HOURLY


def hours(events, first="2026-03-01", last="2026-03-01", **context):
    return computed(LIQUIDATIONS_HOURLY, events, first, last, **context)


def test_sums_and_counts_of_the_hours_with_events():
    ether = {"symbol": "ETHUSDT", "base_asset": "ETH"}
    hourly = hours(
        [
            liquidated("2026-02-28 23:59:59.999999", "long", 7.0),
            liquidated("2026-03-01 00:00", "long", 0.1),
            liquidated("2026-03-01 00:59:59.999999", "long", 0.2),
            liquidated("2026-03-01 00:30", "short", 2.0),
            liquidated("2026-03-01 01:00", "short", 4.0),
            liquidated("2026-03-01 23:15", "long", 8.0),
            liquidated("2026-03-01 00:10", "long", 16.0, **ether),
            liquidated("2026-03-02 00:00", "long", 32.0),
        ],
    )
    names = ("symbol", "hour", "long_usd", "short_usd", "total_usd", "long_count", "short_count")
    assert hourly.select(names).rows() == [
        # 0.1 + 0.2 = 0.3 and 2.3 as decimals: an hour holds its start and not its end
        ("BTCUSDT", at("2026-03-01 00:00"), 0.3, 2.0, 2.3, 2, 1),
        ("BTCUSDT", at("2026-03-01 01:00"), 0.0, 4.0, 4.0, 0, 1),
        ("BTCUSDT", at("2026-03-01 23:00"), 8.0, 0.0, 8.0, 1, 0),
        ("ETHUSDT", at("2026-03-01 00:00"), 16.0, 0.0, 16.0, 1, 0),
    ]
    assert hourly["date"].unique().to_list() == [day("2026-03-01")]
    assert hourly["venue"].unique().to_list() == ["examplex"]
    assert hourly["base_asset"].to_list() == ["BTC", "BTC", "BTC", "ETH"]


def test_an_amount_not_known_leaves_its_side_of_its_hour_unknown():
    hourly = hours(
        [
            liquidated("2026-03-01 10:00", "long", None, None),
            liquidated("2026-03-01 10:10", "long", 5.0),
            liquidated("2026-03-01 10:20", "short", 3.0),
            liquidated("2026-03-01 11:00", "long", 1.0),
        ]
    )
    sums = ("long_usd", "short_usd", "total_usd", "long_count", "short_count")
    assert hourly.select(sums).rows() == [(None, 3.0, None, 2, 1), (1.0, 0.0, 1.0, 1, 0)]


def test_a_quiet_feed_has_no_hours():
    quiet = {"date": day("2026-03-01"), "symbol": "BTCUSDT"}
    hourly = hours([], accounting=files([quiet]), instruments=listings([{}]))
    assert hourly.height == 0
    assert hourly.schema == LIQUIDATIONS_HOURLY.schema.create_empty().schema


def test_the_hour_of_a_reused_ticker_counts_both_and_shows_the_one_that_ends_it():
    hourly = hours(
        [
            liquidated("2026-03-01 09:00", "long", 1.0),
            liquidated("2026-03-01 10:10", "long", 2.0),
            liquidated("2026-03-01 10:50", "long", 4.0, listing=2, base_asset="BTC2"),
        ]
    )
    assert hourly.select("base_asset", "long_usd").rows() == [("BTC", 1.0), ("BTC2", 6.0)]
