"""OKX: instIds, files of UTC+8, forecasts, sides, contracts, recorded files and messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

import polars as pl
import pytest

from tests.venues.cases import pack
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
from transforms.payload import BadPayload, Parsed, Payload
from transforms.regimes import regime_table
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.okx import NEW_TREE_LACKS, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
ROOT = "cdn/okex/traderecords"


# ---- Symbols ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "settle", "margin", "size"),
    [
        ("BTC-USDT-SWAP", "BTC", "USDT", "USDT", "linear", 0.01),
        ("ETH-USDT-SWAP", "ETH", "USDT", "USDT", "linear", 0.1),
        ("BTC-USD-SWAP", "BTC", "USD", "BTC", "inverse", 100),
        ("ETH-USD-SWAP", "ETH", "USD", "ETH", "inverse", 10),
        ("BTC-USDC-SWAP", "BTC", "USDC", "USDC", "linear", None),
        ("SHIB-USDT-SWAP", "SHIB", "USDT", "USDT", "linear", None),
        ("1INCH-USDT-SWAP", "1INCH", "USDT", "USDT", "linear", None),
        ("XAU-USD_UM-SWAP", "XAU", "USD", "USD", "linear", None),
    ],
)
def test_swaps(
    symbol: str, base: str, quote: str, settle: str, margin: str, size: float | None
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, settle)
    assert (found.margin_type, found.contract_size) == (margin, size)
    assert (found.base_multiplier, found.valid_to) == (1, None)
    assert found.contract_kind is ContractKind.PERPETUAL


@pytest.mark.parametrize(
    ("symbol", "margin", "size"),
    [("BTC-USD-240628", Margin.INVERSE, 100), ("BTC-USDT-240628", Margin.LINEAR, 0.01)],
)
def test_dated_contracts_end_at_eight(symbol: str, margin: Margin, size: float) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.margin_type, found.contract_size) == (margin, size)
    assert found.contract_kind is ContractKind.DATED
    assert found.valid_to == datetime(2024, 6, 28, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "symbol",
    [
        "", "BTC", "BTC-USD", "BTC-USDT", "BTC-USD_UM", "BTC-USD-", "BTC-USD-SWAP-SWAP",
        "BTC-USDT-SWAPX", "XBTC-USD-SWAP-240628", "BTC-USD-241345", "BTC-USD-240628-60000-C",
        "btc-usdt-swap", "BTCUSDT", "BTC-EUR-SWAP", "BTC_USDT", "-USDT-SWAP",
    ],
)  # fmt: skip
def test_what_is_no_swap_or_future(symbol: str) -> None:
    assert instrument(symbol) is None


# ---- Contracts, sides, regimes ------------------------------------------------------------------

AT = 1756728000000  # 2025-09-01T12:00Z
DAY = date(2025, 9, 1)


def listed(symbol: str, **fields: str) -> dict[str, str]:
    coin = symbol.partition("-")[0]
    linear = {"ctType": "linear", "ctValCcy": coin, "settleCcy": "USDT"}
    return {"instId": symbol, "instType": "SWAP", "ctMult": "1", **linear, **fields}


def book(*instruments: tuple[str, str, str]) -> pl.DataFrame:
    """Answers of (dated, symbol, ctVal)."""
    files = [
        answer(
            VENUE,
            f"instruments-{n}-{dated}.json",
            {"code": "0", "data": [listed(symbol, ctVal=size)]},
        )
        for n, (dated, symbol, size) in enumerate(instruments)
    ]
    return read_instruments(VENUE, files)


def rows_of(dataset: str, given: Payload, answers: pl.DataFrame | None = None) -> pl.DataFrame:
    done = normalise(VENUE, [given], DAY, DAY, answers)
    [rows] = [p.rows for p in done.partitions if p.dataset == dataset]
    return rows.sort("symbol")


def orders(at: int = AT, **sizes: str) -> Payload:
    return answer(
        VENUE,
        "ws-liquidation-orders/a.json",
        {
            "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
            "data": [
                {
                    "instId": symbol.replace("_", "-"),
                    "details": [{"side": "sell", "bkPx": "30000", "sz": size, "ts": str(at)}],
                }
                for symbol, size in sizes.items()
            ],
        },
    )


def test_one_liquidated_position_is_the_same_in_each_margin_type() -> None:
    """2 BTC at 30,000 = 60,000 USD: 600 contracts of 100 USD, 200 of 0.01 BTC, 20,000 of 0.0001."""
    given = orders(BTC_USD_SWAP="600", BTC_USDT_SWAP="200", BTC_USDC_SWAP="20000")
    found = rows_of("liquidations", given, book(("2025", "BTC-USDC-SWAP", "0.0001")))
    assert found["side"].to_list() == ["long"] * 3
    assert found["amount_coin"].to_list() == pytest.approx([2, 2, 2], rel=1e-12)
    assert found["amount_usd"].to_list() == pytest.approx([60_000] * 3, rel=1e-12)


def test_one_open_position_is_the_same_in_each_margin_type() -> None:
    """2 BTC at 30,000 = 60,000 USD, with the venue's own figures beside the contracts."""

    def row(symbol: str, contracts: str) -> dict[str, str]:
        figures = {"oi": contracts, "oiCcy": "2", "oiUsd": "60000", "ts": str(AT)}
        return {"instId": symbol, "instType": "SWAP", **figures}

    served = [row("BTC-USD-SWAP", "600"), row("BTC-USDT-SWAP", "200"), row("SHIB-USDT-SWAP", "2")]
    given = answer(VENUE, "public-open-interest/a.json", {"code": "0", "data": served})
    found = rows_of("open_interest", given)
    assert found["open_interest_coin"].to_list() == [2, 2, 2]
    assert found["open_interest_usd"].to_list() == [60_000] * 3


