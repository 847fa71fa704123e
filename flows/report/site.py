"""The report as files: `index.html`, `report.json` and `charts/*.png`, in a folder or beside a
build, `builds/{run_id}/report/`, where they go when the build goes.

What draws is imported when there is something to draw: Altair and the engine take two seconds that
nothing else of a night needs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flows.quality.site import site_of
from flows.reporting import log
from flows.run import Run
from flows.storage.builds import Builds
from flows.storage.local_store import LocalStore, replace_file
from flows.storage.object_store import ObjectStore
from flows.storage.publication import Pointer

if TYPE_CHECKING:
    from flows.report.model import Report

INDEX = "index.html"
AT_ONCE = 8
_QUALITY = "../quality/index.html"


def files(report: Report, *, quality: str | None = None) -> dict[str, bytes]:
    """The report's files by path, the page last. quality: as in `page.render`."""
    from flows.report.content import as_json  # noqa: PLC0415 - see above
    from flows.report.drawing import drawn, png_files  # noqa: PLC0415 - see above
    from flows.report.page import render  # noqa: PLC0415 - see above

    drawings = drawn(report)
    return {
        "report.json": as_json(report).encode(),
        **png_files(drawings),
        INDEX: render(report, drawings, quality=quality).encode(),
    }


def write_report(report: Report, folder: Path) -> Path:
    """Write the files into a folder, which is made, and return the page. Raises OSError."""
    for path, content in files(report).items():
        replace_file(folder / path, partial(_write, content))
    return folder / INDEX


def keep_report(run: Run, pointer: Pointer) -> str | None:
    """Keep the report of the newest day of a published build beside it; where it is found.

    A report that cannot be drawn or written is told of in the log and stops nothing: the build is
    published, and `perpmill report` draws it any time.
    """
    from flows.report.content import gather  # noqa: PLC0415 - see above

    store = run.store
    try:
        store.delete(_key(pointer.run_id, INDEX))
        build = Builds(store, run.settings.cache).fetch(pointer.run_id, "perpmill.duckdb")
        quality = _QUALITY if site_of(store, pointer.run_id) is not None else None
        kept = files(gather(build), quality=quality)

        def put(path: str) -> None:
            store.put(_key(pointer.run_id, path), kept[path])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(put, (path for path in kept if path != INDEX)))
        put(INDEX)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("no report", run_id=pointer.run_id, error=f"{error!r}")
        return None
    return report_of(store, pointer.run_id)


def report_of(store: ObjectStore, run_id: str) -> str | None:
    """The address of a kept report's page; None: there is none."""
    key = _key(run_id, INDEX)
    if store.head(key) is None:
        return None
    return store.path(key).resolve().as_uri() if isinstance(store, LocalStore) else store.url(key)


def _write(content: bytes, target: IO[bytes]) -> None:
    target.write(content)


def _key(run_id: str, path: str) -> str:
    return f"{Builds.key(run_id, 'report')}/{path}"
