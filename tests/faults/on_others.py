"""Faults of the other venues' exports, of a carrier's, and of a table of reserves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.faults.fault import Fault, Outcome
from tests.faults.folder import Folder, Record, Row
from tests.faults.moments import NIGHT_MS

R, B, T, Q = Outcome.REFUSED, Outcome.BLOCKED, Outcome.TAKEN_OUT, Outcome.QUARANTINED
W, D, H, G = Outcome.WARNED, Outcome.DEDUPLICATED, Outcome.HARMLESS, Outcome.KNOWN_GAP
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
Change = Callable[[Folder], None]

OKX_FUNDING = "dumps/okx/public-funding-rate-history/BTC-USDT-SWAP.json"
OKX_ALL_FUNDING = "dumps/okx/public-funding-rate-history/*.json"
OKX_OI = "dumps/okx/public-open-interest/2021-01-31.jsonl"
OKX_FEED = "dumps/okx/ws-liquidation-orders/2021-01-31.jsonl"
OKX_LIST = "dumps/okx/instruments.json"
BITMEX_FUNDING = "dumps/bitmex/funding/XBTUSD.json"
BITMEX_OI = "dumps/bitmex/instrument/2021-01-31.jsonl"
BITMEX_FEED = "dumps/bitmex/ws-liquidation/2021-01-31.jsonl"
DERIBIT_FUNDING = "dumps/deribit/public-get_funding_rate_history/BTC-PERPETUAL.json"
DERIBIT_OI = "dumps/deribit/public-get_book_summary_by_currency/BTC/2021-01-31.jsonl"
DERIBIT_TRADES = (
    "dumps/deribit/public-get_last_trades_by_instrument_and_time/BTC-PERPETUAL-2021-01-31.json"
)
DERIBIT_ALL_TRADES = "dumps/deribit/public-get_last_trades_by_instrument_and_time/*-2021-01-31.json"
HYPER_FUNDING = "dumps/hyperliquid/fundingHistory/BTC.json"
HYPER_CONTEXTS = "archive/hyperliquid/asset_ctxs/20210131.csv.lz4"
HYPER_FILLS = "archive/hyperliquid/node_fills/hourly/20210131/8.lz4"
RESERVES = "dumps/cryptoquant/BTC_exchange_reserve.csv"
TICKER = "archive/tardis/v1/bybit/derivative_ticker/2021/01/31/BTCUSDT.csv.gz"
TARDIS_LIQ = "archive/tardis/v1/bybit/liquidations/2021/01/31/BTCUSDT.csv.gz"


def times(factor: float) -> Callable[[Any], str]:
    return lambda value: repr(float(value) * factor)


def text(pattern: str, change: Callable[[str], str]) -> Change:
    return lambda folder: folder.text(pattern, change)


def raw(pattern: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda folder: folder.raw(pattern, change)


def lines(pattern: str, change: Callable[[Any], Any]) -> Change:
    return lambda folder: folder.lines(pattern, change)


def rows(pattern: str, change: Callable[[Row], Row | list[Row] | None]) -> Change:
    return lambda folder: folder.rows(pattern, change)


def without(pattern: str) -> Change:
    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            folder.remove(path)

    return make


def listed(pattern: str, change: Callable[[Record], Any], place: tuple[str, ...] = ()) -> Change:
    """Each row of the list at `place` of the answers."""

    def within(held: Any, rest: tuple[str, ...]) -> Any:
        if rest:
            return held | {rest[0]: within(held[rest[0]], rest[1:])}
        out: list[Any] = []
        for row in held:
            made = change(row)
            out += made if isinstance(made, list) else [] if made is None else [made]
        return out

    def answers(text: str) -> str:
        held = json.loads(text)
        if place and isinstance(held, list):
            return json.dumps([within(answer, place) for answer in held])
        return json.dumps(within(held, place))

    return lambda folder: folder.text(pattern, answers)


def night(row: Record, name: str, hour: int | None = None) -> bool:
    since = int(row[name]) - NIGHT_MS
    return 0 <= since < DAY_MS and (hour is None or since // HOUR_MS == hour)


def okx_rates(
    change: Callable[[Any], Any], pattern: str = OKX_FUNDING, hour: int | None = None
) -> Change:
    names = ("fundingRate", "realizedRate")
    return listed(
        pattern,
        lambda row: (
            row | {n: change(row[n]) for n in names} if night(row, "fundingTime", hour) else row
        ),
        ("data",),
    )


def okx_orders(change: Callable[[Record], Record], instrument: str = "BTC-USDT-SWAP") -> Change:
    def line(message: Record) -> Record:
        return message | {
            "data": [
                entry | {"details": [change(d) for d in entry["details"]]}
                if entry["instId"] == instrument
                else entry
                for entry in message["data"]
            ]
        }

    return lines(OKX_FEED, line)


def okx_turned(order: Record) -> Record:
    return order | {"side": "buy" if order["side"] == "sell" else "sell"}


def okx_until_noon(message: Record) -> Record | None:
    stamps = (int(d["ts"]) for entry in message["data"] for d in entry["details"])
    return message if max(stamps) < NIGHT_MS + DAY_MS // 2 else None


def of_instrument(name: str, symbol: str, change: Callable[[Record], Any]) -> Callable[[Any], Any]:
    """Rows of one instrument in a polled answer: a row, a list of rows, or one below `result`."""

    def line(message: Any) -> Any:
        if isinstance(message, list):
            return json.dumps([change(row) if row[name] == symbol else row for row in message])
        if "result" in message:
            return message | {
                "result": [change(row) if row[name] == symbol else row for row in message["result"]]
            }
        return change(message) if message[name] == symbol else message

    return line


def bitmex_settlements(change: Callable[[Record], Record]) -> Change:
    return listed(
        BITMEX_FUNDING, lambda row: change(row) if row["timestamp"] > "2021-01-31" else row
    )


def bitmex_orders(change: Callable[[Record], Record]) -> Change:
    def line(message: Record) -> Record:
        inner = message["message"]
        return message | {
            "message": inner
            | {
                "data": [
                    change(o) if o["symbol"] == "XBTUSD" and "side" in o else o
                    for o in inner["data"]
                ]
            }
        }

    return lines(BITMEX_FEED, line)


def deribit_hours(change: Callable[[Record], Any], hour: int | None = None) -> Change:
    return listed(
        DERIBIT_FUNDING,
        lambda row: change(row) if night(row, "timestamp", hour) else row,
        ("result",),
    )


def deribit_trades(change: Callable[[Record], Any]) -> Change:
    return listed(
        DERIBIT_ALL_TRADES,
        lambda row: change(row) if "liquidation" in row else row,
        ("result", "trades"),
    )


def other_way(row: Record) -> Record:
    return row | {"direction": "buy" if row["direction"] == "sell" else "sell"}


def hyper_hours(change: Callable[[Record], Any]) -> Change:
    return listed(HYPER_FUNDING, lambda row: change(row) if night(row, "time") else row)


def side_turned(row: Row) -> Row:
    return row | {"side": "buy" if row["side"] == "sell" else "sell"}


def micros_to_millis(row: Row) -> Row:
    return row | {name: row[name][:-3] for name in ("timestamp", "local_timestamp")}


FAULTS = (
    Fault(
        "okx-funding-percent",
        "OKX, funding history of all swaps",
        "percent instead of fractions on the day",
        okx_rates(times(100), OKX_ALL_FUNDING),
        T,
        ("funding_daily.majors_plausible",),
        ("funding_daily/okx/*",),
    ),
    Fault(
        "okx-funding-empty-text",
        "OKX, funding history of BTC-USDT-SWAP",
        "an empty text for the realised rate",
        okx_rates(lambda _: "", hour=8),
        Q,
        ("funding_daily.none_missing",),
        ("funding_daily/okx/BTC-USDT-SWAP",),
    ),
    Fault(
        "okx-error-body",
        "OKX, funding history of BTC-USDT-SWAP",
        "code 50011 with HTTP 200, kept as the answer",
        text(OKX_FUNDING, lambda _: '{"code":"50011","data":[],"msg":"Too Many Requests"}'),
        R,
        ("BTC-USDT-SWAP.json",),
    ),
    Fault(
        "okx-oi-contracts-for-coins",
        "OKX, polled open interest of BTC-USDT-SWAP",
        "the number of contracts in the columns of coins and contracts × 100",
        lines(
            OKX_OI,
            of_instrument(
                "instId",
                "BTC-USDT-SWAP",
                lambda row: row | {"oi": times(100)(row["oi"]), "oiCcy": row["oi"]},
            ),
        ),
        B,
        ("market_daily.open_interest_change_plausible",),
    ),
    Fault(
        "okx-contract-value-changed",
        "OKX, instruments",
        "ctVal of BTC-USDT-SWAP 1 instead of 0.01",
        listed(
            OKX_LIST,
            lambda row: row | {"ctVal": "1"} if row["instId"] == "BTC-USDT-SWAP" else row,
            ("data",),
        ),
        T,
        ("source_conflicts.contract_sizes_agree",),
        ("liquidations_*/okx/*",),
        days_back=2,
    ),
    Fault(
        "okx-liquidation-sides-swapped",
        "OKX, recorded liquidation orders",
        "side turned round, posSide sound",
        okx_orders(okx_turned),
        B,
        ("raw_files.few_quarantined",),
    ),
    Fault(
        "okx-liquidation-coins-for-contracts",
        "OKX, recorded liquidation orders",
        "sz in coins instead of contracts of 0.01",
        okx_orders(lambda order: order | {"sz": times(0.01)(order["sz"])}),
        W,
        ("liquidations_daily.order_size_steady",),
        ("liquidations_*/okx/BTC-USDT-SWAP*",),
    ),
    Fault(
        "okx-liquidation-feed-ends-early",
        "OKX, recorded liquidation orders",
        "the recorder died at noon",
        lines(OKX_FEED, okx_until_noon),
        W,
        ("liquidations_hourly.no_long_silence",),
        ("liquidations_*/okx/*",),
    ),
    Fault(
        "okx-polls-missing-for-hours",
        "OKX, polled open interest",
        "no polls from 06:00 to 12:00",
        lines(
            OKX_OI, lambda row: None if 6 <= (int(row["ts"]) - NIGHT_MS) // HOUR_MS < 12 else row
        ),
        W,
        ("open_interest_daily.samples_as_before",),
        ("open_interest_daily/okx/*",),
    ),
    Fault(
        "bitmex-funding-percent",
        "BitMEX, funding of XBTUSD",
        "percent instead of fractions on the day",
        bitmex_settlements(
            lambda row: row | {n: row[n] * 100 for n in ("fundingRate", "fundingRateDaily")}
        ),
        T,
        ("funding_daily.majors_plausible",),
        ("funding_daily/bitmex/*",),
    ),
    Fault(
        "bitmex-funding-of-a-day",
        "BitMEX, funding of XBTUSD",
        "the rate of a day for that of each settlement",
        bitmex_settlements(lambda row: row | {"fundingRate": row["fundingRateDaily"]}),
        Q,
        ("coverage_daily.none_partial", "funding_daily.nobody_gone"),
        ("funding_daily/bitmex/XBTUSD",),
        days_back=1,
    ),
    Fault(
        "bitmex-oi-thousandfold",
        "BitMEX, polled instruments",
        "openInterest of XBTUSD × 1000 all day",
        lines(
            BITMEX_OI,
            of_instrument(
                "symbol", "XBTUSD", lambda row: row | {"openInterest": row["openInterest"] * 1000}
            ),
        ),
        B,
        ("market_daily.open_interest_change_plausible",),
    ),
    Fault(
        "deribit-funding-hours-missing",
        "Deribit, funding history of BTC-PERPETUAL",
        "five hours are not there",
        deribit_hours(
            lambda row: None if 5 <= (row["timestamp"] - NIGHT_MS) // HOUR_MS < 10 else row
        ),
        W,
        ("funding_daily.none_missing",),
        ("funding_daily/deribit/BTC-PERPETUAL",),
    ),
    Fault(
        "deribit-funding-of-8-hours",
        "Deribit, funding history of BTC-PERPETUAL",
        "the rate of eight hours for that of the hour",
        deribit_hours(lambda row: row | {"interest_1h": row["interest_8h"]}),
        Q,
        ("coverage_daily.none_partial", "funding_daily.nobody_gone"),
        ("funding_daily/deribit/BTC-PERPETUAL",),
        days_back=1,
    ),
    Fault(
        "deribit-oi-coins-for-dollars",
        "Deribit, polled book summaries",
        "open interest of BTC-PERPETUAL in coins",
        lines(
            DERIBIT_OI,
            of_instrument(
                "instrument_name",
                "BTC-PERPETUAL",
                lambda row: row | {"open_interest": row["open_interest"] / row["mark_price"]},
            ),
        ),
        W,
        ("open_interest_daily.no_jump",),
        ("open_interest_daily/deribit/BTC-PERPETUAL",),
    ),
    Fault(
        "deribit-liquidation-sides-swapped",
        "Deribit, trades of all instruments",
        "buy for sell and sell for buy",
        deribit_trades(other_way),
        W,
        ("liquidations_hourly.sides_follow_price",),
        ("liquidations_*/deribit/*",),
    ),
    Fault(
        "deribit-trades-broken-json",
        "Deribit, trades of BTC-PERPETUAL",
        "the JSON breaks off",
        text(DERIBIT_TRADES, lambda t: t[: len(t) // 2]),
        R,
        ("BTC-PERPETUAL-2021-01-31.json",),
    ),
    Fault(
        "hyperliquid-funding-of-8-hours",
        "Hyperliquid, funding history of BTC",
        "rates of eight hours for each hour",
        hyper_hours(lambda row: row | {"fundingRate": times(8)(row["fundingRate"])}),
        W,
        ("funding_daily.majors_rate_of_its_period",),
        ("funding_daily/hyperliquid/BTC",),
    ),
    Fault(
        "hyperliquid-funding-percent",
        "Hyperliquid, funding history of BTC",
        "percent instead of fractions on the day",
        hyper_hours(lambda row: row | {"fundingRate": times(100)(row["fundingRate"])}),
        T,
        ("funding_daily.majors_plausible",),
        ("funding_daily/hyperliquid/*",),
    ),
    Fault(
        "hyperliquid-contexts-truncated",
        "Hyperliquid, asset_ctxs",
        "the LZ4 frame breaks off",
        raw(HYPER_CONTEXTS, lambda b: b[: len(b) // 2]),
        R,
        ("20210131.csv.lz4",),
    ),
    Fault(
        "hyperliquid-contexts-column-renamed",
        "Hyperliquid, asset_ctxs",
        "open_interest is called oi",
        text(HYPER_CONTEXTS, lambda t: t.replace("open_interest", "oi", 1)),
        R,
        ("header lacks open_interest",),
    ),
    Fault(
        "hyperliquid-fills-hour-missing",
        "Hyperliquid, node fills",
        "the file of 08:00 is not there",
        without(HYPER_FILLS),
        W,
        ("coverage_daily.none_partial", "liquidations_daily.completeness_steady"),
        ("liquidations_*/hyperliquid/*",),
        why="the day is called partial, and its hour has no row",
    ),
    Fault(
        "bitmex-liquidation-sides-swapped",
        "BitMEX, recorded liquidations of XBTUSD",
        "Buy for Sell and Sell for Buy",
        bitmex_orders(lambda order: order | {"side": "Buy" if order["side"] == "Sell" else "Sell"}),
        W,
        ("liquidations_hourly.sides_follow_price",),
        ("liquidations_*/bitmex/XBTUSD*",),
    ),
    Fault(
        "reserves-negative",
        "CryptoQuant, exchange reserve",
        "a negative reserve",
        text(RESERVES, lambda t: t.replace("2021.1.31,", "2021.1.31,-")),
        Q,
        ("raw_files.hardly_any_quarantined",),
        ("reserves_daily/*",),
    ),
    Fault(
        "reserves-thousands-separated",
        "CryptoQuant, exchange reserve",
        "2 386 821,01 in quotes",
        text(RESERVES, lambda t: t.replace("2386821.01827552", '"2 386 821,01"')),
        Q,
        ("raw_files.hardly_any_quarantined",),
        ("reserves_daily/*",),
    ),
    Fault(
        "reserves-dollars-for-coins",
        "CryptoQuant, exchange reserve",
        "dollars for coins on the day",
        text(RESERVES, lambda t: t.replace("2386821.01827552", "90960341021.3")),
        W,
        ("reserves_daily.no_jump",),
        ("reserves_daily/*",),
    ),
    Fault(
        "tardis-gzip-truncated",
        "Tardis, Bybit's derivative_ticker of BTCUSDT",
        "the gzip breaks off",
        raw(TICKER, lambda b: b[: len(b) // 2]),
        R,
        ("BTCUSDT.csv.gz", "truncated"),
    ),
    Fault(
        "tardis-liquidation-sides-swapped",
        "Tardis, Bybit's liquidations of BTCUSDT",
        "buy for sell and sell for buy",
        rows(TARDIS_LIQ, side_turned),
        W,
        ("liquidations_hourly.sides_follow_price",),
        ("liquidations_*/bybit/BTCUSDT*",),
    ),
    Fault(
        "tardis-milliseconds",
        "Tardis, Bybit's liquidations of BTCUSDT",
        "stamps in milliseconds instead of microseconds",
        rows(TARDIS_LIQ, micros_to_millis),
        H,
    ),
    Fault(
        "tardis-other-exchange",
        "Tardis, Bybit's liquidations of BTCUSDT",
        "rows of another exchange",
        rows(TARDIS_LIQ, lambda row: row | {"exchange": "bitmex"}),
        Q,
        ("raw_files.hardly_any_quarantined",),
        ("liquidations_*/bybit/BTCUSDT*",),
    ),
    Fault(
        "tardis-no-bytes",
        "Tardis, Bybit's liquidations of BTCUSDT",
        "a file of 0 bytes",
        raw(TARDIS_LIQ, lambda _: b""),
        R,
        ("empty file",),
    ),
)

ASIDE = ("okx", "deribit", "reserves")
"""The faults of one world; the others are of another, since a night of seven venues is slow."""
OKX_AND_DERIBIT = tuple(fault for fault in FAULTS if fault.name.startswith(ASIDE))
BITMEX_AND_OTHERS = tuple(fault for fault in FAULTS if not fault.name.startswith(ASIDE))
