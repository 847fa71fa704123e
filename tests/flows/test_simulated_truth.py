"""Published numbers against what the simulator knows to be true, through all its quirks."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.conftest import FIRST, LAST, Lake

SQUEEZE = Plan(FIRST, LAST, symbols=3, scenario="long-squeeze")


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("squeeze")
    simulate(SQUEEZE, folder / "exchange")
    lake = Lake(folder / "lake", folder / "exchange")
    assert lake.mill().pointer is not None
    return lake


@pytest.fixture(params=["calm", "long-squeeze"])
def lake(request: pytest.FixtureRequest) -> Lake:
    found: Lake = request.getfixturevalue("milled" if request.param == "calm" else "squeezed")
    return found


def days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


def truth(lake: Lake, kind: str) -> pl.DataFrame:
    files = sorted((lake.exchange / "truth/binance").glob(f"{kind}*.parquet"))
    assert files
    return pl.concat([pl.read_parquet(file) for file in files])


def keyed(frame: pl.DataFrame) -> dict[tuple[date, str], tuple[object, ...]]:
    """By day and symbol, the other columns."""
    found = {(row[0], row[1]): row[2:] for row in frame.iter_rows()}
    assert len(found) == frame.height > 0
    return found


def ask(lake: Lake, columns: str, table: str) -> dict[tuple[date, str], tuple[object, ...]]:
    text = f"SELECT date, symbol, {columns} FROM {table} WHERE date >= ?"  # noqa: S608 - ours
    rows = lake.sql(text, FIRST)
    return {(row[0], row[1]): row[2:] for row in rows}


def test_funding_is_the_settlements(lake: Lake) -> None:
    """To the last digit: rates are decimal in the truth as in the files."""
    settled = (
        truth(lake, "settlements")
        .with_columns(date=pl.col("settled_at").dt.date())
        .filter(pl.col("date").is_between(FIRST, LAST))
        .group_by("date", "symbol")
        .agg(pl.len(), pl.col("funding_rate").sum())
    )
    expected = {key: (n, float(Decimal(str(total)))) for key, (n, total) in keyed(settled).items()}
    assert ask(lake, "settlement_count, funding_rate_sum", "funding_daily") == expected


def test_open_interest_closes(lake: Lake) -> None:
    """The last sample of the day that was reported. Files round coins to 3 (USDⓈ-M) or 8 places and
    values to 2 or 8, so half a unit of the last place may lie between."""
    samples = truth(lake, "samples").with_columns(date=pl.col("sampled_at").dt.date())
    last = (
        samples.filter(pl.col("date").is_between(FIRST, LAST))
        .sort("sampled_at")
        .group_by("date", "symbol")
        .agg(pl.col("sampled_at", "open_interest_coin", "open_interest_usd").last())
    )
    expected = keyed(last)
    found = ask(lake, "open_interest_coin_close, open_interest_usd_close", "open_interest_daily")
    assert set(found) <= set(expected)
    # Files that quirks left out or samples that they turned into "not reported" may be wanting.
    assert len(found) >= 0.8 * len(expected)
    exact = 0
    for key, values in found.items():
        _, coin, usd = expected[key]
        assert isinstance(coin, float)
        assert isinstance(usd, float)
        exact += values == (pytest.approx(coin, rel=1e-6), pytest.approx(usd, rel=1e-6))
    assert exact >= len(found) - 2


def test_liquidations_are_the_events(lake: Lake) -> None:
    """USDⓈ-M through recordings with duplicates, partial fills and rewritten numbers. Amounts are
    sums of quantity × average price, rounded to the venue's digits before; sums of the same
    doubles in another order differ in the last places."""
    events = (
        truth(lake, "liquidations")
        .filter((pl.col("product") == "um") & pl.col("published"))
        .with_columns(date=pl.col("at").dt.date())
    )
    usd = pl.col("amount_usd")
    sums = events.group_by("date", "symbol").agg(
        usd.filter(position="long").sum().alias("long"),
        usd.filter(position="short").sum().alias("short"),
        pl.len(),
    )
    expected = keyed(sums)
    found = ask(lake, "long_usd, short_usd, long_count + short_count", "liquidations_daily")
    assert set(expected) <= set(found)
    for key, (long, short, count) in expected.items():
        assert found[key] == (
            pytest.approx(long, rel=1e-9),
            pytest.approx(short, rel=1e-9),
            count,
        ), key
    quiet = {key: found[key] for key in found.keys() - expected.keys() if key[1].endswith("USDT")}
    assert all(values == (0.0, 0.0, 0) for values in quiet.values())
