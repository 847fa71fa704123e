"""Coverage of a day, by hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from tests.daily.given import VENUE, at, day, files, listings, rows, settlements
from transforms.daily.coverage import coverage_daily, presence
from transforms.schemas.daily import SOURCE_DATASET

SCHEMA = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "date": pl.Date(),
    "rows": pl.Int64(),
}


def coverage(present, first="2026-03-08", last=None, **context):
    """Verdicts by dataset; `present` is (dataset, symbol, day, rows)."""
    table = coverage_daily(
        pl.DataFrame([(d, s, day(t), n) for d, s, t, n in present], schema=SCHEMA, orient="row"),
        day(first),
        day(last or first),
        venue=VENUE,
        datasets=context.get("datasets", set(SOURCE_DATASET.values())),
        instruments=context.get("instruments", listings([])),
        accounting=context.get("accounting", files([])),
    )
    assert table.height == len(set(SOURCE_DATASET.values())) * table["date"].n_unique()
    return table


def verdict(table, dataset="funding_rates", on="2026-03-08"):
    one = table.filter(pl.col("dataset") == dataset, pl.col("date") == day(on))
    return one.select("instruments_expected", "instruments_present", "rows", "status").row(0)


def test_presence_counts_rows_by_symbol_and_day():
    frame = rows(
        "funding_rates",
        settlements(["2026-03-01 00:00", "2026-03-01 08:00", "2026-03-02 00:00"])
        + settlements(["2026-03-01 00:00"], symbol="ETHUSDT", base_asset="ETH"),
    )
    assert presence(frame.lazy(), "funding_rates").rows() == [
        ("funding_rates", "BTCUSDT", day("2026-03-01"), 2),
        ("funding_rates", "BTCUSDT", day("2026-03-02"), 1),
        ("funding_rates", "ETHUSDT", day("2026-03-01"), 1),
    ]
    empty = presence(frame.clear().lazy(), "funding_rates")
    assert dict(empty.schema) == SCHEMA


def test_expected_are_those_of_the_seven_days_before():
    seen = [
        ("funding_rates", "BTCUSDT", "2026-03-07", 3),
        ("funding_rates", "ETHUSDT", "2026-03-01", 3),  # seven days before
        ("funding_rates", "XRPUSDT", "2026-02-28", 3),  # eight
        ("funding_rates", "BTCUSDT", "2026-03-08", 3),
        ("funding_rates", "ETHUSDT", "2026-03-08", 2),
    ]
    assert verdict(coverage(seen)) == (2, 2, 5, "ok")
    assert verdict(coverage(seen[:-1])) == (2, 1, 3, "partial")
    assert verdict(coverage(seen[:-2])) == (2, 0, 0, "missing")


def test_the_first_sample_of_the_next_day_does_not_stand_for_its_file():
    # 288 samples a day, of which the last is labelled 00:00 of the day after.
    before = [("open_interest", "BTCUSDT", "2026-03-07", 288)]
    coarser = [*before, ("open_interest", "BTCUSDT", "2026-03-08", 6)]
    trace = [*before, ("open_interest", "BTCUSDT", "2026-03-08", 1)]
    assert verdict(coverage(coarser), "open_interest") == (1, 1, 6, "ok")
    assert verdict(coverage(trace), "open_interest") == (1, 0, 0, "missing")
    # It is still due on the day after, whichever days are computed together.
    for first in ("2026-03-08", "2026-03-09"):
        told = coverage(trace, first, "2026-03-09")
        assert verdict(told, "open_interest", "2026-03-09") == (1, 0, 0, "missing")
    # One event is a liquidation feed at work.
    events = [
        ("liquidations", "BTCUSDT", on, n) for on, n in (("2026-03-07", 500), ("2026-03-08", 1))
    ]
    assert verdict(coverage(events), "liquidations") == (1, 1, 1, "ok")


def test_an_instrument_that_was_delisted_is_not_expected():
    seen = [
        ("funding_rates", symbol, on, 3)
        for symbol, on in (
            ("BTCUSDT", "2026-03-07"),
            ("ENDUSDT", "2026-03-07"),
            ("BTCUSDT", "2026-03-08"),
        )
    ]
    gone = listings([{"symbol": "ENDUSDT", "valid_to": at("2026-03-08 00:00")}])
    assert verdict(coverage(seen, instruments=gone)) == (1, 1, 3, "ok")
    today = listings([{"symbol": "ENDUSDT", "valid_to": at("2026-03-08 08:00")}])
    assert verdict(coverage(seen, instruments=today)) == (2, 1, 3, "partial")
    again = listings(
        [
            {"symbol": "ENDUSDT", "valid_to": at("2026-03-08 00:00")},
            {"symbol": "ENDUSDT", "listing": 2},
        ]
    )
    assert verdict(coverage(seen, instruments=again)) == (2, 1, 3, "partial")


def test_where_nothing_is_known_nothing_is_expected():
    seen = [("funding_rates", "BTCUSDT", "2026-03-08", 3)]
    table = coverage(seen)
    assert verdict(table) == (None, 1, 3, "ok")
    assert verdict(table, "prices") == (None, 0, 0, "missing")


def test_a_dataset_without_a_feed_is_unsupported():
    table = coverage([], datasets={"funding_rates"})
    assert verdict(table) == (None, 0, 0, "missing")
    assert verdict(table, "liquidations") == (None, 0, 0, "unsupported")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"raw_key": "ws", "rows_read": 5}, (2, 2, 1, "ok")),
        ({"raw_key": "ws", "rows_read": 0}, (2, 1, 1, "partial")),
        ({"symbol": "ETHUSDT"}, (2, 2, 1, "ok")),
    ],
)
def test_quiet_but_covered_is_there_for_liquidations(file, expected):
    seen = [
        ("liquidations", "BTCUSDT", "2026-03-07", 9),
        ("liquidations", "ETHUSDT", "2026-03-07", 9),
        ("liquidations", "BTCUSDT", "2026-03-08", 1),
    ]
    covered = files([{"date": day("2026-03-08"), **file}])
    assert verdict(coverage(seen, accounting=covered), "liquidations") == expected
    # Nothing of the sort holds for other datasets.
    funding = [("funding_rates", *rest) for _, *rest in seen]
    assert verdict(coverage(funding, accounting=covered)) == (2, 1, 1, "partial")


def test_a_venue_day_without_any_event_is_ok_where_files_say_so():
    seen = [("liquidations", "BTCUSDT", "2026-03-07", 9)]
    quiet = files([{"date": day("2026-03-08"), "symbol": "BTCUSDT"}])
    assert verdict(coverage(seen, accounting=quiet), "liquidations") == (1, 1, 0, "ok")
    assert verdict(coverage(seen), "liquidations") == (1, 0, 0, "missing")


def test_the_range_can_be_cut_anywhere():
    seen = [
        (dataset, symbol, f"{at('2026-02-20 00:00') + timedelta(days=n):%Y-%m-%d}", n + 1)
        for dataset in ("funding_rates", "liquidations")
        for i, symbol in enumerate(("BTCUSDT", "ETHUSDT", "XRPUSDT"))
        for n in range(24)
        if (n * 7 + i * 3) % 5
    ]
    recorded = files([{"date": day("2026-03-05"), "raw_key": "ws", "rows_read": 1}])
    whole = coverage(seen, "2026-03-01", "2026-03-12", accounting=recorded)
    cut = [
        coverage(seen, a, b, accounting=recorded)
        for a, b in (
            ("2026-03-01", "2026-03-03"),
            ("2026-03-04", "2026-03-04"),
            ("2026-03-05", "2026-03-12"),
        )
    ]
    assert whole.equals(pl.concat(cut))
    assert set(whole["status"]) == {"ok", "partial", "missing"}


@pytest.mark.parametrize(
    ("hours", "beside", "status"),
    [
        (range(24), [], "ok"),
        (range(23), [], "partial"),
        (range(23), [{"raw_key": "raw/ws"}], "ok"),  # what the recording heard nobody knows
    ],
)
def test_a_day_that_lacks_the_file_of_an_hour_is_partial(hours, beside, status):
    common = {"dataset": "liquidations", "date": day("2026-03-08"), "rows_read": 1, "rows_kept": 1}
    cut = [{"raw_key": f"raw/{n}", "hour": at(f"2026-03-08 {n:02}:00")} for n in hours]
    table = coverage(
        [
            ("liquidations", "BTCUSDT", "2026-03-07", 3),
            ("liquidations", "BTCUSDT", "2026-03-08", 3),
        ],
        accounting=files([common | each for each in (*cut, *beside)]),
    )
    assert verdict(table, "liquidations") == (1, 1, 3, status)
