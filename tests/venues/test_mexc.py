"""MEXC: names, questions to the API, recorded settlements."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.recorded import (
    answer,
    assert_all_accounted,
    day_of,
    dumps,
    feed_of,
    needs_data,
)
from transforms.normalise import normalise, read_instruments
from transforms.payload import BadPayload, Parsed
from transforms.schemas.column import Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.mexc import FUNDING_PAGE, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
SINCE = 1_768_435_200_000  # 2026-01-15T00:00Z
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("symbol", "base", "settle", "margin", "multiplier"),
    [
        ("BTC_USDT", "BTC", "USDT", Margin.LINEAR, 1),
        ("ETH_USDC", "ETH", "USDC", Margin.LINEAR, 1),
        ("BTC_USD", "BTC", "BTC", Margin.INVERSE, 1),
        ("1000BONK_USDT", "BONK", "USDT", Margin.LINEAR, 1_000),
        ("1000000MOG_USDT", "MOG", "USDT", Margin.LINEAR, 1_000_000),
        ("1INCH_USDT", "1INCH", "USDT", Margin.LINEAR, 1),
        ("FILECOIN_USDT", "FIL", "USDT", Margin.LINEAR, 1),
        ("龙虾_USDT", "龙虾", "USDT", Margin.LINEAR, 1),
    ],
)
def test_symbols(symbol: str, base: str, settle: str, margin: Margin, multiplier: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.settle_asset) == (base, settle)
    assert (found.margin_type, found.base_multiplier) == (margin, multiplier)


@pytest.mark.parametrize(
    "symbol", ["", "BTCUSDT", "BTC-USDT", "btc_usdt", "BTC_EUR", "_USDT", "A_B_USDT"]
)
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


# ---- Questions to the API -----------------------------------------------------------------------


def asked() -> Request:
    requests = FEEDS["api-funding_rate-history"].requests
    assert requests is not None
    now = datetime(2026, 1, 17, 6, tzinfo=UTC)
    days = (date(2026, 1, 15), date(2026, 1, 16))
    [request] = requests(Window(*days, ("BTC_USDT", "nothing"), now))
    return request


def page(*stamps: object) -> bytes:
    rows = [{"symbol": "BTC_USDT", "fundingRate": 0.0001, "settleTime": t} for t in stamps]
    return json.dumps({"success": True, "code": 0, "data": {"resultList": rows}}).encode()


def next_page(request: Request, content: bytes) -> Request | None:
    pager = FEEDS["api-funding_rate-history"].next_page
    assert pager is not None
    return pager(request, content)


def back_to(oldest: int, count: int = FUNDING_PAGE) -> bytes:
    """A page that ends at `oldest`, newest first."""
    return page(*(oldest + n * 8 * HOUR for n in reversed(range(count))))


def test_pages_are_asked_for_until_the_window_begins() -> None:
    request = asked()
    assert request.params == {"symbol": "BTC_USDT", "page_num": 1, "page_size": FUNDING_PAGE}
    assert next_page(request, back_to(SINCE)) is None
    assert next_page(request, back_to(SINCE + HOUR, FUNDING_PAGE - 1)) is None
    second = next_page(request, back_to(SINCE + 1))
    assert second is not None
    assert second.params == {"symbol": "BTC_USDT", "page_num": 2, "page_size": FUNDING_PAGE}
    third = next_page(second, back_to(SINCE + 1))
    assert third is not None
    assert third.params["page_num"] == 3
    assert len({request.path, second.path, third.path}) == 3


def test_a_page_claims_no_days() -> None:
    facts = FEEDS["api-funding_rate-history"].facts(asked().path)
    assert facts is not None
    assert (facts.symbol, facts.first_date, facts.last_date) == ("BTC_USDT", None, None)


def test_pages_that_cannot_be_followed() -> None:
    with pytest.raises(BadPayload, match="without its time"):
        next_page(asked(), page(*["soon"] * FUNDING_PAGE))
    with pytest.raises(BadPayload, match="1001: no"):
        next_page(asked(), b'{"success":false,"code":1001,"message":"no"}')
    with pytest.raises(BadPayload, match="not an answer"):
        next_page(asked(), b'{"success":true,"code":0,"data":[]}')


def test_every_request_fits_its_pool_and_has_a_host() -> None:
    listed = FEEDS["api-contract-detail"].requests
    assert listed is not None
    now = datetime(2026, 1, 17, 6, tzinfo=UTC)
    requests = [asked(), *listed(Window(date(2026, 1, 16), date(2026, 1, 16), (), now))]
    assert len(requests) == 2
    for request in requests:
        assert request.host in VENUE.api_hosts
        assert request.weight <= VENUE.rate_limits[request.pool].weight
        assert VENUE.feed_for(SourceKind.API, request.path) is not None


# ---- What comes of it ---------------------------------------------------------------------------


def settled(*rows: tuple[int, float], symbol: str = "BTC_USDT") -> dict[str, object]:
    return {
        "success": True,
        "code": 0,
        "data": {
            "resultList": [{"symbol": symbol, "fundingRate": r, "settleTime": t} for t, r in rows]
        },
    }


def test_overlapping_pages_come_out_once_and_rows_fall_on_their_own_days() -> None:
    path = "contract-funding_rate-history/BTC_USDT/2026-01-17/since-1768435200000-page-{}.json"
    rows = [(SINCE + 24 * HOUR, 0.0003), (SINCE + 16 * HOUR, 0.0), (SINCE + 8 * HOUR, 0.0001)]
    pages = [
        answer(VENUE, path.format(1), settled(*rows[:2])),
        answer(VENUE, path.format(2), settled(*rows[1:])),
    ]
    days = (date(2026, 1, 15), date(2026, 1, 16))
    for order in (pages, pages[::-1]):
        first, second = normalise(VENUE, order, *days, None).partitions
        assert first.rows["funding_rate"].to_list() == [Decimal("0.0001"), Decimal(0)]
        assert second.rows["funding_rate"].to_list() == [Decimal("0.0003")]
        assert first.accounting["rows_duplicate"].sum() == 1
        assert first.conflicts.height == 0


def test_an_unknown_contract_is_set_aside() -> None:
    given = answer(
        VENUE, "contract-funding_rate-history/all.json", settled((SINCE, 0.1), symbol="BTCUSDT")
    )
    [partition] = normalise(VENUE, [given], date(2026, 1, 15), date(2026, 1, 15), None).partitions
    assert partition.rows.height == 0
    assert partition.quarantined["reason"].to_list() == ["unknown symbol BTCUSDT"]


def test_sizes_of_contracts_come_from_dated_answers() -> None:
    listed = [
        {"symbol": "BTC_USDT", "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT",
         "contractSize": 0.0001},
        {"symbol": "BTC_USD", "baseCoin": "BTC", "quoteCoin": "USD", "settleCoin": "BTC",
         "contractSize": 100},
    ]  # fmt: skip
    body = {"success": True, "code": 0, "data": listed}
    rows = read_instruments(VENUE, [answer(VENUE, "instruments-2024-01-02.json", body)])
    found = {r["symbol"]: (r["margin_type"], r["contract_size"]) for r in rows.to_dicts()}
    assert found == {"BTC_USDT": ("linear", 0.0001), "BTC_USD": ("inverse", 100.0)}


# ---- Recorded -----------------------------------------------------------------------------------


def recorded() -> Parsed:
    [(name, files)] = dumps(VENUE).items()
    assert (name, len(files)) == ("dump-funding_rate-history", 2)
    return feed_of(VENUE, files[0]).parse(files)


@needs_data
def test_recorded_settlements_of_january_2021() -> None:
    parsed = recorded()
    assert_all_accounted(parsed)
    rows = parsed.rows["funding_rates"]
    assert rows["symbol"].value_counts(sort=True)["count"].to_list() == [1_638, 1_638]
    assert parsed.rejected.height == 0
    assert day_of(rows, "BTC_USDT", "2021-01-16") == {
        0: Decimal("0.000302"),
        8: Decimal("0.000272"),
        16: Decimal("0.000543"),
    }
    assert day_of(rows, "BTC_USDT", "2021-01-17") == {
        0: Decimal("0.000275"),
        8: Decimal("0.000261"),
        16: Decimal("0.000289"),
    }
    assert sum(day_of(rows, "BTC_USDT", "2021-01-16").values()) == Decimal("0.001117")


@needs_data
def test_recorded_zero_rates_are_rates_and_early_ones_have_few_digits() -> None:
    rows = recorded().rows["funding_rates"].sort("symbol", "settled_at")
    btc = rows.filter(pl.col("symbol") == "BTC_USDT")
    assert btc.filter(pl.col("funding_rate") == 0).height > 0
    assert btc["funding_rate"].null_count() == 0
    # 2021-01-01T00:00 and 08:00 were recorded as 0.0002.
    assert btc["funding_rate"][:2].to_list() == [Decimal("0.0002"), Decimal("0.0002")]
    steps = rows.select(pl.col("settled_at").diff().over("symbol").drop_nulls())["settled_at"]
    assert set(steps) == {timedelta(hours=8)}