def test_open_interest_in_coin_only_is_valued_at_the_mark_of_the_hour() -> None:
    poll = json.dumps(
        {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "oiCcy": "2", "ts": str(AT + 60_000)}
    )
    given = payload(VENUE, "public-open-interest/a.jsonl", poll.encode())
    bar = [str(AT - 900_000), "29000", "31000", "28000", "30000", "1"]
    marks = answer(
        VENUE,
        "market-history-mark-price-candles/15m/BTC-USDT-SWAP.json",
        {"code": "0", "data": [bar]},
    )
    done = normalise(VENUE, [given, marks], DAY, DAY, None)
    [found] = [p.rows for p in done.partitions if p.dataset == "open_interest"]
    assert found.select("open_interest_coin", "open_interest_usd").row(0) == (2, 60_000)
    [bare] = [p.rows for p in normalise(VENUE, [given], DAY, DAY, None).partitions]
    assert bare.select("open_interest_coin", "open_interest_usd").row(0) == (2, None)


def test_contracts_of_unknown_size_are_no_amount() -> None:
    found = rows_of("liquidations", orders(SHIB_USDT_SWAP="5")).row(0, named=True)
    assert (found["amount_native"], found["amount_coin"], found["amount_usd"]) == (5, None, None)
    assert found["amount_null_reason"] == "contract size is not known"


@pytest.mark.parametrize(("at", "coin"), [(AT - 1, 5 * 1000.0), (AT, 5 * 10.0)])
def test_a_changed_contract_size_holds_from_its_answer_on(at: int, coin: float) -> None:
    old = answer(
        VENUE,
        "instruments-2024.json",
        {"code": "0", "data": [listed("X-USDT-SWAP", ctVal="1000")]},
    )
    new = replace(
        answer(
            VENUE, "instruments.json", {"code": "0", "data": [listed("X-USDT-SWAP", ctVal="10")]}
        ),
        fetched_at=datetime.fromtimestamp(AT / 1000, UTC),
    )
    answers = read_instruments(VENUE, [new, old])
    found = rows_of("liquidations", orders(at, X_USDT_SWAP="5"), answers).row(0, named=True)
    assert found["amount_coin"] == coin


def test_a_pair_or_an_index_is_set_aside() -> None:
    done = normalise(VENUE, [orders(BTC_USD="600", BTC_USDT="200")], DAY, DAY, None)
    [found] = done.partitions
    assert found.rows.height == 0
    assert sorted(found.quarantined["reason"]) == [
        "unknown symbol BTC-USD",
        "unknown symbol BTC-USDT",
    ]


def test_repeated_orders_of_a_first_message_count_once() -> None:
    twice = [orders(BTC_USDT_SWAP="200"), orders(BTC_USDT_SWAP="200")]
    twice[1] = replace(twice[1], raw_key="raw/other")
    [found] = normalise(VENUE, twice, DAY, DAY, None).partitions
    assert (found.rows.height, found.accounting["rows_duplicate"].sum()) == (1, 1)


