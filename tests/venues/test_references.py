"""Aggregators: golden lines, real files read whole, and what becomes of files that overlap."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from transforms.daily.catalogue import tables_of
from transforms.daily.table import Inputs
from transforms.instruments import InstrumentBook
from transforms.normalise import Partition, normalise, survey
from transforms.payload import BadPayload, Parsed, Payload
from transforms.references import Grid, seconds
from transforms.regimes import regime_table
from transforms.schemas.column import SourceKind
from transforms.schemas.normalised import DATASETS, UNLISTED
from transforms.venue import Venue, discover

AGGREGATORS = Path(__file__).parents[2].parent / "shared" / "data" / "aggregators"
FETCHED_AT = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = ("coinalyze", "coinglass", "cryptoquant")
FILES = {"coinalyze": 52, "coinglass": 30, "cryptoquant": 3}
JANUARY = date(2021, 1, 10), date(2021, 1, 17)
BTC_LONGS_2025_10_10 = Decimal("286427425.62527")
BTC_SHORTS_2025_10_10 = Decimal("117263362.96094")

real = pytest.mark.skipif(not AGGREGATORS.is_dir(), reason="no ../shared/data beside the repo")
every_one = pytest.mark.parametrize("name", NAMES)


def venue(name: str) -> Venue:
    return discover()[name]


def payload(name: str, path: str, content: bytes, *, version: str = "") -> Payload:
    found = venue(name).feed_for(SourceKind.DUMP, path)
    assert found is not None, path
    return Payload(f"raw/{path}{version}", path, content, SourceKind.DUMP, found[1], FETCHED_AT)


def real_files(name: str, pattern: str = "**/*.*") -> list[Payload]:
    root = AGGREGATORS / name
    files = [path for path in sorted(root.glob(pattern)) if path.is_file()]
    assert files
    return [payload(name, path.relative_to(root).as_posix(), path.read_bytes()) for path in files]


def parsed(name: str, payloads: list[Payload]) -> list[Parsed]:
    by_feed = {
        feed.name: [p for p in payloads if feed.facts(p.path) is not None]
        for feed in venue(name).feeds
    }
    assert sum(map(len, by_feed.values())) == len(payloads), "a file of two feeds, or of none"
    return [feed.parse(by_feed[feed.name]) for feed in venue(name).feeds]


def partitions(name: str, payloads: list[Payload], first: date, last: date) -> list[Partition]:
    return normalise(venue(name), payloads, first, last, None).partitions


def daily(
    name: str, payloads: list[Payload], first: date, last: date
) -> Mapping[str, pl.DataFrame]:
    """The published tables of an aggregator, by name."""
    found = partitions(name, payloads, first, last)
    tables = {}
    for table in tables_of(venue(name)):
        mine = [p for p in found if p.dataset == table.dataset]
        rows = pl.concat([DATASETS[table.dataset].create_empty(), *(p.rows for p in mine)])
        inputs = Inputs(
            rows.lazy(),
            pl.DataFrame(),
            InstrumentBook.of(venue(name), None, []).table(),
            regime_table(venue(name)),
            name,
        )
        tables[table.name] = table.compute(inputs, first, last)
    return tables


def answer(*rows: dict[str, object]) -> bytes:
    return json.dumps({"code": "0", "msg": "success", "data": rows}).encode()


# What the shared mechanics make of stamps


def test_the_grid_of_an_answer_is_its_last_stamp_and_its_smallest_step() -> None:
    # 08:00, 00:00, 04:00 and one that is text
    grid = Grid.of(["1747641600000", "1747612800000", "1747627200000", "soon", None])
    assert grid == Grid(1747641600, 240)
    assert grid.cells("1747641600000") == {"forming": "1", "minutes": "240"}
    assert grid.cells("1747627200000") == {"forming": "0", "minutes": "240"}
    assert Grid.of([]) == Grid(None, 0)
    assert Grid.of([]).cells("soon") == {"forming": "0", "minutes": "0"}


def test_seconds_and_milliseconds_are_told_apart_and_nonsense_is_neither() -> None:
    assert seconds("1747612800") == seconds("1747612800999") == 1747612800
    absurd = [None, 5, "", "-1", "1e9", "1.5", "99999999999", "١٢٣", "9" * 5000, "1_000_000_000"]
    assert [seconds(stamp) for stamp in absurd] == [None] * len(absurd)


# Golden lines of VENUES


def test_golden_lines_of_coinglass() -> None:
    rows = [
        {
            "time": 1658966400000,
            "aggregated_long_liquidation_usd": 5916885.14234,
            "aggregated_short_liquidation_usd": 12969583.87632,
        },
        {
            "time": 1658880000000,
            "open": "0.004603",
            "high": "0.009388",
            "low": "-0.005063",
            "close": "0.009229",
        },
    ]
    files = [
        payload("coinglass", "liquidation-aggregated-history_BTC.json", answer(rows[0])),
        payload("coinglass", "funding-rate-history_BTC_BINANCE.json", answer(rows[1])),
    ]
    found = pl.concat([part.rows["references"] for part in parsed("coinglass", files)])
    assert dict(found.select("metric", "value").iter_rows()) == {
        "liquidations_long_usd": 5916885.14234,
        "liquidations_short_usd": 12969583.87632,
        # percent: 0.009229 %
        "funding_rate": 0.00009229,
    }
    assert found["bucket_at"].unique().sort().to_list() == [
        datetime(2022, 7, 27, tzinfo=UTC),
        datetime(2022, 7, 28, tzinfo=UTC),
    ]


# Real files, whole


@real
@every_one
def test_every_real_file_is_read_and_every_record_is_a_row_or_rejected(name: str) -> None:
    files = real_files(name)
    assert len(files) == FILES[name]
    found = parsed(name, files)
    read = sum(part.read["rows_read"].sum() for part in found)
    rows = sum(frame.height for part in found for frame in part.rows.values())
    rejected = Counter(reason for part in found for reason in part.rejected["reason"])
    assert read == rows + rejected.total()
    assert (
        rejected
        == {
            "coinalyze": {},
            # 22 rows of two values, for BTC and for ETH
            "coinglass": {"neither answer nor path says the day": 88},
            # funding of 2020-10-29 and -30 has empty cells
            "cryptoquant": {"value is empty": 2},
        }[name]
    )


@real
@every_one
def test_aggregators_have_references_only_and_no_instruments(name: str) -> None:
    assert {d for feed in venue(name).feeds for d in feed.datasets} <= UNLISTED
    assert {p.facts.symbol for p in real_files(name)} == {None}


@real
def test_cryptoquant_in_january_2021() -> None:
    said = daily("cryptoquant", real_files("cryptoquant"), *JANUARY)["reference_daily"]
    interest = said.filter(pl.col("metric") == "open_interest_usd")
    assert interest["value"].to_list() == [
        6070271845.0,
        5600022318.0,
        5210185146.0,
        5751064810.0,
        6137499256.0,
        5786094235.0,
        5643653041.0,
        5372295910.0,
    ]
    rates = said.filter(pl.col("metric") == "funding_rate")
    assert rates["value"].to_list()[-3:] == [0.00076385287, 0.00027355453, 0.00016407248]
    prices = said.filter(pl.col("metric") == "price_usd")
    assert prices["value"].to_list()[-2:] == [36005.56769, 35842.33582]
    assert said.height == 3 * 8
    assert said["reference_venue"].null_count() == said.height
    assert said["base_asset"].unique().to_list() == ["BTC"]
    assert not said["is_partial"].any()


@real
def test_cryptoquant_last_days_are_left_out() -> None:
    files = real_files("cryptoquant")
    days = [survey(venue("cryptoquant"), file) for file in files]
    assert days == [
        (date(2009, 10, 5), date(2024, 11, 19)),
        (date(2016, 5, 15), date(2024, 11, 20)),
        (date(2019, 3, 30), date(2024, 11, 20)),
    ]
    said = daily("cryptoquant", files, date(2024, 11, 18), date(2024, 11, 21))["reference_daily"]
    last = said.group_by("metric").agg(pl.col("date").max()).sort("metric")
    assert last.rows() == [
        ("funding_rate", date(2024, 11, 19)),
        ("open_interest_usd", date(2024, 11, 19)),
        ("price_usd", date(2024, 11, 18)),
    ]


@real
def test_liquidations_of_2025_10_10() -> None:
    day = date(2025, 10, 10)
    files = real_files("coinglass", "liquidation-*_BTC.json")
    said = daily("coinglass", files, day, day)["reference_daily"]
    assert said.select("metric", "bucket_count", "is_partial", "reference_venue").rows() == [
        ("liquidations_long_usd", 6, False, None),
        ("liquidations_short_usd", 6, False, None),
    ]
    # Σ of the six 4 h buckets, independently and exactly
    told = json.loads(files[0].content, parse_float=Decimal)["data"]
    start = int(datetime(2025, 10, 10, tzinfo=UTC).timestamp()) * 1000
    of_day = [row for row in told if start <= row["time"] < start + 86_400_000]
    assert len(of_day) == 6
    longs = sum(row["aggregated_long_liquidation_usd"] for row in of_day)
    shorts = sum(row["aggregated_short_liquidation_usd"] for row in of_day)
    assert (longs, shorts) == (BTC_LONGS_2025_10_10, BTC_SHORTS_2025_10_10)
    assert said["value"].to_list() == pytest.approx([float(longs), float(shorts)], rel=1e-14)


@real
def test_first_and_last_day_of_coinglass_are_partial() -> None:
    files = real_files("coinglass", "liquidation-*_BTC.json")
    first, last = date(2025, 5, 18), date(2025, 11, 14)
    said = daily("coinglass", files, first, last)["reference_daily"]
    longs = said.filter(pl.col("metric") == "liquidations_long_usd")
    partial = longs.filter("is_partial").select("date", "bucket_count")
    # 20:00 alone; 00:00 … 12:00, the one from 16:00 was forming
    assert partial.rows() == [(first, 1), (last, 4)]
    assert longs.height == (last - first).days + 1


@real
def test_coinglass_units_are_those_of_each_file() -> None:
    day = date(2025, 10, 1)
    said = daily("coinglass", real_files("coinglass", "open-interest-*_BTC.json"), day, day)
    rows = said["reference_daily"].select("series", "metric", "unit", "margin_type", "value").rows()
    assert [row[:4] for row in rows] == [
        (
            "open-interest-aggregated-coin-margin-history_BTC",
            "open_interest_usd",
            "USD",
            "inverse",
        ),
        ("open-interest-aggregated-history_BTC", "open_interest_usd", "USD", None),
        (
            "open-interest-aggregated-stablecoin-history_BTC",
            "open_interest_coin",
            "coin",
            "linear",
        ),
    ]
    inverse, whole, linear = (row[4] for row in rows)
    # the whole is dollars of both; the linear part is less than a million coins
    assert linear < 1e6 < inverse < whole


@real
def test_the_total_of_the_exchange_list_stands_for_itself() -> None:
    content = (AGGREGATORS / "coinglass" / "open-interest-exchange-list_BTC.json").read_bytes()
    day = date(2025, 11, 14)
    file = payload("coinglass", f"open-interest-exchange-list_BTC-{day}.json", content)
    said = daily("coinglass", [file], day, day)["reference_daily"]
    dollars = said.filter(pl.col("metric") == "open_interest_usd")
    total = dollars.filter(pl.col("reference_venue").is_null())
    assert total["value"].to_list() == [67130599066.2341]
    others = dollars.filter(pl.col("reference_venue").is_not_null())
    assert others.height == 21
    assert others["value"].sum() == pytest.approx(67130599066.2341, rel=1e-12)
    assert {"binance", "cme", "gate", "htx"} <= set(others["reference_venue"])
    assert said.height == 2 * 22


@real
def test_coinalyze_days_and_exchanges() -> None:
    day = date(2021, 9, 15)
    said = daily("coinalyze", real_files("coinalyze"), day, day)["reference_daily"]
    [bitcoin] = said.filter(pl.col("series") == "BTCUSD_PERP.A").to_dicts()
    assert bitcoin["value"] == 718741000.0  # the close; 713650900.0 is the open
    assert (bitcoin["reference_venue"], bitcoin["quote_asset"]) == ("binance", "USD")
    last = date(2025, 10, 27)
    said = daily("coinalyze", real_files("coinalyze"), last - timedelta(days=2), last)
    interest = said["reference_daily"].filter(pl.col("metric") == "open_interest_usd")
    # the 27th was forming in all files; all markets of a file end together but those that ended
    assert interest["date"].max() == date(2025, 10, 26)
    assert set(interest["reference_venue"]) == {
        "binance",
        "bybit",
        "dydx",
        "htx",
        "hyperliquid",
        "okx",
    }


# Overlaps, repeats, other people's files


def test_a_bucket_seen_forming_and_finished_is_the_finished_one_without_a_conflict() -> None:
    def interest(*closes: float) -> bytes:
        start = 1747612800000  # 2025-05-19
        return answer(
            *({"time": start + n * 86_400_000, "close": close} for n, close in enumerate(closes))
        )

    path = "open-interest-aggregated-history_BTC.json"
    files = [
        payload("coinglass", path, interest(1, 2), version="@evening"),
        payload("coinglass", path, interest(1, 2.5), version="@night"),
        payload("coinglass", path, interest(1, 3, 4), version="@next"),
    ]
    first, last = date(2025, 5, 19), date(2025, 5, 21)
    for order in (files, files[::-1]):
        found = partitions("coinglass", order, first, last)
        assert [p.rows["value"].to_list() for p in found] == [[1.0], [3.0], [4.0]]
        assert [p.rows["still_forming"].to_list() for p in found] == [[False], [False], [True]]
        assert sum(p.conflicts.height for p in found) == 0
        assert sum(p.accounting["rows_duplicate"].sum() for p in found) == 4
    assert daily("coinglass", files, first, last)["reference_daily"]["value"].to_list() == [1, 3]


def test_a_finished_bucket_that_was_revised_is_a_conflict() -> None:
    def interest(first: float) -> bytes:
        rows = [{"time": 1747612800000, "close": first}, {"time": 1747699200000, "close": 9}]
        return answer(*rows)

    path = "open-interest-aggregated-history_BTC.json"
    files = [
        payload("coinglass", path, interest(1), version="@a"),
        payload("coinglass", path, interest(2), version="@b"),
    ]
    [one, _] = partitions("coinglass", files, date(2025, 5, 19), date(2025, 5, 20))
    assert one.rows["value"].to_list() == [1.0]
    assert one.conflicts.select("column_name", "kept_value", "other_value").rows() == [
        ("value", "1.0", "2.0")
    ]


def test_an_answer_of_cryptoquant_stands_before_a_csv_and_a_difference_is_reported() -> None:
    csv = b"Date,Data\n2021.1.15,1\n2021.1.16,5\n2021.1.17,6"
    told = [
        {"date": f"2021-01-{day}", "open_interest": value}
        for day, value in ((18, 9), (17, 6), (16, 7))
    ]
    body = {"status": {"code": 200}, "result": {"window": "day", "data": told}}
    files = [
        payload("cryptoquant", "open_interest.csv", csv),
        payload(
            "cryptoquant",
            "btc-market-data-open-interest/all_exchange.json",
            json.dumps(body).encode(),
        ),
    ]
    first, last = date(2021, 1, 15), date(2021, 1, 18)
    said = daily("cryptoquant", files, first, last)["reference_daily"]
    # the csv's last day was forming, in the answer it was over
    assert said.select("date", "value").rows() == [
        (date(2021, 1, 15), 1.0),
        (date(2021, 1, 16), 7.0),
        (date(2021, 1, 17), 6.0),
    ]
    conflicts = pl.concat([p.conflicts for p in partitions("cryptoquant", files, first, last)])
    assert conflicts.select("kept_value", "other_value").rows() == [("7.0", "5.0")]


def test_reserves_go_their_own_way() -> None:
    csv = b"Date,Data\n2021.1.16,2361234.5\n2021.1.17,2360000\n"
    files = [payload("cryptoquant", "BTC_exchange_reserve.csv", csv)]
    said = daily("cryptoquant", files, date(2021, 1, 16), date(2021, 1, 17))
    assert said["reference_daily"].is_empty()
    assert said["reserves_daily"].select("date", "reserve_coin", "reference_venue").rows() == [
        (date(2021, 1, 16), 2361234.5, None)
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("coinglass", "funding-rate-history_BTC.json"),  # of which exchange?
        ("coinglass", "global-long-short-account-ratio-history_BTC.json"),
        ("coinglass", "readme.txt"),
        ("coinalyze", "ohlcv-history/BTCUSDT_PERP.A.json"),
        ("coinalyze", "BTCUSDT_PERP.A.json"),
        ("cryptoquant", "btc-market-data-taker-buy-sell-stats/binance.json"),
        ("cryptoquant", "prices.csv"),
    ],
)
def test_paths_that_say_too_little_are_not_read(name: str, path: str) -> None:
    assert venue(name).feed_for(SourceKind.DUMP, path) is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("coinglass", "open-interest-aggregated-history_BTC.json"),
        ("coinalyze", "open-interest-history/BTCUSD_PERP.A.json"),
        ("cryptoquant", "btc-market-data-open-interest/all_exchange.json"),
    ],
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>Just a moment</body></html>",
        b'{"code":"0","data":[{"time":1747612800000,"clo',
        b'{"retCode":0,"result":{"list":[]}}',
        b'{"code":"50001","msg":"upgrade plan"}',
    ],
)
def test_what_is_no_answer_is_refused_whole(name: str, path: str, content: bytes) -> None:
    file = payload(name, path, content)
    with pytest.raises(BadPayload) as raised:
        parsed(name, [file])
    assert raised.value.path == path


@every_one
def test_another_venues_records_are_set_aside_one_by_one(name: str) -> None:
    """An array may be an array of answers, of which each is judged by itself."""
    path = {
        "coinglass": "open-interest-aggregated-history_BTC.json",
        "coinalyze": "open-interest-history/BTCUSD_PERP.A.json",
        "cryptoquant": "btc-market-data-open-interest/all_exchange.json",
    }[name]
    content = b'[{"symbol":"BTCUSDT","fundingTime":1771099200000,"fundingRate":"0.0001"}]'
    found = parsed_one(name, payload(name, path, content))
    assert found.rows["references"].is_empty()
    assert found.rejected["reason"].to_list() == ["not a message of this kind"]


def parsed_one(name: str, file: Payload) -> Parsed:
    found = venue(name).feed_for(file.source, file.path)
    assert found is not None
    return found[0].parse([file])


def test_one_record_does_not_spoil_the_series_or_its_length() -> None:
    """A stamp with a digit too many is set aside, and is neither the last bucket nor a step."""
    rows = [
        {"time": 1747612800000, "close": 1},
        {"time": 17476272000000, "close": 2},
        {"time": 1747641600000, "close": 3},
        {"time": 1747656000000, "close": 4},
    ]
    file = payload("coinglass", "open-interest-aggregated-history_BTC.json", answer(*rows))
    [found, _] = parsed("coinglass", [file])
    kept = found.rows["references"]
    assert kept.select("value", "still_forming", "bucket_minutes").rows() == [
        (1.0, False, 240),
        (3.0, False, 240),
        (4.0, True, 240),
    ]
    assert found.rejected["reason"].to_list() == ["time 17476272000000 is not a time"]
