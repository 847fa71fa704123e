"""Hyperliquid: symbols, keys and questions, recorded settlements, orders from fills."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.venues.cases import pack
from tests.venues.recorded import needs_data
from tests.venues.written import (
    lines,
    messages,
    normalised,
    parse,
    payload,
    recorded_payloads,
    settlements,
)
from transforms.payload import BadPayload
from transforms.schemas.column import Completeness, Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.hyperliquid import FUNDING_PAGE, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
DAY = date(2025, 11, 13)
HEADER = (
    "time,coin,funding,open_interest,prev_day_px,day_ntl_vlm,premium,oracle_px,mark_px,mid_px,"
    "impact_bid_px,impact_ask_px"
)


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "multiplier"),
    [
        ("BTC", "BTC", "USDC", 1),
        ("kPEPE", "PEPE", "USDC", 1000),
        ("kBONK", "BONK", "USDC", 1000),
        ("KAS", "KAS", "USDC", 1),
        ("2Z", "2Z", "USDC", 1),
        ("0G", "0G", "USDC", 1),
        ("xyz:TSLA", "TSLA", "USDC", 1),
        ("xyz:XYZ100", "XYZ100", "USDC", 1),
        ("flx:GOLD", "GOLD", "USD", 1),
    ],
)
def test_symbols(symbol: str, base: str, quote: str, multiplier: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, quote)
    assert (found.margin_type, found.contract_size) == (Margin.LINEAR, 1)
    assert (found.base_multiplier, found.valid_to) == (multiplier, None)


@pytest.mark.parametrize("symbol", ["", "@107", "PURR/USDC", "btc", "k", "xyz:", ":BTC", "2025"])
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize("source", ["archive", "dump"])
@pytest.mark.parametrize(
    ("path", "feed", "day"),
    [
        ("asset_ctxs/20251113.csv.lz4", "contexts", DAY),
        ("node_fills_by_block/hourly/20251113/8.lz4", "fills", DAY),
        ("node_fills/hourly/20250601/23.lz4", "fills", date(2025, 6, 1)),
    ],
)
def test_bulk_paths(source: str, path: str, feed: str, day: date) -> None:
    found = VENUE.feed_for(SourceKind(source), path)
    assert found is not None
    assert found[0].name == f"{source}-{feed}"
    assert (found[1].symbol, found[1].first_date, found[1].last_date) == (None, day, day)
    hour = {"8.lz4": 8, "23.lz4": 23}.get(path.rsplit("/", 1)[-1])
    assert found[1].hour == (
        None if hour is None else datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "path",
    [
        "asset_ctxs/20251313.csv.lz4",
        "asset_ctxs/2025-11-13.csv.lz4",
        "asset_ctxs/20251113.csv.zip",
        "node_fills_by_block/hourly/20251113/",
        "node_fills_by_block/hourly/20251113/24.lz4",
        "node_trades/hourly/20251113/8.lz4",
        "market_data/20251113/8/l2Book/BTC.lz4",
    ],
)
def test_what_no_feed_reads(path: str) -> None:
    assert VENUE.feed_for(SourceKind.ARCHIVE, path) is None


def test_answer_paths() -> None:
    found = VENUE.feed_for(SourceKind.DUMP, "fundingHistory/xyz_TSLA.json")
    assert found is not None
    assert (found[0].name, found[1].symbol) == ("dump-fundingHistory", "xyz:TSLA")
    found = VENUE.feed_for(SourceKind.DUMP, "fundingHistory/2025.json")
    assert found is not None
    assert found[1].symbol is None


def test_keys_of_buckets_that_are_not_listed() -> None:
    contexts = FEEDS["archive-contexts"].candidates
    fills = FEEDS["archive-fills"].candidates
    assert contexts is not None
    assert fills is not None
    assert contexts(None, date(2023, 5, 18), date(2023, 5, 21)) == [
        "asset_ctxs/20230520.csv.lz4",
        "asset_ctxs/20230521.csv.lz4",
    ]
    assert contexts("BTC", DAY, DAY) == fills("BTC", DAY, DAY) == []
    assert fills(None, date(2025, 5, 1), date(2025, 5, 24)) == []
    assert fills(None, DAY, DAY) == [
        f"node_fills_by_block/hourly/20251113/{hour}.lz4" for hour in range(24)
    ]
    # Both folders hold part of the day on which one took over from the other.
    assert [key.split("/")[0] for key in fills(None, date(2025, 7, 26), date(2025, 7, 28))] == (
        ["node_fills"] * 48 + ["node_fills_by_block"] * 48
    )
    for feed in ("archive-contexts", "archive-fills"):
        keys = FEEDS[feed].candidates
        assert keys is not None
        assert all(FEEDS[feed].facts(key) is not None for key in keys(None, DAY, DAY))


def test_fills_are_complete_from_the_first_whole_day() -> None:
    [regime] = VENUE.regimes
    assert (regime.valid_from, regime.valid_to) == (date(2025, 5, 26), None)
    assert regime.completeness is Completeness.COMPLETE


# ---- Questions ----------------------------------------------------------------------------------


def ask(feed: str, first: date, last: date, *symbols: str) -> list[Request]:
    requests = FEEDS[feed].requests
    assert requests is not None
    found = list(requests(Window(first, last, symbols, NOW)))
    for request in found:
        match = VENUE.feed_for(SourceKind.API, request.path)
        assert match is not None
        assert match[0].name == feed
        assert (request.method, request.endpoint) == ("POST", "/info")
        assert request.pool in VENUE.rate_limits
    return found


def test_funding_is_asked_by_coin() -> None:
    found = ask("api-fundingHistory", date(2025, 11, 1), date(2025, 11, 30), "xyz:TSLA", "@107")
    # 20 days and 10: 480 and 240 hours
    assert [dict(r.params) for r in found] == [
        {"type": "fundingHistory", "coin": "xyz:TSLA", "startTime": start, "endTime": end}
        for start, end in ((1761955200000, 1763683199999), (1763683200000, 1764547199999))
    ]
    assert found[0].path == "fundingHistory/xyz_TSLA/1761955200000-1763683199999.json"
    facts = FEEDS["api-fundingHistory"].facts(found[0].path)
    assert facts is not None
    assert facts.symbol == "xyz:TSLA"
    assert (facts.first_date, facts.last_date) == (date(2025, 11, 1), date(2025, 11, 20))


def _settled(*stamps: int) -> bytes:
    return json.dumps([{"coin": "BTC", "fundingRate": "0.1", "time": t} for t in stamps]).encode()


def test_a_full_page_of_funding_goes_on_behind_it() -> None:
    next_page = FEEDS["api-fundingHistory"].next_page
    assert next_page is not None
    [request] = ask("api-fundingHistory", DAY, DAY, "BTC")
    start, end = int(request.params["startTime"]), int(request.params["endTime"])
    full = _settled(*range(start, start + FUNDING_PAGE))
    following = next_page(request, full)
    assert following is not None
    assert following.params["startTime"] == start + FUNDING_PAGE
    assert following.path == f"fundingHistory/BTC/{start + FUNDING_PAGE}-{end}.json"
    assert next_page(request, _settled(*range(start, start + FUNDING_PAGE - 1))) is None
    assert next_page(request, _settled(*range(end - FUNDING_PAGE + 1, end + 1))) is None
    for content, words in {
        _settled(*range(FUNDING_PAGE)): "before the time asked for",
        json.dumps([{}] * FUNDING_PAGE).encode(): "without its time",
        b"null": "not an answer",
    }.items():
        with pytest.raises(BadPayload, match=words):
            next_page(request, content)


def test_the_present_is_one_question() -> None:
    [found] = ask("api-metaAndAssetCtxs", DAY, DAY, "BTC")
    assert found.params == {"type": "metaAndAssetCtxs"}
    assert found.path == "metaAndAssetCtxs/at-1788242400000.json"


# ---- Recorded files and messages ----------------------------------------------------------------


@needs_data
def test_recorded_settlements() -> None:
    parsed = parse(VENUE, *recorded_payloads(VENUE))
    assert parsed.rejected.height == 0
    assert {s: settlements(parsed, s).height for s in ("BTC", "xyz:TSLA")} == {
        "BTC": 8_785,
        "xyz:TSLA": 6_759,
    }
    btc = settlements(parsed, "BTC")
    assert btc["settled_at"][0] == datetime(2025, 8, 21, 5, tzinfo=UTC)
    assert btc["settled_at"][-1] == datetime(2026, 8, 22, 5, tzinfo=UTC)
    by_day = btc.group_by(pl.col("settled_at").dt.date().alias("day")).len()
    assert by_day.filter(day=date(2025, 8, 21))["len"].to_list() == [19]
    assert by_day.filter(day=date(2025, 8, 22))["len"].to_list() == [24]
    late = settlements(parsed, "xyz:TSLA").filter(settled_at=datetime(2026, 3, 23, tzinfo=UTC))[
        "settled_at_original"
    ]
    assert late.to_list() == [datetime(2026, 3, 23, 0, 0, 0, 261_000, tzinfo=UTC)]


@needs_data
def test_recorded_rates_to_the_last_digit() -> None:
    [file] = recorded_payloads(VENUE, "fundingHistory/BTC")
    written = [Decimal(row["fundingRate"]) for row in json.loads(file.content)]
    assert settlements(parse(VENUE, file), "BTC")["funding_rate"].to_list() == written


@needs_data
def test_recorded_context_message() -> None:
    [(message, told)] = messages("hyperliquid")
    [published] = told["results"]
    arrival = datetime.fromisoformat(published["timestamp"])
    stamped = {"arrival_ns": round(arrival.timestamp() * 1000) * 10**6, "message": message}
    file = payload(VENUE, "ws-activeAssetCtx/x.jsonl", lines(stamped))
    [row] = parse(VENUE, file).rows["open_interest"].to_dicts()
    assert (row["symbol"], row["amount"], row["price"], row["sampled_at"]) == (
        published["symbol"],
        published["open_interest"],
        published["mark_price"],
        arrival,
    )


# ---- Contexts -----------------------------------------------------------------------------------


def contexts(*rows: str) -> bytes:
    text = "".join(f"{line}\n" for line in (HEADER, *rows)).encode()
    return pack("x.csv.lz4", text)


def context(time: str, coin: str, interest: str, mark: str) -> str:
    return f"{time},{coin},0.00001,{interest},1,1,,1,{mark},null,null,null"


def test_the_running_rate_is_no_settlement() -> None:
    assert all(
        "funding_rates" not in feed.datasets
        for name, feed in FEEDS.items()
        if not name.endswith("fundingHistory")
    )


def test_one_position_in_both_kinds_of_coin() -> None:
    """60,000 dollars: 2 BTC at 30,000; 12 million PEPE at 0.005, counted in thousands at 5."""
    file = payload(
        VENUE,
        "asset_ctxs/20251113.csv.lz4",
        contexts(
            context("2025-11-13T00:00:00Z", "BTC", "2.0", "30000.0"),
            context("2025-11-13T00:00:00Z", "kPEPE", "12000.0", "5.0"),
        ),
    )
    interest = normalised(VENUE, "open_interest", DAY, file).sort("symbol")
    assert interest.select(
        "base_asset", "open_interest_coin", "open_interest_usd", "sample_interval_minutes"
    ).rows() == [("BTC", 2, 60_000, 1), ("PEPE", 12_000_000, 60_000, 1)]
    prices = normalised(VENUE, "prices", DAY, file).sort("symbol")
    assert prices.select("price_open", "price_close", "volume_coin").rows() == [
        (30_000, 30_000, None),
        (0.005, 0.005, None),
    ]


def test_of_two_snapshots_in_a_minute_the_one_on_the_minute_wins() -> None:
    rows = [
        context("2025-11-13T00:07:00Z", "BTC", "2.0", "30000.0"),
        context("2025-11-13T00:07:41Z", "BTC", "3.0", "30001.0"),
        context("2025-11-13T00:08:03Z", "BTC", "4.0", "30002.0"),
    ]
    for order in (rows, rows[::-1]):
        file = payload(VENUE, "asset_ctxs/20251113.csv.lz4", contexts(*order))
        found = normalised(VENUE, "open_interest", DAY, file)
        assert found.select(pl.col("sampled_at").dt.minute(), "open_interest_coin").rows() == [
            (7, 2.0),
            (8, 4.0),
        ]


@pytest.mark.parametrize("keep", [0, 5, 40, -1, -9])
def test_a_file_cut_off_in_the_middle_is_not_used(keep: int) -> None:
    whole = contexts(*[context("2025-11-13T00:07:00Z", "BTC", "2.0", "30000.0")] * 100)
    with pytest.raises(BadPayload, match="hyperliquid: asset_ctxs/20251113"):
        parse(VENUE, payload(VENUE, "asset_ctxs/20251113.csv.lz4", whole[:keep]))


def test_a_day_that_ends_early_is_what_it_has() -> None:
    rows = [
        context(f"2025-11-13T{n // 60:02}:{n % 60:02}:00Z", "BTC", "2.0", "30000.0")
        for n in range(156)
    ]
    file = payload(VENUE, "asset_ctxs/20251113.csv.lz4", contexts(*rows))
    assert normalised(VENUE, "open_interest", DAY, file).height == 156


def test_unknown_symbols_are_never_numbers() -> None:
    row = context("2025-11-13T00:07:00Z", "@107", "2.0", "30000.0")
    file = payload(VENUE, "asset_ctxs/20251113.csv.lz4", contexts(row))
    assert normalised(VENUE, "open_interest", DAY, file).height == 0


# ---- Fills --------------------------------------------------------------------------------------

Fill = dict[str, Any]
MORNING = 1_763_000_000_000  # 2025-11-13 02:13:20


def fill(tid: int, sz: str, *, oid: int = 1, px: str = "30000.0", coin: str = "BTC") -> Fill:
    return {
        "coin": coin, "px": px, "sz": sz, "side": "A", "time": MORNING, "oid": oid, "tid": tid,
        "dir": "Liquidated Cross Long",
        "liquidation": {"liquidatedUser": "0xa", "markPx": px, "method": "market"},
    }  # fmt: skip


def hour(name: str, *fills: Fill, by_block: bool = True) -> Any:
    events = [[user, f] for f in fills for user in ("0xa", "0xb")]
    told = [{"block_number": 1, "events": events}] if by_block else events
    return payload(VENUE, name, pack(name, lines(*told).encode()))


def test_an_order_counts_once_with_all_its_fills() -> None:
    file = hour(
        "node_fills_by_block/hourly/20251113/2.lz4",
        fill(1, "0.5"), fill(2, "0.5"), fill(3, "1.0"), fill(4, "12000.0", oid=2, px="5.0",
        coin="kPEPE"),
    )  # fmt: skip
    rows = normalised(VENUE, "liquidations", DAY, file).sort("symbol")
    assert rows.select("base_asset", "side", "amount_coin", "amount_usd").rows() == [
        ("BTC", "long", 2.0, 60_000.0),
        ("PEPE", "long", 12_000_000.0, 60_000.0),
    ]


def test_both_folders_may_tell_of_the_same_fills() -> None:
    fills = [fill(1, "0.5"), fill(2, "0.5")]
    files = [
        hour("node_fills_by_block/hourly/20251113/2.lz4", *fills),
        hour("node_fills/hourly/20251113/2.lz4", *fills, by_block=False),
    ]
    rows = normalised(VENUE, "liquidations", DAY, *files)
    assert rows["amount_coin"].to_list() == [1.0]


def test_order_of_lines_does_not_matter() -> None:
    fills = [fill(n, f"0.{n}", oid=n % 3, px=f"{30_000 + n}.5") for n in range(1, 10)]
    name = "node_fills_by_block/hourly/20251113/2.lz4"
    one, other = (
        normalised(VENUE, "liquidations", DAY, hour(name, *order)).drop("raw_row")
        for order in (fills, fills[::-1])
    )
    assert one.height == 3
    assert one.equals(other)


def test_lines_without_a_liquidation_are_not_parsed_unless_cut_off() -> None:
    name = "node_fills_by_block/hourly/20251113/2.jsonl"
    whole, cut = b'{"not JSON at all]', b'{"block_number":1,"events":[["0xa",{"coin"'
    file = payload(VENUE, name, b"\n".join([whole, cut]))
    parsed = parse(VENUE, file)
    assert parsed.read["rows_read"].to_list() == [1]
    assert parsed.rejected["raw_text"].to_list() == [cut.decode()]


@pytest.mark.parametrize("content", ["", "<html>", "[{", "null", '{"universe":[]}', "7"])
@pytest.mark.parametrize("path", ["fundingHistory/BTC.json", "metaAndAssetCtxs/x.json"])
def test_what_is_no_answer(path: str, content: str) -> None:
    with pytest.raises(BadPayload, match="hyperliquid") as raised:
        parse(VENUE, payload(VENUE, path, content))
    assert raised.value.path == path
