"""Signals against their own computation, over made-up years of an asset."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from flows.explain import signals
from flows.explain.question import Question
from flows.explain.recomputed import only_row
from transforms.market import signals_daily
from transforms.schemas.market import MarketDaily

LAST = date(2021, 6, 30)
ASKED = Question("signals_daily", {"date": LAST, "base_asset": "BTC"}, None)


def year(seed: int, days: int, last: dict[str, Any]) -> pl.DataFrame:
    """Days up to LAST, a tenth of the values not known, with `last` put into the last one."""
    rng = random.Random(seed)  # noqa: S311 - made-up data

    def some(value: float) -> float | None:
        return None if rng.random() < 0.1 else value

    rows = []
    for back in reversed(range(days)):
        day = LAST - timedelta(days=back)
        if back and rng.random() < 0.05:
            continue  # a day without a row
        rows.append(
            {
                "date": day,
                "base_asset": "BTC",
                "funding_rate_8h_oi_weighted": some(rng.choice([1e-4, rng.gauss(1e-4, 2e-4)])),
                "open_interest_coin": some(rng.uniform(900, 1100)),
                "open_interest_change_pct": some(rng.gauss(0, 0.03)),
                "liquidations_total_usd": some(rng.expovariate(1e-6)),
                "liquidations_completeness": rng.choice(["complete", "complete", "partial", None]),
                "liquidations_to_open_interest": some(rng.expovariate(100)),
                "long_short_account_ratio": some(rng.lognormvariate(0, 0.3)),
                "leverage_ratio": some(rng.uniform(0.1, 0.3)),
            }
        )
    rows[-1] |= last
    schema = MarketDaily.create_empty().schema
    return pl.DataFrame(rows, schema={name: schema[name] for name in signals_daily.READS})


HOT = {
    "funding_rate_8h_oi_weighted": 0.0012,
    "open_interest_coin": 1500.0,
    "open_interest_change_pct": 0.3,
    "long_short_account_ratio": 3.0,
    "leverage_ratio": 0.5,
}
SHORTS = HOT | {"funding_rate_8h_oi_weighted": -0.0012, "long_short_account_ratio": 0.3}
OVER = HOT | {
    "open_interest_change_pct": -0.4,
    "liquidations_completeness": "complete",
    "liquidations_total_usd": 1e9,
    "liquidations_to_open_interest": 0.5,
}


@pytest.mark.parametrize("last", [{}, HOT, SHORTS, OVER], ids=["any", "hot", "shorts", "over"])
@pytest.mark.parametrize("days", [1, 10, 60, 200, 365])
@pytest.mark.parametrize("seed", range(3))
def test_every_signal_is_found_again(seed: int, days: int, last: dict[str, Any]) -> None:
    market = year(seed, days, last)
    row = only_row(signals.made(ASKED, market), ASKED)
    assert row is not None
    parts = [part.said(row) for part in signals.parts(ASKED, market, row)]
    gives = [g for part in parts for g in part["gives"]]
    assert [g for g in gives if not g["agrees"]] == []
    assert {g["column"] for g in gives} == set(row) - {"date", "base_asset"}


def test_the_cases_are_what_they_are_called() -> None:
    def found(last: dict[str, Any]) -> dict[str, Any]:
        row = only_row(signals.made(ASKED, year(1, 200, last)), ASKED)
        assert row is not None
        return row

    assert found(HOT)["crowded_side"] == "long"
    assert found(HOT)["squeeze_risk"] == "high"
    assert found(SHORTS)["crowded_side"] == "short"
    assert found(OVER)["deleveraged"] is True


def test_neighbours_stand_beside_today() -> None:
    market = year(1, 200, HOT)
    row = only_row(signals.made(ASKED, market), ASKED)
    assert row is not None
    part = next(
        p for p in signals.parts(ASKED, market, row) if "funding_percentile_90d" in p.columns
    )
    *below, top = part.rows
    assert top["today"]
    assert top["value"] == HOT["funding_rate_8h_oi_weighted"]
    assert [b["place"] for b in below] == [top["place"] - 2, top["place"] - 1]
    assert all(b["value"] <= top["value"] for b in below)