def test_regime() -> None:
    [regime] = regime_table(VENUE).to_dicts()
    assert (regime["completeness"], regime["valid_to"]) == ("throttled", None)
    assert "OKX" in regime["source"]


# ---- Files of UTC+8 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "feed", "symbol", "first", "last"),
    [
        (
            f"{ROOT}/swaprates/daily/20250902/allswap-fundingrates-2025-09-02.zip",
            "daily-swaprates", None, date(2025, 9, 1), date(2025, 9, 2),
        ),
        (
            f"{ROOT}/swaprates/monthly/202402/BTC-USDT-SWAP-fundingrates-2024-02.zip",
            "monthly-swaprates", "BTC-USDT-SWAP", date(2024, 2, 1), date(2024, 2, 28),
        ),
        (
            f"{ROOT}/swaprate/monthly/202112/allswaprate-swaprate-2021-12-31.zip",
            "old-swaprate", None, date(2021, 12, 30), date(2021, 12, 31),
        ),
    ],
)  # fmt: skip
def test_archive_paths(path: str, feed: str, symbol: str | None, first: date, last: date) -> None:
    found = VENUE.feed_for(SourceKind.ARCHIVE, path)
    assert found is not None
    assert found[0].name == feed
    assert (found[1].symbol, found[1].first_date, found[1].last_date) == (symbol, first, last)
    assert VENUE.feed_for(SourceKind.DUMP, path) is None


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/swaprates/daily/20250903/allswap-fundingrates-2025-09-02.zip",
        f"{ROOT}/swaprates/daily/20250932/allswap-fundingrates-2025-09-32.zip",
        f"{ROOT}/swaprates/daily/20250902/allswap-fundingrates-20250902.zip",
        f"{ROOT}/swaprates/daily/20250902/allswap-fundingrates-2025-09-02.csv",
        f"{ROOT}/swaprates/monthly/202403/BTC-USDT-SWAP-fundingrates-2024-02.zip",
        f"{ROOT}/swaprates/monthly/202413/BTC-USDT-SWAP-fundingrates-2024-13.zip",
        f"{ROOT}/swaprates/monthly/202402/BTC-USDT-fundingrates-2024-02.zip",
        f"{ROOT}/swaprate/monthly/202201/allswaprate-swaprate-2021-12-31.zip",
        f"{ROOT}/trades/daily/20250902/BTC-USDT-SWAP-trades-2025-09-02.zip",
    ],
)
def test_other_archive_paths_are_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.ARCHIVE, path) is None


def candidates(feed: str, symbol: str | None, first: date, last: date) -> list[str]:
    give = FEEDS[feed].candidates
    assert give is not None
    keys = list(give(symbol, first, last))
    assert all(FEEDS[feed].facts(key) is not None for key in keys)
    return [key.rpartition("/")[2] for key in keys]


def test_a_utc_day_needs_the_file_of_the_next_day_too() -> None:
    assert candidates("daily-swaprates", None, DAY, DAY) == [
        "allswap-fundingrates-2025-09-01.zip",
        "allswap-fundingrates-2025-09-02.zip",
    ]
    assert candidates("old-swaprate", None, DAY, DAY) == []
    assert candidates("daily-swaprates", "BTC-USDT-SWAP", DAY, DAY) == []
    assert candidates("monthly-swaprates", "BTC-USDT-SWAP", DAY, DAY) == []


def test_the_old_tree_ends_where_the_new_one_begins() -> None:
    days = (date(2022, 1, 15), date(2022, 1, 16))
    assert candidates("old-swaprate", None, *days) == [
        "allswaprate-swaprate-2022-01-15.zip",
        "allswaprate-swaprate-2022-01-16.zip",
    ]
    assert candidates("daily-swaprates", None, *days) == ["allswap-fundingrates-2022-01-17.zip"]
    assert candidates("old-swaprate", None, date(2021, 9, 28), date(2021, 9, 29)) == []


