"""Deribit: symbols, questions and pages, sides, contract maths."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from tests.venues.recorded import needs_data
from tests.venues.written import normalised, parse, payload, recorded_payloads
from transforms.payload import BadPayload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.deribit import FUNDING_WINDOW, TRADES_PAGE, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
DAY = date(2021, 1, 16)
MIDNIGHT = 1_610_755_200_000  # of DAY
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "settled", "margin", "size"),
    [
        ("BTC-PERPETUAL", "BTC", "USD", "BTC", Margin.INVERSE, 10),
        ("ETH-PERPETUAL", "ETH", "USD", "ETH", Margin.INVERSE, 1),
        ("BTC_USDC-PERPETUAL", "BTC", "USDC", "USDC", Margin.LINEAR, 1),
        ("BTC-25MAR22", "BTC", "USD", "BTC", Margin.INVERSE, 10),
        ("ETH_USDC-27DEC24", "ETH", "USDC", "USDC", Margin.LINEAR, 1),
    ],
)
def test_symbols(
    symbol: str, base: str, quote: str, settled: str, margin: Margin, size: float
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, settled)
    assert (found.margin_type, found.contract_size, found.base_multiplier) == (margin, size, 1)


def test_futures_are_delivered_at_eight() -> None:
    for symbol, end in {"BTC-25MAR22": (2022, 3, 25), "BTC-3JAN25": (2025, 1, 3)}.items():
        found = instrument(symbol)
        assert found is not None
        assert found.contract_kind is ContractKind.DATED
        assert found.valid_to == datetime(*end, 8, tzinfo=UTC)
    perpetual = instrument("BTC-PERPETUAL")
    assert perpetual is not None
    assert (perpetual.contract_kind, perpetual.valid_to) == (ContractKind.PERPETUAL, None)


@pytest.mark.parametrize(
    "symbol",
    [
        "", "BTC", "BTC_USDC", "BTC-27DEC24-100000-C", "XRP_USDC-30AUG24-0d625-P", "BTC-31FEB24",
        "BTC-FS-27DEC24_PERP", "BTC-COMBO-1", "BTC-perpetual", "BTCUSDT", "PERPETUAL",
    ],
)  # fmt: skip
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize("source", ["api", "dump"])
@pytest.mark.parametrize(
    ("path", "kind", "symbol", "days"),
    [
        ("public-get_funding_rate_history/BTC-PERPETUAL.json", "funding", "BTC-PERPETUAL", None),
        (
            "public-get_funding_rate_history/BTC-PERPETUAL/1610755200000-1610841599999.json",
            "funding", "BTC-PERPETUAL", (DAY, DAY),
        ),
        ("public-get_book_summary_by_currency/BTC/2026.jsonl", "book-summary", None, None),
        (
            "api-v2-public-get_last_trades_by_instrument_and_time/ETH-25MAR22.json.gz",
            "trades", "ETH-25MAR22", None,
        ),
        ("public-get_last_trades_by_currency/BTC.json", "trades", None, None),
        ("instruments-ETH.json", "instruments", None, None),
    ],
)  # fmt: skip
def test_paths(
    source: str, path: str, kind: str, symbol: str | None, days: tuple[date, date] | None
) -> None:
    found = VENUE.feed_for(SourceKind(source), path)
    assert found is not None
    feed, facts = found
    assert (feed.name, facts.symbol) == (f"{source}-{kind}", symbol)
    assert (facts.first_date, facts.last_date) == (days or (None, None))


def test_no_regime_is_documented() -> None:
    assert VENUE.regimes == ()


# ---- Questions ----------------------------------------------------------------------------------


def asked(feed: str, first: date, last: date, *symbols: str) -> list[Request]:
    requests = FEEDS[feed].requests
    assert requests is not None
    found = list(requests(Window(first, last, symbols, NOW)))
    for request in found:  # each answer's path is one its own feed reads
        match = VENUE.feed_for(SourceKind.API, request.path)
        assert match is not None
        assert match[0].name == feed
        assert request.host in VENUE.api_hosts
        assert request.pool in VENUE.rate_limits
    return found


def test_funding_is_asked_in_pieces_that_one_answer_holds() -> None:
    found = asked(
        "api-funding", date(2021, 1, 1), date(2021, 3, 1), "BTC-PERPETUAL", "BTC-25MAR22", "no"
    )
    assert {r.params["instrument_name"] for r in found} == {"BTC-PERPETUAL"}
    spans = [(int(r.params["start_timestamp"]), int(r.params["end_timestamp"])) for r in found]
    # 60 days; each piece begins a millisecond early, since an hour that ends at its start may
    # not be in the answer.
    assert spans[0][0] == int(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) * 1000 - 1
    assert spans[-1][1] == int(datetime(2021, 3, 2, tzinfo=UTC).timestamp()) * 1000 - 1
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(end - start <= FUNDING_WINDOW / timedelta(milliseconds=1) for start, end in spans)
    assert found[0].path.endswith(f"/{spans[0][0] + 1}-{spans[0][1]}.json")


def test_the_present_is_asked_for_only_near_the_present() -> None:
    assert asked("api-book-summary", date(2026, 1, 1), date(2026, 8, 30)) == []
    found = asked("api-book-summary", date(2026, 8, 31), date(2026, 8, 31))
    assert [r.params["currency"] for r in found] == ["BTC", "ETH", "USDC"]


def test_instruments_are_asked_for_by_day() -> None:
    [found] = asked("api-instruments", date(2026, 8, 31), date(2026, 8, 31))
    assert found.path == "public-get_instruments/2026-09-01.json"


Trade = dict[str, Any]


def trade(number: int, stamp: int, price: float = 40_000.0, amount: float = 100.0) -> Trade:
    return {
        "trade_id": str(number), "trade_seq": number, "timestamp": stamp, "price": price,
        "amount": amount, "direction": "sell", "liquidation": "T",
        "instrument_name": "BTC-PERPETUAL",
    }  # fmt: skip


def page(trades: list[Trade], *, has_more: bool) -> bytes:
    answer = {"jsonrpc": "2.0", "result": {"trades": trades, "has_more": has_more}}
    return json.dumps(answer).encode()


def walk(trades: list[Trade], size: int) -> list[tuple[str, bytes]]:
    """All pages of a day of trades from a venue that answers `size` of them at a time."""
    next_page = FEEDS["api-trades"].next_page
    assert next_page is not None
    request: Request | None
    [request] = asked("api-trades", DAY, DAY, "BTC-PERPETUAL")
    pages = []
    while request is not None:
        start, end = (int(request.params[f"{e}_timestamp"]) for e in ("start", "end"))
        due = [t for t in trades if start <= t["timestamp"] <= end]
        content = page(due[:size], has_more=len(due) > size)
        pages.append((request.path, content))
        request = next_page(request, content)
        assert len(pages) < 100
    assert len({path for path, _ in pages}) == len(pages)
    return pages


# Ten orders of three fills, each in a millisecond of its own.
TRADES = [trade(n, MIDNIGHT + 1000 * (n // 3)) for n in range(30)]


@pytest.mark.parametrize("size", [4, 5, 7, 29, 30])
def test_pages_tear_no_order_and_tell_none_twice(size: int) -> None:
    pages = walk(TRADES, size)
    assert len(pages) > (size < 30)
    files = [payload(VENUE, path, content, SourceKind.API) for path, content in pages]
    rows = normalised(VENUE, "liquidations", DAY, *files)
    assert rows["amount_usd"].to_list() == [300.0] * 10
    assert rows["amount_coin"].to_list() == pytest.approx([300 / 40_000] * 10)


def test_a_page_of_one_millisecond_goes_on_behind_it() -> None:
    pages = walk(TRADES, 3)
    assert len(pages) == 10
    files = [payload(VENUE, path, content, SourceKind.API) for path, content in pages]
    assert normalised(VENUE, "liquidations", DAY, *files)["amount_usd"].sum() == 3_000


def test_pages_that_cannot_go_on() -> None:
    next_page = FEEDS["api-trades"].next_page
    assert next_page is not None
    [request] = asked("api-trades", DAY, DAY, "BTC-PERPETUAL")
    assert request.params["count"] == TRADES_PAGE
    assert next_page(request, page([], has_more=False)) is None
    assert next_page(request, page([], has_more=True)) is None
    end = MIDNIGHT + 24 * HOUR - 1
    assert next_page(request, page([trade(1, end)], has_more=True)) is None
    for content, words in {
        page([{"trade_id": "1"}], has_more=True): "without its time",
        page([trade(1, MIDNIGHT - 1)], has_more=True): "before the time asked for",
        b'{"result":[]}': "not an answer",
        b'{"error":{"code":10028,"message":"too_many_requests"}}': "10028: too_many_requests",
    }.items():
        with pytest.raises(BadPayload, match=words):
            next_page(request, content)


# ---- Contract maths -----------------------------------------------------------------------------


def test_one_position_in_each_kind_of_contract() -> None:
    """60,000 dollars, 2 BTC at 30,000."""
    inverse = trade(1, MIDNIGHT, 30_000.0, 60_000.0)
    linear = trade(2, MIDNIGHT, 30_000.0, 2.0) | {"instrument_name": "BTC_USDC-PERPETUAL"}
    file = payload(
        VENUE,
        "public-get_last_trades_by_currency/all.json",
        page([inverse, linear], has_more=False),
    )
    rows = normalised(VENUE, "liquidations", DAY, file)
    assert rows.select("margin_type", "side", "amount_coin", "amount_usd").rows() == [
        ("inverse", "long", 2.0, 60_000.0),
        ("linear", "long", 2.0, 60_000.0),
    ]
    summary = [
        {"instrument_name": name, "open_interest": amount, "mark_price": 30_000.0,
         "creation_timestamp": MIDNIGHT}
        for name, amount in (("BTC-PERPETUAL", 60_000.0), ("BTC_USDC-PERPETUAL", 2.0))
    ]  # fmt: skip
    told = payload(
        VENUE,
        "public-get_book_summary_by_currency/BTC/x.json",
        json.dumps({"jsonrpc": "2.0", "result": summary}),
    )
    rows = normalised(VENUE, "open_interest", DAY, told)
    assert rows.select("open_interest_coin", "open_interest_usd").rows() == [(2, 60_000)] * 2


def test_both_parties_liquidated_are_a_long_and_a_short() -> None:
    both = trade(1, MIDNIGHT) | {"liquidation": "MT"}
    file = payload(VENUE, "public-get_last_trades_by_currency/x.json", page([both], has_more=False))
    rows = normalised(VENUE, "liquidations", DAY, file)
    assert sorted(rows.select("side", "amount_usd").rows()) == [("long", 100.0), ("short", 100.0)]


def test_a_day_of_funding_is_24_hourly_rates() -> None:
    rows = [
        {"timestamp": MIDNIGHT + n * HOUR, "interest_1h": 1e-05, "interest_8h": 8e-05}
        for n in range(25)
    ]
    answer = json.dumps({"jsonrpc": "2.0", "result": rows})
    file = payload(VENUE, "public-get_funding_rate_history/BTC-PERPETUAL.json", answer)
    day = normalised(VENUE, "funding_rates", DAY, file)
    assert day.height == 24
    assert day["funding_rate"].sum() == Decimal("0.00024")
    assert set(day["interval_hours_declared"]) == {1.0}


@pytest.mark.parametrize(
    ("hours", "aside"),
    [
        # Twice in a row the two rates are one: 8 hours' stand for the hour's. A rate of 0 is both.
        ([(1e-05, 8e-05), (8e-05, 8e-05), (8.1e-05, 8.1e-05), (0.0, 0.0)], [2, 3]),
        # After seven hours without a rate the eight are the hour, once: 0 + 2 = 2, then 2 + 3 = 5.
        ([(0.0, 0.0), (2e-05, 2e-05), (3e-05, 5e-05)], []),
        # Of seven hours the rates are not there: none of them says anything of its neighbour.
        ([(2e-05, 2e-05), None, None, None, None, None, None, None, (3e-05, 3e-05)], []),
        ([(8e-05, None), (8e-05, None)], []),
    ],
)
def test_a_rate_of_eight_hours_is_not_the_hours(
    hours: list[tuple[float, float | None] | None], aside: list[int]
) -> None:
    rows = [
        {"timestamp": MIDNIGHT + n * HOUR, "interest_1h": pair[0], "interest_8h": pair[1]}
        for n, pair in enumerate(hours)
        if pair is not None
    ]
    for order in (1, -1):  # newest first is the same
        answer = json.dumps({"jsonrpc": "2.0", "result": rows[::order]})
        path = "public-get_funding_rate_history/BTC-PERPETUAL.json"
        parsed = parse(VENUE, payload(VENUE, path, answer))
        found = parsed.rejected
        numbers = [n if order == 1 else len(rows) + 1 - n for n in aside]
        assert found["raw_row"].to_list() == sorted(numbers)
        assert parsed.rows["funding_rates"].height == len(rows) - len(aside)
        assert all("interest_8h" in reason for reason in found["reason"])


# ---- Recorded files and bad input ---------------------------------------------------------------


@needs_data
def test_recorded_instruments() -> None:
    parsed = {p.path: parse(VENUE, p) for p in recorded_payloads(VENUE)}
    assert {path: found.rows["instruments"].height for path, found in parsed.items()} == {
        "instruments.json": 8,
        "instruments-ETH.json": 8,
        "instruments-2024.json": 2,  # an option and a combo are not ours
    }
    facts = ("base_asset", "quote_asset", "settle_asset", "margin_type", "contract_kind")
    for path, found in parsed.items():
        assert found.rejected.height == 0
        for row in found.rows["instruments"].to_dicts():
            ruled = instrument(row["symbol"])
            assert ruled is not None
            for fact in (*facts, "contract_size"):
                assert row[fact] == getattr(ruled, fact)
            # That of 2024 was made up in part: it delivers at noon.
            assert path == "instruments-2024.json" or row["valid_to"] == ruled.valid_to
    served = parsed["instruments.json"].rows["instruments"]["observed_at"].unique().to_list()
    assert served == [datetime(2021, 7, 22, 22, 42, 3, 162_185, tzinfo=UTC)]


@pytest.mark.parametrize(
    "path",
    [
        "public-get_funding_rate_history/BTC-PERPETUAL.json",
        "public-get_book_summary_by_currency/BTC/x.json",
        "public-get_last_trades_by_currency/BTC.json",
        "instruments.json",
    ],
)
@pytest.mark.parametrize(
    "content",
    ["", "<html>", '{"result"', '{"error":{"code":1,"message":"no"}}', "{}", '{"result":7}', "7"],
)
def test_what_is_no_answer(path: str, content: str) -> None:
    with pytest.raises(BadPayload, match="deribit") as raised:
        parse(VENUE, payload(VENUE, path, content))
    assert raised.value.path == path


def test_unknown_symbols_are_never_numbers() -> None:
    odd = trade(1, MIDNIGHT) | {"instrument_name": "BTC_EURR-PERPETUAL"}
    file = payload(VENUE, "public-get_last_trades_by_currency/x.json", page([odd], has_more=False))
    assert parse(VENUE, file).rows["liquidations"].height == 1
    assert normalised(VENUE, "liquidations", DAY, file).height == 0


def test_overlapping_dumps_count_once() -> None:
    files = [
        payload(VENUE, f"public-get_last_trades_by_currency/{name}.json", content)
        for name, content in {
            "a": page(TRADES[:18], has_more=True),
            "b": page(TRADES[9:], has_more=False),
            "c": page(TRADES[::-1], has_more=False),
        }.items()
    ]
    rows = normalised(VENUE, "liquidations", DAY, *files)
    assert rows.select(pl.col("amount_usd").sum(), pl.len()).row(0) == (3_000.0, 10)
