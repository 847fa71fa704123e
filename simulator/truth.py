"""Reads the truth of one exchange below a simulated root, for the APIs that answer from it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

DAY_MS = 86_400_000


class Truth:
    """Files are read when they are asked for and kept; safe to ask from several threads."""

    def __init__(self, root: Path, venue: str) -> None:
        self.root = root
        self._folder = root / "truth" / venue
        self._lock = threading.Lock()
        self._settlements: dict[str, pl.DataFrame] | None = None
        self._days: dict[tuple[str, date], dict[str, pl.DataFrame]] = {}

    def days(self) -> tuple[date, date]:
        """First and last simulated day."""
        facts = json.loads((self.root / "truth/plan.json").read_bytes())
        return date.fromisoformat(facts["first"]), date.fromisoformat(facts["last"])

    def now_ms(self) -> int:
        """The present: the end of the last simulated day."""
        last = self.days()[1]
        return (
            int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp()) * 1000 + DAY_MS
        )

    def settlements(self) -> dict[str, pl.DataFrame]:
        """By symbol, ascending."""
        with self._lock:
            if self._settlements is None:
                self._settlements = _parts(self._folder / "settlements.parquet")
            return self._settlements

    def _day(self, kind: str, day: date) -> dict[str, pl.DataFrame]:
        with self._lock:
            if (kind, day) not in self._days:
                self._days[kind, day] = _parts(self._folder / f"{kind}-{day}.parquet")
            return self._days[kind, day]

    def samples(self, day: date) -> dict[str, pl.DataFrame]:
        """The snapshots of a day by symbol; empty if it was not simulated."""
        return self._day("samples", day)

    def liquidations(self, day: date) -> dict[str, pl.DataFrame]:
        """The liquidations of a day by symbol; empty if it was not simulated."""
        return self._day("liquidations", day)

    def history(self, symbol: str, minutes: int, kind: str = "samples") -> pl.DataFrame:
        """All snapshots of a symbol at multiples of `minutes`, ascending, with `stamp` in ms.

        Empty if there is no such symbol.
        """
        first, last = self.days()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        parts = [part for d in days if (part := self._day(kind, d).get(symbol)) is not None]
        if not parts:
            return pl.DataFrame()
        rows = pl.concat(parts).with_columns(stamp=pl.col("sampled_at").dt.epoch("ms"))
        return rows.filter(pl.col("stamp") % (minutes * 60_000) == 0)


def _parts(file: Path) -> dict[str, pl.DataFrame]:
    if not file.is_file():
        return {}
    parts = pl.read_parquet(file).partition_by("symbol", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}
