"""Normalise: raw files of the days asked for into typed partitions, all venues alike.

A partition is a function of the raw files that touch its day, of what their symbols stand for, of
the corrections that concern it and of the code. Those four make its fingerprint; a partition whose
fingerprint is the same is left alone, any other is made anew from all of its raw files, so that the
order in which files arrived never shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from flows.reporting import Reporter, log
from flows.run import Run
from flows.stages.normalise.piece import EVIDENCE, Made, mill_piece
from flows.stages.normalise.plan import planned
from flows.storage.partitions import Layer

RECORDED_TOGETHER = 50
"""Partitions between two lines in the ledger; what a killed run made since is made again."""


def normalise_days(run: Run, days: Sequence[date], reporter: Reporter) -> list[date]:
    """Bring the partitions of `days` up to date. Returns the days of which any changed.

    Raises InputUnavailable naming the file if one cannot be read at all.
    """
    ascending = sorted(days)
    pieces = [piece for venue in run.venues.values() for piece in planned(run, venue, ascending)]
    changed: set[date] = set()
    layers = {name: Layer(run.store, run.ledger, name) for name in (*EVIDENCE, "normalised")}
    due = sum(len(batch.days) for piece in pieces for batch in piece.batches)
    unrecorded: list[Made] = []
    try:
        with reporter.steps("normalise", due) as advance:
            for made in run.executor.each(run, mill_piece, pieces):
                unrecorded.append(made)
                if sum(len(each.rows) for each in unrecorded) >= RECORDED_TOGETHER:
                    _record(run, layers, unrecorded)
                    unrecorded = []
                changed.update(made.days)
                for _ in made.days:
                    advance()
    finally:  # what was made before an error lies in the store, and has to count
        _record(run, layers, unrecorded)
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
