"""The bare transform reads every row of the archive into tables as large as the mill's."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from benchmarks import bare
from benchmarks.archive import METRICS, simulated


def test_it_writes_every_row_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")  # it sets this for its processes
    archive = simulated(tmp_path, symbols=2, days=2)
    work = bare.transform(str(archive.root), str(tmp_path / "into"))
    told = work.tell(work.do())
    assert told["files"] == len(archive.zips()) == 2 * (2 + 2 + 1)
    assert told["bytes"] == sum(path.stat().st_size for path in archive.zips())
    assert told["rows"] == 2 * 2 * (288 + 24) + 2 * 90  # fundings: a file a month

    written = {
        row[0]: row[1:]
        for path in (tmp_path / "into").glob("open_interest-*.parquet")
        for row in pl.read_parquet(path)
        .group_by(pl.col("raw_file").cast(pl.String))
        .agg(pl.len(), pl.col("sum_open_interest").sum(), pl.col("create_time").max())
        .iter_rows()
    }
    zips = archive.zips(METRICS)
    assert written.keys() == set(map(str, zips))
    for path in zips:
        with zipfile.ZipFile(path) as container:
            text = container.read(container.namelist()[0]).decode()
        there = list(csv.DictReader(io.StringIO(text)))
        rows, interest, last = written[str(path)]
        assert rows == len(there) == 288
        assert interest == pytest.approx(sum(float(row["sum_open_interest"]) for row in there))
        assert str(last) == max(row["create_time"] for row in there)
