"""Which venue-days are out, and whether the tables hold it so."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from expectations.gate import UNFIT
from flows.exclusions import exclude, excluded, settle, taken_out
from flows.restatements import made_of
from flows.run import Run
from flows.storage.ledger import SEGMENTS_BEFORE_COMPACTION
from flows.tidying import tidy
from tests.reconcile.lakes import begin, put

DAY = date(2026, 3, 1)
OUT = ("funding_rates", "bybit", DAY)
BECAUSE = pl.DataFrame([(*OUT, "a rule")], schema=UNFIT, orient="row")


def pay(run: Run, rate: str) -> None:
    """Bybit's funding of the day: one settlement."""
    put(
        run,
        "funding_rates",
        [
            {
                "venue": "bybit",
                "symbol": "BTCUSDT",
                "base_asset": "BTC",
                "quote_asset": "USDT",
                "margin_type": "linear",
                "contract_kind": "perpetual",
                "settled_at": datetime(2026, 3, 1, 8, tzinfo=UTC),
                "funding_rate": Decimal(rate),
            }
        ],
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = begin(tmp_path / "lake", ["binance", "bybit"])
    pay(run, "5")
    return run


def named(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select("dataset", "venue", "date").rows()


def test_it_ends_with_other_rows_and_the_tables_follow(run: Run) -> None:
    assert exclude(run, BECAUSE, made_of(run)) == 1
    assert exclude(run, BECAUSE, made_of(run)) == 0
    assert named(taken_out(run).moved) == [OUT]
    settle(run, taken_out(run).moved)
    assert named(excluded(run)) == [OUT]
    assert taken_out(run).moved.is_empty()

    pay(run, "0.0001")
    assert excluded(run).is_empty()
    assert taken_out(run).moved.rows() == [(*OUT, "a rule", False)]
    settle(run, taken_out(run).moved)
    assert taken_out(run).moved.is_empty()


def test_a_day_excluded_meanwhile_waits(run: Run) -> None:
    before = taken_out(run).moved
    exclude(run, BECAUSE, made_of(run))
    settle(run, before)
    assert named(taken_out(run).moved) == [OUT]


def test_years_of_exclusions_are_folded_together(run: Run, tmp_path: Path) -> None:
    gone = BECAUSE.with_columns(content=pl.lit("gone since"))
    gone = gone.select("dataset", "venue", "date", "content", "reason")
    for _ in range(SEGMENTS_BEFORE_COMPACTION):
        settle(run, BECAUSE.with_columns(out=pl.lit(value=True)))
        run.ledger.append("exclusions", gone)
    exclude(run, BECAUSE, made_of(run))
    settle(run, BECAUSE.with_columns(out=pl.lit(value=False)))
    before = taken_out(run)
    tidy(run)
    for name in ("exclusions", "exclusions_applied"):
        assert len(list(run.store.entries(f"ledger/{name}/"))) == 1
    after = taken_out(begin(tmp_path / "lake", ["binance", "bybit"]))
    assert named(after.out) == named(before.out) == [OUT]
    assert after.moved.rows() == before.moved.rows() == [(*OUT, "a rule", True)]


def test_rows_the_gate_did_not_see_are_not_taken_out(run: Run) -> None:
    seen = made_of(run)
    pay(run, "0.0001")
    assert exclude(run, BECAUSE, seen) == 0
    assert excluded(run).is_empty()


def test_of_a_venue_no_longer_configured_the_tables_stay_as_they_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exclude(run, BECAUSE, made_of(run))
    settle(run, taken_out(run).moved)
    later = begin(tmp_path / "lake", ["binance"])
    monkeypatch.setattr("flows.exclusions.expectations_digest", lambda: "other rules")
    assert named(excluded(later)) == [OUT]
    assert taken_out(later).moved.is_empty()
    # Configured again, it is judged by the rules of today.
    back = begin(tmp_path / "lake", ["binance", "bybit"])
    assert excluded(back).is_empty()
    assert taken_out(back).moved.rows() == [(*OUT, "a rule", False)]


def _interest(run: Run) -> None:
    put(
        run,
        "open_interest",
        [
            {
                "venue": "bybit",
                "symbol": "BTCUSDT",
                "base_asset": "BTC",
                "quote_asset": "USDT",
                "margin_type": "linear",
                "contract_kind": "perpetual",
                "sampled_at": datetime(2026, 3, 1, 8, tzinfo=UTC),
                "open_interest_coin": 1.0,
                "open_interest_usd": 1.0,
            }
        ],
    )


@pytest.mark.parametrize(
    ("reason", "also_valued"),
    [
        ("prices_daily.majors_like_others (BTCUSDT)", True),
        ("prices_daily.volume_believable; prices_daily.like_others", True),
        ("prices_daily.volume_believable; prices_daily.volume_fits_price (x)", False),
    ],
)
def test_amounts_valued_at_prices_go_out_with_them(
    run: Run, reason: str, *, also_valued: bool
) -> None:
    """Bybit's open interest has no dollars but by its prices; what it settles needs none."""
    _interest(run)
    unfit = pl.DataFrame([("prices", "bybit", DAY, reason)], schema=UNFIT, orient="row")
    assert exclude(run, unfit, made_of(run)) == int(also_valued)
    found = [("open_interest", "bybit", DAY)] if also_valued else []
    assert named(excluded(run)) == found
