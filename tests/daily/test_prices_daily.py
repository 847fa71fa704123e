"""Prices of a day, by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.daily.given import at, column, computed
from transforms.daily.prices_daily import PRICES_DAILY


def bar(stamp, source, ohlc, minutes=60, volume=None, **facts):
    """One bar; `volume` is (coin, USD)."""
    coin, usd = volume or (None, None)
    names = ("price_open", "price_high", "price_low", "price_close")
    return {
        "opened_at": at(stamp),
        "price_source": source,
        "interval_minutes": minutes,
        **dict(zip(names, ohlc, strict=True)),
        "volume_coin": coin,
        "volume_usd": usd,
        **facts,
    }


def prices(records, first, last):
    return computed(PRICES_DAILY, records, first, last)


def test_mark_price_with_the_volume_of_the_traded_price():
    daily = prices(
        [
            bar("2026-03-01 00:00", "mark", (10, 12, 9, 11)),
            bar("2026-03-01 01:00", "mark", (11, 15, 10.5, 14)),
            bar("2026-03-01 00:00", "index", (100, 200, 50, 150)),
            bar("2026-03-01 00:00", "last", (10, 99, 1, 11), volume=(2.0, 21.0)),
            # Flat and without volume, and real.
            bar("2026-03-01 01:00", "last", (11, 11, 11, 11), volume=(0.0, 0.0)),
            bar("2026-03-01 02:00", "last", (11, 11, 11, 11), volume=(3.0, 33.0)),
            bar("2026-03-01 02:00", "premium", (-0.1, 0.1, -0.2, 0.0)),
        ],
        "2026-03-01",
        "2026-03-01",
    )
    row = daily.row(0, named=True)
    assert row["price_source"] == "mark"
    assert [row[f"price_{w}"] for w in ("open", "high", "low", "close")] == [10, 15, 9, 14]
    # 2 + 0 + 3 and 21 + 0 + 33
    assert row["volume_coin"] == 5.0
    assert row["volume_usd"] == 54.0
    assert row["price_return"] is None


@pytest.mark.parametrize(
    ("there", "chosen"),
    [(("last", "index", "mark"), "mark"), (("last", "index"), "index"), (("last",), "last")],
)
def test_mark_before_index_before_last(there, chosen):
    records = [bar("2026-03-01 00:00", source, (1, 1, 1, 1)) for source in there]
    assert prices(records, "2026-03-01", "2026-03-01")["price_source"].to_list() == [chosen]


def test_the_premium_is_no_price():
    records = [bar("2026-03-01 00:00", "premium", (1, 1, 1, 1))]
    assert prices(records, "2026-03-01", "2026-03-01").height == 0


def test_without_traded_bars_volume_is_not_known():
    daily = prices([bar("2026-03-01 00:00", "mark", (1, 1, 1, 1))], "2026-03-01", "2026-03-01")
    assert daily["volume_coin"].to_list() == [None]
    records = [
        bar("2026-03-01 00:00", "last", (1, 1, 1, 1), volume=(2.0, 2.0)),
        bar("2026-03-01 01:00", "last", (1, 1, 1, 1), volume=(3.0, None)),
    ]
    daily = prices(records, "2026-03-01", "2026-03-01")
    assert daily["volume_coin"].to_list() == [5.0]
    assert daily["volume_usd"].to_list() == [None]


def test_the_bar_length_that_covers_most_of_the_day_then_the_finest():
    # Two minutes of 1-minute bars, 24 of hourly ones, 1 daily one: hourly and daily both cover
    # 1440 minutes, and the hour is finer.
    hourly = [
        bar(f"2026-03-01 {h:02}:00", "last", (5, 6, 4, 5), 60, volume=(1.0, 5.0)) for h in range(24)
    ]
    minutely = [
        bar(f"2026-03-01 00:0{m}", "last", (7, 7, 7, 7), 1, volume=(9.0, 9.0)) for m in (0, 1)
    ]
    whole = [bar("2026-03-01 00:00", "last", (5, 8, 3, 5), 1440, volume=(24.5, 99.0))]
    daily = prices(hourly + minutely + whole, "2026-03-01", "2026-03-01")
    assert daily["price_high"].to_list() == [6]
    # 24 × 1, not with the minutes or the day on top
    assert daily["volume_coin"].to_list() == [24.0]
    # With an hour missing the day bar covers more.
    daily = prices(hourly[1:] + minutely + whole, "2026-03-01", "2026-03-01")
    assert daily["price_high"].to_list() == [8]
    assert daily["volume_coin"].to_list() == [24.5]


def test_a_bar_over_midnight_belongs_to_no_day():
    beijing = bar("2026-03-01 16:00", "mark", (50, 60, 40, 50), 1440)
    assert prices([beijing], "2026-03-01", "2026-03-02").height == 0
    inside = bar("2026-03-01 20:00", "mark", (5, 6, 4, 5), 240)
    daily = prices([beijing, inside], "2026-03-01", "2026-03-01")
    assert daily["price_high"].to_list() == [6]


def test_a_price_that_is_not_positive_is_no_price():
    records = [
        bar("2026-03-01 00:00", "mark", (0, 0, 0, 0)),
        bar("2026-03-01 01:00", "mark", (5, 6, 4, 5)),
    ]
    assert prices(records, "2026-03-01", "2026-03-01")["price_low"].to_list() == [4]


def test_return_is_against_the_day_before_of_the_same_source_and_listing():
    start = at("2026-03-01 00:00")
    days = [f"{start + timedelta(days=n):%Y-%m-%d %H:%M}" for n in range(6)]
    daily = prices(
        [
            bar(days[0], "mark", (10, 10, 10, 10)),
            bar(days[1], "mark", (10, 12.5, 10, 12.5)),
            bar(days[2], "last", (12.5, 12.5, 10, 10)),
            bar(days[4], "last", (8, 8, 8, 8)),
            bar(days[5], "last", (8, 8, 8, 800), listing=2),
        ],
        "2026-03-01",
        "2026-03-06",
    )
    # 12.5 / 10 − 1; then another source; then a gap; then another listing
    assert column(daily, "price_return") == {
        "2026-03-01": None,
        "2026-03-02": 0.25,
        "2026-03-03": None,
        "2026-03-05": None,
        "2026-03-06": None,
    }


def test_no_rows_give_an_empty_table():
    daily = prices([], "2026-03-01", "2026-03-02")
    assert daily.schema == PRICES_DAILY.schema.create_empty().schema
    assert daily.height == 0
