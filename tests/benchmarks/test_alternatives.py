"""Every script reads the venue's files as the mill does; hand-made files first, then simulated."""

from __future__ import annotations

import importlib
import pkgutil
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks import alternatives, contest, contest_report, scripts
from benchmarks.agreement import Disagreement, agree
from benchmarks.archive import FUNDING, METRICS, simulated
from benchmarks.work import measure

FIRST, LAST = date(2023, 4, 1), date(2023, 4, 2)
HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
RATIOS = ",1.1,1.2,1.3,1.4\n"


def zipped(root: Path, kind: str, name: str, text: str) -> None:
    """A file as the venue has it, and unzipped beside the archive."""
    folder = f"{kind}/{name.partition('-')[0]}"
    for top in ("archive", "unzipped"):
        (root / top / folder).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / "archive" / folder / f"{name}.zip", "w") as container:
        container.writestr(f"{name}.csv", text)
    (root / "unzipped" / folder / f"{name}.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def hand_made(tmp_path: Path) -> Path:
    lines = [
        "2023-04-01 00:05:00,1000PEPEUSDT,2,10",
        "2023-04-01 00:10:01,1000PEPEUSDT,4,20",  # a second late: the sample of 00:10
        "2023-04-01 00:10:01,1000PEPEUSDT,4,20",  # written twice
        "2023-04-01 00:15:00,1000PEPEUSDT,0,0",  # not reported
        "2023-04-02 00:00:00,1000PEPEUSDT,9,50",  # in the file of the day before
    ]
    metrics = HEADER + "".join(line + RATIOS for line in lines)
    zipped(tmp_path, METRICS, "1000PEPEUSDT-metrics-2023-04-01", metrics)
    next_day = "2023-04-03 00:00:00,1000PEPEUSDT,7,70"  # of the third: nobody asked for it
    after = HEADER + next_day + RATIOS
    zipped(tmp_path, METRICS, "1000PEPEUSDT-metrics-2023-04-02", after)
    fundings = [
        "1680307200003,8,0.0001",  # 2023-04-01 00:00:00.003: of the first
        "1680336000000,8,-0.0003",  # 08:00
        "1680393599998,8,0.0005",  # 23:59:59.998: settled at 00:00 of the second
        "1680480000000,8,0.1",  # 2023-04-03
    ]
    text = "calc_time,funding_interval_hours,last_funding_rate\n" + "\n".join(fundings) + "\n"
    zipped(tmp_path, FUNDING, "1000PEPEUSDT-fundingRate-2023-04", text)
    return tmp_path


EXPECTED_INTEREST = pl.DataFrame(
    {
        "date": [FIRST, LAST],
        "symbol": ["1000PEPEUSDT"] * 2,
        # 00:05 and 00:10 of the first; 00:00 of the second.
        "sample_count": [2, 1],
        "open_interest_coin_close": [4_000.0, 9_000.0],
        # (2 + 4) ÷ 2 × 1000
        "open_interest_coin_mean": [3_000.0, 9_000.0],
        "open_interest_usd_close": [20.0, 50.0],
    }
)
EXPECTED_FUNDING = pl.DataFrame(
    {
        "date": [FIRST, LAST],
        "symbol": ["1000PEPEUSDT"] * 2,
        "settlement_count": [2, 1],
        # 0.0001 − 0.0003
        "funding_rate_sum": [-0.0002, 0.0005],
    }
)


def test_every_script_takes_part() -> None:
    found = {name for _, name, _ in pkgutil.iter_modules(alternatives.__path__)}
    assert found == contest.SCRIPTS.keys()
    assert len(found) >= 7


def test_a_script_without_its_library_does_not_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contest.SCRIPTS, "chdb_script", "a_library_nobody_has")
    assert contest.installed() == [name for name in contest.SCRIPTS if name != "chdb_script"]


@pytest.mark.parametrize("name", contest.SCRIPTS)
def test_a_script_computes_what_is_computed_by_hand(name: str, hand_made: Path) -> None:
    pytest.importorskip(contest.SCRIPTS[name], reason=f"{name} needs its library: make bench")
    measure(
        "benchmarks.scripts:script",
        name=name,
        folder=str(hand_made / ("unzipped" if name in contest.UNZIPPED else "archive")),
        first=str(FIRST),
        last=str(LAST),
        tables=str(hand_made / name),
    )
    by_hand = hand_made / "by hand"
    by_hand.mkdir()
    EXPECTED_INTEREST.write_parquet(by_hand / "open_interest_daily.parquet")
    EXPECTED_FUNDING.write_parquet(by_hand / "funding_daily.parquet")
    assert agree(by_hand, hand_made / name) == 4


def test_a_round_compares_each_script_with_the_mill_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = simulated(tmp_path, symbols=4, days=3)
    # Two stand for all: the others are held to the same by hand above.
    monkeypatch.setattr(contest, "SCRIPTS", {"pandas_script": "pandas", "duckdb_script": "duckdb"})
    compared = []

    def compare(ours: Path, theirs: Path) -> int:
        same = agree(ours, theirs)
        path = theirs / "funding_daily.parquet"
        rows = pl.read_parquet(path)
        one_off = pl.when(pl.int_range(pl.len()) == 0).then(1e-6).otherwise(0.0)
        rows.with_columns(pl.col("funding_rate_sum") + one_off).write_parquet(path)
        with pytest.raises(Disagreement, match="1 symbol-days differ"):
            agree(ours, theirs)
        compared.append((ours.name, theirs.name))
        return same

    monkeypatch.setattr(contest, "agree", compare)
    held = contest.hold(archive, tmp_path / "work", 1, lambda _: None)
    assert compared == [("mill", "pandas_script"), ("mill", "duckdb_script")]
    # 3 days of open interest of 4 symbols, and of funding of those that pay it.
    assert 12 < held.symbol_days_compared <= 24
    assert held.scripts == ["pandas_script", "duckdb_script"]
    assert len(held.milled) == 1

    section = contest_report.section(held, "now")
    first_cells = [line.split(" | ")[0] for line in section.lines if line.startswith("| ")]
    pieces = ("floor", "bare transform", "unzip", "pandas script", "DuckDB SQL", "mill: transform")
    for piece in pieces:
        assert any(cell.startswith(f"| {piece}") for cell in first_cells), piece
    assert len(section.criteria) == 5


def test_frames_of_any_library_are_written(tmp_path: Path) -> None:
    pandas = importlib.import_module("pandas")
    arrow = pl.DataFrame({"a": [1]}).to_arrow()
    for n, frame in enumerate((pl.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]}), arrow)):
        scripts._write(frame, tmp_path / f"{n}.parquet")
        assert pl.read_parquet(tmp_path / f"{n}.parquet")["a"].to_list() == [1]
