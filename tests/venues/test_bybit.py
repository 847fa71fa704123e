"""Bybit: symbols, sides, units, questions to the API, recorded files and messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

import polars as pl
import pytest

from tests.venues.recorded import (
    answer,
    assert_all_accounted,
    day_of,
    dumps,
    feed_of,
    golden,
    needs_data,
    payload,
)
from transforms.normalise import normalise, read_instruments
from transforms.payload import BadPayload, Parsed, Payload
from transforms.regimes import regime_table
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Feed, Request, Window
from transforms.venues.bybit import VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}


# ---- Symbols ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "margin", "multiplier"),
    [
        ("BTCUSDT", "BTC", "USDT", "linear", 1),
        ("BTCPERP", "BTC", "USDC", "linear", 1),
        ("SEIPERP", "SEI", "USDC", "linear", 1),
        ("PERPUSDT", "PERP", "USDT", "linear", 1),
        ("BTCUSD", "BTC", "USD", "inverse", 1),
        ("AAPLUSDT", "AAPL", "USDT", "linear", 1),
        ("1000PEPEUSDT", "PEPE", "USDT", "linear", 1_000),
        ("1000PEPEPERP", "PEPE", "USDC", "linear", 1_000),
        ("1000BONKUSDT", "BONK", "USDT", "linear", 1_000),
        ("SHIB1000USDT", "SHIB", "USDT", "linear", 1_000),
        ("SHIB1000PERP", "SHIB", "USDC", "linear", 1_000),
        ("10000SATSUSDT", "SATS", "USDT", "linear", 10_000),
        ("1000000CHEEMSUSDT", "CHEEMS", "USDT", "linear", 1_000_000),
        ("10000000AIDOGEUSDT", "AIDOGE", "USDT", "linear", 10_000_000),
        ("1INCHUSDT", "1INCH", "USDT", "linear", 1),
        ("LUNA2USDT", "LUNA2", "USDT", "linear", 1),
        ("C98USDT", "C98", "USDT", "linear", 1),
        ("100USDT", "100", "USDT", "linear", 1),
        ("1000USDT", "1000", "USDT", "linear", 1),
    ],
)
def test_perpetuals(symbol: str, base: str, quote: str, margin: str, multiplier: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.margin_type) == (base, quote, margin)
    assert (found.base_multiplier, found.contract_size) == (multiplier, 1)
    assert found.settle_asset == (base if margin == "inverse" else quote)
    assert found.contract_kind is ContractKind.PERPETUAL
    assert found.valid_to is None


@pytest.mark.parametrize(
    ("symbol", "quote", "end"),
    [
        ("BTC-24MAR23", "USDC", date(2023, 3, 24)),
        ("BTC-3NOV23", "USDC", date(2023, 11, 3)),
        ("BTCUSDT-21FEB25", "USDT", date(2025, 2, 21)),
        ("BTCUSDH23", "USD", date(2023, 3, 31)),  # a Friday
        ("BTCUSDM21", "USD", date(2021, 6, 25)),  # settle_time in its recorded message
        ("ETHUSDU21", "USD", date(2021, 9, 24)),  # likewise
        ("BTCUSDZ24", "USD", date(2024, 12, 27)),
    ],
)
def test_dated_contracts_end_at_eight(symbol: str, quote: str, end: date) -> None:
    found = instrument(symbol)
    assert found is not None
    assert found.contract_kind is ContractKind.DATED
    assert found.valid_to == datetime(end.year, end.month, end.day, 8, tzinfo=UTC)
    assert found.quote_asset == quote
    assert found.margin_type is (Margin.INVERSE if quote == "USD" else Margin.LINEAR)


@pytest.mark.parametrize(
    "symbol",
    [
        "", "USDT", "USD", "PERP", "BTC", "btcusdt", "BTC-USDT", "BTC/USDT", "BTCUSDT_240628",
        "BTC-USDT-SWAP", "BTCUSD_PERP", "BTC-32MAR23", "BTC-24XXX23", "BTC-24MAR23-30000-C",
        "BTCUSDA23", "BTCUSD0625", "XBTUSD_",
    ],
)  # fmt: skip
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


# ---- Sides, sizes, regimes ----------------------------------------------------------------------


def _amounts(dataset: str, path: str, document: object) -> list[tuple[float, float]]:
    """Coin and USD through the whole way, in order of symbols."""
    days = (date(2025, 3, 1), date(2025, 3, 1))
    done = normalise(VENUE, [answer(VENUE, path, document)], *days, None)
    [rows] = [p.rows for p in done.partitions if p.dataset == dataset]
    names = {
        "liquidations": ("amount_coin", "amount_usd"),
        "open_interest": ("open_interest_coin", "open_interest_usd"),
    }
    return list(rows.sort("symbol").select(names[dataset]).iter_rows())


AT = 1740830400000  # 2025-03-01T12:00Z


def test_one_liquidated_position_is_the_same_in_each_margin_type() -> None:
    """2 BTC at 30,000 = 60,000 USD; 2 units of a thousand at 30,000 are 2,000 coins."""
    sizes = {"1000XUSDT": "2", "BTCPERP": "2", "BTCUSD": "60000", "BTCUSDT": "2"}
    events = [
        {"topic": "allLiquidation.x", "data": [{"T": AT, "s": s, "S": "Buy", "v": v, "p": "30000"}]}
        for s, v in sizes.items()
    ]
    assert _amounts("liquidations", "ws-allLiquidation/a.json", events) == [
        (2_000, 60_000),
        (2, 60_000),
        (2, 60_000),
        (2, 60_000),
    ]


@pytest.mark.parametrize("single", [True, False])
def test_one_open_position_is_the_same_in_each_margin_type(single: bool) -> None:
    """2 BTC of contracts, 4 counting both sides, at a mark of 30,000; one side where it is told."""

    def ticker(symbol: str, both: float, value: float) -> dict[str, str]:
        one_side = {
            "singleOpenInterest": str(both / 2),
            "singleOpenInterestValue": str(value / 2),
        }
        return {
            "symbol": symbol,
            "openInterest": str(both),
            "openInterestValue": str(value),
            "markPrice": "30000",
            **(one_side if single else {}),
        }

    def answered(*tickers: dict[str, str]) -> dict[str, object]:
        return {"retCode": 0, "time": AT, "result": {"list": tickers}}

    linear = answered(ticker("1000XUSDT", 4, 120_000), ticker("BTCUSDT", 4, 120_000))
    assert _amounts("open_interest", "v5-market-tickers/linear/a.json", linear) == [
        (2_000, 60_000),
        (2, 60_000),
    ]
    inverse = answered(ticker("BTCUSD", 120_000, 4))
    assert _amounts("open_interest", "v5-market-tickers/inverse/a.json", inverse) == [(2, 60_000)]


def test_history_without_a_price_is_valued_at_the_mark_of_the_hour() -> None:
    """4 BTC of both sides are 2 at the close of 30,000 of the bar that ended just then; 120,000 USD
    of both sides are 60,000, which are 2 BTC."""

    def answered(path: str, symbol: str, row: object) -> Payload:
        result = {"symbol": symbol, "list": [row]}
        return answer(VENUE, f"v5-market-{path}/{symbol}.json", {"retCode": 0, "result": result})

    files = []
    for category, symbol, both in (("linear", "BTCUSDT", "4"), ("inverse", "BTCUSD", "120000")):
        sample = {"openInterest": both, "timestamp": str(AT)}
        bar = [str(AT - 300_000), "29000", "31000", "28000", "30000"]
        files.append(answered(f"open-interest/{category}/5min", symbol, sample))
        files.append(answered(f"mark-price-kline/{category}/5", symbol, bar))
    day = date(2025, 3, 1)

    def amounts(given: list[Payload]) -> list[tuple[object, ...]]:
        partitions = normalise(VENUE, given, day, day, None).partitions
        [rows] = [p.rows for p in partitions if p.dataset == "open_interest"]
        chosen = rows.sort("symbol").select("open_interest_coin", "open_interest_usd")
        return chosen.rows()

    assert amounts(files) == [(2, 60_000), (2, 60_000)]
    assert amounts(files[::2]) == [(None, 60_000), (2, None)]


def test_regimes_either_side_of_their_days() -> None:
    table = regime_table(VENUE)

    def on(day: date) -> list[str]:
        found = table.filter(
            pl.col("valid_from") <= day, (pl.col("valid_to") > day).fill_null(value=True)
        )
        return found["completeness"].to_list()

    assert on(date(2021, 8, 31)) == []
    assert on(date(2021, 9, 1)) == on(date(2025, 2, 25)) == ["throttled"]
    assert on(date(2025, 2, 26)) == ["complete"]
    assert all("Bybit" in source for source in table["source"])


def test_overlapping_pages_are_one_settlement_each() -> None:
    def page(name: str, *stamps: int) -> Payload:
        rows = [
            {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(s)}
            for s in stamps
        ]
        return answer(
            VENUE,
            f"v5-market-funding-history/linear/{name}.json",
            {"retCode": 0, "result": {"category": "linear", "list": rows}},
        )

    eight = 8 * 3_600_000
    pages = [page("a", AT, AT - eight), page("b", AT - eight, AT - eight), page("c", AT)]
    done = normalise(VENUE, pages, date(2025, 3, 1), date(2025, 3, 1), None)
    [day] = done.partitions
    assert day.rows.height == 2
    assert day.accounting["rows_duplicate"].sum() == 3
    assert day.conflicts.height == 0


def test_an_unknown_symbol_is_set_aside() -> None:
    rows = [{"symbol": "BTC/EUR", "fundingRate": "1", "fundingRateTimestamp": str(AT)}]
    given = answer(
        VENUE,
        "v5-market-funding-history/linear/all.json",
        {"retCode": 0, "result": {"list": rows}},
    )
    [day] = normalise(VENUE, [given], date(2025, 3, 1), date(2025, 3, 1), None).partitions
    assert day.rows.height == 0
    assert day.quarantined["reason"].to_list() == ["unknown symbol BTC/EUR"]


# ---- Paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "feed", "symbol", "labels"),
    [
        ("v5-market-funding-history/linear/BTCUSDT.json", "funding-history", "BTCUSDT", {}),
        ("market-funding-history/inverse/all.jsonl.zst", "funding-history", None, {}),
        (
            "v5-market-open-interest/linear/5min/BTC-24MAR23.json.gz",
            "open-interest", "BTC-24MAR23", {"period": "5min"},
        ),
        (
            "api-v5-market-account-ratio/linear/1d/BTCUSDT.json",
            "account-ratio", "BTCUSDT", {"period": "1d"},
        ),
        (
            "v5-market-mark-price-kline/inverse/D/BTCUSD.json",
            "mark-price-kline", "BTCUSD", {"kind": "mark-price-kline", "interval": "D"},
        ),
        (
            "v5-market-kline/linear/60/BTCUSDT.json",
            "kline", "BTCUSDT", {"kind": "kline", "interval": "60"},
        ),
        ("v5-market-tickers/linear/2026-09-01.jsonl", "tickers", None, {}),
        ("instruments-2021.json", "instruments", None, {"dated": "2021"}),
        (
            "v5-market-instruments-info/linear/2026-09-01.json",
            "instruments", None, {"dated": "2026-09-01"},
        ),
        ("ws-allLiquidation/2026-09-01.jsonl.gz", "liquidation", None, {}),
        ("ws-liquidation/linear/BTCUSDT.jsonl", "liquidation", "BTCUSDT", {}),
    ],
)  # fmt: skip
def test_paths(path: str, feed: str, symbol: str | None, labels: dict[str, str]) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None
    assert found[0].name == f"dump-{feed}"
    assert (found[1].symbol, dict(found[1].labels)) == (symbol, labels)


@pytest.mark.parametrize(
    "path",
    [
        "v5-market-funding-history/spot/BTCUSDT.json",
        "v5-market-open-interest/linear/BTCUSDT.json",
        "v5-market-open-interest/linear/7min/BTCUSDT.json",
        "v5-market-kline/linear/M/BTCUSDT.json",
        "v5-market-kline/linear/60/BTCUSDT.csv",
        "fapi-v1-fundingRate/BTCUSDT.json",
        "ws-tickers/BTCUSDT.jsonl",
        "README.md",
    ],
)
def test_other_paths_are_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.DUMP, path) is None


# ---- Questions to the API -----------------------------------------------------------------------

WINDOW = Window(
    date(2026, 8, 1), date(2026, 8, 2), ["BTCUSDT"], datetime(2026, 9, 1, tzinfo=UTC)
)  # 1785542400 s … 1785715199 s


def _asked(feed: str, window: Window = WINDOW) -> list[Request]:
    requests = FEEDS[feed].requests
    assert requests is not None
    return list(requests(window))


def _page(request: Request, feed: str, *rows: object) -> Request | None:
    pager = FEEDS[feed].next_page
    assert pager is not None
    return pager(request, json.dumps({"retCode": 0, "result": {"list": rows}}).encode())


def test_every_question_names_a_path_its_own_feed_reads() -> None:
    symbols = ["BTCUSDT", "BTCPERP", "BTCUSD", "BTCUSDH27", "BTC-24MAR27", "BTC/USDT"]
    asking = [feed for feed in VENUE.feeds if feed.requests is not None]
    assert len(asking) == 6
    for feed in asking:
        requests = _asked(feed.name, replace(WINDOW, symbols=symbols))
        assert requests
        assert len({r.path for r in requests}) == len(requests)
        for request in requests:
            assert request.host in VENUE.api_hosts
            assert request.pool in VENUE.rate_limits
            facts = feed.facts(request.path)
            assert facts is not None
            if "instruments" not in feed.datasets:
                assert facts.symbol == request.params["symbol"]
                assert facts.first_date is not None
                assert facts.last_date is not None
                assert facts.first_date <= facts.last_date <= WINDOW.last_date
                inverse = facts.symbol in ("BTCUSD", "BTCUSDH27")
                assert request.params["category"] == ("inverse" if inverse else "linear")


def test_funding_is_asked_between_two_ends() -> None:
    """A question with a startTime only is an error at this venue."""
    [request] = _asked("api-funding-history")
    assert request.endpoint == "/v5/market/funding/history"
    assert request.params == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "startTime": "1785542400000",
        "endTime": "1785715199999",
        "limit": "200",
    }
    assert request.path == (
        "v5-market-funding-history/linear/BTCUSDT/1785542400000-1785715199999.json"
    )


def test_dated_contracts_have_no_funding() -> None:
    assert _asked("api-funding-history", replace(WINDOW, symbols=["BTC-24MAR27"])) == []
    assert len(_asked("api-open-interest", replace(WINDOW, symbols=["BTC-24MAR27"]))) == 4


@pytest.mark.parametrize(
    ("feed", "minutes"),
    [
        ("api-open-interest", 5),
        ("api-account-ratio", 5),
        ("api-mark-price-kline", 5),
        ("api-kline", 60),
    ],
)
def test_a_page_holds_the_window_of_each_question(feed: str, minutes: int) -> None:
    long = replace(WINDOW, first_date=date(2026, 3, 1))
    requests = _asked(feed, long)
    ends = [tuple(map(int, r.path.rpartition("/")[2][:-5].split("-"))) for r in requests]
    for start, end in ends:
        assert (end + 1 - start) // (minutes * 60_000) < int(requests[0].params["limit"])
    # Together they are the window, without holes.
    assert all(after[0] == before[1] + 1 for before, after in pairwise(ends))
    assert (ends[0][0], ends[-1][1]) == (1772323200000, 1785715199999)


def test_nothing_is_asked_of_the_future() -> None:
    now = datetime(2026, 8, 1, 13, tzinfo=UTC)
    requests = _asked("api-open-interest", replace(WINDOW, now=now))
    assert [r.params["startTime"] for r in requests] == ["1785542400000", "1785585600000"]
    assert _asked("api-open-interest", replace(WINDOW, now=now - timedelta(days=1))) == []


def _settlements(end: int, count: int) -> list[dict[str, str]]:
    return [
        {"symbol": "BTCUSDT", "fundingRate": "0", "fundingRateTimestamp": str(end - n * 60_000)}
        for n in range(count)
    ]


def test_a_full_page_asks_for_what_lies_before_its_oldest_row() -> None:
    [request] = _asked("api-funding-history")
    assert _page(request, "api-funding-history") is None
    assert _page(request, "api-funding-history", *_settlements(1785715199999, 199)) is None
    # 199 minutes before the newest lies the oldest of 200 rows.
    following = _page(request, "api-funding-history", *_settlements(1785715199999, 200))
    assert following is not None
    assert following.params["startTime"] == "1785542400000"
    assert following.params["endTime"] == str(1785715199999 - 199 * 60_000 - 1)
    assert following.path != request.path
    assert FEEDS["api-funding-history"].facts(following.path) is not None
    # A page that reaches the start is the last.
    assert _page(request, "api-funding-history", *_settlements(1785542400000, 200)) is None


def test_pages_that_make_no_sense_are_refused() -> None:
    [request] = _asked("api-funding-history")
    for rows in (_settlements(1785715200000 + 200 * 60_000, 200), [{"fundingRate": "0"}] * 200):
        with pytest.raises(BadPayload):
            _page(request, "api-funding-history", *rows)
    with pytest.raises(BadPayload, match="10001"):
        FEEDS["api-funding-history"].next_page(  # type: ignore[misc]
            request, b'{"retCode":10001,"retMsg":"params error"}'
        )


def test_instruments_are_paged_by_cursor() -> None:
    requests = _asked("api-instruments")
    assert [r.params["category"] for r in requests] == ["linear", "inverse"]
    pager = FEEDS["api-instruments"].next_page
    assert pager is not None

    def answered(cursor: str) -> bytes:
        return json.dumps(
            {"retCode": 0, "result": {"list": [{}], "nextPageCursor": cursor}}
        ).encode()

    second = pager(requests[0], answered("first%3DA"))
    assert second is not None
    assert second.params["cursor"] == "first%3DA"
    third = pager(second, answered("first%3DB"))
    assert third is not None
    assert [r.path.rpartition("/")[2] for r in (requests[0], second, third)] == [
        "2026-09-01.json",
        "2026-09-01_2.json",
        "2026-09-01_3.json",
    ]
    assert pager(third, answered("")) is None


# ---- Recorded files and messages ----------------------------------------------------------------


@needs_data
def test_recorded_messages_mean_what_was_published() -> None:
    cases = list(golden("bybit", "liquidation"))
    content = b"\n".join(message for message, _ in cases)
    given = payload(VENUE, "ws-liquidation/golden.jsonl", content)
    parsed = feed_of(VENUE, given).parse([given])
    assert parsed.rejected.height == 0
    found = [
        (symbol, side, price, amount, at.isoformat(timespec="milliseconds"))
        for symbol, side, price, amount, at in parsed.rows["liquidations"]
        .select("symbol", "side", "price", "amount", "liquidated_at")
        .iter_rows()
    ]
    assert found == [
        (
            r["symbol"],
            r["liquidated"],
            r["price"],
            r["amount"],
            r["timestamp"].replace("Z", "+00:00"),
        )
        for _, results in cases
        for r in results
    ]
    assert len(found) == 10
    assert {side for _, side, *_ in found} == {"long", "short"}


@needs_data
def test_other_recorded_messages_are_set_aside_in_words() -> None:
    cases = list(golden("bybit", "ticker"))
    content = b"\n".join(message for message, _ in cases)
    given = payload(VENUE, "ws-liquidation/golden.jsonl", content)
    parsed = feed_of(VENUE, given).parse([given])
    assert parsed.rows["liquidations"].height == 0
    assert parsed.rejected.height == len(cases) > 0
    assert set(parsed.rejected["reason"]) == {"not a message of this kind"}


@cache
def _recorded(feed: str) -> Parsed:
    return FEEDS[feed].parse(dumps(VENUE)[feed])


@needs_data
def test_recorded_funding_is_whole() -> None:
    files = dumps(VENUE)
    assert {name: len(given) for name, given in files.items()} == {
        "dump-funding-history": 20,
        "dump-instruments": 1,
    }
    parsed = _recorded("dump-funding-history")
    assert_all_accounted(parsed)
    assert parsed.rejected.height == 0
    rows = parsed.rows["funding_rates"]
    counts = dict(rows.group_by("symbol").len().iter_rows())
    assert (counts["BTCUSDT"], counts["ETHUSDT"]) == (1_638, 1_638)
    assert len(counts) == 20
    assert [s for s in counts if instrument(s) is None] == []
    # Each rate is the text of its file, digit for digit.
    for given in files["dump-funding-history"]:
        served = json.loads(given.content)["result"]["list"]
        told = rows.filter(pl.col("raw_key") == given.raw_key).sort("raw_row")["funding_rate"]
        assert told.to_list() == [Decimal(row["fundingRate"]) for row in served]


@needs_data
def test_days_of_recorded_funding() -> None:
    rows = _recorded("dump-funding-history").rows["funding_rates"]
    assert day_of(rows, "BTCUSDT", "2021-01-16") == {
        0: Decimal("0.00093019"),
        8: Decimal("0.0001"),
        16: Decimal("0.0001"),
    }
    assert sum(day_of(rows, "BTCUSDT", "2021-01-16").values()) == Decimal("0.00113019")
    assert day_of(rows, "BTCUSDT", "2021-01-17") == {
        0: Decimal("0.00037026"),
        8: Decimal("0.0001"),
        16: Decimal("0.00016663"),
    }
    apple = day_of(rows, "AAPLUSDT", "2026-04-28")
    assert (apple[8], apple[16]) == (0, 0)
    tesla = rows.filter(pl.col("symbol") == "TSLAUSDT").sort("settled_at")["settled_at"].to_list()
    step = {b: b - a for a, b in pairwise(tesla)}
    assert step[datetime(2026, 4, 21, 16, tzinfo=UTC)] == timedelta(hours=4)
    ton = rows.filter(pl.col("symbol") == "TONUSDT")["settled_at"].max()
    assert ton == datetime(2026, 6, 15, 8, tzinfo=UTC)


@needs_data
def test_recorded_funding_goes_the_whole_way() -> None:
    given = [p for p in dumps(VENUE)["dump-funding-history"] if p.path.endswith("/BTCUSDT.json")]
    day = date(2021, 1, 16)
    [partition] = normalise(VENUE, given, day, day, None).partitions
    assert partition.rows["funding_rate"].sum() == Decimal("0.00113019")
    assert partition.rows.select("base_asset", "quote_asset", "margin_type").unique().rows() == [
        ("BTC", "USDT", "linear")
    ]


@needs_data
def test_instruments_of_2021() -> None:
    answers = read_instruments(VENUE, dumps(VENUE)["dump-instruments"])
    assert answers.height == 15
    assert set(answers["observed_at"]) == {datetime(2021, 4, 17, 16, 43, 5, tzinfo=UTC)}
    found = {row["symbol"]: row for row in answers.to_dicts()}
    perpetual, dated, linear = found["BTCUSD"], found["BTCUSDM21"], found["BTCUSDT"]
    assert (perpetual["margin_type"], perpetual["contract_kind"]) == ("inverse", "perpetual")
    assert (dated["contract_kind"], dated["valid_to"]) == (
        "dated",
        datetime(2021, 6, 25, 8, tzinfo=UTC),
    )
    assert (linear["margin_type"], linear["settle_asset"]) == ("linear", "USDT")


def test_a_file_of_another_feed_is_refused() -> None:
    def parse(feed: Feed, content: bytes) -> None:
        path = "v5-market-funding-history/linear/BTCUSDT.json"
        feed.parse([payload(VENUE, path, content)])

    for content in (b"", b"<html>", b"[]x", b'{"code":"0","data":[]}', b'{"retCode":0}', b"null"):
        with pytest.raises(BadPayload):
            parse(FEEDS["dump-funding-history"], content)
