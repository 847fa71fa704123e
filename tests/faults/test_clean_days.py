"""Ninety calm days of two venues: nothing blocks, and hardly a warning comes up.

The days are milled in the portions a desk catches up in, so that each is in some run's range.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb

from flows.settings import Settings
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.driver import mill_days
from transforms.schemas.evidence import Verdict

FIRST, DAYS, STEP = date(2024, 11, 1), 90, 15
VENUES = ("binance", "bybit")
MAX_WARNINGS = DAYS / 7
"""Fewer than one a week."""


def milled(folder: Path, *, quirks: bool) -> Counter[tuple[str, str, str]]:
    """How many runs each rule failed in: (severity, rule, where)."""
    last = FIRST + timedelta(days=DAYS - 1)
    plan = Plan(
        FIRST,
        last,
        symbols=1,
        quirks=quirks,
        products=("um",),
        kline_kinds=("markPriceKlines",),
        venues=VENUES,
    )
    simulate(plan, folder / "exchange")
    sources = [
        {
            "venue": venue,
            "dumps": f"file:{folder}/exchange/dumps/{venue}",
            **(
                {"archive": f"file:{folder}/exchange/archive/{venue}"} if venue == "binance" else {}
            ),
        }
        for venue in VENUES
    ]
    settings = Settings(
        lake=f"file:{folder}/lake", cache=folder / "cache", sources=sources, batch_days=31
    )
    failed: Counter[tuple[str, str, str]] = Counter()
    for offset in range(0, DAYS, STEP):
        first = FIRST + timedelta(days=offset)
        done = mill_days(settings, first, min(first + timedelta(days=STEP - 1), last))
        assert done.pointer is not None
        assert done.verdict is not Verdict.BLOCKED
        with duckdb.connect(str(folder / "lake" / done.pointer.build), read_only=True) as db:
            failed.update(
                (severity, f"{table}.{rule}", detail)
                for table, rule, severity, detail in db.execute(
                    "SELECT table_name, expectation, severity, detail FROM expectation_results "
                    "WHERE NOT success AND run_id = ?",
                    [done.run_id],
                ).fetchall()
            )
            ((published,),) = db.execute(
                "SELECT count(DISTINCT date) FROM funding_daily WHERE date <= ?",
                [first + timedelta(days=STEP - 1)],
            ).fetchall()
            assert published == offset + STEP
    return failed


def test_ninety_calm_days_raise_hardly_a_warning(tmp_path: Path) -> None:
    failed = milled(tmp_path, quirks=False)
    assert {severity for severity, _, _ in failed} <= {"warning"}, failed
    assert failed.total() < MAX_WARNINGS, failed
