"""Damage to a lake between two nights: somebody tidied up, a disk forgot, a tool wrote into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from tests.faults.fault import Fault, Outcome
from tests.raw_files import Lies, newest

R, B, H = Outcome.REFUSED, Outcome.BLOCKED, Outcome.HARMLESS


def gone(pattern: str) -> Callable[[Path], None]:
    """The newest file a pattern names is deleted."""

    def damage(lake: Path) -> None:
        _newest(lake, pattern).unlink()

    return damage


def altered(pattern: str) -> Callable[[Path], None]:
    """A byte in the middle of the newest file a pattern names is another."""

    def damage(lake: Path) -> None:
        path = _newest(lake, pattern)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x01
        path.write_bytes(bytes(content))

    return damage


def halved(pattern: str) -> Callable[[Path], None]:
    """The newest file a pattern names breaks off."""

    def damage(lake: Path) -> None:
        path = _newest(lake, pattern)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return damage


def edited(pattern: str, change: pl.Expr) -> Callable[[Path], None]:
    """The newest Parquet file a pattern names is written again with other numbers."""

    def damage(lake: Path) -> None:
        path = _newest(lake, pattern)
        pl.read_parquet(path).with_columns(change).write_parquet(path)

    return damage


def _newest(lake: Path, pattern: str) -> Path:
    found = sorted(path for path in lake.glob(pattern) if path.is_file())
    assert found, f"{pattern} names nothing in the lake"
    return found[-1]


def _packed(lake: Path) -> Lies:
    found = newest(lake, _RAW)
    assert found.packed
    return found


_DAY = "venue=binance/date=2021-01-30/*.parquet"
_RAW = "/BTCUSDT-metrics-2021-01-30.zip"

FAULTS = (
    Fault(
        "lake-build-altered",
        "the published build",
        "one byte is another",
        altered("builds/*/perpmill.duckdb"),
        R,
        ("altered after it was published",),
    ),
    Fault(
        "lake-build-gone",
        "the published build",
        "deleted",
        gone("builds/*/perpmill.duckdb"),
        R,
        ("the build is gone",),
    ),
    Fault(
        "lake-normalised-gone",
        "normalised open interest of the day before",
        "deleted",
        gone(f"normalised/open_interest/{_DAY}"),
        H,
        why="what was made of it is there; where it is read again the run is refused",
    ),
    Fault(
        "lake-daily-gone",
        "daily open interest of the day before",
        "deleted",
        gone(f"daily/open_interest_daily/{_DAY}"),
        R,
        ("is gone from the lake",),
    ),
    Fault(
        "lake-daily-edited",
        "daily open interest of the day before",
        "written again with twice the coins",
        edited(f"daily/open_interest_daily/{_DAY}", pl.col("open_interest_coin_close") * 2),
        B,
        ("market_daily.equals_independent_sql",),
    ),
    Fault(
        "lake-normalised-edited",
        "normalised open interest of the day before",
        "written again with twice the coins",
        edited(f"normalised/open_interest/{_DAY}", pl.col("open_interest_coin") * 2),
        H,
        why="the night does not read it again",
    ),
    Fault(
        "lake-raw-altered",
        "a raw file the night reads, in its pack",
        "one byte is another",
        lambda lake: _packed(lake).flip(),
        R,
        ("was altered in the lake",),
    ),
    Fault(
        "lake-raw-gone",
        "the pack of a raw file the night reads",
        "deleted",
        lambda lake: _packed(lake).file.unlink(),
        R,
        ("is gone from the lake",),
    ),
    Fault(
        "lake-raw-cut",
        "the pack of a raw file the night reads",
        "breaks off within that file",
        lambda lake: _packed(lake).cut(),
        R,
        ("was altered in the lake",),
    ),
    Fault(
        "lake-packs-segment-lost",
        "the ledger of packs",
        "its last segment deleted",
        gone("ledger/packs/*"),
        R,
        ("is gone from the lake",),
    ),
    Fault(
        "lake-ledger-segment-lost",
        "the ledger of raw files",
        "its last segment deleted",
        gone("ledger/raw/*"),
        H,
        why="what it told of is fetched again",
    ),
    Fault(
        "lake-ledger-segment-damaged",
        "the ledger of raw files",
        "half of its last segment is gone",
        halved("ledger/raw/*"),
        R,
        ("ledger/raw",),
    ),
)
