"""Liquidations of a day, by hand."""

from __future__ import annotations

import pytest

from tests.daily.given import at, column, computed, day, files, liquidated, listings, regimes
from transforms.daily.liquidations_daily import LIQUIDATIONS_DAILY

THROTTLED = regimes(
    [
        {
            "valid_from": day("2020-01-01"),
            "valid_to": day("2021-04-27"),
            "completeness": "complete",
        },
        {"valid_from": day("2021-04-27"), "completeness": "throttled"},
    ]
)
EVERY_HOUR = [f"2026-03-01 {hour:02}:30" for hour in range(24)]


def liquidations(events, first="2026-03-01", last="2026-03-01", **context):
    return computed(LIQUIDATIONS_DAILY, events, first, last, **context)


def test_sums_counts_and_the_largest():
    daily = liquidations(
        [
            liquidated("2026-03-01 01:00", "long", 100.25, 1.5),
            liquidated("2026-03-01 02:00", "long", 0.1, 0.25),
            liquidated("2026-03-01 02:00", "long", 0.2, 0.25, event_ordinal=2, price_kind="limit"),
            liquidated("2026-03-01 03:00", "short", 100.25, 2.0),
        ]
    )
    row = daily.row(0, named=True)
    # 100.25 + 0.1 + 0.2 = 100.55, as decimals
    assert row["long_usd"] == 100.55
    assert row["short_usd"] == 100.25
    assert row["total_usd"] == 200.8
    assert row["long_coin"] == 2.0
    assert row["short_coin"] == 2.0
    assert (row["long_count"], row["short_count"]) == (3, 1)
    # Both sides have one of 100.25: the earlier counts.
    assert (row["largest_usd"], row["largest_side"]) == (100.25, "long")
    assert row["largest_at"] == at("2026-03-01 01:00")
    assert row["priced_at_limit_count"] == 1
    assert row["completeness"] == "unknown"


def test_rolling_windows_look_into_the_day_before_and_are_open_at_their_start():
    events = [
        liquidated("2026-02-28 10:00", "long", 1000.0),
        liquidated("2026-02-28 12:00", "long", 50.0),
        liquidated("2026-03-01 10:00", "short", 10.0),  # (02-28 10:00, …]: 50 + 10 = 60
        liquidated("2026-03-01 11:00", "long", 5.0),  # 50 + 10 + 5 = 65; hour: 5, 10:00 is out
        liquidated("2026-03-01 11:59", "long", 4.0),  # 69; hour: 5 + 4 = 9
        liquidated("2026-03-01 12:00", "long", 1.0),  # 12:00 of the day before is out: 20
    ]
    daily = liquidations(events, "2026-02-28", "2026-03-01")
    assert column(daily, "max_24h_usd") == {"2026-02-28": 1050.0, "2026-03-01": 69.0}
    assert column(daily, "max_24h_end")["2026-03-01"] == at("2026-03-01 11:59")
    # Hours ending at 10:00, 11:00, 11:59, 12:00 hold 10, 5, 9, 5 + 4 + 1 − 5 = 5: 11:00 is out.
    assert column(daily, "max_1h_usd")["2026-03-01"] == 10.0
    assert column(daily, "max_1h_end")["2026-03-01"] == at("2026-03-01 10:00")
    assert column(daily, "total_usd")["2026-03-01"] == 20.0


def test_events_of_one_instant_are_in_one_window():
    daily = liquidations(
        [
            liquidated("2026-03-01 10:00", "long", 1.0),
            liquidated("2026-03-01 10:00", "short", 2.0),
            liquidated("2026-03-01 10:00", "short", 4.0, event_ordinal=2),
        ]
    )
    assert daily["max_1h_usd"].to_list() == [7.0]


def test_of_equal_maxima_the_earliest_counts():
    daily = liquidations(
        [liquidated("2026-03-01 10:00", "long", 3.0), liquidated("2026-03-01 12:00", "long", 3.0)]
    )
    assert daily["max_1h_end"].to_list() == [at("2026-03-01 10:00")]


