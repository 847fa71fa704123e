"""The mill against itself: with more files, and with more days."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.archive import Archive, part
from benchmarks.mill import PROCESSES, STAGES, Milled, mill
from benchmarks.report import MB, Criterion, Section, middle, spread, table

Say = Callable[[str], None]

_SHARES = (4, 2, 1)


def by_files(
    archive: Archive, cache: Path, workplace: Path, repeats: int, circumstances: str, say: Say
) -> Section:
    """End to end with a quarter of the symbols, a half and all of them; alternating."""
    parts = {
        share: archive if share == 1 else part(archive, cache, archive.symbols // share)
        for share in _SHARES
    }
    files = {share: len(each.zips()) for share, each in parts.items()}
    found: dict[int, list[Milled]] = defaultdict(list)
    for number in range(repeats):
        for share in _SHARES if number % 2 == 0 else reversed(_SHARES):
            milled = _milled(parts[share], workplace)
            found[share].append(milled)
            say(f"round {number + 1} of {repeats}: {files[share]} zips {milled.seconds:.2f} s")
    rows = [
        (
            f"1/{share}" if share > 1 else "all",
            f"{files[share]:,}",
            f"{middle([m.seconds for m in found[share]]):.2f}",
            spread([m.seconds for m in found[share]]),
            f"{files[share] / middle([m.seconds for m in found[share]]):,.0f}",
            *(f"{middle([m.stages[stage] for m in found[share]]):.2f}" for stage in STAGES),
            f"{max(m.peak_bytes for m in found[share]) / MB:,.0f}",
        )
        for share in _SHARES
    ]
    seconds = {share: middle([m.seconds for m in found[share]]) for share in _SHARES}
    power = math.log(seconds[1] / seconds[4]) / math.log(files[1] / files[4])
    header = ("symbols", "zips", "median s", "least – most s", "files/s", *STAGES, "peak MB")
    setting = (
        f"{circumstances}. End to end, {archive.symbols} symbols × {archive.days} days and parts "
        f"of them, {repeats} rounds in alternating order."
    )
    lines = (
        setting,
        "",
        *table(header, rows),
        "",
        f"Time grows as the {power:.2f}th power of the number of files.",
    )
    return Section("Time against number of files", lines)


def by_days(archive: Archive, workplace: Path, fewer: int, circumstances: str, say: Say) -> Section:
    """Peak memory with `fewer` days and with all of them; same symbols, same files for both."""
    short = Archive(
        archive.root, archive.symbols, archive.last - timedelta(days=fewer - 1), archive.last
    )
    found = {}
    for each in (short, archive):
        found[each.days] = _milled(each, workplace)
        say(f"{each.days} days: {found[each.days].peak_bytes / MB:,.0f} MB")
    rows = [
        (
            f"{days}",
            *(f"{milled.processes[name].peak_bytes / MB:,.0f}" for name in PROCESSES),
            f"{milled.peak_bytes / MB:,.0f}",
            f"{milled.seconds:.1f}",
        )
        for days, milled in found.items()
    ]
    peaks = [milled.peak_bytes for milled in found.values()]
    more = peaks[1] / peaks[0] - 1
    setting = (
        f"{circumstances}. {archive.symbols} symbols; all days are one run, not one after the "
        "other. Peak resident memory of each process in MB, and seconds end to end."
    )
    lines = (
        setting,
        "",
        *table(("days", *PROCESSES, "peak MB", "s"), rows),
    )
    criteria = (
        Criterion(
            f"peak memory within 20 % between {short.days} and {archive.days} days",
            f"{more:+.0%}",
            more <= 0.2,
        ),
        Criterion("peak memory under 1 GB", f"{max(peaks) / MB:,.0f} MB", max(peaks) < 1e9),
    )
    return Section("Memory against days", lines, criteria)


def _milled(archive: Archive, workplace: Path) -> Milled:
    lake = workplace / "lake"
    lake.mkdir(parents=True)
    try:
        return mill(archive.root, lake, archive.first, archive.last)
    finally:
        shutil.rmtree(lake)
