"""Faults of Binance's liquidations, recorded and archived, and of its lists of instruments."""

from __future__ import annotations

from tests.faults.binance_files import (
    BTC_LIQ,
    FEED,
    SNAPSHOT,
    B,
    D,
    H,
    Q,
    W,
    growing,
    listed,
    order,
    rows,
    side_turned,
    until_noon,
    with_order,
)
from tests.faults.fault import Fault
from tests.faults.moments import NIGHT_MS

FAULTS = (
    Fault(
        "binance-liquidations-sides-swapped",
        "Binance, recorded forceOrder",
        "BUY for SELL and SELL for BUY",
        lambda folder: folder.lines(FEED, side_turned),
        W,
        ("liquidations_hourly.sides_follow_price",),
        ("liquidations_*/binance/*",),
    ),
    Fault(
        "binance-liquidation-feed-ends-early",
        "Binance, recorded forceOrder",
        "the recorder died at noon",
        lambda folder: folder.lines(FEED, until_noon),
        W,
        ("liquidations_hourly.no_long_silence",),
        ("liquidations_*/binance/*USDT*",),
    ),
    Fault(
        "binance-liquidation-growing",
        "Binance, recorded forceOrder",
        "an order's partial fills before its last message",
        order(growing, every=5),
        D,
    ),
    Fault(
        "binance-liquidation-twice",
        "Binance, recorded forceOrder",
        "messages recorded twice",
        order(lambda m: [m, m], every=3),
        D,
    ),
    Fault(
        "binance-liquidation-zero",
        "Binance, recorded forceOrder",
        "orders of quantity 0",
        order(with_order(q="0", l="0", z="0"), every=1000),
        Q,
        (),
        (BTC_LIQ,),
        why="one record is below the share that warns; it is counted in raw_files",
    ),
    Fault(
        "binance-liquidation-no-price",
        "Binance, recorded forceOrder",
        "an order without any price",
        order(with_order(p="", ap=""), every=1000),
        Q,
        (),
        (BTC_LIQ,),
        why="one record is below the share that warns; it is counted in raw_files",
    ),
    Fault(
        "binance-liquidation-thousandfold",
        "Binance, recorded forceOrder",
        "one order × 1000",
        order(
            lambda m: (
                m | {"o": m["o"] | {k: repr(float(m["o"][k]) * 1e6) for k in ("q", "l", "z")}}
            ),
            every=1000,
        ),
        B,
        ("market_daily.liquidated_share_possible",),
    ),
    Fault(
        "binance-liquidation-unknown-side",
        "Binance, recorded forceOrder",
        "a side that is neither BUY nor SELL",
        order(with_order(S="SHORT"), every=1000),
        Q,
        (),
        (BTC_LIQ,),
        why="one record is below the share that warns; it is counted in raw_files",
    ),
    Fault(
        "binance-liquidation-cut",
        "Binance, recorded forceOrder",
        "the last message is cut off",
        lambda folder: folder.text(FEED, lambda t: t[:-60]),
        Q,
        (),
        (BTC_LIQ,),
        why="one record is below the share that warns; it is counted in raw_files",
    ),
    Fault(
        "binance-cm-liquidations-dollars",
        "Binance, liquidationSnapshot of BTCUSD_PERP",
        "dollars for contracts of 100 USD",
        rows(
            SNAPSHOT,
            lambda row: (
                row
                | {
                    c: str(int(row[c]) * 100)
                    for c in (
                        "original_quantity",
                        "last_fill_quantity",
                        "accumulated_fill_quantity",
                    )
                }
            ),
        ),
        W,
        ("liquidations_daily.order_size_steady",),
        ("liquidations_*/binance/BTCUSD_PERP*",),
    ),
    Fault(
        "binance-cm-contract-size",
        "Binance, exchangeInfo of COIN-M",
        "contractSize of BTCUSD_PERP 1 instead of 100",
        listed(lambda entry: entry | {"contractSize": 1}, "BTCUSD_PERP"),
        B,
        ("coverage_daily.largest_venue_not_taken_out", "usd_fits_price"),
    ),
    Fault(
        "binance-delisted-with-data",
        "Binance, exchangeInfo",
        "ETHUSDT ended on the day before, yet its files go on",
        listed(lambda entry: entry | {"deliveryDate": NIGHT_MS, "status": "SETTLING"}, "ETHUSDT"),
        W,
        ("instruments.nothing_after_its_end",),
        ("*/binance/ETHUSDT*",),
    ),
    Fault(
        "binance-instrument-unlisted",
        "Binance, exchangeInfo",
        "ETHUSDT is not in the list any more",
        listed(lambda _entry: None, "ETHUSDT"),
        H,
    ),
)