def test_an_amount_not_known_leaves_its_sums_unknown_and_no_others():
    events = [
        liquidated("2026-03-01 10:00", "long", None, None),
        liquidated("2026-03-01 12:00", "short", 3.0, 2.0),
    ]
    row = liquidations(events).row(0, named=True)
    assert row["long_usd"] is None
    assert row["long_coin"] is None
    assert row["total_usd"] is None
    assert row["short_usd"] == 3.0
    assert row["short_coin"] == 2.0
    assert (row["long_count"], row["short_count"]) == (1, 1)
    assert row["largest_usd"] == 3.0
    assert row["max_24h_usd"] is None
    assert row["max_1h_usd"] is None
    assert row["max_1h_end"] is None
    # The day after: a window that still holds it is not known; the hour is.
    after = liquidations(
        [*events, liquidated("2026-03-02 09:00", "long", 1.0)], "2026-03-02", "2026-03-02"
    ).row(0, named=True)
    assert after["max_24h_usd"] is None
    assert after["max_1h_usd"] == 1.0
    assert after["total_usd"] == 1.0


def test_a_file_of_its_own_with_nothing_in_it_is_a_known_zero():
    book = listings([{}, {"symbol": "ETHUSDT", "base_asset": "ETH"}])
    quiet = {"date": day("2026-03-01"), "symbol": "BTCUSDT"}
    daily = liquidations([], accounting=files([quiet]), instruments=book, venue_regimes=THROTTLED)
    assert daily["symbol"].to_list() == ["BTCUSDT"]
    row = daily.row(0, named=True)
    for name in ("long_usd", "short_usd", "total_usd", "long_coin", "short_coin"):
        assert row[name] == 0.0
    assert (row["long_count"], row["short_count"], row["priced_at_limit_count"]) == (0, 0, 0)
    assert (row["max_24h_usd"], row["max_1h_usd"]) == (0.0, 0.0)
    for name in ("largest_usd", "largest_side", "largest_at", "max_24h_end", "max_1h_end"):
        assert row[name] is None
    assert row["completeness"] == "throttled"


def test_a_file_whose_records_were_set_aside_is_no_zero():
    bad = {"date": day("2026-03-01"), "symbol": "BTCUSDT", "rows_read": 2, "rows_quarantined": 2}
    daily = liquidations([], accounting=files([bad]), instruments=listings([{}]))
    assert daily.height == 0


def recording(**facts):
    return {"date": day("2026-03-01"), "raw_key": "raw/ws", "rows_read": 1, "rows_kept": 1, **facts}


def test_a_recording_covers_the_live_instruments_of_the_margins_it_carries():
    book = listings(
        [
            {},
            {"symbol": "ETHUSDT", "base_asset": "ETH", "valid_from": at("2020-01-01 00:00")},
            {"symbol": "XRPUSDT", "base_asset": "XRP"},
            {"symbol": "NEWUSDT", "base_asset": "NEW", "valid_from": at("2026-03-02 08:00")},
            {"symbol": "OLDUSDT", "base_asset": "OLD", "valid_to": at("2026-03-01 00:00")},
            {"symbol": "ENDUSDT", "base_asset": "END", "valid_to": at("2026-03-01 08:00")},
            {"symbol": "BTCUSDT_260626", "contract_kind": "dated"},
            {"symbol": "BTCUSD_PERP", "margin_type": "inverse", "quote_asset": "USD"},
        ]
    )
    heard = [liquidated(stamp, "long", 1.0, raw_key="raw/ws") for stamp in EVERY_HOUR]
    alone = liquidations(heard, accounting=files([recording()]), instruments=book)
    assert alone["symbol"].to_list() == ["BTCUSDT"]  # a recording of BTCUSDT, for all we know
    ripple = liquidated(
        "2026-03-01 05:00", "long", 2.0, symbol="XRPUSDT", base_asset="XRP", raw_key="raw/ws"
    )
    heard.append(ripple)
    daily = liquidations(
        heard, accounting=files([recording()]), instruments=book, venue_regimes=THROTTLED
    )
    assert daily["symbol"].to_list() == [
        "BTCUSDT",
        "BTCUSDT_260626",
        "ENDUSDT",
        "ETHUSDT",
        "XRPUSDT",
    ]
    assert daily["total_usd"].to_list() == [24.0, 0.0, 0.0, 0.0, 2.0]
    assert daily["completeness"].unique().to_list() == ["throttled"]
    inverse = liquidated(
        "2026-03-01 01:00",
        "long",
        1.0,
        symbol="ETHUSD_PERP",
        base_asset="ETH",
        margin_type="inverse",
        quote_asset="USD",
        raw_key="raw/ws",
    )
    both = liquidations([*heard, inverse], accounting=files([recording()]), instruments=book)
    assert "BTCUSD_PERP" in both["symbol"].to_list()


