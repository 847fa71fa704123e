"""Which days and assets have a row, and who is counted in it."""

from __future__ import annotations

from tests.market.given import (
    TRACE,
    Given,
    Golden,
    funding,
    liquidated,
    open_interest,
    positioning,
    price,
)

ETH = {"symbol": "ETHUSDT", "base_asset": "ETH"}

_ONE_TABLE_EACH = Given(
    funding=[
        funding(0, "alpha", 0.0001),
        # A rate whose hours nobody knows: an instrument, but not behind the rates.
        funding(0, "beta", None),
    ],
    open_interest=[
        open_interest(0, "alpha", usd=100.0, coin=1.0),
        # A second symbol of alpha, and a dated one that is no perpetual.
        open_interest(0, "alpha", "BTCUSD_PERP", coin=2.0, margin_type="inverse"),
        open_interest(0, "alpha", "BTCUSD_260626", usd=50.0, contract_kind="dated"),
        # A row without amounts: an instrument, but its venue is not behind the open interest.
        open_interest(0, "gamma"),
        # Polled: whether one sample is a trace cannot be known, so it is none.
        open_interest(0, "delta", coin=1.0, samples=(1, None)),
        # One of a hundred is no trace, 1 of 101 is one.
        open_interest(0, "epsilon", usd=1.0, samples=(1, 100)),
        open_interest(0, "zeta", usd=1.0, samples=(1, 101)),
    ],
    liquidations=[liquidated(0, "alpha", 0.0, 0.0), liquidated(0, "eta", None, None)],
    positioning=[positioning(0, "theta", 1.0)],
    prices=[price(0, "iota")],
)

_COUNTS = {
    # alpha, beta, gamma, delta, epsilon, eta, theta, iota; zeta has but a trace.
    "venues": 8,
    # alpha's BTCUSDT and BTCUSD_PERP, beta's, gamma's, delta's, epsilon's.
    "instruments": 6,
    "funding_venues": 1,
    # alpha, delta, epsilon.
    "open_interest_venues": 3,
    # alpha and eta.
    "liquidations_venues": 2,
}

_ASSETS = Given(
    funding=[funding(0, "alpha", 0.0001), funding(-1, "alpha", 0.0001, **ETH)],
    open_interest=[
        open_interest(0, "alpha", **TRACE),
        open_interest(0, "alpha", "SOLUSDT", base_asset="SOL", coin=1.0, usd=2.0, **TRACE),
    ],
    prices=[price(0, "beta", "XRPUSDT", base_asset="XRP")],
    positioning=[positioning(0, "gamma", None, base_asset="DOGE")],
)

_NOTHING_KNOWN = dict.fromkeys(
    [
        "funding_rate_8h_oi_weighted",
        "funding_rate_8h_volume_weighted",
        "funding_rate_8h_mean",
        "funding_rate_8h_median",
        "funding_rate_8h_min",
        "funding_rate_8h_max",
        "funding_rate_annualised_oi_weighted",
        "open_interest_usd",
        "open_interest_usd_linear",
        "open_interest_usd_inverse",
        "open_interest_usd_quanto",
        "open_interest_change_usd",
        "open_interest_change_pct",
        "liquidations_long_usd",
        "liquidations_short_usd",
        "liquidations_total_usd",
        "liquidations_max_24h_usd",
        "liquidations_max_24h_end",
        "liquidations_completeness",
        "liquidations_to_open_interest",
        "long_short_account_ratio",
        "taker_buy_sell_ratio",
        "open_interest_coverage",
    ]
)

CASES = [
    Golden("one table each", "market_daily", _ONE_TABLE_EACH, {(0, "BTC"): _COUNTS}),
    Golden("one table each", "market_total_daily", _ONE_TABLE_EACH, {0: {"assets": 1, **_COUNTS}}),
    Golden(
        "a row where any table has one",
        "market_daily",
        _ASSETS,
        {
            (0, "BTC"): {"venues": 1, "instruments": 1},
            (0, "XRP"): {"venues": 1, "instruments": 0, "funding_venues": 0},
            # NULL throughout is a row all the same.
            (0, "DOGE"): {"venues": 1, "instruments": 0, **_NOTHING_KNOWN},
            # Of ETH there was something yesterday, which was not asked for.
            (0, "ETH"): None,
            (-1, "ETH"): None,
            # Nothing but a trace is nothing.
            (0, "SOL"): None,
        },
    ),
    Golden(
        "a row where any table has one",
        "market_total_daily",
        _ASSETS,
        # BTC, XRP and DOGE at alpha, beta and gamma.
        {0: {"assets": 3, "venues": 3, "instruments": 1}, -1: None},
    ),
    Golden(
        "yesterday too",
        "market_total_daily",
        _ASSETS,
        {-1: {"assets": 1, "venues": 1, "instruments": 1}, 0: {"assets": 3}, -2: None},
        first=-3,
    ),
    Golden(
        "only prices",
        "market_total_daily",
        Given(prices=[price(0, "beta")]),
        {0: {"assets": 1, **_NOTHING_KNOWN}},
    ),
]
