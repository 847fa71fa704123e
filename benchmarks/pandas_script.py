"""What a desk without Perpmill keeps: a competent pandas script over the same archive folder.

It reads every zip, drops doubled rows, takes the day of each row's own stamp, and aggregates. It
verifies no checksum, keeps no raw bytes, and has no gate, lineage or restatements.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def open_interest_daily(archive: Path) -> pd.DataFrame:
    """date, symbol → sample_count, close and mean in coin, close in USD."""
    frames = [
        pd.read_csv(path) for path in sorted(archive.glob("data/futures/um/daily/metrics/*/*.zip"))
    ]
    rows = pd.concat(frames, ignore_index=True)
    rows["at"] = pd.to_datetime(rows["create_time"]).dt.floor("5min")
    rows = rows[rows["sum_open_interest"] > 0].drop_duplicates(["symbol", "at"]).sort_values("at")
    rows["date"] = rows["at"].dt.date
    grouped = rows.groupby(["date", "symbol"])
    return pd.DataFrame(
        {
            "sample_count": grouped["sum_open_interest"].size(),
            "coin_close": grouped["sum_open_interest"].last(),
            "coin_mean": grouped["sum_open_interest"].mean(),
            "usd_close": grouped["sum_open_interest_value"].last(),
        }
    ).reset_index()


def funding_daily(archive: Path) -> pd.DataFrame:
    """date, symbol → settlement_count and the sum of settled rates."""
    frames = []
    for path in sorted(archive.glob("data/futures/um/monthly/fundingRate/*/*.zip")):
        frame = pd.read_csv(path)
        frame["symbol"] = path.parent.name
        frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    rows["date"] = pd.to_datetime(rows["calc_time"], unit="ms").dt.round("min").dt.date
    grouped = rows.groupby(["date", "symbol"])["last_funding_rate"]
    return pd.DataFrame(
        {"settlement_count": grouped.size(), "rate_sum": grouped.sum()}
    ).reset_index()