def test_a_recording_without_an_event_that_day_covers_nothing():
    silent = recording(rows_read=0, rows_kept=0)
    assert liquidations([], accounting=files([silent]), instruments=listings([{}])).height == 0


@pytest.mark.parametrize(
    ("missing_hours", "regime", "expected"),
    [
        (0, "complete", "complete"),
        (1, "complete", "partial"),
        (1, "throttled", "partial"),
        (0, "throttled", "throttled"),
        (1, "unknown", "unknown"),
    ],
)
def test_a_recording_that_lacks_an_hour_is_partial(missing_hours, regime, expected):
    heard = [
        liquidated(stamp, "long", 1.0, raw_key="raw/ws") for stamp in EVERY_HOUR[missing_hours:]
    ]
    documented = regimes([{"valid_from": day("2020-01-01"), "completeness": regime}])
    daily = liquidations(heard, accounting=files([recording()]), venue_regimes=documented)
    assert daily["completeness"].to_list() == [expected]


def test_an_hour_in_which_any_instrument_was_heard_is_not_lacking():
    heard = [liquidated(stamp, "long", 1.0, raw_key="raw/ws") for stamp in EVERY_HOUR[1:]]
    other = liquidated(
        "2026-03-01 00:10", "long", 1.0, symbol="ETHUSDT", base_asset="ETH", raw_key="raw/ws"
    )
    daily = liquidations([*heard, other], accounting=files([recording()]), venue_regimes=THROTTLED)
    assert daily["completeness"].to_list() == ["throttled", "throttled"]


def test_a_recording_of_one_symbol_is_judged_by_its_own_hours():
    """Events in the hours 0 to 2 only: a dead recorder looks the same as 21 quiet hours."""
    named = {"date": day("2026-03-01"), "symbol": "BTCUSDT", "raw_key": "raw/own"}
    heard = [
        liquidated(stamp, "long", 1.0, raw_key="raw/own", source="dump") for stamp in EVERY_HOUR[:3]
    ]
    documented = regimes([{"valid_from": day("2020-01-01"), "completeness": "complete"}])
    daily = liquidations(heard, accounting=files([named]), venue_regimes=documented)
    assert daily["completeness"].to_list() == ["partial"]
    whole = [
        liquidated(stamp, "long", 1.0, raw_key="raw/own", source="dump") for stamp in EVERY_HOUR
    ]
    daily = liquidations(whole, accounting=files([named]), venue_regimes=documented)
    assert daily["completeness"].to_list() == ["complete"]


def test_a_symbol_with_its_own_file_is_not_judged_by_the_recording():
    own = {"date": day("2026-03-01"), "symbol": "BTCUSDT", "raw_key": "raw/own"}
    events = [
        liquidated("2026-03-01 01:00", "long", 1.0, raw_key="raw/own"),
        liquidated(
            "2026-03-01 02:00", "long", 1.0, symbol="ETHUSDT", base_asset="ETH", raw_key="raw/ws"
        ),
    ]
    daily = liquidations(events, accounting=files([own, recording()]), venue_regimes=THROTTLED)
    assert dict(daily.select("symbol", "completeness").iter_rows()) == {
        "BTCUSDT": "throttled",
        "ETHUSDT": "partial",
    }


