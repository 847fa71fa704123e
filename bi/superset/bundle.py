"""The importable files as one zip for your lake: `python -m bi.superset.bundle LAKE OUT.zip`.

Any Superset with `duckdb-engine` takes it: Dashboards → Import, or `superset import-dashboards`.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

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


def bundle(published: Path, out: Path) -> None:
    """Write the zip for the build that `published` names, an absolute path."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files(published.as_posix()).items():
            archive.writestr(zipfile.ZipInfo(f"{_TOP}/{name}", _EPOCH), text)


if __name__ == "__main__":
    bundle(published_in(Path(sys.argv[1])), Path(sys.argv[2]))
