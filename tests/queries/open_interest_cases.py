"""What the questions about open interest, prices and positioning answer on small builds."""

from __future__ import annotations

from datetime import date, timedelta

from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DATED,
    DAY,
    ETHER,
    Case,
    Record,
    at,
    instrument,
    interest,
    market,
    total,
)

DAY_14 = date(2021, 1, 10)


def priced(who: Record, close: float, **more: object) -> Record:
    return who | {"date": DAY, "price_close": close, "price_source": "mark"} | more


CASES = {
    "open_interest_leaders": Case(
        tables={
            "market_daily": [
                market(
                    open_interest_usd=600.0,
                    open_interest_coin=6.0,
                    open_interest_change_usd=60.0,
                    open_interest_change_pct=0.1,
                    open_interest_venues=2,
                    open_interest_coverage=1.0,
                ),
                market("ETH", open_interest_usd=200.0, open_interest_venues=1),
                market("XRP", open_interest_usd=100.0),
                # not known is not small
                market("DOGE"),
            ],
            "market_total_daily": [total(open_interest_usd=1000.0)],
        },
        given=("n=2",),
        rows=[
            # 600 ÷ 1000, 200 ÷ 1000
            (1, "BTC", 600.0, 0.6, 6.0, 60.0, 0.1, 2, 1.0),
            (2, "ETH", 200.0, 0.2, None, None, None, 1, None),
        ],
    ),
    "open_interest_venue_share": Case(
        tables={
            "open_interest_daily": [
                interest(BINANCE, 500.0),
                interest(DATED, 100.0),
                interest(BYBIT, 200.0),
                # a trace counts nowhere; coins without a price have no share
                interest(instrument("okx", "BTC-USDT-SWAP"), 900.0, sample_count=2),
                interest(instrument("gate", "BTC_USDT"), None, open_interest_coin_close=3.0),
                interest(ETHER, 999.0),
                interest(BINANCE, 300.0, BEFORE),
                interest(BYBIT, 100.0, BEFORE),
            ],
            "market_daily": [market(open_interest_coverage=0.9)],
        },
        rows=[
            # 600 ÷ 800 and 200 ÷ 800; the day before 300 ÷ 400 and 100 ÷ 400
            ("binance", 600.0, 6.0, 0.75, 0.75, 0.0, 2, 0.9),
            ("bybit", 200.0, 2.0, 0.25, 0.25, 0.0, 1, 0.9),
            ("gate", None, 3.0, None, None, None, 1, 0.9),
        ],
    ),
    "open_interest_and_price": Case(
        tables={
            "market_daily": [
                market("A", open_interest_usd=9.0, price_return=0.02, open_interest_change_pct=0.1),
                market(
                    "B", open_interest_usd=8.0, price_return=0.02, open_interest_change_pct=-0.1
                ),
                market(
                    "C", open_interest_usd=7.0, price_return=-0.02, open_interest_change_pct=0.1
                ),
                market(
                    "D", open_interest_usd=6.0, price_return=-0.02, open_interest_change_pct=-0.1
                ),
                market(
                    "E", open_interest_usd=5.0, price_return=0.001, open_interest_change_pct=0.1
                ),
                market("F", open_interest_usd=4.0, price_return=None, open_interest_change_pct=0.1),
            ]
        },
        columns=(
            "base_asset",
            "price_return_fraction",
            "open_interest_change_fraction",
            "quadrant",
        ),
        rows=[
            ("A", 0.02, 0.1, "new longs"),
            ("B", 0.02, -0.1, "shorts closing"),
            ("C", -0.02, 0.1, "new shorts"),
            ("D", -0.02, -0.1, "longs closing"),
            # 0.001 < 0.005
            ("E", 0.001, 0.1, "flat"),
            ("F", None, 0.1, None),
        ],
    ),
    "open_interest_movers": Case(
        tables={
            "market_daily": [
                market(
                    open_interest_usd=5e6,
                    open_interest_change_pct=-0.3,
                    open_interest_change_usd=-2e6,
                    open_interest_change_coin=-20.0,
                    price_return=-0.1,
                ),
                market("ETH", open_interest_usd=3e6, open_interest_change_pct=0.2),
                # too small, and not known
                market("XRP", open_interest_usd=1e3, open_interest_change_pct=9.0),
                market("DOGE", open_interest_usd=9e9),
            ]
        },
        rows=[
            ("BTC", -0.3, -2e6, -20.0, 5e6, -0.1, None),
            ("ETH", 0.2, None, None, 3e6, None, None),
        ],
    ),
    "open_interest_margin_mix": Case(
        tables={
            "market_daily": [
                market(
                    open_interest_usd=1000.0,
                    open_interest_usd_linear=700.0,
                    open_interest_usd_inverse=300.0,
                ),
                market("ETH"),
            ]
        },
        rows=[("BTC", 1000.0, 700.0, 300.0, None, 0.7, 0.3, None, None)],
    ),
    "open_interest_gaps": Case(
        tables={
            "open_interest_daily": [
                interest(BINANCE, 500.0, sample_count=144),
                interest(BYBIT, 7.0, sample_count=2),
                interest(ETHER, 5.0, sample_count=280),
                interest(DATED, 5.0, sample_count=1, expected_sample_count=None),
            ]
        },
        given=("day=2021-01-17",),
        rows=[
            # 2 ÷ 288 < 0.01; 144 ÷ 288; 280 ÷ 288 = 0.97 is enough
            ("bybit", "BTCUSDT", "BTC", 2, 288, 2 / 288, True, 7.0),
            ("binance", "BTCUSDT", "BTC", 144, 288, 0.5, False, 500.0),
        ],
    ),
    "price_basis_between_venues": Case(
        tables={
            "prices_daily": [
                priced(BINANCE, 36000.0, volume_usd=5.0),
                priced(BYBIT, 36360.0),
                priced(instrument("okx", "BTC-USDC-SWAP", quote_asset="USDC"), 35640.0),
                priced(instrument("x", "BTCEUR", quote_asset="EUR"), 30000.0),
                priced(DATED, 40000.0),
            ]
        },
        given=("day=2021-01-17",),
        rows=[
            # the median is 36,000: + 1 %, − 1 %, 0
            ("bybit", "BTCUSDT", "USDT", "mark", 36360.0, 36000.0, 0.01, None),
            ("okx", "BTC-USDC-SWAP", "USDC", "mark", 35640.0, 36000.0, -0.01, None),
            ("binance", "BTCUSDT", "USDT", "mark", 36000.0, 36000.0, 0.0, 5.0),
        ],
    ),
    "dated_basis": Case(
        tables={
            "prices_daily": [
                priced(DATED, 37080.0),
                priced(instrument("okx", "BTC-USD-?", contract_kind="dated"), 36360.0),
                priced(BINANCE, 36000.0),
            ],
            "market_daily": [
                market(price_close=36000.0, price_venue="binance", price_symbol="BTCUSDT")
            ],
            "instruments": [
                DATED | {"listing": 1, "valid_to": at("2021-03-26 08:00")},
            ],
        },
        rows=[
            # 37,080 ÷ 36,000 − 1 = 0.03; from 18 January 00:00 to 26 March 08:00 are 67⅓ days
            (
                *("binance", "BTCUSDT_210326", 37080.0, 36000.0, "binance", "BTCUSDT", 0.03),
                *(67 + 1 / 3, 0.03 * 365 / (67 + 1 / 3)),
            ),
            ("okx", "BTC-USD-?", 36360.0, 36000.0, "binance", "BTCUSDT", 0.01, None, None),
        ],
    ),
    "long_short_extremes": Case(
        tables={
            "market_daily": [
                # 1.01 … 1.19 and then 1.50: the highest of 20, (19 + ½) ÷ 20; median 1.105
                *(
                    market(
                        day=DAY - timedelta(days=back),
                        long_short_account_ratio=1.5 if back == 0 else 1.2 - back / 100,
                    )
                    for back in range(20)
                ),
                # known on one day only: no rank
                market("ETH", long_short_account_ratio=0.5),
                # not known today
                market("XRP", day=BEFORE, long_short_account_ratio=0.5),
            ]
        },
        rows=[("BTC", 1.5, 1.105, 0.975, 20), ("ETH", 0.5, 0.5, None, 1)],
    ),
    "taker_imbalance": Case(
        tables={
            "market_daily": [
                market(taker_buy_sell_ratio=1.25, price_return=0.01, open_interest_change_pct=0.02),
                market("ETH", taker_buy_sell_ratio=0.25),
                market("XRP"),
            ]
        },
        rows=[
            # 0.25 ÷ 1.25, 1.25 ÷ 2.25; a quarter is further from 1 than five quarters
            ("ETH", 0.25, 0.2, None, None),
            ("BTC", 1.25, 1.25 / 2.25, 0.01, 0.02),
        ],
    ),
    "top_traders_against_crowd": Case(
        tables={
            "positioning_daily": [
                BINANCE
                | {
                    "date": DAY,
                    "sample_count": 288,
                    "top_trader_position_ratio_mean": 0.8,
                    "top_trader_account_ratio_mean": 0.9,
                    "long_short_account_ratio_mean": 2.0,
                },
                ETHER
                | {
                    "date": DAY,
                    "sample_count": 288,
                    "top_trader_position_ratio_mean": 1.5,
                    "long_short_account_ratio_mean": 1.2,
                },
                # says only one of the two
                BYBIT | {"date": DAY, "sample_count": 24, "long_short_account_ratio_mean": 1.0},
            ]
        },
        given=("day=2021-01-17",),
        rows=[
            # 0.8 ÷ 2 = 0.4, on the other side of 1; 1.5 ÷ 1.2 = 1.25
            ("binance", "BTCUSDT", "BTC", 0.8, 0.9, 2.0, 0.4, True, 288),
            ("binance", "ETHUSDT", "ETH", 1.5, None, 1.2, 1.25, False, 288),
        ],
    ),
    "leverage": Case(
        tables={
            "market_daily": [
                market(day=DAY_14, leverage_ratio=0.05, open_interest_coin=100.0),
                market(leverage_ratio=0.06, open_interest_coin=150.0, open_interest_coverage=1.0),
                market(day=BEFORE, open_interest_coin=140.0),
            ]
        },
        given=("start=2021-01-16",),
        rows=[
            # a day without reserves has no ratio; 0.06 ÷ 0.05 − 1; 150 ÷ 0.06 coins are held
            (BEFORE, None, None, None, 140.0, None, None),
            (DAY, 0.06, 0.05, 0.2, 150.0, 2500.0, 1.0),
        ],
    ),
}
