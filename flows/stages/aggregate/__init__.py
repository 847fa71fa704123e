"""Aggregate: normalised partitions into daily tables, venue by venue.

A day of a table is a function of the normalised days its windows look at, of the venue's
instruments and of the code; as in the normalise stage, only days whose fingerprint changed are
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flows.exclusions import TakenOut
from flows.recording import recorded_together
from flows.reporting import Reporter, log
from flows.run import Run
from flows.stages.aggregate.piece import Piece, make_piece
from flows.stages.aggregate.plan import planned
from flows.storage.partitions import Layer

RECORDED_TOGETHER = 100
"""Partitions between two segments of the ledger."""


def aggregate_days(run: Run, days: Sequence[date], taken: TakenOut, reporter: Reporter) -> None:
    """Bring the daily tables up to date: the days asked for, and days already there whose windows
    look at them. Likewise days already there that look at a venue-day just taken out, or back."""
    asked, venues = sorted(days), run.venues.values()
    pieces = [piece for venue in venues for piece in planned(run, venue, asked, taken)]
    # The heaviest first: what is left for the end is what several workers can share evenly.
    pieces.sort(key=lambda piece: -piece.weight)
    layer = Layer(run.store, run.ledger, "daily")
    steps = sum(len(piece.stretches) if isinstance(piece, Piece) else 1 for piece in pieces)
    with (
        recorded_together(layer.record, RECORDED_TOGETHER) as take,
        reporter.steps("aggregate", steps) as advance,
    ):
        for written in run.executor.each(run, make_piece, pieces):
            take(written)
            advance()
    log.info("aggregated", pieces=len(pieces), venues=len(venues))
