"""What the gate costs on a year of many instruments at six venues.

The expectations only, with importing Great Expectations shown beside them: the reconciliation reads
normalised rows, of which a random build has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks import published_build
from benchmarks.report import MB, Criterion, Section, middle, spread, table
from benchmarks.work import Work, measure
from expectations import gate
from transforms.schemas.evidence import Severity

FIRST = date(2025, 1, 1)
DAYS = 365
LIMIT_SECONDS = 15

Say = Callable[[str], None]


def section(
    workplace: Path, instruments: int, repeats: int, circumstances: str, say: Say
) -> Section:
    """A run over the year and a nightly run, each judged in a process of its own."""
    workplace.mkdir(parents=True)
    build = workplace / "build.duckdb"
    say(f"synthetic build of {instruments} instruments × {DAYS} days")
    published_build.write(build, FIRST, DAYS, instruments)
    rows = []
    year = 0.0
    for what, days in (("a run over the year", DAYS), ("a nightly run", 1)):
        each = []
        for number in range(repeats):
            say(f"{what}, {number + 1} of {repeats}")
            each.append(measure("benchmarks.gate:audited", build=str(build), days=days))
        seconds = [one.seconds for one in each]
        year = year or middle(seconds)
        told = each[0].told
        rows.append(
            (
                what,
                f"{middle(seconds):.1f}",
                spread(seconds),
                f"{told['import_seconds']:.1f}",
                f"{max(one.peak_bytes for one in each) / MB:,.0f}",
                f"{told['expectations']}",
                f"{told['critical']}",
            )
        )
    setting = (
        f"{circumstances}. A build of {instruments} instruments at {len(published_build.VENUES)} "
        f"venues × {DAYS} days ({build.stat().st_size / MB:,.0f} MB), made of random numbers."
    )
    header = ("judged", "s", "least – most", "import s", "MB", "expectations", "critical failures")
    return Section(
        "The gate",
        (setting, "", *table(header, rows)),
        (
            Criterion(
                f"a year of 600 instruments under {LIMIT_SECONDS} s after import",
                f"{year:.1f} s",
                year < LIMIT_SECONDS,
            ),
        ),
    )


def audited(build: str, days: int) -> Work[Any]:
    """Judge the newest `days` of a build."""
    started = time.perf_counter()
    gate.warm_up()
    importing = time.perf_counter() - started
    last = FIRST + timedelta(days=DAYS - 1)
    first = last - timedelta(days=days - 1)

    def told(audit: Any) -> dict[str, Any]:
        critical = gate.failing(audit).filter(severity=Severity.CRITICAL.value)
        return {
            "import_seconds": importing,
            "expectations": audit.results.height,
            "critical": critical.height,
        }

    return Work(lambda: gate.audit(Path(build), run_id="bench", first=first, last=last), told)