def test_what_the_new_tree_lacks_is_asked_for_elsewhere() -> None:
    days = (date(2025, 4, 1), date(2025, 4, 30))
    daily = candidates("daily-swaprates", None, *days)
    assert len(NEW_TREE_LACKS) == 12
    assert len(daily) == 31 - 12  # 30 days and the one after, without those
    old = candidates("old-swaprate", None, *days)
    assert len(old) == 12
    assert old[0] == "allswaprate-swaprate-2025-04-01.zip"
    assert candidates("monthly-swaprates", "BTC-USDT-SWAP", *days) == [
        "BTC-USDT-SWAP-fundingrates-2025-04.zip"
    ]


def bulk(day: str, *stamps: int) -> Payload:
    path = f"{ROOT}/swaprates/daily/{day.replace('-', '')}/allswap-fundingrates-{day}.zip"
    lines = ["instrument_name,funding_rate,funding_time"]
    lines += [f"BTC-USDT-SWAP,0.000{n + 1},{stamp}" for n, stamp in enumerate(stamps)]
    return payload(VENUE, path, pack(path, "\r\n".join(lines).encode()), SourceKind.ARCHIVE)


def test_a_day_is_made_of_two_files_cut_at_sixteen_hours() -> None:
    """00:00 and 08:00 of 1 September are in its own file, 16:00 in the next; the evening of the
    day before is in its own file as well, a millisecond either side of the cut."""
    cut = 1756656000000  # 2025-08-31T16:00Z
    eight = 8 * 3_600_000
    files = [
        bulk("2025-09-01", cut, cut + eight, cut + 2 * eight),
        bulk("2025-09-02", cut + 3 * eight - 1, cut + 4 * eight),
    ]
    [found] = normalise(VENUE, files, DAY, DAY, None).partitions
    assert found.rows.select("settled_at", "funding_rate").rows() == [
        (datetime(2025, 9, 1, 0, tzinfo=UTC), Decimal("0.0002")),
        (datetime(2025, 9, 1, 8, tzinfo=UTC), Decimal("0.0003")),
        (datetime(2025, 9, 1, 16, tzinfo=UTC), Decimal("0.0001")),  # stamped a millisecond early
    ]


def old(day: str, *rows: tuple[str, int]) -> Payload:
    path = f"{ROOT}/swaprate/monthly/{day[:7].replace('-', '')}/allswaprate-swaprate-{day}.zip"
    text = "".join(f"BTC-USDT-SWAP,swap,0.9,{rate},{stamp}\n" for rate, stamp in rows)
    return payload(VENUE, path, pack(path, text.encode("gbk")), SourceKind.ARCHIVE)


def test_both_trees_and_the_api_say_the_same() -> None:
    """The realised rate of the old tree, one interval before its stamp, is the settlement of the
    new tree and of the API; the new tree is the one that is kept."""
    midnight, eight = 1756684800000, 8 * 3_600_000
    new_file = bulk("2025-09-01", midnight, midnight + eight)
    old_file = old("2025-09-01", ("0.0001", midnight + eight), ("0.0002", midnight + 2 * eight))
    realised = [
        {
            "instId": "BTC-USDT-SWAP",
            "fundingRate": "0.9",
            "realizedRate": f"0.000{n + 1}",
            "fundingTime": str(midnight + n * eight),
        }
        for n in range(2)
    ]
    api_file = answer(
        VENUE, "public-funding-rate-history/BTC-USDT-SWAP.json", {"code": "0", "data": realised}
    )
    [found] = normalise(VENUE, [old_file, api_file, new_file], DAY, DAY, None).partitions
    assert found.rows["funding_rate"].to_list() == [Decimal("0.0001"), Decimal("0.0002")]
    assert set(found.rows["raw_key"]) == {new_file.raw_key}
    assert found.accounting["rows_duplicate"].sum() == 4
    assert found.conflicts.height == 0


@pytest.mark.parametrize("damage", ["cut", "page", "json", "other"])
def test_damaged_bulk_files_are_refused(damage: str) -> None:
    whole = bulk("2025-09-01", 1756656000000)
    content = {
        "cut": whole.content[:-30],
        "page": b"<html>404</html>",
        "json": pack(whole.path, b'{"code":"0"}'),
        "other": pack(whole.path, b"calc_time,last_funding_rate\n1,2\n"),
    }[damage]
    with pytest.raises(BadPayload, match="okx"):
        FEEDS["daily-swaprates"].parse([replace(whole, content=content)])


