"""What a run puts in order before it begins: a link a kill left behind, ledgers grown long, builds
nobody goes back to any more."""

from __future__ import annotations

import shutil

from flows import accounts, exclusions, inventory
from flows.reporting import log
from flows.run import Run
from flows.storage import packs, partitions, raw_shelf
from flows.storage.builds import FOLDER
from flows.storage.publication import Publication

LAYERS = (
    "normalised",
    "accounting",
    "quarantine",
    "conflicts",
    "corrections",
    accounts.LAYER,
    inventory.LAYER,
    "daily",
    "market",
)


def tidy(run: Run) -> None:
    """Repair the published link, fold ledger segments together and let go of old builds. Only under
    the run lock.

    Of the raw ledger every content ever seen stays, since `raw_files` tells of all of them.
    """
    Publication(run.store).repair()
    run.ledger.compact(raw_shelf.LEDGER, by=(*raw_shelf.IDENTITY, "key"))
    run.ledger.compact(packs.LEDGER, by=("key",))
    run.ledger.compact("notes", by=("raw_key", "name"))
    for record in (exclusions.LEDGER, exclusions.APPLIED):
        run.ledger.compact(record, by=exclusions.KEY)
    for layer in LAYERS:
        run.ledger.compact(layer, by=partitions.KEY)
    forget_old_builds(run)


def forget_old_builds(run: Run) -> list[str]:
    """Delete all but the newest `keep` builds; the runs whose builds went.

    Never the published one nor the one before it, and no candidate newer than the oldest kept.
    What readers saw in the builds that go stays in those that are kept (`…_as_of`); `rollback`
    and `diff` need the builds themselves. Only under the run lock.
    """
    publication = Publication(run.store)
    pointer = publication.current()
    if pointer is None:
        return []
    newest_first = publication.published_runs()
    kept = {*newest_first[: run.settings.keep], pointer.run_id, pointer.previous}
    oldest_kept = min(run_id for run_id in kept if run_id is not None)
    published = set(newest_first)
    gone = set()
    for info in list(run.store.entries(FOLDER)):
        run_id = info.key.removeprefix(FOLDER).partition("/")[0]
        # Run ids sort by time: a candidate that is older can no longer be published.
        if run_id not in kept and (run_id in published or run_id < oldest_kept):
            run.store.delete(info.key)
            gone.add(run_id)
    for run_id in gone:
        _forget_copies(run, run_id)
    if gone:
        log.info("old builds let go", runs=sorted(gone))
    return sorted(gone)


def _forget_copies(run: Run, run_id: str) -> None:
    """What this machine has of a build of a bucket."""
    cache = run.settings.cache
    shutil.rmtree(cache / run_id, ignore_errors=True)
    for copy in cache.glob(f"{run_id}-*.duckdb"):
        copy.unlink(missing_ok=True)
