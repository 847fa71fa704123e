"""The exchange's archive, simulated once and kept: Binance USD-M metrics, funding and hourly bars.

A zip a day and symbol of metrics and of klines, a zip a month and symbol of fundingRate, each with
its CHECKSUM file, laid out as in the venue's bucket. Without quirks: what the scripts would have to
do about faulty files is not what is compared here.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from simulator.plan import Plan
from simulator.simulate import simulate

LAST = date(2023, 4, 30)
"""Archives end here, with a month: its fundings are published when it is over."""
METRICS = "data/futures/um/daily/metrics"
FUNDING = "data/futures/um/monthly/fundingRate"
KINDS = (METRICS, FUNDING)
"""What the scripts read; the mill reads the bars too."""


@dataclass(frozen=True, slots=True)
class Archive:
    """root: what the venue's bucket has at its top. first, last: UTC days, inclusive."""

    root: Path
    symbols: int
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def zips(self, *kinds: str) -> list[Path]:
        """Sorted; of all kinds if none is named."""
        folders = [self.root / kind for kind in kinds] or [self.root]
        return sorted(path for folder in folders for path in folder.rglob("*.zip"))


def simulated(cache: Path, symbols: int, days: int) -> Archive:
    """The archive of so many symbols and days, from `cache` if it is there."""
    first = LAST - timedelta(days=days - 1)
    folder = cache / f"archive-{symbols}x{days}"
    if not folder.exists():
        unfinished = cache / f".{folder.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        plan = Plan(
            first, LAST, symbols=symbols, quirks=False, products=("um",), kline_kinds=("klines",)
        )
        simulate(plan, unfinished)
        unfinished.rename(folder)
    return Archive(folder / "archive/binance", symbols, first, LAST)


def part(archive: Archive, cache: Path, symbols: int) -> Archive:
    """The first `symbols` of an archive, as an archive of its own (hard links)."""
    folder = cache / f"{archive.root.parents[1].name}-first-{symbols}"
    if not folder.exists():
        unfinished = cache / f".{folder.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        names = sorted(path.name for path in (archive.root / METRICS).iterdir())[:symbols]
        for kind in (archive.root / "data/futures/um").glob("*/*"):
            for name in names:
                if (kind / name).exists():
                    _linked(kind / name, unfinished / kind.relative_to(archive.root) / name)
        unfinished.rename(folder)
    return Archive(folder, symbols, archive.first, archive.last)


def _linked(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=os.link)
