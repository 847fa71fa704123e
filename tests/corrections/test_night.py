"""From a file with a rate of 5 to a build that is published: the raw file stays as it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from flows.failures import GateBlocked
from simulator.simulate import simulate
from tests.flows.conftest import CALM, FIRST, LAST, Lake, lake_settings
from tests.flows.driver import Done, mill_days
from tests.flows.test_gate_blocks import BAD_DAY, five_hundred_percent
from tests.flows.test_raw_faults import funding_sum, rezip
from tests.raw_files import versions

ENTRY = """
- id: btc-rate-of-5
  venue: binance
  dataset: funding_rates
  match:
    symbol: BTCUSDT
    from: 2021-01-30T08:00:00Z
    until: 2021-01-30T08:01:00Z
    where: {funding_rate: 5}
  action: {set: {funding_rate: RATE}}
  reason: a rate of 500 %, which nobody was charged
  source: https://venue.example/notice
  expires: 9999-12-31
"""
UNUSED = """
- id: never
  venue: binance
  dataset: liquidations
  match: {symbol: NOSUCH*}
  action: drop
  reason: test orders
  source: ticket 7
  expires: 9999-12-31
"""


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


class Corrected:
    """A lake over an exchange of its own whose corrections file can be written."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "corrections.yaml"
        self.lake = Lake(folder / "lake", folder / "exchange")
        simulate(CALM, self.lake.exchange)

    def mill(self, corrections: str) -> Done:
        self.file.write_text(corrections)
        settings = lake_settings(self.lake.root, self.lake.exchange, corrections=self.file)
        return mill_days(settings, FIRST, LAST)


def test_a_known_error_is_put_right_told_and_taken_back(tmp_path: Path) -> None:
    night = Corrected(tmp_path)
    lake = night.lake
    night.mill("[]")
    good, other = funding_sum(lake, BAD_DAY), funding_sum(lake, LAST)
    ((rate,),) = lake.sql(
        "SELECT funding_rate_sum - funding_rate_first - funding_rate_last FROM funding_daily "
        "WHERE date = ? AND symbol = 'BTCUSDT'", BAD_DAY,
    )  # fmt: skip
    assert lake.sql("FROM corrections") == []

    # The venue replaces the month's file by one in which the second settlement is 5.
    archived = lake.archived("BTCUSDT", "fundingRate", "2021-01")
    rezip(archived, five_hundred_percent)
    with pytest.raises(GateBlocked):
        night.mill("[]")
    done = night.mill(ENTRY.replace("RATE", f"{rate:.8f}"))
    assert done.pointer is not None
    assert funding_sum(lake, BAD_DAY) == pytest.approx(good, abs=1e-12)
    assert told(lake) == [("btc-rate-of-5", "applied", 1, 0, BAD_DAY, BAD_DAY)]
    raw = [each.content for each in versions(lake.root, archived.name)]
    assert len(raw) == 2
    assert archived.read_bytes() in raw

    # Another value a day later: the change is a restatement, and says whose doing it is.
    night.mill(ENTRY.replace("RATE", f"{rate + 0.001:.8f}") + UNUSED)
    assert funding_sum(lake, BAD_DAY) == pytest.approx(good + 0.001, abs=1e-12)
    assert funding_sum(lake, LAST) == other
    assert causes(lake, "funding_daily") == {"correction btc-rate-of-5"}
    assert causes(lake, "market_daily") == {"correction btc-rate-of-5"}
    assert told(lake)[1] == ("never", "unused", 0, 0, None, None)
    assert ("corrections", "all_used") in warned(lake)

    # Without the entry the error is back, and the gate where it was.
    seen = lake.seen()
    with pytest.raises(GateBlocked):
        night.mill("[]")
    assert lake.seen() == seen
    # The venue puts its file right, and the entry goes: nothing is left of it.
    lines = f"{rate:.8f}"
    rezip(archived, lambda text: text.replace("5.00000000", lines))
    done = night.mill("[]")
    assert done.pointer is not None
    assert funding_sum(lake, BAD_DAY) == pytest.approx(good, abs=1e-12)
    assert told(lake) == []
    assert all(
        "correction btc-rate-of-5 no more" in cause for cause in causes(lake, "funding_daily")
    )


def told(lake: Lake) -> list[tuple[object, ...]]:
    return list(
        lake.sql(
            "SELECT id, status, rows_changed, rows_dropped, first_date, last_date "
            "FROM corrections ORDER BY id"
        )
    )


def causes(lake: Lake, table: str) -> set[str]:
    found = lake.sql(
        "SELECT DISTINCT cause FROM restatements WHERE run_id = ? AND table_name = ?",
        lake.pointer["run_id"],
        table,
    )
    assert found
    return {cause for (cause,) in found}


def warned(lake: Lake) -> list[tuple[object, ...]]:
    return lake.sql(
        "SELECT table_name, expectation FROM expectation_results WHERE NOT success AND run_id = ?",
        lake.pointer["run_id"],
    )
