"""The dumps of Binance's API and liquidation feed, published, against the files themselves.

One lake holds all of them: 293 symbols of funding and open interest in February and March 2026,
and the days on which somebody recorded liquidations. The audit is left out here, since most of
these days lack most datasets; what is read is the candidate build.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.settings import Settings
from tests.flows.driver import build_days

DUMPS = Path(__file__).parents[2].parent / "shared" / "data" / "dumps" / "binance"

pytestmark = pytest.mark.skipif(not DUMPS.is_dir(), reason="no ../shared/data beside the repo")

FIRST, LAST = date(2026, 2, 1), date(2026, 3, 20)
RECORDED = [
    date(2024, 8, 17),
    date(2024, 8, 18),
    date(2025, 1, 26),
    date(2025, 1, 27),
    date(2025, 2, 6),
    date(2025, 6, 23),
]

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Sql:
    folder = tmp_path_factory.mktemp("dumps")
    settings = Settings(
        lake=f"file:{folder}/lake",
        sources=[{"venue": "binance", "dumps": f"file:{DUMPS}"}],
        batch_days=60,
    )
    build = build_days(settings, [(FIRST, LAST), *((day, day) for day in RECORDED)])

    def ask(text: str, *values: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(build), read_only=True) as connection:
            return connection.execute(text, list(values)).fetchall()

    return ask


def day_of(milliseconds: int) -> date:
    """Of the nearest minute."""
    return datetime.fromtimestamp(round(milliseconds / 60_000) * 60, UTC).date()


def rows(folder: str) -> list[dict[str, Any]]:
    files = sorted((DUMPS / folder).glob("*.json"))
    assert files
    return [row for file in files for row in json.loads(file.read_text())]


def test_funding_of_all_symbols(sql: Sql) -> None:
    settled: dict[tuple[date, str], list[Decimal]] = defaultdict(list)
    for row in rows("fapi-v1-fundingRate"):
        day = day_of(row["fundingTime"])
        if FIRST <= day <= LAST:
            settled[day, row["symbol"]].append(Decimal(row["fundingRate"]))
    expected = {key: (len(rates), float(sum(rates, Decimal(0)))) for key, rates in settled.items()}
    assert len({symbol for _, symbol in expected}) == 293
    found = sql("SELECT date, symbol, settlement_count, funding_rate_sum FROM funding_daily")
    assert {(day, symbol): (n, total) for day, symbol, n, total in found} == expected


def test_open_interest_is_the_samples(sql: Sql) -> None:
    samples: dict[tuple[date, str], list[tuple[int, float, float]]] = defaultdict(list)
    for row in rows("futures-data-openInterestHist/4h"):
        # 1000PEPEUSDT counts in thousands of PEPE.
        multiplier = multiplier_of(row["symbol"])
        samples[day_of(row["timestamp"]), row["symbol"]].append(
            (
                row["timestamp"],
                float(row["sumOpenInterest"]) * multiplier,
                float(row["sumOpenInterestValue"]),
            )
        )
    assert len({symbol for _, symbol in samples}) == 293
    found = {
        (day, symbol): rest
        for day, symbol, *rest in sql(
            "SELECT date, symbol, sample_count, open_interest_coin_open, open_interest_coin_close, "
            "open_interest_usd_open, open_interest_usd_close, open_interest_coin_mean, "
            "open_interest_usd_mean FROM open_interest_daily"
        )
    }
    assert found.keys() == samples.keys()
    for key, seen in samples.items():
        seen.sort()
        count, coin_open, coin_close, usd_open, usd_close, coin_mean, usd_mean = found[key]
        assert count == len(seen), key
        first, last = seen[0], seen[-1]
        assert (coin_open, usd_open) == (first[1], first[2]), key
        assert (coin_close, usd_close) == (last[1], last[2]), key
        # A mean of doubles may differ in the last digits from one summed in another order.
        assert coin_mean == pytest.approx(sum(s[1] for s in seen) / count, rel=1e-12), key
        assert usd_mean == pytest.approx(sum(s[2] for s in seen) / count, rel=1e-12), key


def multiplier_of(symbol: str) -> int:
    for prefix, size in (("1000000", 10**6), ("10000", 10**4), ("1000", 10**3), ("1M", 10**6)):
        if symbol.startswith(prefix) and symbol[len(prefix)].isalpha():
            return size
    return 1


def test_known_open_interest(sql: Sql) -> None:
    day = "SELECT {} FROM open_interest_daily WHERE symbol = ? AND date = ?"
    assert sql(
        day.format("sample_count, open_interest_coin_open, open_interest_usd_close"),
        "BTCUSDT",
        date(2026, 3, 1),
    ) == [(6, 77361.251, 5206763286.093143)]
    for symbol, on in (
        ("IOTAUSDT", date(2026, 2, 26)),
        ("BSVUSDT", date(2026, 3, 1)),
        ("CELOUSDT", date(2026, 2, 28)),
        ("HIVEUSDT", date(2026, 3, 15)),
    ):
        assert sql(day.format("sample_count, expected_sample_count"), symbol, on) == [(5, 6)]
    # The first and the last day were cut off everywhere.
    for on in (date(2026, 2, 20), LAST):
        assert sql("SELECT max(sample_count) < 6 FROM open_interest_daily WHERE date = ?", on) == [
            (True,)
        ]


def test_recorded_liquidations(sql: Sql) -> None:
    # Totals the catalogue states, after exact duplicates are removed; z × ap.
    assert sql(
        "SELECT sum(long_usd), sum(short_usd), sum(long_count + short_count)::BIGINT, "
        "string_agg(DISTINCT completeness) "
        "FROM liquidations_daily WHERE date IN ('2025-01-26', '2025-01-27', '2025-02-06')"
    ) == [
        (
            pytest.approx(2835648.57046655, rel=1e-13),
            pytest.approx(710713.62196159, rel=1e-13),
            1837,
            "partial",
        )
    ]
    between = date(2025, 1, 28)
    while between < date(2025, 2, 6):
        assert sql("SELECT count(*) FROM liquidations_daily WHERE date = ?", between) == [(0,)]
        between += timedelta(days=1)


def test_recordings_that_repeat_each_other_count_once(sql: Sql) -> None:
    # 445 events are in both files, eight more in the larger one; none has an average price, so
    # amounts are z × p, at the limit.
    events = {
        (o["s"], o["S"], o["T"], float(o["q"]), float(o["p"]), float(o["z"]))
        for line in (DUMPS / "ws-forceOrder/2025-06-23-a-big.jsonl").read_text().splitlines()
        for o in [json.loads(line)["o"]]
    }
    assert len(events) == 453
    expected = {
        side: sum(p * z for _, s, _, _, p, z in sorted(events) if s == side)
        for side in ("SELL", "BUY")
    }
    ((long, short, count),) = sql(
        "SELECT sum(long_usd), sum(short_usd), sum(long_count + short_count)::BIGINT "
        "FROM liquidations_daily WHERE date = '2025-06-23'"
    )
    assert (long, short) == (pytest.approx(expected["SELL"]), pytest.approx(expected["BUY"]))
    assert count == 453
