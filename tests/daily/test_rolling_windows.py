"""The largest rolling total of several series and of everything, by hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tests.daily.given import at, day
from transforms.daily.fixed_point import FIXED_POINT
from transforms.daily.rolling_windows import rolling_maximum

DAY = timedelta(hours=24)

# stamp, asset, venue, USD
EVENTS = [
    ("2026-03-01 10:00", "BTC", "a", "5"),
    ("2026-03-01 20:00", "BTC", "b", "7"),
    ("2026-03-01 21:00", "ETH", "a", "1"),
    ("2026-03-02 09:00", "BTC", "a", "2"),
    ("2026-03-02 10:00", "ETH", "b", "4"),
    ("2026-03-02 21:30", "BTC", "b", "3"),
]


def events(rows=EVENTS):
    stamps, assets, venues, amounts = (list(column) for column in zip(*rows, strict=True))
    return pl.DataFrame(
        {
            "base_asset": assets,
            "venue": venues,
            "liquidated_at": pl.Series([at(s) for s in stamps]).cast(pl.Datetime("us", "UTC")),
            "amount_usd": pl.Series(amounts).cast(FIXED_POINT),
        }
    ).with_columns(date=pl.col("liquidated_at").dt.date())


def answer(frame, *key):
    return frame.sort(*key, "date").rows()


def test_windows_add_up_within_a_series():
    found = rolling_maximum(events(), "max", DAY, series=("base_asset",), per=("base_asset",))
    assert found.columns == ["base_asset", "date", "max_usd", "max_end"]
    assert answer(found, "base_asset") == [
        # 5 + 7; the day after 5 + 7 + 2 at 09:00, and 2 + 3 at 21:30
        ("BTC", day("2026-03-01"), 12.0, at("2026-03-01 20:00")),
        ("BTC", day("2026-03-02"), 14.0, at("2026-03-02 09:00")),
        ("ETH", day("2026-03-01"), 1.0, at("2026-03-01 21:00")),
        ("ETH", day("2026-03-02"), 5.0, at("2026-03-02 10:00")),
    ]


def test_no_series_is_everything_together():
    found = rolling_maximum(events(), "max", DAY, series=(), per=())
    assert found.columns == ["date", "max_usd", "max_end"]
    assert answer(found) == [
        # 5 + 7 + 1; the day after 5 + 7 + 1 + 2 = 15 at 09:00, 15 + 4 − 5 = 14 at 10:00
        (day("2026-03-01"), 13.0, at("2026-03-01 21:00")),
        (day("2026-03-02"), 15.0, at("2026-03-02 09:00")),
    ]


def test_of_several_series_the_largest_window_counts():
    found = rolling_maximum(
        events(), "max", DAY, series=("base_asset", "venue"), per=("base_asset",)
    )
    assert answer(found, "base_asset") == [
        # BTC: a 5 and b 7; the day after a 5 + 2 at 09:00 and b 3 alone
        ("BTC", day("2026-03-01"), 7.0, at("2026-03-01 20:00")),
        ("BTC", day("2026-03-02"), 7.0, at("2026-03-02 09:00")),
        ("ETH", day("2026-03-01"), 1.0, at("2026-03-01 21:00")),
        ("ETH", day("2026-03-02"), 4.0, at("2026-03-02 10:00")),
    ]


def test_an_event_without_an_amount_blanks_the_days_its_windows_end_on():
    rows = [("2026-03-01 10:00", "BTC", "a", None), *EVENTS[1:]]
    found = rolling_maximum(events(rows), "max", DAY, series=(), per=())
    # 10:00 of the second day is the first window without it, but 09:00 still holds it.
    assert answer(found) == [(day("2026-03-01"), None, None), (day("2026-03-02"), None, None)]


def test_no_events_no_rows():
    nothing = events().clear()
    for series in ((), ("base_asset",)):
        found = rolling_maximum(nothing, "max", DAY, series=series, per=series)
        assert found.height == 0
        assert found.columns == [*series, "date", "max_usd", "max_end"]
