"""Reads simulated files by the letter of the formats' descriptions, for the tests of each venue."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no type information


def ms(*when: int) -> int:
    """Milliseconds of a UTC moment."""
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


def lines(file: Path) -> list[Any]:
    """The messages of a recording, in its order."""
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def distinct(messages: Iterable[Any]) -> list[Any]:
    """Without what the recorder wrote twice."""
    return [json.loads(text) for text in dict.fromkeys(json.dumps(m) for m in messages)]


def answers(file: Path) -> list[Any]:
    """The answers of a dump: one, or an array of them."""
    found = json.loads(file.read_bytes())
    return found if isinstance(found, list) else [found]


def unzipped(file: Path) -> bytes:
    """The one csv in a zip."""
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        (member,) = archive.namelist()
        assert member == file.name.replace(".zip", ".csv")
        return archive.read(member)


def lz4(file: Path) -> bytes:
    """What is in an LZ4 frame."""
    assert file.read_bytes()[:4] == b"\x04\x22\x4d\x18"  # magic number of the frame format
    with pa.input_stream(str(file), compression="lz4") as stream:
        content: bytes = stream.read()
    return content


def gunzipped(file: Path) -> str:
    """What is in a gz."""
    return gzip.decompress(file.read_bytes()).decode()


def liquidations(root: Path, venue: str, day: date | None = None) -> pl.DataFrame:
    """What was published, of a day or of all."""
    pattern = f"liquidations-{day or '*'}.parquet"
    files = sorted((root / "truth" / venue).glob(pattern))
    assert files
    return pl.concat(pl.read_parquet(file) for file in files).filter("published")


def samples(root: Path, venue: str, symbol: str, at: datetime) -> dict[str, float]:
    """One snapshot."""
    file = root / "truth" / venue / f"samples-{at.date()}.parquet"
    rows = pl.read_parquet(file).filter(symbol=symbol, sampled_at=at)
    assert rows.height == 1
    return rows.row(0, named=True)


def settlements(root: Path, venue: str, symbol: str) -> pl.DataFrame:
    """Of one symbol, ascending."""
    file = root / "truth" / venue / "settlements.parquet"
    return pl.read_parquet(file).filter(symbol=symbol)


Totals = dict[tuple[str, str], tuple[float, float]]


def summed(amounts: Iterable[tuple[str, str, float, float]]) -> Totals:
    """Coins and US dollars by symbol and side, from (symbol, side, coins, dollars)."""
    total: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for symbol, side, coins, usd in amounts:
        total[symbol, side][0] += coins
        total[symbol, side][1] += usd
    return {key: (coins, usd) for key, (coins, usd) in total.items()}


def true_totals(events: pl.DataFrame) -> Totals:
    """The same from the truth."""
    return summed(events.select("symbol", "position", "amount_coin", "amount_usd").iter_rows())
