"""Faults of Bybit's answers and recordings; the larger Binance beside it is sound, so that a
venue-day of Bybit that is unfit is taken out and the rest published."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.faults.fault import Fault, Outcome
from tests.faults.folder import Folder, Record
from tests.faults.moments import NIGHT_MS

FUNDING = "dumps/bybit/v5-market-funding-history/linear/BTCUSDT.json"
ALL_FUNDING = "dumps/bybit/v5-market-funding-history/*/*.json"
OI = "dumps/bybit/v5-market-open-interest/linear/1h/BTCUSDT.json"
ALL_OI = "dumps/bybit/v5-market-open-interest/*/1h/*.json"
RATIO = "dumps/bybit/v5-market-account-ratio/linear/1h/BTCUSDT.json"
MARK = "dumps/bybit/v5-market-mark-price-kline/linear/60/BTCUSDT.json"
FEED = "dumps/bybit/ws-liquidation/2021-01-31.jsonl"
LINEAR = "dumps/bybit/instruments-linear.json"

BTC_FUNDING, BTC_OI = "funding_daily/bybit/BTCUSDT", "open_interest_daily/bybit/BTCUSDT"
BTC_POS, BTC_PRICES = "positioning_daily/bybit/BTCUSDT", "prices_daily/bybit/BTCUSDT"
ANY_FUNDING, ANY_OI, ANY_LIQ = (
    f"{t}/bybit/*" for t in ("funding_daily", "open_interest_daily", "liquidations_*")
)
BTC_LIQ = "liquidations_*/bybit/BTCUSDT*"
R, B, T, Q = Outcome.REFUSED, Outcome.BLOCKED, Outcome.TAKEN_OUT, Outcome.QUARANTINED
W, D, H, G = Outcome.WARNED, Outcome.DEDUPLICATED, Outcome.HARMLESS, Outcome.KNOWN_GAP
DAY_MS, HOUR_MS = 86_400_000, 3_600_000

Change = Callable[[Folder], None]


def stamp(row: Any) -> int:
    if isinstance(row, list):
        return int(row[0])
    return int(next(row[name] for name in ("fundingRateTimestamp", "timestamp") if name in row))


def night(row: Any, hour: int | None = None) -> bool:
    since = stamp(row) - NIGHT_MS
    return 0 <= since < DAY_MS and (hour is None or since // HOUR_MS == hour)


def listed(change: Callable[[Any], Any]) -> Callable[[Record], Record]:
    """Each row of an answer: another, several (a list of dictionaries), or none."""

    def answer(held: Record) -> Record:
        rows: list[Any] = []
        for row in held["result"]["list"]:
            made = change(row)
            several = isinstance(made, list) and bool(made) and isinstance(made[0], dict)
            rows += made if several else [] if made is None else [made]
        return held | {"result": held["result"] | {"list": rows}}

    return answer


def rows(pattern: str, change: Callable[[Any], Any]) -> Change:
    return lambda folder: folder.json(pattern, listed(change))


def value(
    pattern: str, name: str, change: Callable[[str], Any], *, hour: int | None = None
) -> Change:
    return rows(pattern, lambda row: row | {name: change(row[name])} if night(row, hour) else row)


def times(factor: float) -> Callable[[str], str]:
    return lambda text: repr(float(text) * factor)


def answers(pattern: str, change: Callable[[Record], Any]) -> Change:
    return lambda folder: folder.json(pattern, change)


def text(pattern: str, change: Callable[[str], str]) -> Change:
    return lambda folder: folder.text(pattern, change)


def without(pattern: str) -> Change:
    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            folder.remove(path)

    return make


def messages(
    change: Callable[[Record], Any], *, symbol: str = "BTCUSDT", first_only: bool = False
) -> Change:
    def make(folder: Folder) -> None:
        done = False

        def line(message: Record) -> Any:
            nonlocal done
            if message["data"]["symbol"] != symbol or (first_only and done):
                return message
            done = True
            return change(message)

        folder.lines(FEED, line)

    return make


def data(**values: object) -> Callable[[Record], Record]:
    return lambda message: message | {"data": message["data"] | values}


def turned(message: Record) -> Record:
    side = "Sell" if message["data"]["side"] == "Buy" else "Buy"
    return data(side=side)(message)


def two_pages(pattern: str, *, overlap: int = 0, gap: int = 0, again: bool = False) -> Change:
    """The answer cut into two pages; rows that both or neither of them have."""

    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            held = json.loads(path.read_bytes())
            every = held["result"]["list"]
            cut = 6  # of the night
            pages = [every[: cut + overlap], every[cut + gap :]] + (
                [every[: cut + overlap]] if again else []
            )
            folder.write(
                path,
                json.dumps(
                    [held | {"result": held["result"] | {"list": page}} for page in pages]
                ).encode(),
            )

    return make


def contract(change: Callable[[Record], Record | None], symbol: str = "BTCUSDT") -> Change:
    return answers(LINEAR, listed(lambda row: change(row) if row["symbol"] == symbol else row))


FAULTS = (
    Fault(
        "bybit-funding-percent",
        "Bybit, funding history of all symbols",
        "percent instead of fractions on the day",
        value(ALL_FUNDING, "fundingRate", times(100)),
        T,
        ("funding_daily.majors_plausible",),
        (ANY_FUNDING,),
    ),
    Fault(
        "bybit-funding-seconds",
        "Bybit, funding history of BTCUSDT",
        "stamps in seconds",
        rows(FUNDING, lambda row: row | {"fundingRateTimestamp": row["fundingRateTimestamp"][:-3]}),
        H,
    ),
    Fault(
        "bybit-funding-twice-a-minute-apart",
        "Bybit, funding history of BTCUSDT",
        "each settlement of the day again a minute later",
        rows(
            FUNDING,
            lambda row: (
                [row, row | {"fundingRateTimestamp": str(stamp(row) + 60_000)}]
                if night(row)
                else row
            ),
        ),
        T,
        ("funding_daily.interval_plausible",),
        (ANY_FUNDING,),
    ),
    Fault(
        "bybit-funding-hourly-predictions",
        "Bybit, funding history of BTCUSDT",
        "hourly predictions among the settlements",
        rows(
            FUNDING,
            lambda row: (
                [row | {"fundingRateTimestamp": str(stamp(row) + n * HOUR_MS)} for n in range(8)]
                if night(row)
                else row
            ),
        ),
        W,
        ("funding_daily.interval_not_shortened",),
        (BTC_FUNDING,),
    ),
    Fault(
        "bybit-funding-settlement-missing",
        "Bybit, funding history of BTCUSDT",
        "the settlement of 08:00 is not there",
        rows(FUNDING, lambda row: None if night(row, 8) else row),
        W,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
    ),
    Fault(
        "bybit-funding-of-another-symbol",
        "Bybit, funding history of BTCUSDT",
        "rows that name ETHUSDT, in the file of BTCUSDT",
        rows(
            FUNDING,
            lambda row: row | {"symbol": "ETHUSDT", "fundingRate": "0.0002"} if night(row) else row,
        ),
        Q,
        (
            "coverage_daily.none_partial",
            "funding_daily.nobody_gone",
        ),
        (BTC_FUNDING,),
        days_back=1,
    ),
    Fault(
        "bybit-funding-null",
        "Bybit, funding history of BTCUSDT",
        "null for a rate",
        value(FUNDING, "fundingRate", lambda _: None, hour=8),
        Q,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
    ),
    Fault(
        "bybit-funding-error-body",
        "Bybit, funding history of BTCUSDT",
        "an error of the API with HTTP 200, kept as the answer",
        answers(
            FUNDING,
            lambda _: {"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "time": 1},
        ),
        R,
        (
            "BTCUSDT.json",
            "10006",
        ),
    ),
    Fault(
        "bybit-funding-empty-answer",
        "Bybit, funding history of BTCUSDT",
        "an answer without rows",
        rows(FUNDING, lambda _row: None),
        W,
        ("raw_files.not_emptied",),
        (BTC_FUNDING,),
        days_back=2,
    ),
    Fault(
        "bybit-funding-json-broken",
        "Bybit, funding history of BTCUSDT",
        "the JSON breaks off",
        text(FUNDING, lambda t: t[: len(t) // 2]),
        R,
        ("BTCUSDT.json",),
    ),
    Fault(
        "bybit-funding-field-renamed",
        "Bybit, funding history of BTCUSDT",
        "fundingRate is called rate",
        text(FUNDING, lambda t: t.replace('"fundingRate"', '"rate"')),
        B,
        ("raw_files.few_quarantined",),
    ),
    Fault(
        "bybit-pages-overlap",
        "Bybit, open interest of BTCUSDT",
        "two pages that share three rows",
        two_pages(OI, overlap=3),
        D,
    ),
    Fault(
        "bybit-page-gap",
        "Bybit, open interest of BTCUSDT",
        "three rows between two pages are lost",
        two_pages(OI, gap=3),
        W,
        ("open_interest_daily.samples_there",),
        (BTC_OI,),
    ),
    Fault(
        "bybit-oi-thousandfold-day",
        "Bybit, open interest of BTCUSDT",
        "× 1000 all day",
        value(OI, "openInterest", times(1000)),
        B,
        ("market_daily.open_interest_change_plausible",),
    ),
    Fault(
        "bybit-oi-thousandfold-hour",
        "Bybit, open interest of BTCUSDT",
        "× 1000 for an hour",
        value(OI, "openInterest", times(1000), hour=8),
        W,
        ("open_interest_daily.no_spike",),
        (BTC_OI,),
    ),
    Fault(
        "bybit-oi-one-sided",
        "Bybit, open interest of all symbols",
        "already one-sided, and halved all the same",
        value(ALL_OI, "openInterest", times(0.5)),
        T,
        ("open_interest_daily.level_not_stepped",),
        (ANY_OI,),
    ),
    Fault(
        "bybit-oi-zero",
        "Bybit, open interest of BTCUSDT",
        "zeros for NULL for an hour",
        value(OI, "openInterest", lambda _: "0", hour=8),
        W,
        ("open_interest_daily.no_spike",),
        (BTC_OI,),
    ),
    Fault(
        "bybit-oi-negative",
        "Bybit, open interest of BTCUSDT",
        "negative from 08:00 to 11:00",
        rows(
            OI,
            lambda row: (
                row | {"openInterest": f"-{row['openInterest']}"}
                if any(night(row, hour) for hour in (8, 9, 10))
                else row
            ),
        ),
        Q,
        ("raw_files.hardly_any_quarantined",),
        (BTC_OI,),
    ),
    Fault(
        "bybit-oi-missing-for-all",
        "Bybit, open interest of all symbols",
        "no rows of the day",
        rows(ALL_OI, lambda row: None if night(row) else row),
        B,
        ("open_interest_daily.few_gone",),
    ),
    Fault(
        "bybit-ratio-swapped",
        "Bybit, account ratio of BTCUSDT",
        "buyRatio and sellRatio swapped",
        rows(
            RATIO,
            lambda row: (
                row | {"buyRatio": row["sellRatio"], "sellRatio": row["buyRatio"]}
                if night(row)
                else row
            ),
        ),
        W,
        ("positioning_daily.ratios_not_turned",),
        (BTC_POS,),
    ),
    Fault(
        "bybit-price-tenfold",
        "Bybit, mark prices of BTCUSDT",
        "× 10 all day",
        rows(
            MARK,
            lambda row: [row[0], *(times(10)(cell) for cell in row[1:])] if night(row) else row,
        ),
        T,
        ("usd_fits_price",),
        ("*/bybit/*",),
    ),
    Fault(
        "bybit-price-missing",
        "Bybit, mark prices of BTCUSDT",
        "no prices of the day",
        rows(MARK, lambda row: None if night(row) else row),
        W,
        ("coverage_daily.none_partial",),
        (BTC_OI, BTC_PRICES),
    ),
    Fault(
        "bybit-liquidation-sides-swapped",
        "Bybit, recorded liquidation feed",
        "Buy for Sell and Sell for Buy",
        lambda folder: folder.lines(FEED, turned),
        W,
        ("liquidations_hourly.sides_follow_price",),
        (ANY_LIQ,),
    ),
    Fault(
        "bybit-liquidation-twice",
        "Bybit, recorded liquidation feed",
        "each message recorded twice",
        lambda folder: folder.lines(FEED, lambda m: [m, m]),
        D,
    ),
    Fault(
        "bybit-liquidation-price-tenfold",
        "Bybit, recorded liquidation feed",
        "prices × 10",
        messages(lambda m: data(price=times(10)(m["data"]["price"]))(m)),
        T,
        ("usd_fits_price",),
        (ANY_LIQ,),
    ),
    Fault(
        "bybit-liquidation-dollars",
        "Bybit, recorded liquidation feed",
        "sizes of BTCUSDT in dollars",
        messages(
            lambda m: data(size=repr(float(m["data"]["size"]) * float(m["data"]["price"])))(m)
        ),
        B,
        ("market_daily.liquidated_share_possible",),
    ),
    Fault(
        "bybit-liquidation-feed-missing",
        "Bybit, recorded liquidation feed",
        "no recording of the day",
        without(FEED),
        W,
        ("coverage_daily.none_missing",),
        (ANY_LIQ,),
    ),
    Fault(
        "bybit-liquidation-feed-ends-early",
        "Bybit, recorded liquidation feed",
        "the recorder died at noon",
        lambda folder: folder.lines(
            FEED, lambda m: m if m["ts"] < NIGHT_MS + DAY_MS // 2 else None
        ),
        W,
        ("liquidations_hourly.no_long_silence",),
        (ANY_LIQ,),
    ),
    Fault(
        "bybit-instrument-other-coin",
        "Bybit, instruments",
        "the base of ETHUSDT is called ETHW",
        contract(lambda row: row | {"baseCoin": "ETHW"}, "ETHUSDT"),
        H,
        why="what a symbol's name says wins over the list",
    ),
)
