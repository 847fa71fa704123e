"""Real files of exchanges, from bytes to reconciled totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import structlog

from flows.reconcile import Reconciliation, reconcile
from flows.run import Days, Run
from flows.settings import Settings
from tests.flows.driver import build_days

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data beside the repo")

BITCOIN = ["BTC*", "XBT*"]


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def _reconciled(
    folder: Path, sources: Sequence[Mapping[str, Any]], days: Days
) -> tuple[Path, Reconciliation]:
    settings = Settings(
        lake=f"file:{folder / 'lake'}", sources=sources, batch_days=31, cache=folder / "cache"
    )
    path = build_days(settings, [(days.first, days.last)])
    return path, reconcile(Run.begin(settings, "test"), path, days)


def test_funding_of_seven_exchanges(tmp_path: Path) -> None:
    sources = [
        {"venue": "binance", "archive": f"file:{DATA}/archives/binance", "symbols": BITCOIN},
        *(
            {"venue": venue, "dumps": f"file:{DATA}/dumps/{venue}", "symbols": BITCOIN}
            for venue in ("bitmex", "bybit", "gate", "htx", "kucoin", "mexc")
        ),
    ]
    days = Days(date(2021, 1, 15), date(2021, 1, 17))
    path, found = _reconciled(tmp_path, sources, days)
    assert found.differences.rows() == []
    assert found.cells["market_daily"] >= 3 * 9
    with duckdb.connect(str(path), read_only=True) as connection:
        (row,) = connection.execute(
            "SELECT funding_venues, funding_rate_8h_mean FROM market_daily "
            "WHERE base_asset = 'BTC' AND date = '2021-01-16'"
        ).fetchall()
    # Three settlements of 8 h each: the day's sums of binance, bybit, gate, htx, mexc, kucoin and
    # bitmex, by 3 and by 7.
    sums = (0.00111069, 0.00113019, 0.002831, 0.001769696693020139, 0.001117, 0.000639, 0.000416)
    assert row == (7, pytest.approx(sum(sums) / 21, rel=1e-12))


def test_open_interest_and_funding_of_many_contracts(tmp_path: Path) -> None:
    """Partial days, missing samples, 1000SHIB and changes of interval among them."""
    source = {
        "venue": "binance",
        "dumps": f"file:{DATA}/dumps/binance",
        "symbols": ["A*", "BTC*", "COS*", "IOTA*", "1000*"],
    }
    days = Days(date(2026, 2, 24), date(2026, 3, 12))
    _, found = _reconciled(tmp_path, [source], days)
    assert found.differences.rows() == []
    assert found.cells["market_daily"] > 10_000
    assert found.cells["market_total_daily"] > 200
    assert found.cells["signals_daily"] > 2_000
