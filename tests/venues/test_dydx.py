"""dYdX: names, generations, questions to the API, recorded files and messages."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.recorded import (
    answer,
    assert_all_accounted,
    dumps,
    feed_of,
    golden,
    needs_data,
    payload,
)
from transforms.normalise import normalise, read_instruments
from transforms.payload import BadPayload
from transforms.schemas.column import Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.dydx import FUNDING_PAGE, V4_GENESIS, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
SINCE = 1_765_065_600_000  # 2025-12-07T00:00Z
HOUR = 3_600_000
NOW = datetime(2025, 12, 9, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "base"),
    [
        ("BTC-USD", "BTC"),
        ("1INCH-USD", "1INCH"),
        ("PEPE-USD", "PEPE"),
        ("BUFFI,UNISWAP_V3,0X4C1B1302220D7DE5C22B495E78B72F2DD2457D45-USD", "BUFFI"),
    ],
)
def test_symbols(symbol: str, base: str) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, "USD", "USDC")
    assert (found.margin_type, found.contract_size, found.base_multiplier) == (Margin.LINEAR, 1, 1)


@pytest.mark.parametrize(
    "symbol", ["", "BTC", "-USD", "btc-usd", "BTC-USDT", "BTCUSD", "BTC/X-USD"]
)
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        ("v3-historical-funding/BTC-USD.json", "dump-historicalFunding"),
        ("v4-historicalFunding.json", "dump-historicalFunding"),
        ("v4-historicalFunding/BTC-USD.json.gz", "dump-historicalFunding"),
        ("instruments.json", "dump-markets"),
        ("instruments-v4.json", "dump-markets"),
        ("v4-perpetualMarkets/polled.jsonl", "dump-markets"),
        ("v4-trades-perpetualMarket/BTC-USD.json", "dump-trades"),
        ("ws-v4_trades/2025-10-10.jsonl", "dump-trades"),
        ("ws-v3_markets/2021-05-01.jsonl", "dump-market-messages"),
        ("v4-candles/BTC-USD.json", None),
    ],
)
def test_paths(path: str, feed: str | None) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert (None if found is None else found[0].name) == feed


# ---- Generations --------------------------------------------------------------------------------


def funding(generation: str, *stamps: str) -> dict[str, object]:
    name = "market" if generation == "v3" else "ticker"
    rate = "0.3" if generation == "v3" else "0.4"
    rows = [{name: "BTC-USD", "rate": rate, "effectiveAt": stamp} for stamp in stamps]
    return {"historicalFunding": rows}


def test_a_name_is_v4s_from_its_genesis_on() -> None:
    given = [
        answer(VENUE, "v3-historical-funding/BTC-USD.json",
               funding("v3", "2023-10-26T16:00:00.000Z", "2023-10-26T17:00:00.000Z")),
        answer(VENUE, "v4-historicalFunding/BTC-USD.json",
               funding("v4", "2023-10-26T17:00:00.100Z")),
    ]  # fmt: skip
    day = V4_GENESIS.date()
    [partition] = normalise(VENUE, given, day, day, None).partitions
    told = partition.rows.select(pl.col("settled_at").dt.hour(), "funding_rate", "listing")
    assert told.rows() == [(16, Decimal("0.3"), 1), (17, Decimal("0.4"), 2)]
    assert partition.quarantined["reason"].to_list() == ["of v3 from when the name was v4's"]
    assert partition.conflicts.height == 0


# ---- Questions to the API -----------------------------------------------------------------------


def asked() -> Request:
    requests = FEEDS["api-historicalFunding"].requests
    assert requests is not None
    days = (date(2025, 12, 7), date(2025, 12, 8))
    [request] = requests(Window(*days, ("BTC-USD", "nothing"), NOW))
    return request


def page(oldest: int, count: int = FUNDING_PAGE) -> bytes:
    """Hourly settlements, newest first, the last at `oldest` ms."""
    told = [datetime.fromtimestamp((oldest + n * HOUR) / 1000, UTC) for n in range(count)]
    stamps = [f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z" for at in reversed(told)]
    return json.dumps(funding("v4", *stamps)).encode()


def next_page(request: Request, content: bytes) -> Request | None:
    pager = FEEDS["api-historicalFunding"].next_page
    assert pager is not None
    return pager(request, content)


def test_funding_is_asked_back_from_the_end_of_the_window() -> None:
    request = asked()
    assert request.endpoint == "/v4/historicalFunding/BTC-USD"
    assert request.params == {
        "limit": FUNDING_PAGE,
        "effectiveBeforeOrAt": "2025-12-08T23:59:59.999Z",
    }
    facts = FEEDS["api-historicalFunding"].facts(request.path)
    assert facts is not None
    # Of a market that is no more, settlements may lie long before: the path claims no days.
    assert (facts.symbol, facts.first_date) == ("BTC-USD", None)


def test_pages_go_back_until_the_window_begins() -> None:
    request = asked()
    assert next_page(request, page(SINCE - 70 * HOUR)) is None
    assert next_page(request, page(SINCE + 586)) is None  # late by as much as stamps are
    assert next_page(request, page(SINCE + HOUR - 1)) is None
    assert next_page(request, page(SINCE + 9 * HOUR, FUNDING_PAGE - 1)) is None  # all there is
    following = next_page(request, page(SINCE - 50 * HOUR + 60 * HOUR))
    assert following is not None
    assert following.params["effectiveBeforeOrAt"] == "2025-12-07T09:59:59.999Z"
    assert following.path != request.path
    assert next_page(following, page(SINCE)) is None


def test_pages_that_cannot_be_followed() -> None:
    late = page(1_765_238_400_000)  # 2025-12-09T00:00Z
    bad = json.dumps({"historicalFunding": [{"effectiveAt": "soon"}] * FUNDING_PAGE}).encode()
    with pytest.raises(BadPayload, match="after the time asked for"):
        next_page(asked(), late)
    for content in (
        bad,
        bad.replace(b'"soon"', b"null"),
        bad.replace(b"soon", b"2025-12-08T01:00"),
    ):
        with pytest.raises(BadPayload, match="without its time"):
            next_page(asked(), content)
    with pytest.raises(BadPayload, match="no such market"):
        next_page(asked(), b'{"errors":[{"msg":"no such market"}]}')


def test_markets_are_dated_by_the_millisecond_they_were_asked_for() -> None:
    requests = FEEDS["api-markets"].requests
    assert requests is not None
    [request] = requests(Window(date(2025, 12, 8), date(2025, 12, 8), (), NOW))
    facts = FEEDS["api-markets"].facts(request.path)
    assert facts is not None
    assert (facts.first_date, facts.last_date) == (NOW.date(), NOW.date())
    body = {"markets": {"BTC-USD": {"ticker": "BTC-USD", "openInterest": "2", "oraclePrice": "9"}}}
    given = payload(VENUE, request.path, json.dumps(body).encode(), SourceKind.API)
    [partition] = normalise(VENUE, [given], NOW.date(), NOW.date(), None).partitions
    assert partition.rows["sampled_at"].to_list() == [NOW]
    assert read_instruments(VENUE, [given])["observed_at"].to_list() == [NOW]


def test_every_request_fits_its_pool_and_has_a_host() -> None:
    requests = FEEDS["api-markets"].requests
    assert requests is not None
    all_requests = [asked(), *requests(Window(date(2025, 12, 8), date(2025, 12, 8), (), NOW))]
    assert len(all_requests) == 2
    for request in all_requests:
        assert request.host in VENUE.api_hosts
        assert request.weight <= VENUE.rate_limits[request.pool].weight
        assert VENUE.feed_for(SourceKind.API, request.path) is not None


# ---- What comes of it ---------------------------------------------------------------------------


def test_a_position_of_known_size() -> None:
    """2 BTC at 50 000 USD: 2 coins, 100 000 USD, as open interest and as a liquidation."""
    markets = {
        "markets": {"BTC-USD": {"ticker": "BTC-USD", "openInterest": "2", "oraclePrice": "50000"}}
    }
    trade = {
        "id": "x", "side": "SELL", "size": "2", "price": "50000", "type": "LIQUIDATED",
        "createdAt": "2025-12-09T06:00:00Z",
    }  # fmt: skip
    given = [
        answer(VENUE, f"v4-perpetualMarkets/{int(NOW.timestamp()) * 1000}.json", markets),
        answer(VENUE, "v4-trades-perpetualMarket/BTC-USD.json", {"trades": [trade]}),
    ]
    parts = {
        p.dataset: p.rows for p in normalise(VENUE, given, NOW.date(), NOW.date(), None).partitions
    }
    [interest] = parts["open_interest"].to_dicts()
    assert (interest["open_interest_coin"], interest["open_interest_usd"]) == (2.0, 100_000.0)
    [liquidation] = parts["liquidations"].to_dicts()
    assert (liquidation["amount_coin"], liquidation["amount_usd"]) == (2.0, 100_000.0)
    assert liquidation["side"] == "long"


def test_an_order_of_several_fills_is_one_liquidation() -> None:
    fills = [
        {"id": f"{n}", "side": "BUY", "size": "1", "price": "100", "type": "LIQUIDATED",
         "createdAt": "2025-12-09T06:00:00.500Z"}
        for n in range(3)
    ]  # fmt: skip
    path = "v4-trades-perpetualMarket/BTC-USD.json"
    given = answer(VENUE, path, {"trades": [*fills, fills[0]]})  # a page repeats one
    [partition] = normalise(VENUE, [given], NOW.date(), NOW.date(), None).partitions
    [order] = partition.rows.to_dicts()
    assert (order["side"], order["amount_coin"], order["amount_usd"]) == ("short", 3.0, 300.0)
    assert partition.accounting["rows_duplicate"].to_list() == [3]


# ---- Recorded -----------------------------------------------------------------------------------


@needs_data
def test_recorded_files() -> None:
    files = dumps(VENUE)
    assert {name: len(given) for name, given in files.items()} == {
        "dump-historicalFunding": 2,
        "dump-markets": 2,
    }
    parsed = {name: feed_of(VENUE, given[0]).parse(given) for name, given in files.items()}
    for one in parsed.values():
        assert_all_accounted(one)
        assert one.rejected.height == 0
    rows = parsed["dump-historicalFunding"].rows["funding_rates"]
    v4 = rows.filter(pl.col("settled_at") >= V4_GENESIS).sort("settled_at")
    assert v4.select(pl.col("settled_at").dt.hour(), "funding_rate").rows() == [
        (14, Decimal("0.000000625")),
        (15, Decimal("0.000000375")),
        (16, Decimal("0.000002375")),
    ]
    late = v4.select(pl.col("settled_at_original") - pl.col("settled_at")).to_series()
    assert late.to_list() == [timedelta(milliseconds=ms) for ms in (112, 586, 219)]
    v3 = rows.filter(pl.col("settled_at") < V4_GENESIS).sort("settled_at")
    assert v3.height == 4_344  # 181 days of 24 hours
    assert set(v3["settled_at"].diff().drop_nulls()) == {timedelta(hours=1)}
    assert v3["mark_price"].null_count() == v3.height
    assert v3["funding_rate"][0] == Decimal("0.0000058615")


@needs_data
def test_recorded_markets() -> None:
    given = dumps(VENUE)["dump-markets"]
    parsed = feed_of(VENUE, given[0]).parse(given)
    # 27 markets of v3 and 3 of v4; only the v3 answer tells of which hour it is.
    assert parsed.rows["instruments"].height == 30
    interest = parsed.rows["open_interest"]
    assert interest.height == 27
    assert set(interest["sampled_at"]) == {datetime(2021, 10, 28, 18, tzinfo=UTC)}
    [btc] = interest.filter(pl.col("symbol") == "BTC-USD").to_dicts()
    assert (btc["amount"], btc["price"]) == (5885.4242, 61077.75)
    for symbol, base in parsed.rows["instruments"].select("symbol", "base_asset").iter_rows():
        known = instrument(symbol)
        assert known is not None
        assert known.base_asset == base
        if symbol in interest["symbol"].to_list():
            assert symbol in VENUE.relisted


@needs_data
def test_golden_messages() -> None:
    lines: list[bytes] = []
    expected = []
    for message, [result] in golden("dydx", "ticker"):
        at = datetime.fromisoformat(result["timestamp"])
        lines.append(b'{"arrival_ns":%d,"message":%s}' % (int(at.timestamp()) * 10**9, message))
        expected.append((result["symbol"], at, result["open_interest"]))
    given = payload(VENUE, "ws-v3_markets/golden.jsonl", b"\n".join(lines))
    rows = feed_of(VENUE, given).parse([given]).rows["open_interest"]
    assert rows.select("symbol", "sampled_at", "amount").rows() == expected
    assert len(expected) == 2
    # The second message repeats no price; the published result carries the first one's on.
    assert rows["price"].to_list() == [57880.52, None]