# ---- Paths of answers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "feed", "symbol"),
    [
        ("public-funding-rate-history/BTC-USDT-SWAP.json", "funding-rate-history", "BTC-USDT-SWAP"),
        ("api-v5-public-funding-rate-history/all.json", "funding-rate-history", None),
        ("public-open-interest/2025-09-01.jsonl", "open-interest", None),
        ("public-open-interest/SWAP/BTC-USD-SWAP.json", "open-interest", "BTC-USD-SWAP"),
        ("ws-open-interest/2025-09-01.jsonl.zst", "open-interest", None),
        (
            "rubik-stat-contracts-open-interest-history/1Dutc/BTC-USD-SWAP.json",
            "open-interest-history", "BTC-USD-SWAP",
        ),
        (
            "rubik-stat-contracts-long-short-account-ratio-contract/5m/BTC-USDT-SWAP.json",
            "long-short-account-ratio-contract", "BTC-USDT-SWAP",
        ),
        (
            "rubik-stat-contracts-long-short-account-ratio-contract-top-trader/5m/X-USDT-SWAP.json",
            "long-short-account-ratio-contract-top-trader", "X-USDT-SWAP",
        ),
        (
            "market-mark-price-candles/1H/BTC-USDT-SWAP.json",
            "mark-price-candles", "BTC-USDT-SWAP",
        ),
        ("market-candles/1Dutc/BTC-USD-240628.json", "candles", "BTC-USD-240628"),
        ("public-liquidation-orders/SWAP/BTC-USD.json", "liquidation-orders", "BTC-USD-SWAP"),
        ("public-liquidation-orders/SWAP/X-USDT-SWAP.json", "liquidation-orders", "X-USDT-SWAP"),
        ("public-liquidation-orders/FUTURES/BTC-USD.json", "liquidation-orders", None),
        ("ws-liquidation-orders/2025-09-01.jsonl.gz", "liquidation-orders", None),
        ("ws-swap-liquidation/2020-12-18.jsonl", "liquidation-v3", None),
        ("instruments-FUTURES-2024.json", "instruments", None),
    ],
)  # fmt: skip
def test_paths(path: str, feed: str, symbol: str | None) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None
    assert (found[0].name, found[1].symbol) == (f"dump-{feed}", symbol)


@pytest.mark.parametrize(
    "path",
    [
        "public-funding-rate/BTC-USDT-SWAP.json",
        "rubik-stat-contracts-open-interest-volume/5m/BTC.json",
        "market-index-candles/1H/BTC-USD.json",
        "market-candles/1M/BTC-USDT-SWAP.json",
        "market-candles/BTC-USDT-SWAP.json",
        "v5-market-funding-history/linear/BTCUSDT.json",
    ],
)
def test_other_paths_are_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.DUMP, path) is None


# ---- Questions to the API -----------------------------------------------------------------------

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
WINDOW = Window(date(2026, 8, 30), date(2026, 8, 31), ["BTC-USDT-SWAP"], NOW)


def asked(feed: str, window: Window = WINDOW) -> list[Request]:
    requests = FEEDS[feed].requests
    assert requests is not None
    return list(requests(window))


def test_every_question_names_a_path_its_own_feed_reads() -> None:
    symbols = ["BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD-270625", "BTC-USDT"]
    asking = [feed for feed in VENUE.feeds if feed.requests is not None]
    assert len(asking) == 8
    for feed in asking:
        requests = asked(feed.name, replace(WINDOW, symbols=symbols))
        assert requests
        assert len({r.path for r in requests}) == len(requests)
        for request in requests:
            assert request.host in VENUE.api_hosts
            assert request.pool in VENUE.rate_limits
            facts = feed.facts(request.path)
            assert facts is not None
            if "instruments" in feed.datasets:
                assert feed.next_page is None
                continue
            assert facts.symbol == request.params["instId"]
            assert facts.first_date is not None
            assert facts.last_date is not None
            assert WINDOW.first_date <= facts.first_date <= facts.last_date <= WINDOW.last_date
        named = {r.params["instId"] for r in requests if "instId" in r.params}
        dated = {"BTC-USD-270625"} if feed.name != "api-funding-rate-history" else set()
        assert named in ({"BTC-USDT-SWAP", "BTC-USD-SWAP"} | dated, set())


