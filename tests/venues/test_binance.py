"""Binance: symbols, paths, questions to the API, regimes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from transforms.payload import BadPayload, Facts
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind
from transforms.venue import Feed, Request, Window
from transforms.venues.binance import VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "multiplier"),
    [
        ("BTCUSDT", "BTC", "USDT", 1),
        ("BTCUSDC", "BTC", "USDC", 1),
        ("BTCBUSD", "BTC", "BUSD", 1),
        ("BNBBUSD", "BNB", "BUSD", 1),
        ("BTCFDUSD", "BTC", "FDUSD", 1),
        ("BTCUSD1", "BTC", "USD1", 1),
        ("ETHBTC", "ETH", "BTC", 1),
        ("1000SHIBUSDT", "SHIB", "USDT", 1_000),
        ("1000LUNCBUSD", "LUNC", "BUSD", 1_000),
        ("10000ELONUSDT", "ELON", "USDT", 10_000),
        ("100000AAUSDT", "AA", "USDT", 100_000),
        ("1000000MOGUSDT", "MOG", "USDT", 1_000_000),
        ("1MBABYDOGEUSDT", "BABYDOGE", "USDT", 1_000_000),
        ("1INCHUSDT", "1INCH", "USDT", 1),
        ("0GUSDT", "0G", "USDT", 1),
        ("2ZUSDT", "2Z", "USDT", 1),
        ("4USDT", "4", "USDT", 1),
        ("1000USDT", "1000", "USDT", 1),
        ("DEFIUSDT", "DEFI", "USDT", 1),
        ("BTCDOMUSDT", "BTCDOM", "USDT", 1),
        ("USDCUSDT", "USDC", "USDT", 1),
        ("币安人生USDT", "币安人生", "USDT", 1),
        ("BNXUSDTSETTLED", "BNX", "USDT", 1),
    ],
)
def test_usd_margined_symbols(symbol: str, base: str, quote: str, multiplier: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.symbol, found.base_asset, found.quote_asset) == (symbol, base, quote)
    assert (found.settle_asset, found.margin_type) == (quote, Margin.LINEAR)
    assert (found.base_multiplier, found.contract_size) == (multiplier, 1)
    assert found.contract_kind is ContractKind.PERPETUAL
    assert found.valid_to is None


@pytest.mark.parametrize(
    ("symbol", "base", "size"),
    [("BTCUSD_PERP", "BTC", 100), ("ETHUSD_PERP", "ETH", 10), ("BNBUSD_PERP", "BNB", 10)],
)
def test_coin_margined_symbols(symbol: str, base: str, size: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, "USD", base)
    assert (found.margin_type, found.contract_size) == (Margin.INVERSE, size)
    assert found.contract_kind is ContractKind.PERPETUAL


@pytest.mark.parametrize("symbol", ["BTCUSDT_240628", "BTCUSD_240628"])
def test_dated_symbols_end_at_eight(symbol: str) -> None:
    found = instrument(symbol)
    assert found is not None
    assert found.contract_kind is ContractKind.DATED
    assert found.valid_to == datetime(2024, 6, 28, 8, tzinfo=UTC)
    assert found.base_asset == "BTC"


@pytest.mark.parametrize(
    "symbol",
    [
        "", "USDT", "BTC", "WBTC", "BTCUSD", "BNBUSD", "btcusdt", "BTC-USDT", "BTC/USDT",
        "BTCUSDT_241345", "BTCUSDT_PERP", "XBTUSD", "all",
    ],
)  # fmt: skip
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


def facts(source: SourceKind, path: str) -> tuple[str, Facts] | None:
    found = VENUE.feed_for(source, path)
    return None if found is None else (found[0].name, found[1])


UM = "data/futures/um"
CM = "data/futures/cm"


@pytest.mark.parametrize(
    ("path", "feed", "symbol", "first", "last"),
    [
        (
            f"{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-02.zip",
            "um-monthly-fundingRate", "BTCUSDT", date(2024, 2, 1), date(2024, 2, 29),
        ),
        (
            f"{CM}/daily/metrics/BTCUSD_PERP/BTCUSD_PERP-metrics-2024-12-31.zip",
            "cm-daily-metrics", "BTCUSD_PERP", date(2024, 12, 31), date(2024, 12, 31),
        ),
        (
            f"{UM}/daily/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-04-03.zip",
            "um-daily-markPriceKlines", "BTCUSDT", date(2024, 4, 3), date(2024, 4, 3),
        ),
        (
            f"{CM}/monthly/indexPriceKlines/BTCUSD/1h/BTCUSD-1h-2023-12.zip",
            "cm-monthly-indexPriceKlines", "BTCUSD_PERP", date(2023, 12, 1), date(2023, 12, 31),
        ),
        (
            f"{UM}/daily/klines/BTCUSDT_240628/1d/BTCUSDT_240628-1d-2024-04-03.zip",
            "um-daily-klines", "BTCUSDT_240628", date(2024, 4, 3), date(2024, 4, 3),
        ),
        (
            f"{UM}/daily/metrics/币安人生USDT/币安人生USDT-metrics-2026-01-01.zip",
            "um-daily-metrics", "币安人生USDT", date(2026, 1, 1), date(2026, 1, 1),
        ),
    ],
)  # fmt: skip
def test_archive_paths(path: str, feed: str, symbol: str, first: date, last: date) -> None:
    found = facts(SourceKind.ARCHIVE, path)
    assert found is not None
    assert found[0] == feed
    assert (found[1].symbol, found[1].first_date, found[1].last_date) == (symbol, first, last)
    assert facts(SourceKind.ARCHIVE, path + ".CHECKSUM") is None
    assert facts(SourceKind.DUMP, path) is None


@pytest.mark.parametrize(
    "path",
    [
        f"{UM}/monthly/fundingRate/BTCUSDT/ETHUSDT-fundingRate-2024-02.zip",
        f"{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-13.zip",
        f"{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-02-01.zip",
        f"{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-20240403.zip",
        f"{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-04-03.csv",
        f"{UM}/daily/klines/BTCUSDT/BTCUSDT-1m-2024-04-03.zip",
        f"{UM}/daily/klines/BTCUSDT/1m/BTCUSDT-5m-2024-04-03.zip",
        f"{UM}/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-04.zip",
        f"{UM}/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-04-03.zip",
        f"{UM}/daily/metrics/",
        f"{UM}/daily/metrics",
        "",
    ],
)
def test_paths_of_no_feed(path: str) -> None:
    assert facts(SourceKind.ARCHIVE, path) is None


@pytest.mark.parametrize(
    ("path", "endpoint", "symbol"),
    [
        ("fapi-v1-fundingRate/BTCUSDT.json", "fundingRate", "BTCUSDT"),
        ("api-fapi-v1-fundingRate/BTCUSDT.json", "fundingRate", "BTCUSDT"),
        ("dapi-fundingRate/BTCUSD_PERP.jsonl.zst", "fundingRate", "BTCUSD_PERP"),
        ("fapi-v1-fundingRate/page-1.json", "fundingRate", None),
        ("futures-data-openInterestHist/4h/BTCUSDT.json", "openInterestHist", "BTCUSDT"),
        ("futures-data-openInterestHist/5m/BNBUSD.json", "openInterestHist", "BNBUSD_PERP"),
        ("futures-data-takerlongshortRatio/1d/BTCUSDT.json", "takerlongshortRatio", "BTCUSDT"),
        ("ws-forceOrder/2025-01-26_2025-02-06.jsonl", "forceOrder", None),
        ("ws-forceOrder/2025/01/26.jsonl.gz", "forceOrder", None),
        ("instruments.json", "exchangeInfo", None),
        ("instruments-um-2024.json", "exchangeInfo", None),
        ("fapi-v1-exchangeInfo/2026-03-01.json", "exchangeInfo", None),
    ],
)
def test_answers_are_dumps_or_ours(path: str, endpoint: str, symbol: str | None) -> None:
    for source, prefix in ((SourceKind.DUMP, "dump"), (SourceKind.API, "api")):
        found = facts(source, path)
        assert found is not None
        assert found[0] == f"{prefix}-{endpoint}"
        assert found[1].symbol == symbol
        assert found[1].first_date is None
    assert FEEDS[f"api-{endpoint}"].precedence < FEEDS[f"dump-{endpoint}"].precedence
    assert facts(SourceKind.ARCHIVE, path) is None


@pytest.mark.parametrize(
    "path", ["v1-fundingRate/BTCUSDT.json", "futures-data-openInterestHist/BTCUSDT.json", "x.json"]
)
def test_dumps_of_no_feed(path: str) -> None:
    assert facts(SourceKind.DUMP, path) is None


def test_prefixes_find_what_facts_read() -> None:
    first, last = date(2023, 12, 30), date(2024, 1, 2)
    archives = [feed for feed in VENUE.feeds if feed.source is SourceKind.ARCHIVE]
    assert archives
    for feed in archives:
        assert feed.prefixes is not None
        [root] = feed.folders
        prefixes = feed.prefixes("FOLDER", first, last)
        assert [prefix[-7:] for prefix in prefixes] == ["2023-12", "2024-01"]
        for prefix in prefixes:
            assert prefix.startswith(f"{root}FOLDER/")
            path = prefix + ("-02.zip" if "/daily/" in prefix else ".zip")
            assert feed.facts(path) is not None


def window(*symbols: str, first: date, last: date, now: datetime | None = None) -> Window:
    return Window(first, last, symbols, now or datetime(2026, 3, 20, 6, tzinfo=UTC))


MARCH = {"first": date(2026, 3, 18), "last": date(2026, 3, 19)}


def ask(endpoint: str, asked: Window) -> list[Request]:
    feed = FEEDS[f"api-{endpoint}"]
    assert feed.requests is not None
    return list(feed.requests(asked))


API_FEEDS = [feed for feed in VENUE.feeds if feed.requests is not None]


@pytest.mark.parametrize("feed", API_FEEDS, ids=lambda feed: feed.name)
def test_questions_declare_paths_their_feed_reads(feed: Feed) -> None:
    assert feed.source is SourceKind.API
    assert feed.requests is not None
    asked = window("BTCUSDT", "ETHUSDC", "BTCUSD_PERP", "not a symbol", **MARCH)
    requests = list(feed.requests(asked))
    assert requests
    assert len({request.path for request in requests}) == len(requests)
    for request in requests:
        assert request.host in VENUE.api_hosts
        assert request.pool in VENUE.rate_limits
        found = VENUE.feed_for(SourceKind.API, request.path)
        assert found is not None
        assert found[0] is feed
        if "instruments" in feed.datasets:
            continue
        known = found[1]
        name = request.params.get("symbol") or request.params["pair"] + "_PERP"
        assert known.symbol == name
        assert known.first_date is not None
        assert known.last_date is not None
        assert asked.first_date <= known.first_date <= known.last_date <= asked.last_date
        inverse = name.endswith("_PERP")
        assert request.host == ("dapi" if inverse else "fapi")


def test_funding_question() -> None:
    [um, cm] = ask("fundingRate", window("BTCUSDT", "BTCUSD_PERP", "BTCUSDT_260327", **MARCH))
    # 2026-03-18 is 1773792000 s, and two days are 172,800,000 ms.
    span = {"startTime": "1773792000000", "endTime": "1773964799999", "limit": "1000"}
    assert um.params == {"symbol": "BTCUSDT", **span}
    assert (um.endpoint, cm.endpoint) == ("/fapi/v1/fundingRate", "/dapi/v1/fundingRate")
    assert um.path == "fapi-v1-fundingRate/BTCUSDT/1773792000000-1773964799999.json"
    assert cm.path == "dapi-v1-fundingRate/BTCUSD_PERP/1773792000000-1773964799999.json"
    assert VENUE.rate_limits[um.pool].weight == 500


def answer(*times: int) -> bytes:
    return json.dumps([{"symbol": "BTCUSDT", "fundingTime": t} for t in times]).encode()


def test_funding_pages_go_on_behind_the_last_settlement() -> None:
    [first] = ask("fundingRate", window("BTCUSDT", **MARCH))
    next_page = FEEDS["api-fundingRate"].next_page
    assert next_page is not None
    start, end = int(first.params["startTime"]), int(first.params["endTime"])
    assert next_page(first, answer(*range(start, start + 999))) is None
    second = next_page(first, answer(*range(start, start + 1000)))
    assert second == replace(
        first,
        params={**first.params, "startTime": str(start + 1000)},
        path=f"fapi-v1-fundingRate/BTCUSDT/{start + 1000}-{end}.json",
    )
    assert VENUE.feed_for(SourceKind.API, second.path) is not None
    assert next_page(second, answer()) is None
    assert next_page(first, answer(*range(end - 999, end + 1))) is None


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b'{"code":-1003,"msg":"Too many requests"}',
        b"[" + b",".join([b"{}"] * 1000) + b"]",
        b"[" + b",".join([b"7"] * 1000) + b"]",
        answer(*range(1000)),
        b"{}",
    ],
)
def test_funding_pages_that_cannot_go_on(content: bytes) -> None:
    [request] = ask("fundingRate", window("BTCUSDT", **MARCH))
    next_page = FEEDS["api-fundingRate"].next_page
    assert next_page is not None
    with pytest.raises(BadPayload):
        next_page(request, content)


def test_samples_are_asked_a_day_at_a_time() -> None:
    [wednesday, thursday] = ask("openInterestHist", window("BTCUSDT", **MARCH))
    assert wednesday.params == {
        "symbol": "BTCUSDT",
        "period": "5m",
        "startTime": "1773792000000",
        "endTime": "1773878399999",
        "limit": "500",
    }
    assert thursday.params["startTime"] == "1773878400000"
    assert wednesday.endpoint == "/futures/data/openInterestHist"
    [inverse, _] = ask("openInterestHist", window("BTCUSD_PERP", **MARCH))
    assert inverse.params["pair"] == "BTCUSD"
    assert inverse.params["contractType"] == "PERPETUAL"
    assert (
        "contractType"
        not in ask("globalLongShortAccountRatio", window("BTCUSD_PERP", **MARCH))[0].params
    )


def test_taker_ratio_is_asked_by_the_starts_of_its_periods() -> None:
    [request, _] = ask("takerlongshortRatio", window("BTCUSDT", **MARCH))
    # Samples of 00:00 … 23:55 have starts of 23:55 the day before … 23:50.
    assert request.params["startTime"] == str(1773792000000 - 300_000)
    assert request.params["endTime"] == str(1773878399999 - 300_000)
    assert ask("takerlongshortRatio", window("BTCUSD_PERP", **MARCH)) == []


def test_only_days_still_kept_are_asked_for() -> None:
    now = datetime(2026, 3, 20, 6, tzinfo=UTC)
    asked = ask(
        "openInterestHist",
        window("BTCUSDT", first=date(2026, 1, 1), last=date(2026, 4, 1), now=now),
    )
    days = [datetime.fromtimestamp(int(r.params["startTime"]) / 1000, UTC) for r in asked]
    assert days[0] == datetime(2026, 2, 19, tzinfo=UTC)  # 02-18 was partly gone by 06:00
    assert days[-1] == datetime(2026, 3, 20, tzinfo=UTC)
    assert all(b - a == timedelta(days=1) for a, b in pairwise(days))


def test_instruments_are_asked_once_per_product() -> None:
    [um, cm] = ask("exchangeInfo", window(**MARCH))
    assert um.path == "fapi-v1-exchangeInfo/2026-03-20.json"
    assert cm.path == "dapi-v1-exchangeInfo/2026-03-20.json"


def test_precedence() -> None:
    assert FEEDS["um-monthly-fundingRate"].precedence < FEEDS["api-fundingRate"].precedence
    assert FEEDS["um-daily-klines"].precedence < FEEDS["um-monthly-klines"].precedence
    assert FEEDS["um-monthly-klines"].precedence < FEEDS["api-openInterestHist"].precedence


def test_liquidations_are_complete_until_they_were_throttled() -> None:
    complete, throttled = VENUE.regimes
    assert (complete.completeness, throttled.completeness) == (
        Completeness.COMPLETE,
        Completeness.THROTTLED,
    )
    assert complete.valid_to == throttled.valid_from == date(2021, 4, 27)
    assert throttled.valid_to is None
    assert complete.source
    assert throttled.source


def test_reused_ticker() -> None:
    assert VENUE.relisted == {"BNXUSDT": (datetime(2023, 2, 22, tzinfo=UTC),)}
