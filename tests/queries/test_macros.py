"""Each table macro answers what was worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sql.macros import macros
from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DAY,
    ETHER,
    Row,
    Tables,
    ask,
    at,
    close_rows,
    filled_build,
    funding,
    hour,
    instrument,
    interest,
    liquidated,
    market,
    seen,
)
from tests.queries.market_cases import CASES as MARKET

Asked = Callable[[Tables, str], list[Row]]

OURS = {
    "carry",
    "crowded",
    "funding_heatmap",
    "funding_spread",
    "liquidations_between",
    "oi_weighted_funding",
    "open_interest_share",
    "squeeze_watch",
    "top_liquidations",
}
OKX = instrument("okx", "BTC-USDT-SWAP")


@pytest.fixture
def asked(empty: Path, tmp_path: Path) -> Asked:
    def answer(tables: Tables, text: str) -> list[Row]:
        return ask(filled_build(empty, tmp_path / "build.duckdb", tables), text)[1]

    return answer


def test_every_macro_says_what_it_is_and_has_a_test(empty: Path) -> None:
    written = Path(__file__).read_text(encoding="utf-8")
    for name in OURS:
        text = macros()[name]
        assert text.startswith("-- ")
        assert f"CREATE OR REPLACE MACRO {name}(" in text
        assert re.search(rf"FROM {name}\(", written), name
    _, made = ask(
        empty,
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table_macro' "
        "AND NOT internal",
    )
    assert {name for (name,) in made} >= OURS


def test_top_liquidations(asked: Asked) -> None:
    def largest(who: dict[str, Any], usd: float | None, when: str, known: str) -> dict[str, Any]:
        return liquidated(
            who, 9.0, 9.0, known, largest_usd=usd, largest_side="long", largest_at=at(when)
        )

    rows = asked(
        {
            "liquidations_daily": [
                largest(BINANCE, 5.0, "2021-01-17 10:00", "throttled"),
                largest(BYBIT, 7.0, "2021-01-17 11:00", "complete"),
                # alike: the earlier one first
                largest(ETHER, 7.0, "2021-01-17 09:00", "complete"),
                largest(OKX, None, "2021-01-17 09:00", "complete"),
            ]
        },
        "FROM top_liquidations(2)",
    )
    assert rows == [
        (1, seen("2021-01-17 09:00"), "binance", "ETHUSDT", "ETH", "long", 7.0, "complete"),
        (2, seen("2021-01-17 11:00"), "bybit", "BTCUSDT", "BTC", "long", 7.0, "complete"),
    ]


def test_funding_heatmap(asked: Asked) -> None:
    rows = asked(
        {
            "funding_daily": [
                funding(BINANCE, 0.0004),
                funding(instrument("binance", "BTCUSD_PERP"), 0.0001),
                funding(BYBIT, None),
                funding(BINANCE, 0.9, date(2021, 1, 18)),
            ],
            "open_interest_daily": [interest(BINANCE, 100.0)],
            "market_daily": [
                # no weights: the plain mean
                market(funding_rate_8h_mean=0.00025),
                market(day=BEFORE),
            ],
            "signals_daily": [market(funding_typical_8h=0.0001)],
        },
        "FROM funding_heatmap('2021-01-16', '2021-01-17')",
    )
    assert rows == close_rows(
        [
            (BEFORE, "BTC", None, None, None, None, None),
            (DAY, "BTC", None, 0.00025, "none", 0.0001, 0.00015),
            # only one of binance's two has open interest, so it alone has weight
            (DAY, "BTC", "binance", 0.0004, "open interest", 0.0001, 0.0003),
            (DAY, "BTC", "bybit", None, None, 0.0001, None),
        ]
    )


def test_oi_weighted_funding(asked: Asked) -> None:
    rows = asked(
        {
            "market_daily": [
                market(
                    funding_rate_8h_oi_weighted=0.0005,
                    funding_rate_annualised_oi_weighted=0.5475,
                    funding_cumulative_7d=0.01,
                    funding_venues=3,
                    open_interest_usd=9.0,
                    open_interest_coverage=1.0,
                ),
                market(day=BEFORE),
                market("ETH", funding_rate_8h_oi_weighted=0.9),
            ],
            "signals_daily": [market(funding_typical_8h=0.0001, funding_percentile_90d=0.9)],
        },
        "FROM oi_weighted_funding('BTC')",
    )
    assert rows == [
        (BEFORE, "BTC", *(None,) * 6, 0, None, None),
        (DAY, "BTC", 0.0005, 0.5475, 0.0001, 0.9, 0.01, None, 3, 9.0, 1.0),
    ]


LIQUIDATED: Tables = {
    "liquidations_hourly": [
        hour(BINANCE, "2021-01-16 23:00", 10.0, 5.0),
        hour(instrument("binance", "BTCUSD_PERP"), "2021-01-17 00:00", 3.0, 1.0),
        hour(BINANCE, "2021-01-17 01:00", 20.0, 2.0),
        hour(BINANCE, "2021-01-17 02:00", 1e6, 1e6),
        hour(BINANCE, "2021-01-16 22:00", 1e6, 1e6),
        hour(BYBIT, "2021-01-17 01:00", None, 4.0),
    ],
    "liquidations_daily": [
        liquidated(BINANCE, 9.0, 9.0, "throttled"),
        liquidated(BINANCE, 9.0, 9.0, "complete", BEFORE),
        liquidated(BYBIT, None, 9.0),
        liquidated(BYBIT, 9.0, 9.0, "complete", BEFORE),
        liquidated(OKX, 0.0, 0.0),
        liquidated(ETHER, 0.0, 0.0, "unknown"),
        liquidated(ETHER, 0.0, 0.0, "complete", BEFORE),
    ],
}


def test_liquidations_between_cuts_to_full_hours(asked: Asked) -> None:
    rows = asked(LIQUIDATED, "FROM liquidations_between('2021-01-16 23:40', '2021-01-17 02:59:59')")
    span = (seen("2021-01-16 23:00"), seen("2021-01-17 02:00"))
    assert rows == [
        # 23:00, 00:00 and 01:00: 10 + 3 + 20 and 5 + 1 + 2; two hours of each order count
        ("BTC", "binance", *span, 33.0, 8.0, 41.0, 6, 3, "throttled", 2, 2),
        # a long without a price
        ("BTC", "bybit", *span, None, 4.0, 4.0, 2, 1, "partial", 2, 2),
        # no row for one of the two days
        ("BTC", "okx", *span, 0.0, 0.0, 0.0, 0, 0, "partial", 1, 2),
        ("ETH", "binance", *span, 0.0, 0.0, 0.0, 0, 0, "unknown", 2, 2),
    ]


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        # up to midnight touches one day; a minute of an hour is no hour; nor is the past
        ("2021-01-16 22:00", "2021-01-17 00:00", 1),
        ("2021-01-17 00:00", "2021-01-17 00:59", None),
        ("2021-01-17 02:00", "2021-01-17 01:00", None),
        ("2021-01-16", "2021-01-18", 2),
    ],
)
def test_bounds_of_liquidations_between(
    asked: Asked, since: str, until: str, days: int | None
) -> None:
    rows = asked(
        LIQUIDATED,
        f"SELECT day_count FROM liquidations_between('{since}', '{until}') "  # noqa: S608 - ours
        "WHERE venue = 'binance' AND base_asset = 'BTC'",
    )
    assert rows == ([] if days is None else [(days,)])


def test_open_interest_share(asked: Asked) -> None:
    rows = asked(
        {
            "open_interest_daily": [
                interest(BINANCE, 300.0),
                interest(BYBIT, 100.0),
                interest(ETHER, 50.0),
                interest(BINANCE, 100.0, BEFORE),
                interest(BYBIT, 100.0, BEFORE),
                interest(OKX, 800.0, BEFORE, sample_count=1),
            ],
            "market_daily": [market(open_interest_coverage=1.0)],
        },
        "FROM open_interest_share('2021-01-17')",
    )
    assert rows == [
        # 300 ÷ 400 after 100 ÷ 200
        (DAY, "BTC", "binance", 1, 300.0, 3.0, 0.75, 0.5, 1.0),
        (DAY, "BTC", "bybit", 1, 100.0, 1.0, 0.25, 0.5, 1.0),
        (DAY, "ETH", "binance", 1, 50.0, 0.5, 1.0, None, None),
    ]


def test_carry(asked: Asked) -> None:
    rows = asked(
        {
            "funding_daily": [
                funding(BINANCE, 0.0001, BEFORE, settlement_count=2),
                funding(BINANCE, 0.0003, expected_settlement_count=None),
                funding(BYBIT, -0.0002),
                funding(ETHER, 0.5),
            ]
        },
        "FROM carry('BTC', '2021-01-08', '2021-01-17')",
    )
    assert rows == close_rows(
        [
            # 0.0003 + 0.0009; × 365 ÷ 2; one settlement known to be missing
            ("binance", "BTCUSDT", "USDT", "linear", 0.0012, 0.219, 0.0003, 5, 1, 2, 10),
            ("bybit", "BTCUSDT", "USDT", "linear", -0.0006, -0.219, -0.0006, 3, 0, 1, 10),
        ]
    )


def test_crowded(asked: Asked) -> None:
    def sign(asset: str, side: str | None) -> dict[str, Any]:
        return market(
            asset,
            crowded_side=side,
            funding_typical_8h=0.0001,
            funding_percentile_90d=0.9,
            funding_history_days=30,
        )

    rows = asked(
        {
            "signals_daily": [
                sign("BTC", "long"),
                sign("ETH", "none"),
                sign("XRP", None),
                sign("SOL", "short"),
            ],
            "market_daily": [
                market("BTC", funding_rate_8h_oi_weighted=0.0003, open_interest_usd=5.0),
                market("ETH", funding_rate_8h_oi_weighted=0.9),
                market("XRP"),
                market("SOL", funding_rate_8h_oi_weighted=-0.0004),
            ],
        },
        "SELECT base_asset, crowded_side, against_typical_8h, open_interest_usd "
        "FROM crowded('2021-01-17')",
    )
    # −0.0004 − 0.0001 is further away than 0.0003 − 0.0001
    assert rows == close_rows([("SOL", "short", -0.0005, None), ("BTC", "long", 0.0002, 5.0)])


def test_squeeze_watch(asked: Asked) -> None:
    rows = asked(
        MARKET["squeeze_table"].tables,
        "SELECT base_asset, squeeze_risk, overheated_score, liquidations_completeness "
        "FROM squeeze_watch(DATE '2021-01-17')",
    )
    assert rows == [("BTC", "high", 66.0, "throttled"), ("ETH", None, None, None)]


def test_funding_spread(asked: Asked) -> None:
    rows = asked(
        {
            "funding_daily": [
                funding(BINANCE, 0.0004),
                funding(BYBIT, 0.0004),
                funding(OKX, 0.0001),
                funding(ETHER, 0.0001),
                funding(instrument("bybit", "ETHUSDT", "ETH"), None),
            ],
            "open_interest_daily": [interest(BINANCE, 9.0), interest(OKX, 4.0)],
        },
        "FROM funding_spread('2021-01-17')",
    )
    # binance and bybit pay alike, so by name; a rate that is not known pairs with nothing
    assert rows == close_rows(
        [
            (
                *("BTC", "binance", "BTCUSDT", 0.0004, "okx", "BTC-USDT-SWAP", 0.0001),
                *(0.0003, 0.3285, 4.0),
            )
        ]
    )
