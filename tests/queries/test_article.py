"""The article of 17 January 2021 by claims: by hand, on the simulated squeeze, on real files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from flows.queries import cookbook
from flows.settings import Settings
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.driver import build_days, mill_days
from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DAY,
    ETHER,
    Record,
    Tables,
    at,
    filled_build,
    funding,
    hour,
    interest,
    liquidated,
    market,
    run,
    total,
)

NAME = "article_2021_01_17"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
WEEK_AGO = date(2021, 1, 10)
BREAK = date(2021, 1, 31)
"""Of the simulated squeeze."""
DAYS = [DAY - timedelta(days=back) for back in range(14)]


@dataclass(frozen=True)
class Judged:
    claim: str
    value: str
    verdict: str
    sources: str | None
    completeness: str | None


def judged(build: Path, *given: str) -> dict[int, Judged]:
    columns, rows = run(build, NAME, *given)
    assert columns == ["claim_number", "claim", "value", "verdict", "sources", "completeness"]
    assert [row[0] for row in rows] == list(range(1, 15))
    return {row[0]: Judged(*row[1:]) for row in rows}


Asked = Callable[[Tables], dict[int, Judged]]


@pytest.fixture
def asked(empty: Path, tmp_path: Path) -> Asked:
    return lambda tables: judged(filled_build(empty, tmp_path / "build.duckdb", tables))


def reference(metric: str, value: float, day: date = DAY, **more: Any) -> Record:
    return {
        "date": day,
        "provider": "cryptoquant",
        "series": metric,
        "base_asset": "BTC",
        "metric": metric,
        "value": value,
    } | more


def reserve(coin: float, day: date = DAY) -> Record:
    return {
        "date": day,
        "provider": "cryptoquant",
        "series": "all",
        "base_asset": "BTC",
        "reserve_coin": coin,
    }


def lost(usd: float, known: str = "complete", long: float = 0.8, **more: Any) -> Record:
    return {
        "liquidations_total_usd": usd,
        "liquidations_long_usd": long * usd,
        "liquidations_completeness": known,
    } | more


def of_the_day(usd: float, known: str = "complete") -> Record:
    return total(
        **lost(450e6, known),
        liquidations_max_24h_usd=usd,
        liquidations_max_24h_end=at("2021-01-17 13:00:30"),
    )


TRUE: Tables = {
    "market_total_daily": [
        of_the_day(510e6),
        total(date(2021, 1, 11), **lost(1050e6)),
        *(total(day, **lost(100e6)) for day in DAYS[1:8] if day != date(2021, 1, 11)),
    ],
    "liquidations_daily": [liquidated(BINANCE, 1.0, 1.0), liquidated(ETHER, 1.0, 1.0, day=BEFORE)],
    "liquidations_hourly": [
        # (16th 13:00, 17th 13:00] in clock hours from 14:00 on: 300 + 60 of 400 are longs
        hour(BINANCE, "2021-01-17 13:00", 300e6, 20e6),
        hour(ETHER, "2021-01-16 14:00", 60e6, 20e6),
        hour(BINANCE, "2021-01-16 13:00", 0.0, 9e9),
        hour(BINANCE, "2021-01-17 14:00", 0.0, 9e9),
    ],
    "market_daily": [
        market(
            price_high=37900.0,
            price_low=33800.0,
            price_venue="binance",
            price_symbol="BTCUSDT",
            open_interest_change_pct=0.01,
            open_interest_usd=5e9,
            open_interest_coverage=1.0,
            leverage_ratio=0.050,
            long_short_account_ratio=1.01,
        ),
        market(
            day=BEFORE,
            price_high=37000.0,
            price_low=35500.0,
            price_venue="binance",
            price_symbol="BTCUSDT",
            long_short_account_ratio=1.0,
        ),
        *(
            market(
                day=day,
                long_short_account_ratio=1.02 if number % 2 else 0.98,
                leverage_ratio=0.060,
                open_interest_coverage=1.0,
            )
            for number, day in enumerate(DAYS[2:])
        ),
    ],
    "signals_daily": [
        market(
            funding_typical_8h=0.00011,
            squeeze_risk="building",
            crowded_side="long",
            overheated_score=40.0,
            deleveraged=False,
        )
    ],
    "funding_daily": [
        funding(BINANCE, 0.0003, BEFORE, funding_rate_max=0.00068496),
        funding(BINANCE, 0.0002, funding_rate_max=0.00033109),
        # hourly: 0.0001125 × 8 = 0.0009
        funding(BYBIT, 0.0001, BEFORE, funding_rate_max=0.0001125, interval_hours=1.0),
    ],
    "open_interest_daily": [interest(BINANCE, 3e9), interest(BYBIT, 1e9)],
    "positioning_daily": [
        BINANCE | {"date": DAY, "sample_count": 1, "long_short_account_ratio_mean": 1.01}
    ],
    "reserves_daily": [reserve(2_400_000.0), reserve(2_395_000.0, WEEK_AGO)],
}


def test_each_claim_when_it_is_true(asked: Asked) -> None:
    found = asked(TRUE)
    assert {number: row.verdict for number, row in found.items()} == dict.fromkeys(
        range(1, 15), "supported"
    )
    said = {number: (row.value, row.sources, row.completeness) for number, row in found.items()}
    assert said == {
        1: (
            "510,000,000 USD in the 24 h to 2021-01-17 13:00:30",
            "market_total_daily: binance",
            "complete",
        ),
        2: (
            "longs 0.9000 (fraction) of the USD in the clock hours of that window",
            "liquidations_hourly: binance",
            "complete",
        ),
        3: (
            "1,050,000,000 USD on 2021-01-11, largest of 7 known days of the 7 before",
            "market_total_daily: binance",
            "complete",
        ),
        4: (
            "35,500.00 to 37,000.00 USD per coin on the day before",
            "market_daily: binance BTCUSDT",
            "complete",
        ),
        5: ("highest 37,900.00 USD per coin", "market_daily: binance BTCUSDT", "complete"),
        6: (
            "lowest 33,800.00 USD per coin on the day",
            "market_daily: binance BTCUSDT",
            "complete",
        ),
        # the median of 0.00068496 and 0.0009
        7: (
            (
                "0.00079248 per 8 h, median of the highest settlement at each of 2 venues (2 of "
                "them 0.0005 to 0.0009, 0 above); highest single settlement 0.00068496 at binance "
                "BTCUSDT on 2021-01-16"
            ),
            "funding_daily: binance, bybit",
            "complete",
        ),
        8: (
            "0.00011000 per 8 h, median of the OI-weighted rate over the trailing 365 days",
            "signals_daily: binance, bybit",
            "partial",
        ),
        # no change is known of the days before, so the usual one is taken to be 2 %
        9: (
            "+0.0100 (fraction) in coin on the day, usual daily move 0.0200; 5,000,000,000 USD",
            "market_daily: binance, bybit",
            "complete",
        ),
        10: (
            "squeeze risk building, score 40.0 of 100, crowded side long, deleveraged: false",
            "signals_daily: binance, bybit",
            "complete",
        ),
        # of 14 days six are 0.98, one is 1, one today, six 1.02: (7 + ½) ÷ 14; median 1.005
        11: (
            "1.0100 accounts long per short, rank 0.54 in 14 days, median 1.0050",
            "market_daily: binance",
            "partial",
        ),
        12: (
            "leverage ratio 0.050000, 7 days before 0.060000",
            "market_daily: binance, bybit; reserves_daily: cryptoquant",
            "complete",
        ),
        13: (
            "binance with 3,000,000,000 USD, 0.7500 (fraction) of 2 venues",
            "open_interest_daily: binance, bybit",
            "complete",
        ),
        # 2,400,000 ÷ 2,395,000 − 1 = 0.0021
        14: (
            "2,400,000.00 coin, 7 days before 2,395,000.00 (+0.0021 fraction)",
            "reserves_daily: cryptoquant",
            "reference",
        ),
    }


def changed(table: str, *records: Record, **values: Any) -> Tables:
    """The true build with `values` in the day's row of a table, or other rows in it."""
    if records:
        return TRUE | {table: list(records)}
    rows = [row | values if row["date"] == DAY else row for row in TRUE[table]]
    return TRUE | {table: rows}


