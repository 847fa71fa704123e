"""KuCoin: names, archive paths, questions to the API, recorded settlements."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.cases import pack
from tests.venues.recorded import (
    answer,
    assert_all_accounted,
    day_of,
    dumps,
    feed_of,
    needs_data,
    payload,
)
from transforms.normalise import normalise, read_instruments
from transforms.payload import BadPayload, Parsed
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.kucoin import VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
DAY_START = 1_702_252_800_000  # 2023-12-11T00:00Z
DAY_END = DAY_START + 86_400_000 - 1
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "settle", "margin", "multiplier"),
    [
        ("XBTUSDTM", "BTC", "USDT", "USDT", Margin.LINEAR, 1),
        ("XBTUSDCM", "BTC", "USDC", "USDC", Margin.LINEAR, 1),
        ("XBTUSDM", "BTC", "USD", "BTC", Margin.INVERSE, 1),
        ("ETHUSDTM", "ETH", "USDT", "USDT", Margin.LINEAR, 1),
        ("USDCUSDTM", "USDC", "USDT", "USDT", Margin.LINEAR, 1),
        ("1000BONKUSDTM", "BONK", "USDT", "USDT", Margin.LINEAR, 1_000),
        ("10000CATUSDTM", "CAT", "USDT", "USDT", Margin.LINEAR, 10_000),
        ("1MBABYDOGEUSDTM", "BABYDOGE", "USDT", "USDT", Margin.LINEAR, 1_000_000),
        ("1INCHUSDTM", "1INCH", "USDT", "USDT", Margin.LINEAR, 1),
        ("0GUSDTM", "0G", "USDT", "USDT", Margin.LINEAR, 1),
    ],
)
def test_perpetuals(
    symbol: str, base: str, quote: str, settle: str, margin: Margin, multiplier: float
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, settle)
    assert (found.margin_type, found.base_multiplier) == (margin, multiplier)
    assert found.contract_kind is ContractKind.PERPETUAL


def test_dated_contracts_are_inverse() -> None:
    found = instrument("XBTMU26")
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == ("BTC", "USD", "BTC")
    assert (found.margin_type, found.contract_kind) == (Margin.INVERSE, ContractKind.DATED)


@pytest.mark.parametrize(
    "symbol",
    ["", "BTC-USDT", "BTCUSDT", "XBT", "M", "USDTM", "xbtusdtm", "XBTMA26", ".XBTUSDTMFPI8H"],
)
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize("folder", ["XBTUSDTM", "BTCUSDTM"])
def test_archive_paths(folder: str) -> None:
    root = "data/futures/daily/fundingRates"
    found = VENUE.feed_for(
        SourceKind.ARCHIVE, f"{root}/{folder}/{folder}-fundingRates-2023-12-31.zip"
    )
    assert found is not None
    feed, facts = found
    assert (facts.symbol, facts.first_date, facts.last_date) == (
        "XBTUSDTM",
        date(2023, 12, 31),
        date(2023, 12, 31),
    )
    assert feed.prefixes is not None
    assert feed.prefixes(folder, date(2023, 12, 30), date(2024, 2, 1)) == [
        f"{root}/{folder}/{folder}-fundingRates-{month}"
        for month in ("2023-12", "2024-01", "2024-02")
    ]
    assert feed.folders == (f"{root}/",)


@pytest.mark.parametrize(
    "path",
    [
        "data/futures/daily/fundingRates/XBTUSDTM/ETHUSDTM-fundingRates-2023-12-31.zip",
        "data/futures/daily/fundingRates/XBTUSDTM/XBTUSDTM-fundingRates-2023-12-32.zip",
        "data/futures/daily/fundingRates/XBTUSDTM/XBTUSDTM-fundingRates-2023-12-31.zip.CHECKSUM",
        "data/futures/daily/trades/XBTUSDTM/XBTUSDTM-trades-2023-12-31.zip",
        "data/futures/daily/fundingRates/nothing/nothing-fundingRates-2023-12-31.zip",
    ],
)
def test_other_archive_paths(path: str) -> None:
    assert VENUE.feed_for(SourceKind.ARCHIVE, path) is None


# ---- Questions to the API -----------------------------------------------------------------------


def window(first: date, last: date, *symbols: str) -> Window:
    return Window(first, last, symbols, datetime(2026, 9, 1, 6, tzinfo=UTC))


def asked(first: date, last: date, *symbols: str) -> list[Request]:
    requests = FEEDS["api-funding-rates"].requests
    assert requests is not None
    return list(requests(window(first, last, *symbols)))


def page(*stamps: object) -> bytes:
    rows = [{"symbol": "XBTUSDTM", "timepoint": t, "fundingRate": 0.0001} for t in stamps]
    return json.dumps({"code": "200000", "data": rows}).encode()


def next_page(request: Request, content: bytes) -> Request | None:
    pager = FEEDS["api-funding-rates"].next_page
    assert pager is not None
    return pager(request, content)


def test_funding_is_asked_by_symbol_and_window() -> None:
    day = date(2023, 12, 11)
    [request] = asked(day, day, "XBTUSDTM", "XBTMU26", "nothing")
    assert request.params == {"symbol": "XBTUSDTM", "from": DAY_START, "to": DAY_END}
    facts = FEEDS["api-funding-rates"].facts(request.path)
    assert facts is not None
    assert (facts.symbol, facts.first_date, facts.last_date) == ("XBTUSDTM", day, day)
    assert len(asked(date(2023, 1, 1), date(2023, 3, 1), "XBTUSDTM")) == 2  # 60 days


def test_pages_go_back_until_no_settlement_can_be_missing() -> None:
    day = date(2023, 12, 11)
    [request] = asked(day, day, "XBTUSDTM")
    # 04:00 is within 8 h of the window's start; a page that ends at 12:00 may hide 04:00.
    assert next_page(request, page(DAY_START + 12 * HOUR, DAY_START + 4 * HOUR)) is None
    assert next_page(request, page(DAY_START + 8 * HOUR)) is None
    following = next_page(request, page(DAY_START + 20 * HOUR, DAY_START + 12 * HOUR))
    assert following is not None
    assert following.params == {
        "symbol": "XBTUSDTM",
        "from": DAY_START,
        "to": DAY_START + 12 * HOUR - 1,
    }
    assert following.path != request.path
    assert FEEDS["api-funding-rates"].facts(following.path) is not None
    assert next_page(following, page()) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page("soon"), "without its time"),
        (page(DAY_START - 1), "outside the time asked for"),
        (page(DAY_END + 1), "outside the time asked for"),
        (b'{"code":"200000","data":[7]}', "without its time"),
        (b'{"code":"400100","msg":"no"}', "400100: no"),
        (b'{"data":{}}', "not an answer"),
    ],
)
def test_pages_that_cannot_be_followed(content: bytes, reason: str) -> None:
    day = date(2023, 12, 11)
    [request] = asked(day, day, "XBTUSDTM")
    with pytest.raises(BadPayload, match=reason):
        next_page(request, content)


def test_every_request_fits_its_pool_and_has_a_host() -> None:
    listed = FEEDS["api-contracts-active"].requests
    assert listed is not None
    day = date(2023, 12, 11)
    requests = [*asked(day, day, "XBTUSDTM"), *listed(window(day, day))]
    assert len(requests) == 2
    for request in requests:
        assert request.host in VENUE.api_hosts
        assert request.weight <= VENUE.rate_limits[request.pool].weight
        assert VENUE.feed_for(SourceKind.API, request.path) is not None


# ---- What comes of it ---------------------------------------------------------------------------


def test_archive_and_api_name_one_contract_and_the_archive_wins() -> None:
    path = "data/futures/daily/fundingRates/BTCUSDTM/BTCUSDTM-fundingRates-2023-12-11.zip"
    text = b"symbol,time,fundingRate\nBTCUSDTM,1702267200000,0.000347\n"
    archived = payload(VENUE, path, pack(path, text), SourceKind.ARCHIVE)
    told = answer(
        VENUE,
        "contract-funding-rates/XBTUSDTM.json",
        {
            "code": "200000",
            "data": [{"symbol": "XBTUSDTM", "timepoint": DAY_START + 4 * HOUR, "fundingRate": 0.1}],
        },
    )
    day = date(2023, 12, 11)
    [partition] = normalise(VENUE, [told, archived], day, day, None).partitions
    [row] = partition.rows.to_dicts()
    assert (row["symbol"], row["base_asset"]) == ("XBTUSDTM", "BTC")
    assert row["funding_rate"] == Decimal("0.000347")
    assert row["source"] == "archive"
    assert partition.conflicts["column_name"].to_list() == ["funding_rate"]


def test_sizes_of_contracts_come_from_dated_answers() -> None:
    listed = {
        "symbol": "XBTUSDTM", "baseCurrency": "XBT", "quoteCurrency": "USDT",
        "settleCurrency": "USDT", "multiplier": 0.001, "isInverse": False, "isQuanto": True,
    }  # fmt: skip
    inverse = {
        "symbol": "XBTUSDM", "baseCurrency": "XBT", "quoteCurrency": "USD",
        "settleCurrency": "XBT", "multiplier": -1, "isInverse": True, "isQuanto": False,
    }  # fmt: skip
    given = answer(
        VENUE, "instruments-2024-01-02.json", {"code": "200000", "data": [listed, inverse]}
    )
    rows = read_instruments(VENUE, [given]).sort("symbol")
    assert rows["base_asset"].to_list() == ["BTC", "BTC"]
    assert rows["margin_type"].to_list() == ["inverse", "linear"]
    assert rows["contract_size"].to_list() == [1.0, 0.001]
    assert rows["observed_at"].unique().to_list() == [datetime(2024, 1, 2, tzinfo=UTC)]


def test_an_unknown_contract_is_set_aside() -> None:
    rows = [{"symbol": "???", "timepoint": DAY_START + 4 * HOUR, "fundingRate": 0.1}]
    given = answer(VENUE, "contract-funding-rates/all.json", {"code": "200000", "data": rows})
    day = date(2023, 12, 11)
    [partition] = normalise(VENUE, [given], day, day, None).partitions
    assert partition.rows.height == 0
    assert partition.quarantined["reason"].to_list() == ["unknown symbol ???"]


# ---- Recorded -----------------------------------------------------------------------------------


def recorded() -> Parsed:
    [(name, files)] = dumps(VENUE).items()
    assert (name, len(files)) == ("dump-funding-rates", 2)
    return feed_of(VENUE, files[0]).parse(files)


@needs_data
def test_recorded_settlements_of_january_2021() -> None:
    parsed = recorded()
    assert_all_accounted(parsed)
    rows = parsed.rows["funding_rates"]
    assert rows["symbol"].value_counts(sort=True)["count"].to_list() == [1_638, 1_638]
    assert parsed.rejected.height == 0
    assert day_of(rows, "XBTUSDTM", "2021-01-16") == {
        4: Decimal("0.0001"),
        12: Decimal("0.000281"),
        20: Decimal("0.000258"),
    }
    assert day_of(rows, "XBTUSDTM", "2021-01-17") == {
        4: Decimal("0.000105"),
        12: Decimal("0.0001"),
        20: Decimal("0.0001"),
    }
    assert sum(day_of(rows, "XBTUSDTM", "2021-01-16").values()) == Decimal("0.000639")


@needs_data
def test_recorded_settlements_are_eight_hours_apart() -> None:
    rows = recorded().rows["funding_rates"].sort("symbol", "settled_at")
    assert set(rows["settled_at"].dt.hour()) == {4, 12, 20}
    steps = rows.select(pl.col("settled_at").diff().over("symbol").drop_nulls())["settled_at"]
    assert set(steps) == {timedelta(hours=8)}
    assert rows["settled_at"].min() == datetime(2021, 1, 1, 4, tzinfo=UTC)
    assert rows["settled_at"].max() == datetime(2022, 6, 30, 20, tzinfo=UTC)
