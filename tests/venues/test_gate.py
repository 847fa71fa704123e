"""Gate: symbols, recorded funding and contracts, opposite signs, what a position comes to."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.given import (
    DATA,
    NOW,
    asked,
    check_own,
    day_sum,
    feed_of,
    lines,
    messages,
    normalised,
    of_day,
    parsed,
    payload,
    recorded,
    steps_hours,
)
from transforms.payload import BadPayload
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind
from transforms.venue import Window
from transforms.venues.gate import VENUE, instrument

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)
DAY = date(2026, 3, 18)
MIDNIGHT = 1773792000  # 2026-03-18T00:00Z


@pytest.mark.parametrize(
    ("symbol", "base", "multiplier", "margin", "settle", "size"),
    [
        ("BTC_USDT", "BTC", 1, Margin.LINEAR, "USDT", 0.0001),
        ("ETH_USDT", "ETH", 1, Margin.LINEAR, "USDT", 0.01),
        ("SOL_USDT", "SOL", 1, Margin.LINEAR, "USDT", None),
        ("BTC_USD1", "BTC", 1, Margin.LINEAR, "USD1", None),
        ("1INCH_USDT", "1INCH", 1, Margin.LINEAR, "USDT", None),
        ("API3_USDT", "API3", 1, Margin.LINEAR, "USDT", None),
        ("1000SATS_USDT", "SATS", 1000, Margin.LINEAR, "USDT", None),
        ("MBABYDOGE_USDT", "BABYDOGE", 1e6, Margin.LINEAR, "USDT", None),
        ("BAIDOGE_USDT", "AIDOGE", 1e9, Margin.LINEAR, "USDT", None),
        ("BTC_USD", "BTC", 1, Margin.INVERSE, "BTC", 1.0),
        ("ETC_USD", "ETC", 1, Margin.QUANTO, "BTC", None),
    ],
)
def test_symbols(
    symbol: str, base: str, multiplier: float, margin: Margin, settle: str, size: float | None
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.base_multiplier) == (base, multiplier)
    assert (found.margin_type, found.settle_asset, found.contract_size) == (margin, settle, size)
    assert found.quote_asset == symbol.rpartition("_")[2]
    assert found.contract_kind is ContractKind.PERPETUAL


def test_dated() -> None:
    found = instrument("BTC_USDT_20260327")
    assert found is not None
    assert found.contract_kind is ContractKind.DATED
    assert found.valid_to == datetime(2026, 3, 27, 8, tzinfo=UTC)
    assert found.contract_size is None


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "BTC-USDT", "btc_usdt", "BTC_EUR", "BTC_USDT_20261399", "_USDT", ""]
)
def test_not_symbols(symbol: str) -> None:
    assert instrument(symbol) is None


@needs_data
def test_recorded_funding() -> None:
    files = recorded(VENUE, "gate")
    btc = files["futures-usdt-funding_rate/BTC_USDT.json"].rows["funding_rates"]
    eth = files["futures-usdt-funding_rate/ETH_USDT.json"].rows["funding_rates"]
    for rows in (btc, eth):
        assert rows.height == 2_100
        # December 2020 is missing: from 11-30 16:00 to 01-01 00:00 it is 752 h.
        assert steps_hours(rows) == {8.0: 2_098, 752.0: 1}
        gap = rows.filter(
            pl.col("settled_at").is_between(
                datetime(2020, 11, 30, 16, 1, tzinfo=UTC), datetime(2020, 12, 31, 23, tzinfo=UTC)
            )
        )
        assert gap.is_empty()
    assert of_day(btc, date(2021, 1, 16)) == {
        "00:00": Decimal("0.001718"),
        "08:00": Decimal("0.0001"),
        "16:00": Decimal("0.001013"),
    }
    assert day_sum(btc, date(2021, 1, 16)) == Decimal("0.002831")
    # 0.000508 + 0.001155 + 0.000879
    assert day_sum(btc, date(2021, 1, 17)) == Decimal("0.002542")


@needs_data
def test_recorded_contracts() -> None:
    rows = recorded(VENUE, "gate")["instruments.json"].rows["instruments"]
    assert rows.height == 302
    sizes = dict(rows.select("symbol", "contract_size").iter_rows())
    assert (sizes["BTC_USDT"], sizes["ETH_USDT"], sizes["SHIB_USDT"]) == (0.0001, 0.01, 10_000.0)
    for symbol in rows["symbol"]:
        ruled = instrument(symbol)
        assert ruled is not None
        assert ruled.contract_size in (None, sizes[symbol])


@needs_data
def test_golden_tickers() -> None:
    content = (DATA / "messages" / "gate-io-futures.jsonl").read_bytes()
    rows = parsed(VENUE, "ws-tickers/golden.jsonl", content)
    found = rows.rows["open_interest"].unique("sampled_at", maintain_order=True).to_dicts()
    expected = [r for line in messages("gate-io-futures.expected.jsonl") for r in line["results"]]
    assert len(found) == len(expected) == 3
    for row, wanted in zip(found, expected, strict=True):
        assert row["symbol"] == wanted["symbol"]
        assert row["sampled_at"] == datetime.fromisoformat(wanted["timestamp"])
        assert (row["amount"], row["price"]) == (wanted["open_interest"], wanted["mark_price"])
    # A confirmation is no record; a list in a list is none that anybody reads.
    assert rows.rejected["raw_row"].to_list() == [3]


SIZES = {"BTC_USDT": "0.0001", "SOL_USDT": "1", "BTC_USD": "0", "ETC_USD": "0.0001"}
ANSWER = payload(
    VENUE,
    "instruments-2026.json",
    [{"name": name, "quanto_multiplier": size} for name, size in SIZES.items()],
)


def rest(symbol: str, size: float, **more: object) -> dict[str, object]:
    return {
        "time": MIDNIGHT, "contract": symbol, "size": size, "order_size": -size,
        "fill_price": "50000", **more,
    }  # fmt: skip


def pushed(symbol: str, size: float) -> dict[str, object]:
    row = {"price": "50000", "size": size, "time_ms": MIDNIGHT * 1000, "contract": symbol}
    return {"channel": "futures.public_liquidates", "event": "update", "result": [row]}


@pytest.mark.parametrize("size", [3, -3])
def test_the_two_feeds_have_opposite_signs(size: int) -> None:
    orders = parsed(VENUE, "futures-usdt-liq_orders/a.json", [rest("BTC_USDT", size)])
    messages_ = parsed(VENUE, "ws-public_liquidates/a.jsonl", lines(pushed("BTC_USDT", size)))
    position = "long" if size > 0 else "short"
    order = "short" if size > 0 else "long"
    assert orders.rows["liquidations"]["side"].to_list() == [position]
    assert messages_.rows["liquidations"]["side"].to_list() == [order]


# 2 BTC at 50,000 are 100,000 dollars: 20,000 contracts of 0.0001 BTC, 100,000 of a dollar.
@pytest.mark.parametrize(("symbol", "count"), [("BTC_USDT", 20_000), ("BTC_USD", 100_000)])
def test_a_position_of_2_coins_is_2_coins_and_100000_dollars(symbol: str, count: int) -> None:
    market = "usdt" if symbol == "BTC_USDT" else "btc"
    sample = {"time": MIDNIGHT, "open_interest": count, "mark_price": 50_000}
    files = [
        payload(VENUE, f"futures-{market}-contract_stats/5m/{symbol}.json", [sample]),
        payload(VENUE, "ws-public_liquidates/a.jsonl", lines(pushed(symbol, -count))),
    ]
    found = normalised(VENUE, files, DAY, instruments=[ANSWER])
    [order] = found["liquidations"].rows.to_dicts()
    [interest] = found["open_interest"].rows.to_dicts()
    assert order["side"] == "long"
    assert (order["amount_coin"], order["amount_usd"]) == (2.0, 100_000.0)
    assert (interest["open_interest_coin"], interest["open_interest_usd"]) == (2.0, 100_000.0)


def test_quanto_needs_the_price_of_btc() -> None:
    # 1,000 contracts of 0.0001 BTC per point at 20 points are 2 BTC, at 50,000 100,000 dollars;
    # 0.1 BTC a point are 5,000 dollars a point, the exposure of 5,000 ETC.
    quanto = {"time": MIDNIGHT, "open_interest": 1000, "mark_price": 20}
    inverse = {"time": MIDNIGHT, "open_interest": 1, "mark_price": 50_000}
    files = [
        payload(VENUE, "futures-btc-contract_stats/5m/ETC_USD.json", [quanto]),
        payload(VENUE, "futures-btc-contract_stats/5m/BTC_USD.json", [inverse]),
    ]
    rows = normalised(VENUE, files, DAY, instruments=[ANSWER])["open_interest"].rows
    [sample] = rows.filter(pl.col("symbol") == "ETC_USD").to_dicts()
    assert sample["open_interest_usd"] == pytest.approx(100_000)
    assert sample["open_interest_coin"] == pytest.approx(5_000)


def test_without_an_answer_a_contract_is_worth_nothing_known() -> None:
    files = [
        payload(VENUE, "futures-usdt-liq_orders/a.json", [rest("SOL_USDT", 5)]),
        payload(VENUE, "futures-usdt-funding_rate/SOL_USDT.json", [{"t": MIDNIGHT, "r": "0.1"}]),
    ]
    found = normalised(VENUE, files, DAY)
    [order] = found["liquidations"].rows.to_dicts()
    assert (order["amount_native"], order["amount_coin"], order["amount_usd"]) == (5.0, None, None)
    assert order["amount_null_reason"] == "contract size is not known"
    assert found["funding_rates"].rows.height == 1
    [known] = normalised(VENUE, files, DAY, instruments=[ANSWER])["liquidations"].rows.to_dicts()
    assert (known["amount_coin"], known["amount_usd"]) == (5.0, 250_000.0)


def test_the_venues_own_dollars_stand() -> None:
    sample = {
        "time": MIDNIGHT, "open_interest": 20_000, "mark_price": 50_000, "open_interest_usd": 99_999
    }  # fmt: skip
    file = payload(VENUE, "futures-usdt-contract_stats/5m/BTC_USDT.json", [sample])
    [row] = normalised(VENUE, [file], DAY)["open_interest"].rows.to_dicts()
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (2.0, 99_999.0)


def test_pages_that_repeat_count_once() -> None:
    rows = [rest("BTC_USDT", n) for n in (1, 2, 3)]
    files = [
        payload(VENUE, f"futures-usdt-liq_orders/{name}.json", page)
        for name, page in {"a": rows[:2], "b": rows[1:], "c": rows}.items()
    ]
    found = normalised(VENUE, files, DAY)["liquidations"].rows
    assert found["amount_native"].to_list() == [1.0, 2.0, 3.0]


def test_the_archive_and_answers_agree_or_the_archive_stands() -> None:
    archived = gzip.compress(b"1773792000,0.0001\n1773820800,0.0002\n")
    key = "futures_usdt/funding_applies/202603/BTC_USDT-202603.csv.gz"
    files = [
        payload(VENUE, key, archived, source=SourceKind.ARCHIVE),
        payload(
            VENUE,
            "futures-usdt-funding_rate/BTC_USDT.json",
            [{"t": 1773820800, "r": "0.0003"}, {"t": 1773792000, "r": "0.00010"}],
        ),
    ]
    found = normalised(VENUE, files, DAY)["funding_rates"]
    assert found.rows["funding_rate"].to_list() == [Decimal("0.0001"), Decimal("0.0002")]
    assert found.conflicts.height == 1


def test_archive_keys() -> None:
    [feed] = [f for f in VENUE.feeds if f.candidates is not None]
    assert feed.candidates is not None
    keys = feed.candidates("BTC_USDT", date(2025, 12, 31), date(2026, 1, 1))
    assert keys == [
        "futures_usdt/funding_applies/202512/BTC_USDT-202512.csv.gz",
        "futures_usdt/funding_applies/202601/BTC_USDT-202601.csv.gz",
    ]
    facts = feed.facts(keys[0])
    assert facts is not None
    assert (facts.first_date, facts.last_date) == (date(2025, 12, 1), date(2025, 12, 31))
    [inverse] = feed.candidates("BTC_USD", DAY, DAY)
    assert inverse.startswith("futures_btc/")
    assert feed.facts(inverse) is not None
    assert feed.candidates(None, DAY, DAY) == feed.candidates("BTCUSDT", DAY, DAY) == []
    for path in (
        "futures_usdt/funding_updates/202512/BTC_USDT-202512.csv.gz",
        "futures_usdt/funding_applies/202513/BTC_USDT-202513.csv.gz",
        "futures_usdt/funding_applies/202512/BTC_USDT-202511.csv.gz",
        "futures_usdt/funding_applies/202512/btc-202512.csv.gz",
    ):
        assert feed.facts(path) is None


def test_truncated_archives_are_refused() -> None:
    key = "futures_usdt/funding_applies/202603/BTC_USDT-202603.csv.gz"
    whole = gzip.compress(b"1773792000,0.0001\n" * 1000)
    feed = feed_of(VENUE, SourceKind.ARCHIVE, key)
    for content in (whole[:-20], b"", b"<html></html>", b"1773792000,0.0001\n"):
        with pytest.raises(BadPayload):
            feed.parse([payload(VENUE, key, content, source=SourceKind.ARCHIVE)])


def window(*symbols: str, days: int = 1) -> Window:
    return Window(DAY, DAY + timedelta(days=days - 1), symbols, NOW)


def test_questions() -> None:
    symbols = ("BTC_USDT", "BTC_USD", "BTC_USDT_20260327", "not a symbol")
    [usdt, btc] = asked(VENUE, "api-funding_rate", window(*symbols, days=2))
    assert usdt.endpoint == "/api/v4/futures/usdt/funding_rate"
    assert usdt.params == {
        "contract": "BTC_USDT", "from": MIDNIGHT, "to": MIDNIGHT + 2 * 86400 - 1, "limit": 1000
    }  # fmt: skip
    assert btc.endpoint == "/api/v4/futures/btc/funding_rate"
    stats = asked(VENUE, "api-contract_stats", window("BTC_USDT"))
    assert [request.params["from"] for request in stats] == [
        MIDNIGHT, MIDNIGHT + 8 * 3600, MIDNIGHT + 16 * 3600
    ]  # fmt: skip
    orders = asked(VENUE, "api-liq_orders", window(*symbols))
    assert len(orders) == 48  # 24 hours of two markets
    assert orders[0].params == {"from": MIDNIGHT, "to": MIDNIGHT + 3599, "limit": 100}
    assert asked(VENUE, "api-liq_orders", window()) == []
    markets = [request.endpoint for request in asked(VENUE, "api-contracts", window())]
    assert markets == [f"/api/v4/futures/{m}/contracts" for m in ("btc", "usd1", "usdt")]


@pytest.mark.parametrize("newest_first", [True, False])
def test_full_pages_of_orders_go_on_at_their_edge(newest_first: bool) -> None:
    [*_, first] = asked(VENUE, "api-liq_orders", window("BTC_USDT"))
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None
    start, end = int(first.params["from"]), int(first.params["to"])

    def answer(*times: int) -> bytes:
        return json.dumps([{"time": t, "size": 1} for t in times]).encode()

    page = list(range(end, end - 100, -1)) if newest_first else list(range(start, start + 100))
    assert feed.next_page(first, answer(*page[:99])) is None
    second = feed.next_page(first, answer(*page))
    assert second is not None
    check_own(VENUE, feed, second)
    wanted = (start, end - 99) if newest_first else (start + 99, end)
    assert (second.params["from"], second.params["to"]) == wanted
    with pytest.raises(BadPayload, match="more than 100 orders in a second"):
        feed.next_page(second, answer(*[wanted[1] if newest_first else wanted[0]] * 100))
    with pytest.raises(BadPayload, match="without its time"):
        feed.next_page(first, b"[" + b",".join([b"{}"] * 100) + b"]")


def test_how_complete_liquidations_are() -> None:
    throttled, complete = VENUE.regimes
    assert (throttled.completeness, complete.completeness) == (
        Completeness.THROTTLED,
        Completeness.COMPLETE,
    )
    assert throttled.valid_to == complete.valid_from == date(2026, 8, 20)
    assert throttled.source
    assert complete.source


def test_unknown_symbols_are_set_aside() -> None:
    file = payload(VENUE, "ws-public_liquidates/a.jsonl", lines(pushed("BTCUSDT", 5)))
    found = normalised(VENUE, [file], DAY)["liquidations"]
    assert found.rows.is_empty()
    assert found.quarantined["reason"].to_list() == ["unknown symbol BTCUSDT"]


@pytest.mark.parametrize(
    "path", ["futures-eur-funding_rate/BTC_USDT.json", "spot-x/BTC_USDT.json", "ws-trades/a.jsonl"]
)
def test_paths_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.DUMP, path) is None
