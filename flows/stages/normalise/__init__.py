"""Normalise: raw files of the days asked for into typed partitions, all venues alike.

A partition is a function of the raw files that touch its day, of what their symbols stand for, of
the corrections that concern it and of the code. Those four make its fingerprint; a partition whose
fingerprint is the same is left alone, any other is made anew from all of its raw files, so that the
order in which files arrived never shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl

from flows.executors import WORTH_PROCESSES
from flows.recording import recorded_together
from flows.reporting import Reporter, log
from flows.run import Run
from flows.stages.normalise.piece import EVIDENCE, Made, mill_piece
from flows.stages.normalise.plan import planned
from flows.storage import raw_shelf
from flows.storage.partitions import Layer

RECORDED_TOGETHER = 50
"""Partitions between two segments of the ledgers."""


def normalise_days(run: Run, days: Sequence[date], reporter: Reporter) -> list[date]:
    """Bring the partitions of `days` up to date. Returns the days of which any changed.

    Raises InputUnavailable naming the file if one cannot be read at all.
    """
    ascending = sorted(days)
    pieces = [piece for venue in run.venues.values() for piece in planned(run, venue, ascending)]
    if sum(piece.weight for piece in pieces) >= WORTH_PROCESSES:
        # Of months at once there is as much to know of the files as a batch takes to be made.
        raw_shelf.let_go(run.ledger)
    changed: set[date] = set()
    layers = {name: Layer(run.store, run.ledger, name) for name in (*EVIDENCE, "normalised")}
    due = sum(len(batch.days) for piece in pieces for batch in piece.batches)
    record = partial(_record, run, layers)
    with (
        recorded_together(record, RECORDED_TOGETHER, lambda made: len(made.rows)) as take,
        reporter.steps("normalise", due) as advance,
    ):
        for made in run.executor.each(run, mill_piece, pieces):
            take([made])
            changed.update(made.days)
            for _ in made.days:
                advance()
    log.info("normalised", pieces=len(pieces), days=len(changed))
    return sorted(changed)


def _record(run: Run, layers: dict[str, Layer], made: Sequence[Made]) -> None:
    if not made:
        return
    for each in made:
        for aside in each.set_aside:
            log.warning("records set aside", **aside)
    # The rows' own record comes last: a kill before it makes the next run do them again.
    # A file beside two batches is read for both, and noted the same both times.
    notes = pl.concat(each.notes for each in made).unique(maintain_order=True)
    run.ledger.append("notes", notes)
    for name in EVIDENCE:
        layers[name].record(line for each in made for line in each.evidence[name])
    layers["normalised"].record(line for each in made for line in each.rows)
