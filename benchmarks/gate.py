"""`python -m benchmarks.gate`: what the gate costs on a year of 600 instruments at six venues.

The expectations only: importing Great Expectations is shown beside them, and the reconciliation
reads normalised rows, of which a random build has none.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import published_build
from expectations import gate
from transforms.schemas.evidence import Severity

INSTRUMENTS, DAYS = 600, 365
FIRST = date(2025, 1, 1)


def main() -> None:
    started = time.perf_counter()
    gate.warm_up()
    print(f"import of Great Expectations {time.perf_counter() - started:6.1f} s")
    with TemporaryDirectory(prefix="perpmill-bench-") as folder:
        build = Path(folder) / "build.duckdb"
        published_build.write(build, FIRST, DAYS, INSTRUMENTS)
        print(
            f"build of {INSTRUMENTS} instruments × {DAYS} days: {build.stat().st_size / 1e6:.0f} MB"
        )
        last = FIRST + timedelta(days=DAYS - 1)
        for what, first in (("a run over the year", FIRST), ("a nightly run", last)):
            started = time.perf_counter()
            audit = gate.audit(build, run_id="bench", first=first, last=last)
            seconds = time.perf_counter() - started
            critical = gate.failing(audit).filter(severity=Severity.CRITICAL.value)
            print(f"{what}: {audit.results.height} expectations in {seconds:.1f} s")
            for row in critical.iter_rows(named=True):
                print(f"  failed: {row['table_name']}.{row['expectation']}: {row['detail'][:150]}")


if __name__ == "__main__":
    main()
