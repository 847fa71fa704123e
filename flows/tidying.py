"""What a run puts in order before it begins: a link a kill left behind, ledgers grown long."""

from __future__ import annotations

from flows.run import Run
from flows.storage import partitions, raw_shelf
from flows.storage.publication import Publication

LAYERS = ("normalised", "accounting", "quarantine", "conflicts", "daily", "market")


def tidy(run: Run) -> None:
    """Repair the published link and fold ledger segments together. Only under the run lock.

    Of the raw ledger every content ever seen stays, since `raw_files` tells of all of them.
    """
    Publication(run.store).repair()
    run.ledger.compact(raw_shelf.LEDGER, by=(*raw_shelf.IDENTITY, "key"))
    run.ledger.compact("notes", by=("raw_key", "name"))
    for layer in LAYERS:
        run.ledger.compact(layer, by=partitions.KEY)
