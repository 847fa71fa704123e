"""The Data Docs of a run in the lake: `builds/{run_id}/quality/`, for blocked runs too.

They go when the build goes: whatever lies below `builds/{run_id}/` is one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from expectations.data_docs import INDEX, About, site
from expectations.gate import Audit
from flows.reporting import log
from flows.storage.builds import Builds, Candidate
from flows.storage.local_store import LocalStore, replace_file
from flows.storage.object_store import ObjectStore

AT_ONCE = 8


class NoSite(LookupError):
    """The run has no Data Docs."""


def keep_site(store: ObjectStore, candidate: Candidate, audit: Audit) -> None:
    """Write the pages of an audit, the index last: where there is one, all pages are of one audit.

    Pages that cannot be drawn are told of in the log and stop nothing: the verdict does not hang on
    them. Raises StoreUnavailable if they cannot be written.
    """
    store.delete(_key(candidate.run_id, INDEX))
    days = candidate.first_changed, candidate.last_changed
    try:
        pages = site(audit, About(candidate.run_id, candidate.started_at, *days))
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("no Data Docs", run_id=candidate.run_id, error=f"{error!r}")
        return

    def put(path: str) -> None:
        store.put(_key(candidate.run_id, path), pages[path].encode())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, (path for path in pages if path != INDEX)))
    put(INDEX)


def site_of(store: ObjectStore, run_id: str) -> str | None:
    """Where a person finds the index: a path in a folder, an address in a bucket; None: nowhere."""
    key = _key(run_id, INDEX)
    if store.head(key) is None:
        return None
    return str(store.path(key)) if isinstance(store, LocalStore) else store.url(key)


def copy_site(store: ObjectStore, run_id: str, folder: Path) -> Path:
    """Copy the pages into a folder and return the index. Raises NoSite, OSError."""
    root = _key(run_id, "")
    keys = [info.key for info in store.entries(root)]
    if _key(run_id, INDEX) not in keys:
        raise NoSite(f"run {run_id} has no Data Docs in {store.address}")

    def fetch(key: str) -> None:
        page = store.get(key)
        replace_file(folder / key.removeprefix(root), lambda target: target.write(page))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, keys))
    return folder / INDEX


def _key(run_id: str, path: str) -> str:
    return f"{Builds.key(run_id, 'quality')}/{path}"