def hour_files(count, skipped=()):
    """Exports of the whole market cut by the hour, and nothing in most of them."""
    return [
        recording(
            raw_key=f"raw/{hour}", hour=at(f"2026-03-01 {hour:02}:00"), rows_read=0, rows_kept=0
        )
        for hour in range(count)
        if hour not in skipped
    ]


@pytest.mark.parametrize(
    ("skipped", "regime", "expected"),
    [
        ((), "complete", "complete"),  # an hour with a file and no event was quiet
        ((), "unknown", "unknown"),
        ((8,), "complete", "partial"),
        ((8,), "throttled", "partial"),
        ((8,), "unknown", "partial"),  # that an hour is missing is known
    ],
)
def test_an_hour_without_its_file_is_known_to_be_missing(skipped, regime, expected):
    book = listings([{}, {"symbol": "ETHUSDT", "base_asset": "ETH"}])
    heard = [liquidated("2026-03-01 05:10", "long", 1.0, raw_key="raw/5")]
    spilled = recording(raw_key="raw/before", hour=at("2026-02-28 23:00"))
    accounting = files([*hour_files(24, skipped), spilled])
    documented = regimes([{"valid_from": day("2020-01-01"), "completeness": regime}])
    daily = liquidations(heard, accounting=accounting, instruments=book, venue_regimes=documented)
    # All coins are in such a file, so that no event is a known zero.
    assert daily.select("symbol", "total_usd").rows() == [("BTCUSDT", 1.0), ("ETHUSDT", 0.0)]
    assert daily["completeness"].to_list() == [expected] * 2


def test_a_stray_record_in_another_days_hour_covers_nothing_else():
    spilled = recording(raw_key="raw/before", hour=at("2026-02-28 23:00"))
    heard = [liquidated("2026-03-01 00:00", "long", 1.0, raw_key="raw/before")]
    book = listings([{}, {"symbol": "ETHUSDT", "base_asset": "ETH"}])
    daily = liquidations(
        heard, accounting=files([spilled]), instruments=book, venue_regimes=THROTTLED
    )
    assert daily.select("symbol", "completeness").rows() == [("BTCUSDT", "partial")]


def test_a_recording_may_fill_an_hour_without_its_file():
    heard = [
        liquidated("2026-03-01 05:10", "long", 1.0, raw_key="raw/5"),
        liquidated("2026-03-01 08:10", "long", 1.0, raw_key="raw/ws"),
        liquidated(
            "2026-03-01 08:20", "long", 1.0, symbol="ETHUSDT", base_asset="ETH", raw_key="raw/ws"
        ),
    ]
    accounting = files([*hour_files(24, [8]), recording()])
    daily = liquidations(heard, accounting=accounting, venue_regimes=THROTTLED)
    assert daily["completeness"].to_list() == ["throttled", "throttled"]


def test_the_regime_is_that_of_the_day():
    daily = liquidations(
        [liquidated("2021-04-26 10:00", "long", 1.0), liquidated("2021-04-27 10:00", "long", 1.0)],
        "2021-04-26",
        "2021-04-27",
        venue_regimes=THROTTLED,
    )
    assert daily["completeness"].to_list() == ["complete", "throttled"]
    before = liquidations(
        [liquidated("2019-04-26 10:00", "long", 1.0)],
        "2019-04-26",
        "2019-04-26",
        venue_regimes=THROTTLED,
    )
    assert before["completeness"].to_list() == ["unknown"]


def test_no_feed_no_row():
    daily = liquidations([], instruments=listings([{}]), venue_regimes=THROTTLED)
    assert daily.height == 0
    assert daily.schema == LIQUIDATIONS_DAILY.schema.create_empty().schema
