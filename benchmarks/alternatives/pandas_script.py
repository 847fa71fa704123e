"""pandas: read every zip, put them together, group. The script most desks have."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

METRICS = "data/futures/um/daily/metrics"
FUNDING = "data/futures/um/monthly/fundingRate"


def open_interest_daily(archive: Path, first: date, last: date) -> pd.DataFrame:
    """Of first … last (UTC, inclusive), from the daily metrics files below `archive`."""
    return open_interest_of(sorted(archive.glob(f"{METRICS}/*/*.zip")), first, last)


def funding_daily(archive: Path, first: date, last: date) -> pd.DataFrame:
    """Of first … last (UTC, inclusive), from the monthly fundingRate files below `archive`."""
    return funding_of(sorted(archive.glob(f"{FUNDING}/*/*.zip")), first, last)


def open_interest_of(paths: list[Path], first: date, last: date) -> pd.DataFrame:
    columns = ["create_time", "symbol", "sum_open_interest", "sum_open_interest_value"]
    rows = pd.concat([pd.read_csv(path, usecols=columns) for path in paths], ignore_index=True)
    at = pd.to_datetime(rows["create_time"], format="%Y-%m-%d %H:%M:%S").dt.floor("5min")
    rows = rows.assign(at=at, date=at.dt.floor("D"))
    rows = rows[
        (rows["sum_open_interest"] > 0)
        & rows["date"].between(pd.Timestamp(first), pd.Timestamp(last))
    ]
    rows = rows.drop_duplicates(["symbol", "at"]).sort_values(["symbol", "at"])
    daily = rows.groupby(["date", "symbol"], as_index=False).agg(
        sample_count=("sum_open_interest", "size"),
        open_interest_coin_close=("sum_open_interest", "last"),
        open_interest_coin_mean=("sum_open_interest", "mean"),
        open_interest_usd_close=("sum_open_interest_value", "last"),
    )
    digits = daily["symbol"].str.extract(r"^1(0{3,6})(?=\D)", expand=False)
    coins = 10.0 ** digits.str.len().fillna(0)
    for column in ("open_interest_coin_close", "open_interest_coin_mean"):
        daily[column] *= coins
    daily["date"] = daily["date"].dt.date
    return daily


def funding_of(paths: list[Path], first: date, last: date) -> pd.DataFrame:
    columns = ["calc_time", "last_funding_rate"]
    rows = pd.concat(
        [pd.read_csv(path, usecols=columns).assign(symbol=path.parent.name) for path in paths],
        ignore_index=True,
    )
    rows["at"] = pd.to_datetime(rows["calc_time"], unit="ms").dt.round("min")
    rows["date"] = rows["at"].dt.floor("D")
    rows = rows[rows["date"].between(pd.Timestamp(first), pd.Timestamp(last))]
    rows = rows.drop_duplicates(["symbol", "at"])
    daily = rows.groupby(["date", "symbol"], as_index=False).agg(
        settlement_count=("last_funding_rate", "size"),
        funding_rate_sum=("last_funding_rate", "sum"),
    )
    daily["date"] = daily["date"].dt.date
    return daily
