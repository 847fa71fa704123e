"""The same raw files give the same tables, in whatever order, portions and threads they are milled.

Compared are all tables but `RUN_TABLES`, which tell how the build came about.
Over an API more may differ: answers are raw files of the windows asked for, so a backfill and the
nightlies of the same days hold the same rows in other files, and `raw_files` says so.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl

from flows.storage.warehouse import table_hashes
from tests.flows.conftest import DAY, FIRST, LAST, Lake, lake_settings
from tests.flows.driver import build_days, start
from transforms.schemas.published import RUN_TABLES


def facts(hashes: dict[str, str]) -> dict[str, str]:
    found = {table: digest for table, digest in hashes.items() if table not in RUN_TABLES}
    assert len(found) >= 9
    return found


class Arriving:
    """An exchange whose files appear bit by bit."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self._whole, self.folder = whole, folder

    def arrive(self, *patterns: str) -> int:
        """Files whose names match, of those not there yet; with their checksums."""
        count = 0
        for pattern in patterns:
            for file in sorted(self._whole.rglob(pattern)):
                target = self.folder / file.relative_to(self._whole)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target)
                    count += 1
        return count


def test_night_by_night_with_a_late_file(milled: Lake, tmp_path: Path) -> None:
    arriving = Arriving(milled.exchange, tmp_path / "exchange")
    lake = Lake(tmp_path / "lake", arriving.folder)
    assert arriving.arrive("*-fundingRate-*", "instruments*.json")
    assert arriving.arrive(f"*{FIRST}.*", f"*{FIRST}.zip.CHECKSUM")
    late = arriving.folder / milled.archived("ETHUSDT", "metrics", f"{FIRST}").relative_to(
        milled.exchange
    )
    late.unlink()
    samples = "SELECT sample_count FROM open_interest_daily WHERE symbol = 'ETHUSDT' AND date = ?"
    assert lake.nightly(FIRST).pointer is not None
    assert lake.sql(samples, FIRST) == []

    assert arriving.arrive(f"*{FIRST + DAY}.*", f"*{FIRST + DAY}.zip.CHECKSUM", late.name)
    second = lake.nightly(FIRST + DAY)
    assert second.candidate is not None
    assert second.candidate.first == FIRST + DAY
    assert second.candidate.first_changed == FIRST
    # 288 samples, of which the last belongs to the day after.
    assert lake.sql(samples, FIRST) == [(287,)]

    assert arriving.arrive(f"*{LAST}.*", f"*{LAST}.zip.CHECKSUM")
    lake.nightly(LAST)
    assert facts(lake.hashes()) == facts(milled.hashes())
    assert lake.sql("SELECT count(*) FROM runs") == [(3,)]


def test_backwards_and_day_by_day(milled: Lake, tmp_path: Path) -> None:
    settings = lake_settings(tmp_path / "lake", milled.exchange, batch_days=1)
    days = [LAST, FIRST, FIRST + DAY]
    build = build_days(settings, [(day, day) for day in days])
    assert facts(table_hashes(build)) == facts(milled.hashes())


def test_any_number_of_threads(milled: Lake, tmp_path: Path) -> None:
    running = {
        threads: start(
            "build",
            lake_settings(tmp_path / threads, milled.exchange),
            FIRST,
            LAST,
            POLARS_MAX_THREADS=threads,
        )
        for threads in ("1", "4")
    }
    hashes = {pl.thread_pool_size(): facts(milled.hashes())}
    for threads, process in running.items():
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        hashes[int(threads)] = facts(table_hashes(Path(out.splitlines()[-1])))
    assert len(hashes) >= 2
    assert len({tuple(sorted(found.items())) for found in hashes.values()}) == 1


def test_a_range_is_its_days(milled: Lake) -> None:
    """The shared lake covers what the tests above compare: every day, in every daily table."""
    for table in ("funding_daily", "open_interest_daily", "liquidations_daily", "prices_daily"):
        days = milled.sql(f"SELECT DISTINCT date FROM {table} ORDER BY date")  # noqa: S608 - ours
        assert [day for (day,) in days] == [FIRST, FIRST + DAY, LAST]
    assert date(2021, 1, 31) == LAST