def test_ends_of_a_question_lie_outside_of_its_window() -> None:
    """`before` and `after` are newer and older than, both exclusive: 1788048000 s is the start of
    30 August."""
    [request] = asked("api-funding-rate-history")
    assert request.endpoint == "/api/v5/public/funding-rate-history"
    assert request.params == {
        "instId": "BTC-USDT-SWAP",
        "before": "1788047999999",
        "after": "1788220800000",
        "limit": "100",
    }
    assert request.path == (
        "public-funding-rate-history/BTC-USDT-SWAP/1788048000000-1788220799999.json"
    )


@pytest.mark.parametrize(
    ("feed", "minutes"),
    [
        ("api-open-interest-history", 15),
        ("api-long-short-account-ratio-contract", 60),
        ("api-history-mark-price-candles", 15),
        ("api-history-candles", 60),
    ],
)
def test_a_page_holds_the_window_of_each_question(feed: str, minutes: int) -> None:
    requests = asked(feed, replace(WINDOW, first_date=date(2026, 8, 20)))
    ends = [tuple(map(int, r.path.rpartition("/")[2][:-5].split("-"))) for r in requests]
    assert all((end + 1 - start) // (minutes * 60_000) < 100 for start, end in ends)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(ends))
    assert (ends[0][0], ends[-1][1]) == (1787184000000, 1788220799999)


def test_statistics_are_asked_as_long_as_they_are_kept() -> None:
    """1,440 rows: 15 days of 15 minutes, whole from 18 August; before that hours, 60 days back to
    4 July. Nothing older is there to be had."""
    requests = asked("api-open-interest-history", replace(WINDOW, first_date=date(2026, 1, 1)))
    starts: dict[str, list[str]] = {}
    for request in requests:
        stamp = int(request.path.rpartition("/")[2].partition("-")[0])
        day = datetime.fromtimestamp(stamp / 1000, UTC).date().isoformat()
        starts.setdefault(str(request.params["period"]), []).append(day)
    assert (min(starts["15m"]), max(starts["15m"])) == ("2026-08-18", "2026-08-31")
    assert (min(starts["1H"]), len(starts["15m"])) == ("2026-07-04", 14)
    assert max(starts["1H"]) < "2026-08-18"
    # Three months of funding.
    first = asked("api-funding-rate-history", replace(WINDOW, first_date=date(2026, 1, 1)))[0]
    assert first.path.rpartition("/")[2].startswith("1780358400000-")  # 2026-06-02


def page(request: Request, *rows: object) -> Request | None:
    pager = FEEDS["api-funding-rate-history"].next_page
    assert pager is not None
    return pager(request, json.dumps({"code": "0", "data": rows}).encode())


def test_a_full_page_asks_for_what_lies_before_its_oldest_row() -> None:
    [request] = asked("api-funding-rate-history")
    end = 1788220799999
    rows = [{"instId": "BTC-USDT-SWAP", "fundingTime": str(end - n * 60_000)} for n in range(100)]
    assert page(request, *rows[:99]) is None
    following = page(request, *rows)
    assert following is not None
    # 99 minutes before the newest lies the oldest: older than that, and nothing twice.
    assert following.params["after"] == str(end - 99 * 60_000)
    assert following.params["before"] == request.params["before"]
    assert following.path.endswith(f"/1788048000000-{end - 99 * 60_000 - 1}.json")
    with pytest.raises(BadPayload):
        page(request, *[{"instId": "BTC-USDT-SWAP"}] * 100)
    with pytest.raises(BadPayload):
        page(request, *[{"fundingTime": str(end + 1), "instId": "X"}] * 100)


def test_a_refused_page_is_an_error() -> None:
    [request] = asked("api-funding-rate-history")
    pager = FEEDS["api-funding-rate-history"].next_page
    assert pager is not None
    with pytest.raises(BadPayload, match="50011"):
        pager(request, b'{"code":"50011","msg":"Too Many Requests","data":[]}')


# ---- Recorded files and messages ----------------------------------------------------------------


@needs_data
def test_recorded_liquidations_mean_what_was_published() -> None:
    cases = list(golden("okex-swap", "liquidation"))
    content = b"\n".join(message for message, _ in cases)
    given = payload(VENUE, "ws-swap-liquidation/golden.jsonl", content)
    parsed = feed_of(VENUE, given).parse([given])
    assert parsed.rejected.height == 0
    rows = parsed.rows["liquidations"]
    found = [
        (*cells, at.isoformat(timespec="milliseconds"))
        for *cells, at in rows.select(
            "symbol", "side", "price", "amount", "liquidated_at"
        ).iter_rows()
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
    assert len(found) == 2


@needs_data
def test_recorded_open_interest_means_what_was_published() -> None:
    cases = [
        (message, result)
        for message, [result] in golden("okex-swap", "ticker")
        if b'"channel":"open-interest"' in message
    ]
    [(message, result)] = cases
    given = payload(VENUE, "ws-open-interest/golden.jsonl", message)
    [row] = feed_of(VENUE, given).parse([given]).rows["open_interest"].to_dicts()
    assert (row["symbol"], row["amount"]) == (result["symbol"], result["open_interest"])
    assert row["unit"] == "contracts"


@cache
def recorded(feed: str) -> Parsed:
    return FEEDS[feed].parse(dumps(VENUE)[feed])


@needs_data
def test_recorded_open_interest_is_whole() -> None:
    assert {name: len(files) for name, files in dumps(VENUE).items()} == {
        "dump-open-interest": 1,
        "dump-instruments": 4,
    }
    parsed = recorded("dump-open-interest")
    assert_all_accounted(parsed)
    rows = parsed.rows["open_interest"]
    assert (rows.height, parsed.rejected.height) == (9_480, 0)
    assert rows["symbol"].n_unique() == 40
    assert set(rows["unit"]) == {"coin"}
    assert [s for s in rows["symbol"].unique() if instrument(s) is None] == []
    assert (rows["sampled_at"].min(), rows["sampled_at"].max()) == (
        datetime(2025, 9, 1, 0, 0, 9, 709_000, tzinfo=UTC),
        rows["sampled_at"].max(),
    )
    assert str(rows["sampled_at"].max())[:19] == "2025-09-01 20:27:02"
    first = rows.filter(pl.col("symbol") == "BTC-USDT-SWAP").sort("sampled_at").row(0, named=True)
    assert first["amount"] == 25651.677700000047
    assert first["sampled_at"] == datetime(2025, 9, 1, 0, 0, 12, 19_000, tzinfo=UTC)
    # The recorder stopped for 140 minutes: a gap, not zeros.
    bitcoin = rows.filter(pl.col("symbol") == "BTC-USDT-SWAP")["sampled_at"].sort().to_list()
    assert len(bitcoin) == 237
    assert max(b - a for a, b in pairwise(bitcoin)) > timedelta(minutes=139)


@needs_data
def test_recorded_instruments_agree_with_the_rule() -> None:
    rows = recorded("dump-instruments").rows["instruments"]
    assert recorded("dump-instruments").rejected.height == 0
    swaps = rows.filter(pl.col("raw_key").str.ends_with("/instruments.json"))
    assert swaps.height == 166
    sizes = dict(swaps.select("symbol", "contract_size").iter_rows())
    assert (sizes["BTC-USDT-SWAP"], sizes["ETH-USDT-SWAP"]) == (0.01, 0.1)
    assert (sizes["BTC-USD-SWAP"], sizes["ETH-USD-SWAP"]) == (100, 10)
    assert sizes["SHIB-USDT-SWAP"] == 1_000_000
    counts = dict(rows.group_by("raw_key").len().iter_rows())
    assert sorted(counts.values())[:2] == [3, 6]
    for row in rows.to_dicts():
        ruled = instrument(row["symbol"])
        assert ruled is not None, row["symbol"]
        assert (row["base_asset"], row["quote_asset"], row["settle_asset"]) == (
            ruled.base_asset,
            ruled.quote_asset,
            ruled.settle_asset,
        )
        assert (row["margin_type"], row["contract_kind"]) == (
            ruled.margin_type,
            ruled.contract_kind,
        )
        assert ruled.contract_size in (row["contract_size"], None)
        assert row["valid_to"] == ruled.valid_to


@needs_data
def test_recorded_instruments_are_dated() -> None:
    answers = read_instruments(VENUE, dumps(VENUE)["dump-instruments"])
    dated = dict(answers.group_by("observed_at").len().sort("observed_at").iter_rows())
    assert [at.date() for at in dated] == [
        date(2024, 1, 1),
        date(2025, 1, 1),
        date(2026, 9, 1),  # no date in its name: when it was fetched
    ]
    assert list(dated.values())[:2] == [6, 3]