@pytest.mark.parametrize(
    ("number", "tables", "verdict"),
    [
        (1, changed("market_total_daily", of_the_day(374e6)), "contradicted"),
        (1, changed("market_total_daily", of_the_day(376e6)), "supported"),
        (1, changed("market_total_daily", of_the_day(626e6)), "contradicted"),
        (1, changed("market_total_daily", of_the_day(626e6, "throttled")), "contradicted"),
        # at least this much: it may have been more
        (1, changed("market_total_daily", of_the_day(374e6, "throttled")), "no data"),
        (2, changed("liquidations_hourly", hour(BINANCE, "2021-01-17 13:00", 1.0, 2.0)),
            "contradicted"),
        # without hours the day's own share counts: 0.8
        (2, changed("liquidations_hourly", hour(BINANCE, "2021-01-01 13:00", 1.0, 2.0)),
            "supported"),
        (3, changed("market_total_daily", *(total(d, **lost(7e8)) for d in DAYS[1:8])),
            "contradicted"),
        # days are not known: a larger one may be among them
        (3, changed("market_total_daily", total(BEFORE, **lost(7e8))), "no data"),
        (3, changed("market_total_daily", total(BEFORE, **lost(2e9, "partial"))), "contradicted"),
        (4, changed("market_daily", market(day=BEFORE, price_low=36000.0, price_high=37000.0)),
            "contradicted"),
        (5, changed("market_daily", price_high=38501.0), "contradicted"),
        (6, changed("market_daily", price_low=34000.0), "contradicted"),
        (7, changed("funding_daily", funding(BINANCE, 0.0001)), "contradicted"),
        (7, changed("funding_daily", funding(BINANCE, 0.0001, interval_hours=None)), "no data"),
        (8, changed("signals_daily", market(funding_typical_8h=0.0002)), "contradicted"),
        (9, changed("market_daily", open_interest_change_pct=-0.021), "contradicted"),
        (9, changed("market_daily", open_interest_change_pct=-0.02), "supported"),
        (10, changed("signals_daily", squeeze_risk="none"), "contradicted"),
        (10, changed("signals_daily", crowded_side="short"), "contradicted"),
        (10, changed("signals_daily", squeeze_risk=None), "no data"),
        (11, changed("market_daily", long_short_account_ratio=1.3), "contradicted"),
        # highest of all, yet only 4 % above the median
        (11, changed("market_daily", long_short_account_ratio=1.045), "supported"),
        (12, changed("market_daily", leverage_ratio=0.06), "contradicted"),
        (12, changed("market_daily", leverage_ratio=None), "no data"),
        (13, changed("open_interest_daily", interest(BINANCE, 1.0), interest(BYBIT, 2.0)),
            "contradicted"),
        # the largest of one is no news
        (13, changed("open_interest_daily", interest(BINANCE, 1.0)), "no data"),
        (14, changed("reserves_daily", reserve(99.4), reserve(100.0, WEEK_AGO)), "contradicted"),
        (14, changed("reserves_daily", reserve(99.6), reserve(100.0, WEEK_AGO)), "supported"),
        (14, changed("reserves_daily", reserve(99.6)), "no data"),
    ],
)  # fmt: skip
def test_thresholds(asked: Asked, number: int, tables: Tables, verdict: str) -> None:
    assert asked(tables)[number].verdict == verdict


