"""Kraken Futures: symbols, recorded instruments, what a position comes to, questions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.venues.given import (
    DATA,
    NOW,
    asked,
    check_own,
    feed_of,
    lines,
    messages,
    normalised,
    parsed,
    payload,
    recorded,
)
from transforms.payload import BadPayload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Window
from transforms.venues.kraken import VENUE, instrument

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)
DAY = date(2026, 3, 18)
MIDNIGHT = 1773792000  # 2026-03-18T00:00Z
OPEN_INTEREST = "api-charts-v1-analytics/open-interest"


@pytest.mark.parametrize(
    ("symbol", "base", "margin", "settle", "kind"),
    [
        ("PF_XBTUSD", "BTC", Margin.LINEAR, "USD", ContractKind.PERPETUAL),
        ("PI_XBTUSD", "BTC", Margin.INVERSE, "BTC", ContractKind.PERPETUAL),
        ("PF_ETHUSD", "ETH", Margin.LINEAR, "USD", ContractKind.PERPETUAL),
        ("PF_1INCHUSD", "1INCH", Margin.LINEAR, "USD", ContractKind.PERPETUAL),
        ("PF_AAPLxUSD", "AAPLx", Margin.LINEAR, "USD", ContractKind.PERPETUAL),
        ("PF_USDCUSD", "USDC", Margin.LINEAR, "USD", ContractKind.PERPETUAL),
        ("FI_XBTUSD_210924", "BTC", Margin.INVERSE, "BTC", ContractKind.DATED),
        ("FF_XBTUSD_251226", "BTC", Margin.LINEAR, "USD", ContractKind.DATED),
    ],
)
def test_symbols(symbol: str, base: str, margin: Margin, settle: str, kind: ContractKind) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, "USD", settle)
    assert (found.margin_type, found.contract_kind) == (margin, kind)
    assert (found.contract_size, found.base_multiplier) == (1.0, 1.0)
    assert (found.valid_to is None) == (kind is ContractKind.PERPETUAL)


@pytest.mark.parametrize(
    "symbol",
    ["BTCUSDT", "PF_XBT", "PI_XBTUSD_210924", "FI_XBTUSD", "FI_XBTUSD_211399", "in_xbtusd", ""],
)
def test_not_symbols(symbol: str) -> None:
    assert instrument(symbol) is None


@needs_data
def test_recorded_instruments() -> None:
    files = recorded(VENUE, "kraken")
    old = files["instruments.json"].rows["instruments"]
    # 27 are listed, of which 10 are indices.
    assert old.height == 17
    assert old["symbol"].str.to_uppercase().equals(old["symbol"])
    new = files["instruments-2025.json"].rows["instruments"]
    assert new["symbol"].to_list() == ["PI_XBTUSD", "PF_ETHUSD", "PF_PEPEUSD", "PF_AAPLxUSD"]
    for row in [*old.to_dicts(), *new.to_dicts()]:
        ruled = instrument(row["symbol"])
        assert ruled is not None, row["symbol"]
        assert row["base_asset"].replace("XBT", "BTC") == ruled.base_asset
        assert row["settle_asset"].replace("XBT", "BTC") == ruled.settle_asset
        facts = (row["quote_asset"], row["margin_type"], row["contract_kind"], row["contract_size"])
        assert facts == (ruled.quote_asset, ruled.margin_type, ruled.contract_kind, 1.0)
        if ruled.valid_to is not None:  # 16:00 London time
            assert ruled.valid_to - row["valid_to"] in (timedelta(0), timedelta(hours=1))
    assert set(old["observed_at"].dt.date()) == {date(2021, 7, 22)}
    assert set(new["observed_at"].dt.date()) == {date(2025, 1, 1)}


def test_the_rate_is_the_relative_one_and_the_day_sums_exactly() -> None:
    rates = [
        {
            "timestamp": f"2026-03-18T{hour:02}:00:00.000Z",
            "fundingRate": 4.8,
            "relativeFundingRate": "0.000055555",
        }
        for hour in range(24)
    ]
    file = payload(
        VENUE,
        "derivatives-api-v3-historicalfundingrates/PF_XBTUSD.json",
        {"result": "success", "rates": rates},
    )
    rows = normalised(VENUE, [file], DAY)["funding_rates"].rows
    # 24 × 0.000055555
    assert sum(rows["funding_rate"], Decimal()) == Decimal("0.00133332")
    assert set(rows["base_asset"]) == {"BTC"}


def trade(symbol: str, quantity: float, *, side: str = "sell", uid: str = "u") -> dict[str, object]:
    return {
        "feed": "trade", "product_id": symbol, "uid": uid, "side": side, "type": "liquidation",
        "time": MIDNIGHT * 1000, "qty": quantity, "price": 50_000.0,
    }  # fmt: skip


@pytest.mark.parametrize("symbol", ["PF_XBTUSD", "PI_XBTUSD", "FI_XBTUSD_260327"])
@pytest.mark.parametrize(("side", "liquidated"), [("sell", "long"), ("buy", "short")])
def test_a_position_of_2_coins_is_2_coins_and_100000_dollars(
    symbol: str, side: str, liquidated: str
) -> None:
    # 2 × 50,000 = 100,000, which is what an inverse contract counts.
    native = 2.0 if symbol == "PF_XBTUSD" else 100_000.0
    interest = {"result": {"timestamp": [MIDNIGHT + 300], "data": [["1", "1", "1", native]]}}
    bar = {"time": MIDNIGHT * 1000, "open": "1", "high": "1", "low": "1", "close": "50000"}
    found = normalised(
        VENUE,
        [
            payload(VENUE, "ws-trade/a.jsonl", lines(trade(symbol, native, side=side))),
            payload(VENUE, f"{OPEN_INTEREST}/300/{symbol}.json", interest),
            payload(VENUE, f"api-charts-v1/mark/5m/{symbol}.json", {"candles": [bar]}),
        ],
        DAY,
    )
    [order] = found["liquidations"].rows.to_dicts()
    [sample] = found["open_interest"].rows.to_dicts()
    assert (order["side"], order["base_asset"]) == (liquidated, "BTC")
    assert (order["amount_coin"], order["amount_usd"]) == (2.0, 100_000.0)
    # The bar 00:00 … 00:05 is what is known at 00:09:59.999.
    assert (sample["open_interest_coin"], sample["open_interest_usd"]) == (2.0, 100_000.0)


def test_without_a_price_the_dollars_are_unknown_not_zero() -> None:
    interest = {"result": {"timestamp": [MIDNIGHT], "data": [["1", "1", "1", "7"]]}}
    file = payload(VENUE, f"{OPEN_INTEREST}/300/PF_XBTUSD.json", interest)
    [sample] = normalised(VENUE, [file], DAY)["open_interest"].rows.to_dicts()
    assert (sample["open_interest_coin"], sample["open_interest_usd"]) == (7.0, None)


def test_a_day_ends_with_the_close_of_its_last_bucket() -> None:
    stamps = [MIDNIGHT - 3600, MIDNIGHT, MIDNIGHT + 23 * 3600, MIDNIGHT + 24 * 3600]
    values = [["0", "0", "0", str(n)] for n in range(4)]
    content = {"result": {"timestamp": stamps, "data": values}, "errors": []}
    file = payload(VENUE, f"{OPEN_INTEREST}/3600/PF_XBTUSD.json", content)
    rows = normalised(VENUE, [file], DAY)["open_interest"].rows
    assert rows["open_interest_coin"].to_list() == [1.0, 2.0]


def test_small_letters_are_the_same_instrument() -> None:
    recording = lines(trade("pi_xbtusd", 1, uid="a"), trade("PI_XBTUSD", 1, uid="b"))
    found = normalised(VENUE, [payload(VENUE, "ws-trade/a.jsonl", recording)], DAY)
    assert found["liquidations"].rows["amount_usd"].to_list() == [2.0]


def test_recordings_that_overlap_count_once() -> None:
    first = lines(trade("PI_XBTUSD", 10, uid="a"), trade("PI_XBTUSD", 10, uid="b"))
    files = [payload(VENUE, f"ws-trade/{name}.jsonl", first) for name in "ab"]
    rows = normalised(VENUE, files, DAY)["liquidations"].rows
    assert rows["amount_usd"].to_list() == [20.0]


def test_unknown_symbols_are_set_aside() -> None:
    recording = lines(trade("PV_XRPXBT", 10), trade("BTCUSDT", 10))
    found = normalised(VENUE, [payload(VENUE, "ws-trade/a.jsonl", recording)], DAY)
    assert found["liquidations"].rows.is_empty()
    assert found["liquidations"].quarantined["reason"].to_list() == [
        "unknown symbol PV_XRPXBT",
        "unknown symbol BTCUSDT",
    ]


@needs_data
def test_other_venues_messages_are_no_trades() -> None:
    other = messages("okex-swap.jsonl")
    result = parsed(VENUE, "ws-trade/a.jsonl", lines(*other))
    assert result.rows["liquidations"].is_empty()


@pytest.mark.parametrize(
    "path",
    [
        "derivatives-api-v3-historicalfundingrates/PF_XBTUSD.json.gz",
        "api-charts-v1-analytics/open-interest/42/PF_XBTUSD.json",
        "api-charts-v1-analytics/liquidation-volume/3600/PF_XBTUSD.json",
        "ws-book/a.jsonl",
        "x.json",
    ],
)
def test_paths(path: str) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert (found is not None) == ("funding" in path)


def window(*symbols: str, days: int = 1) -> Window:
    return Window(DAY, DAY + timedelta(days=days - 1), symbols, NOW)


def test_questions() -> None:
    symbols = ("PF_XBTUSD", "FI_XBTUSD_260327", "not a symbol")
    [funding] = asked(VENUE, "api-historicalfundingrates", window(*symbols, days=2))
    assert funding.params == {"symbol": "PF_XBTUSD"}
    interest = asked(VENUE, "api-open-interest", window(*symbols, days=2))
    assert len(interest) == 4
    assert interest[0].endpoint == "/api/charts/v1/analytics/PF_XBTUSD/open-interest"
    assert interest[0].params == {"since": MIDNIGHT, "to": MIDNIGHT + 86399, "interval": 300}
    bars = asked(VENUE, "api-bars", window(*symbols, days=2))
    assert bars[0].endpoint == "/api/charts/v1/mark/PF_XBTUSD/5m"
    assert bars[0].params == {"from": MIDNIGHT, "to": MIDNIGHT + 86399}
    [instruments] = asked(VENUE, "api-instruments", window())
    assert instruments.endpoint == "/derivatives/api/v3/instruments"


def test_pages_go_on_behind_the_last_bucket() -> None:
    [first] = asked(VENUE, "api-open-interest", window("PF_XBTUSD"))
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None

    def answer(*stamps: int, more: bool) -> bytes:
        values = [["1", "1", "1", "1"] for _ in stamps]
        return payload(
            VENUE,
            f"{OPEN_INTEREST}/300/PF_XBTUSD.json",
            {"result": {"timestamp": list(stamps), "data": values, "more": more}},
        ).content

    second = feed.next_page(first, answer(MIDNIGHT, MIDNIGHT + 300, more=True))
    assert second is not None
    assert second.params["since"] == MIDNIGHT + 600
    check_own(VENUE, feed, second)
    assert feed.next_page(first, answer(MIDNIGHT, more=False)) is None
    assert feed.next_page(first, answer(more=True)) is None
    assert feed.next_page(second, answer(MIDNIGHT + 86400 - 300, more=True)) is None
    with pytest.raises(BadPayload, match="before the time asked for"):
        feed.next_page(second, answer(MIDNIGHT, more=True))
    with pytest.raises(BadPayload, match="not JSON"):
        feed.next_page(first, b"<html>")


def test_pages_of_bars() -> None:
    [first] = asked(VENUE, "api-bars", window("PF_XBTUSD"))
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None
    bar = {"time": MIDNIGHT * 1000, "open": "1", "high": "1", "low": "1", "close": "1"}
    path = "api-charts-v1/mark/5m/PF_XBTUSD.json"
    more = payload(VENUE, path, {"candles": [bar], "more_candles": True}).content
    second = feed.next_page(first, more)
    assert second == replace(
        first,
        params={"from": MIDNIGHT + 300, "to": MIDNIGHT + 86399},
        path=f"api-charts-v1/mark/5m/PF_XBTUSD/{MIDNIGHT + 300}000-{MIDNIGHT + 86399}999.json",
    )
    broken = payload(VENUE, path, {"candles": [{}], "more_candles": True}).content
    with pytest.raises(BadPayload, match="without its time"):
        feed.next_page(first, broken)


def test_nothing_is_documented_of_how_complete_liquidations_are() -> None:
    assert VENUE.regimes == ()
    assert VENUE.priced_by_prices == {"open_interest"}


def test_times_are_utc() -> None:
    result = parsed(VENUE, "ws-trade/a.jsonl", lines(trade("PI_XBTUSD", 1)))
    assert result.rows["liquidations"]["liquidated_at"].to_list() == [
        datetime(2026, 3, 18, tzinfo=UTC)
    ]
