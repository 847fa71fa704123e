"""pandas on every core: the same script, each process taking some symbols at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import repeat
from pathlib import Path

import pandas as pd

from benchmarks.alternatives.pandas_script import FUNDING, METRICS, funding_of, open_interest_of

SYMBOLS_AT_A_TIME = 10
PROCESSES = os.cpu_count() or 1

Daily = Callable[[list[Path], date, date], pd.DataFrame]


def open_interest_daily(archive: Path, first: date, last: date) -> pd.DataFrame:
    """Of first … last (UTC, inclusive), from the daily metrics files below `archive`."""
    return _pooled(open_interest_of, archive / METRICS, first, last)


def funding_daily(archive: Path, first: date, last: date) -> pd.DataFrame:
    """Of first … last (UTC, inclusive), from the monthly fundingRate files below `archive`."""
    return _pooled(funding_of, archive / FUNDING, first, last)


def _pooled(daily: Daily, root: Path, first: date, last: date) -> pd.DataFrame:
    folders = sorted(root.iterdir())
    shares = [
        [path for folder in folders[n : n + SYMBOLS_AT_A_TIME] for path in folder.glob("*.zip")]
        for n in range(0, len(folders), SYMBOLS_AT_A_TIME)
    ]
    with ProcessPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(daily, shares, repeat(first), repeat(last)))
    return pd.concat(parts, ignore_index=True)