def test_references_stand_in_where_ours_are_missing(asked: Asked) -> None:
    found = asked(
        {
            "reference_daily": [
                reference("open_interest_usd", 5_643_653_041.0, BEFORE),
                reference("open_interest_usd", 5_372_295_910.0),
                reference("price_usd", 36005.56769, BEFORE),
                reference("price_usd", 35842.33582),
                reference("funding_rate", 0.0006, BEFORE),
                # of one exchange only, and of another provider later in the alphabet
                reference("price_usd", 1.0, provider="a", reference_venue="binance"),
                reference("price_usd", 1.0, provider="z"),
            ]
        }
    )
    assert {n: row.verdict for n, row in found.items() if row.verdict != "no data"} == {
        4: "supported",
        7: "supported",
        9: "contradicted",
    }
    assert found[4].value == "36,005.57 USD per coin at the close of the day before"
    assert found[7].value == "0.00060000 per 8 h, the provider's higher day"
    # (5,372,295,910 ÷ 35,842.33582) ÷ (5,643,653,041 ÷ 36,005.56769) − 1 = −0.0437
    assert found[9].value == (
        "-0.0437 (fraction) in coin on the day, usual daily move 0.0200; "
        "5,372,295,910 USD after 5,643,653,041 USD"
    )
    for number in (4, 7, 9):
        assert found[number].sources == "reference_daily: cryptoquant"
        assert found[number].completeness == "reference"
    # a close above 34,000 does not say how low the day went
    assert found[6].verdict == "no data"


def test_nothing_is_known(empty: Path) -> None:
    found = judged(empty)
    assert {(row.value, row.verdict, row.sources, row.completeness) for row in found.values()} == {
        ("not known", "no data", None, None)
    }


def test_another_day_and_asset(empty: Path, tmp_path: Path) -> None:
    build = filled_build(empty, tmp_path / "build.duckdb", TRUE)
    assert {row.verdict for row in judged(build, "day=2022-01-17", "asset=ETH").values()} == {
        "no data"
    }


