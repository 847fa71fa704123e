"""Prices of the reference instrument, and ratios of longs to shorts and of buys to sells."""

from __future__ import annotations

from tests.market.given import TRACE, Given, Golden, Record, open_interest, positioning, price

EUR: Record = {"symbol": "BTCEUR", "quote_asset": "EUR"}
USDC: Record = {"symbol": "BTCUSDC", "quote_asset": "USDC"}
DATED: Record = {"symbol": "BTCUSDT_260626", "contract_kind": "dated"}

OTHER = (1.0, 2.0, 0.5, 1.5)


def _chosen(name: str, given: Given, venue: str | None, symbol: str | None) -> Golden:
    expected = {"price_venue": venue, "price_symbol": symbol}
    return Golden(name, "market_daily", given, {(0, "BTC"): expected})


_LARGEST = Given(
    prices=[
        price(0, "alpha", ohlc=OTHER, volume=1e9, returned=0.5),
        price(0, "beta", ohlc=(100.0, 120.0, 80.0, 90.0), volume=1.0, returned=-0.1, **USDC),
        # Larger, but not in dollars; larger, but dated.
        price(0, "beta", ohlc=OTHER, volume=1e9, **EUR),
        price(0, "alpha", ohlc=OTHER, volume=1e9, **DATED),
        # Yesterday's largest.
        price(-1, "gamma", ohlc=OTHER),
        price(0, "gamma", ohlc=OTHER),
        price(0, "alpha", "ETHUSDT", base_asset="ETH", ohlc=OTHER),
    ],
    open_interest=[
        # The close does not decide, the day's mean does.
        open_interest(0, "alpha", usd=1_000.0, mean=100.0),
        open_interest(0, "beta", usd=1.0, mean=200.0, **USDC),
        open_interest(0, "beta", mean=900.0, **EUR),
        open_interest(0, "alpha", mean=900.0, **DATED),
        open_interest(-1, "gamma", mean=900.0),
        open_interest(0, "gamma", mean=900.0, **TRACE),
        open_interest(0, "alpha", "ETHUSDT", mean=5_000.0, base_asset="ETH"),
    ],
)

_RATIOS = Given(
    positioning=[
        positioning(0, "alpha", 2.0, 1.5),
        # A dated one counts as well.
        positioning(0, "alpha", 1.0, 0.5, **DATED),
        # Ratios without weight.
        positioning(0, "beta", 50.0, 50.0),
        positioning(0, "gamma", 50.0, 50.0),
        # A weight without a ratio.
        positioning(0, "delta", None, None),
        positioning(0, "epsilon", 50.0, None),
        positioning(0, "alpha", 3.0, 3.0, "ETHUSDT", base_asset="ETH"),
        positioning(-1, "alpha", 40.0, 40.0),
    ],
    open_interest=[
        open_interest(0, "alpha", usd=1.0, mean=300.0),
        open_interest(0, "alpha", mean=100.0, **DATED),
        open_interest(0, "beta", usd=9.0, mean=0.0),
        open_interest(0, "delta", mean=800.0),
        open_interest(0, "epsilon", mean=800.0, **TRACE),
        open_interest(0, "alpha", "ETHUSDT", mean=400.0, base_asset="ETH"),
        open_interest(-1, "alpha", mean=800.0),
    ],
    prices=[
        price(0, "alpha", volume=600.0),
        price(0, "alpha", volume=400.0, **DATED),
        price(0, "beta", volume=0.0),
        price(0, "gamma", volume=None),
        price(0, "delta", volume=800.0),
        price(0, "epsilon", volume=800.0),
        price(0, "alpha", "ETHUSDT", volume=500.0, base_asset="ETH"),
    ],
)

CASES = [
    Golden(
        "largest mean open interest",
        "market_daily",
        _LARGEST,
        {
            (0, "BTC"): {
                "price_venue": "beta",
                "price_symbol": "BTCUSDC",
                "price_open": 100.0,
                "price_high": 120.0,
                "price_low": 80.0,
                "price_close": 90.0,
                "price_return": -0.1,
            },
            (0, "ETH"): {"price_close": 1.5, "price_return": None},
        },
    ),
    _chosen(
        "unknown open interest last, even after none",
        Given(
            prices=[price(0, "alpha", volume=1e9), price(0, "beta", volume=1.0)],
            open_interest=[open_interest(0, "beta", mean=0.0)],
        ),
        "beta",
        "BTCUSDT",
    ),
    _chosen(
        "a perpetual of unknown open interest before a dated one",
        Given(
            prices=[price(0, "beta"), price(0, "alpha", volume=1e9, **DATED)],
            open_interest=[open_interest(0, "alpha", mean=1e9, **DATED)],
        ),
        "beta",
        "BTCUSDT",
    ),
    _chosen(
        "a dated one where there is no other",
        Given(
            prices=[
                price(0, "beta", **DATED),
                price(0, "alpha", **DATED),
                price(0, "alpha", **EUR),
            ],
            open_interest=[open_interest(0, "beta", mean=1.0, **DATED)],
        ),
        "beta",
        "BTCUSDT_260626",
    ),
    _chosen(
        "of equal open interest the larger volume",
        Given(
            prices=[price(0, "alpha"), price(0, "beta", volume=7.0), price(0, "gamma", volume=8.0)],
            open_interest=[open_interest(0, v, mean=5.0) for v in ("alpha", "beta", "gamma")],
        ),
        "gamma",
        "BTCUSDT",
    ),
    _chosen(
        "unknown volume last, even after none",
        Given(prices=[price(0, "alpha"), price(0, "beta", volume=0.0)]),
        "beta",
        "BTCUSDT",
    ),
    _chosen(
        "of equal volume the venue first in the alphabet, and its first symbol",
        Given(
            prices=[
                price(0, "beta", "AAA", volume=5.0),
                price(0, "alpha", "CCC", volume=5.0),
                price(0, "alpha", "BBB", volume=5.0),
            ]
        ),
        "alpha",
        "BBB",
    ),
    Golden(
        "no price in dollars",
        "market_daily",
        Given(prices=[price(0, "alpha", **EUR)], open_interest=[open_interest(0, "beta", usd=1.0)]),
        {
            (0, "BTC"): dict.fromkeys(
                [
                    "price_venue",
                    "price_symbol",
                    "price_open",
                    "price_high",
                    "price_low",
                    "price_close",
                    "price_return",
                ]
            )
        },
    ),
    Golden(
        "ratios",
        "market_daily",
        _RATIOS,
        {
            (0, "BTC"): {
                # (300 × 2 + 100 × 1) ÷ 400
                "long_short_account_ratio": 1.75,
                # (600 × 1.5 + 400 × 0.5) ÷ 1,000
                "taker_buy_sell_ratio": 1.1,
            },
            (0, "ETH"): {"long_short_account_ratio": 3.0, "taker_buy_sell_ratio": 3.0},
        },
    ),
    Golden(
        "ratios",
        "market_total_daily",
        _RATIOS,
        {
            0: {
                # (700 + 400 × 3) ÷ 800
                "long_short_account_ratio": 2.375,
                # (1,100 + 500 × 3) ÷ 1,500
                "taker_buy_sell_ratio": 26 / 15,
            }
        },
    ),
    Golden(
        "ratios without weights",
        "market_daily",
        Given(positioning=[positioning(0, "alpha", 2.0, 2.0)]),
        {(0, "BTC"): {"long_short_account_ratio": None, "taker_buy_sell_ratio": None}},
    ),
]
