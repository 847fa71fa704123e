"""The importable files as one zip for your lake: `python -m bi.superset.bundle LAKE OUT.zip`.

Any Superset with `duckdb-engine` takes it: Dashboards → Import, or `superset import-dashboards`.
"""

from __future__ import annotations

import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from bi.superset.dashboard import ALL_DAYS
from bi.superset.write import files

_TOP = "perpmill"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""So that the same files make the same zip."""


class NothingPublished(LookupError):
    """There is no published build in that folder."""


def published_in(folder: Path) -> Path:
    """The link that names the published build: of a lake, of a folder with a `lake` in it (as
    `make demo` leaves one), or the file itself. Absolute, and not followed: what it names changes.

    Raises NothingPublished.
    """
    ends = ("published/perpmill.duckdb", "lake/published/perpmill.duckdb")
    tried = [folder, *(folder / end for end in ends)]
    for path in tried:
        if path.is_file():
            return path.parent.resolve() / path.name
    raise NothingPublished(f"no published build in {folder}: {', '.join(map(str, tried[1:]))}")


def days_to_begin_with(published: Path, today: date) -> str:
    """The range the dashboard opens with: the last 90 days where there is something in them, since
    years of hours are no view; else all there is, as of a demo or a study of the past."""
    with duckdb.connect(str(published), read_only=True) as build:
        found = build.execute("SELECT max(date) FROM market_total_daily").fetchone()
    newest = found[0] if found else None
    return ALL_DAYS if newest is None or newest < today - timedelta(days=90) else "Last 90 days"


def bundle(published: Path, out: Path, today: date) -> None:
    """Write the zip for the build that `published` names, an absolute path."""
    days = days_to_begin_with(published, today)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files(published.as_posix(), days).items():
            archive.writestr(zipfile.ZipInfo(f"{_TOP}/{name}", _EPOCH), text)


if __name__ == "__main__":
    bundle(published_in(Path(sys.argv[1])), Path(sys.argv[2]), datetime.now(UTC).date())