# ---- end to end ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def sources(exchange: Path, venues: tuple[str, ...]) -> list[dict[str, str]]:
    found = []
    for venue in venues:
        source = {"venue": venue}
        for kind in ("archive", "dumps"):
            folder = exchange / kind / venue
            if folder.is_dir():
                source["archive" if kind == "archive" else "dumps"] = f"file:{folder}"
        found.append(source)
    return found


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory: pytest.TempPathFactory, quiet: None) -> Path:
    """The simulated squeeze, 18 days up to the break: signals need 14. It breaks on the last day
    of January, so that the month's funding is in the archive."""
    folder = tmp_path_factory.mktemp("squeeze")
    venues = ("binance", "bybit", "cryptoquant")
    plan = Plan(
        first=date(2021, 1, 14),
        last=BREAK,
        symbols=2,
        scenario="long-squeeze",
        products=("um",),
        kline_kinds=("klines", "markPriceKlines"),
        venues=venues,
        quirks=False,
    )
    simulate(plan, folder / "exchange")
    settings = Settings(
        lake=f"file:{folder}/lake",
        sources=sources(folder / "exchange", venues),
        batch_days=31,
        cache=folder / "cache",
    )
    done = mill_days(settings, plan.first, BREAK)
    assert done.pointer is not None
    return (folder / "lake" / "published" / "perpmill.duckdb").resolve()


def test_every_claim_has_an_answer_in_the_simulated_squeeze(squeezed: Path) -> None:
    found = judged(squeezed, f"day={BREAK}")
    assert {number for number, row in found.items() if row.verdict == "no data"} == set()
    contradicted = {number for number, row in found.items() if row.verdict == "contradicted"}
    assert contradicted == set(), found
    assert found[7].sources == "funding_daily: binance, bybit"
    for row in found.values():
        assert row.sources
        assert row.completeness


@pytest.mark.parametrize("name", sorted(cookbook()))
def test_every_question_runs_on_the_simulated_squeeze(squeezed: Path, name: str) -> None:
    given = {
        "liquidations_between_times": ("since=2021-01-31T05:30", "until=2021-01-31T12:00"),
        "raw_files_behind": ("venue=binance",),
    }
    _, rows = run(squeezed, name, *given.get(name, ()))
    without = {
        "coverage_gaps",
        "dated_basis",
        "deleveraging_days",
        "funding_flips",
        "funding_missing_settlements",
        "gate_findings",
        "instruments_new_and_gone",
        "open_interest_gaps",
        "source_disagreements",
    }
    assert rows or name in without


@pytest.mark.skipif(not (DATA / "aggregators").is_dir(), reason="no ../shared/data beside the repo")
def test_the_claims_that_real_files_can_answer(tmp_path: Path, quiet: None) -> None:
    """January 2021 of Binance, Gate, MEXC and CryptoQuant: funding, prices at the close and open
    interest are known; liquidations, highs and lows, accounts and reserves are not."""
    settings = Settings(
        lake=f"file:{tmp_path}/lake",
        sources=[
            {
                "venue": "binance",
                "archive": f"file:{DATA}/archives/binance",
                "symbols": ["BTCUSDT"],
            },
            *(
                {"venue": venue, "dumps": f"file:{DATA}/dumps/{venue}", "symbols": ["BTC*"]}
                for venue in ("gate", "mexc")
            ),
            {"venue": "cryptoquant", "dumps": f"file:{DATA}/aggregators/cryptoquant"},
        ],
        batch_days=31,
        cache=tmp_path / "cache",
    )
    build = build_days(settings, [(date(2021, 1, 14), DAY)])
    found = judged(build)
    assert {n: row.verdict for n, row in found.items() if row.verdict != "no data"} == {
        4: "supported",
        7: "supported",
        9: "contradicted",
    }
    # Highest of 16 and 17 January: Binance 0.00068496, MEXC 0.000543, Gate 0.001718
    assert found[7].value == (
        "0.00068496 per 8 h, median of the highest settlement at each of 3 venues (2 of them "
        "0.0005 to 0.0009, 1 above); highest single settlement 0.00171800 at gate BTC_USDT on "
        "2021-01-16"
    )
    assert found[7].sources == "funding_daily: binance, gate, mexc"
    assert found[4].value.startswith("36,005.57 USD")
    assert found[9].value.endswith("5,372,295,910 USD after 5,643,653,041 USD")
    assert {found[n].completeness for n in (4, 9)} == {"reference"}
