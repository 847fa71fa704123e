"""What became of each raw file's records is added up by month, and only where a day changed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from flows.accounts import COUNTS, LAYER, Accounts
from flows.run import Run
from flows.settings import Settings
from flows.storage.parquet import parquet_bytes
from flows.storage.partitions import Layer
from transforms.schemas.normalised import Accounting

DAY = timedelta(days=1)
FIRST = date(2021, 1, 30)
MONTHS = [date(2021, 1, 1), date(2021, 2, 1)]


def begun(lake: Path) -> Run:
    sources = [{"venue": "binance", "dumps": f"file:{lake.parent}/dumps"}]
    return Run.begin(Settings(lake=f"file:{lake}", sources=sources), "test")


def accounted(run: Run, day: date, mark: str, **kept: int) -> None:
    """A partition that kept so many rows of each file and folded one away."""
    rows = pl.DataFrame(
        [
            {
                "dataset": "open_interest",
                "venue": "binance",
                "raw_key": key,
                "rows_read": number + 1,
                "rows_kept": number,
                "rows_duplicate": 1,
                "rows_quarantined": 0,
            }
            for key, number in kept.items()
        ],
        schema_overrides=dict(Accounting.create_empty().schema),
    )
    layer = Layer(run.store, run.ledger, "accounting")
    layer.record([layer.write("open_interest", "binance", day, rows, mark)])


def accounts(run: Run) -> pl.DataFrame:
    """Of both months together."""
    found = Accounts(run).of("binance", MONTHS)
    return found.group_by("dataset", "raw_key").agg(pl.col(COUNTS).sum())


def months(run: Run) -> dict[date, str]:
    current = Layer(run.store, run.ledger, LAYER).current()
    return dict(current.select("date", "fingerprint").iter_rows())


def test_days_are_added_up_over_months(tmp_path: Path) -> None:
    run = begun(tmp_path / "lake")
    accounted(run, FIRST, "1", a=10, b=1)
    accounted(run, FIRST + DAY, "1", a=20)
    accounted(run, FIRST + 2 * DAY, "1", a=5, c=7)  # in February
    found = accounts(run).sort("raw_key")
    expected = pl.DataFrame(
        {
            "dataset": ["open_interest"] * 3,
            "raw_key": ["a", "b", "c"],
            "rows_read": [38, 2, 8],  # 10 + 1 + 20 + 1 + 5 + 1
            "rows_kept": [35, 1, 7],
            "rows_duplicate": [3, 1, 1],
            "rows_quarantined": [0, 0, 0],
        }
    )
    assert_frame_equal(found.select(expected.columns), expected)
    by_month = Accounts(run).of("binance", MONTHS).sort("month", "raw_key")
    assert by_month["month"].to_list() == [MONTHS[0]] * 2 + [MONTHS[1]] * 2
    assert by_month["rows_kept"].to_list() == [30, 1, 5, 7]
    assert Accounts(run).of("binance", MONTHS[1:])["rows_kept"].sum() == 12
    assert set(months(run)) == {date(2021, 1, 1), date(2021, 2, 1)}


def test_only_a_month_with_a_new_day_is_added_up_again(tmp_path: Path) -> None:
    run = begun(tmp_path / "lake")
    accounted(run, FIRST, "1", a=10)
    accounted(run, FIRST + 2 * DAY, "1", a=5)
    accounts(run)
    before = months(run)
    accounted(run, FIRST + 2 * DAY, "2", a=6)
    assert accounts(run)["rows_kept"].to_list() == [16]
    after = months(run)
    assert before[date(2021, 1, 1)] == after[date(2021, 1, 1)]
    assert before[date(2021, 2, 1)] != after[date(2021, 2, 1)]
    segments = list(run.store.entries(f"ledger/{LAYER}/"))
    accounts(run)
    assert list(run.store.entries(f"ledger/{LAYER}/")) == segments, "nothing was news"


def test_a_month_that_is_gone_is_added_up_again(tmp_path: Path) -> None:
    run = begun(tmp_path / "lake")
    accounted(run, FIRST, "1", a=10)
    accounts(run)
    for key in Layer(run.store, run.ledger, LAYER).current()["key"]:
        run.store.delete(key)
    assert accounts(run)["rows_kept"].to_list() == [10]


def test_a_month_other_than_the_ledger_speaks_of_is_added_up_again(tmp_path: Path) -> None:
    """A killed run's, or a damaged one."""
    run = begun(tmp_path / "lake")
    accounted(run, FIRST, "1", a=10)
    wrong = accounts(run).with_columns(pl.col("rows_kept") + 1)
    [key] = Layer(run.store, run.ledger, LAYER).current()["key"]
    for content in (parquet_bytes(wrong), b"", b"PAR1"):
        run.store.put(key, content)
        assert accounts(run)["rows_kept"].to_list() == [10]


def test_a_lake_without_partitions_has_no_accounts(tmp_path: Path) -> None:
    found = accounts(begun(tmp_path / "lake"))
    assert found.is_empty()
    assert set(COUNTS) < set(found.columns)
