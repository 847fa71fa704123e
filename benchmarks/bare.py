"""The bare transform: every row of every zip read, typed, put in order and written as Parquet.

It does what the mill's normalise stage cannot do without (one Parquet file a dataset and day, each
row with the name of its raw file), and nothing of what makes numbers trustworthy: no hash, no CRC,
no check of a value, nothing set aside, folded, converted or accounted for. What the mill takes
beyond it is the price of that, or waste.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.archive import FUNDING, METRICS
from benchmarks.floor import inflated
from benchmarks.work import Work

KLINES = "data/futures/um/daily/klines"
_KINDS = (METRICS, KLINES, FUNDING)
_TABLES = {
    METRICS: {
        "open_interest": ("sum_open_interest", "sum_open_interest_value"),
        "positioning": (
            "count_toptrader_long_short_ratio",
            "sum_toptrader_long_short_ratio",
            "count_long_short_ratio",
            "sum_taker_long_short_vol_ratio",
        ),
    },
    KLINES: {"prices": ("open", "high", "low", "close", "volume", "quote_volume")},
    FUNDING: {"funding_rates": ("funding_interval_hours", "last_funding_rate")},
}
_TIME = {METRICS: "create_time", KLINES: "open_time", FUNDING: "calc_time"}


def transform(root: str, into: str) -> Work[int]:
    """Of the archive at `root`, with a process a core; begun before the clock."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind in _KINDS:
        for path in sorted((Path(root) / kind).rglob("*.zip")):
            when = path.stem[-7:] if kind == FUNDING else path.stem[-10:]
            groups[kind, when].append(str(path))
    Path(into).mkdir(parents=True)
    os.environ["POLARS_MAX_THREADS"] = "1"
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    list(pool.map(abs, range(4 * (os.cpu_count() or 1))))
    jobs = [(kind, when, paths, into) for (kind, when), paths in groups.items()]

    def do() -> int:
        with pool:  # time of processes counts once they have ended
            return sum(pool.map(_one, jobs))

    def tell(rows: int) -> dict[str, int]:
        paths = [Path(path) for group in groups.values() for path in group]
        size = sum(path.stat().st_size for path in paths)
        return {"files": len(paths), "bytes": size, "rows": rows}

    return Work(do, tell)


def _one(job: tuple[str, str, list[str], str]) -> int:
    """The files of a kind and day (of fundings, month), as one Parquet file a table."""
    kind, when, paths, into = job
    texts = [inflated(Path(path).read_bytes()) for path in paths]
    lines = [text.partition(b"\n")[2] for text in texts]
    header = texts[0].partition(b"\n")[0] + b"\n"
    tables, time = _TABLES[kind], _TIME[kind]
    typed = {name: pl.Float64 for columns in tables.values() for name in columns}
    counts = [text.count(b"\n") for text in lines]
    files = pl.Series(np.repeat(np.arange(len(paths), dtype=np.uint32), counts))
    rows = pl.read_csv(
        header + b"".join(lines),
        columns=[time, *typed],
        schema_overrides={time: pl.String if kind == METRICS else pl.Int64} | typed,
    ).with_columns(
        pl.col(time).str.to_datetime("%Y-%m-%d %H:%M:%S")
        if kind == METRICS
        else pl.from_epoch(time, "ms"),
        raw_file=files.cat.to(pl.Enum(paths)),
    )
    rows = rows.sort("raw_file", time)
    for table, columns in tables.items():
        rows.select("raw_file", time, *columns).write_parquet(
            Path(into) / f"{table}-{when}.parquet", compression="zstd"
        )
    return rows.height
