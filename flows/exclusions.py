"""Venue-days the gate found unfit, taken out of the tables as missing.

An exclusion is about the very rows the gate saw and the rules it saw them with: it ends by itself
once a venue replaces a file, a parser is fixed, or the rules change, and then the gate judges anew.
Raw files and normalised rows stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.run import Run, expectations_digest
from flows.storage.partitions import Layer, fingerprint

LEDGER = "exclusions"
APPLIED = "exclusions_applied"
KEY = ("dataset", "venue", "date")

_LAYERS = ("normalised", "accounting")
_VOLUME = "prices_daily.volume_"
"""How rules about volume begin (`expectations.gate.UNFIT`, column reason)."""

_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "content": pl.String(),
    "reason": pl.String(),
}

_APPLIED: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "reason": pl.String(),
    "out": pl.Boolean(),
}


def exclude(run: Run, unfit: pl.DataFrame, inputs: pl.DataFrame) -> int:
    """Record venue-days to be taken out from the next transform on; how many were not out yet.

    unfit: `expectations.gate.UNFIT`. inputs: partitions the judged build was made of
    (`Builds.inputs`): a venue-day that consists of others by now was not judged.
    """
    unfit = _with_what_it_values(run, unfit)
    judged = _contents(inputs.filter(pl.col("layer").is_in(_LAYERS)), unfit)
    named = (
        unfit.join(judged, on=KEY)
        .join(_contents(_partitions(run), unfit), on=[*KEY, "content"], how="semi")
        .join(excluded(run), on=KEY, how="anti")
        .sort(KEY)
    )
    run.ledger.append(LEDGER, named.select(_SCHEMA.keys()))
    return named.height


def _with_what_it_values(run: Run, unfit: pl.DataFrame) -> pl.DataFrame:
    """Where a venue's amounts are valued at its prices they go out with these; not if only the
    volume is at fault, which values nothing."""
    valued = [
        (dataset, venue, day, f"valued at prices that are out: {reason}")
        for venue, day, reason in unfit.filter(pl.col("dataset") == "prices")
        .select("venue", "date", "reason")
        .iter_rows()
        if venue in run.venues
        and not all(broken.startswith(_VOLUME) for broken in reason.split("; "))
        for dataset in sorted(run.venues[venue].priced_by_prices)
    ]
    more = pl.DataFrame(valued, schema=unfit.schema, orient="row")
    return pl.concat([unfit, more]).unique(KEY, keep="first", maintain_order=True)


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What is out, read from the ledgers once.

    out: `dataset`, `venue`, `date` and `reason` of the venue-days that are out. Of venues no longer
        configured those their tables are without: nothing makes these anew.
    moved: venue-days (`KEY`, `reason`, `out`) the tables do not yet hold as they are now: out, or
        back. They may lie far from the days of a run: a run was killed after the gate had found
        them, the gate found them among days an earlier one had left unpublished, or its rules
        changed.
    """

    out: pl.DataFrame
    moved: pl.DataFrame


def taken_out(run: Run) -> TakenOut:
    """As the lake is now: to be asked once the days of a run are normalised."""
    own = pl.col("venue").is_in(list(run.venues))
    said = run.ledger.latest(LEDGER, by=KEY)
    if said is None:
        now = pl.DataFrame(schema=_SCHEMA).select(*KEY, "reason")
    else:
        contents = _contents(_partitions(run), said)
        now = said.filter(own).join(contents, on=[*KEY, "content"], how="semi")
        now = now.select(*KEY, "reason")
    applied = _applied(run).filter(pl.col("out"))
    held = applied.filter(own)
    marked = now.with_columns(out=pl.lit(value=True))
    back = held.join(now, on=KEY, how="anti").with_columns(out=pl.lit(value=False))
    return TakenOut(
        out=pl.concat([now, applied.filter(~own).select(*KEY, "reason")]),
        moved=pl.concat([marked.join(held, on=[*KEY, "reason"], how="anti"), back]).sort(KEY),
    )


def excluded(run: Run) -> pl.DataFrame:
    """The venue-days that are out (`TakenOut.out`)."""
    return taken_out(run).out


def settle(run: Run, moved: pl.DataFrame) -> None:
    """Record that the tables hold these venue-days, `TakenOut.moved` from before they were made."""
    run.ledger.append(APPLIED, moved)


def without(partitions: pl.DataFrame, out: pl.DataFrame) -> pl.DataFrame:
    """Partitions of a layer named by dataset, but for the venue-days that are `out`."""
    days = out.select(pl.col("dataset").alias("name"), "venue", "date")
    return partitions.join(days, on=["name", "venue", "date"], how="anti", maintain_order="left")


def _applied(run: Run) -> pl.DataFrame:
    """What the tables were made with when last a venue-day went out, or came back."""
    said = run.ledger.latest(APPLIED, by=KEY)
    return pl.DataFrame(schema=_APPLIED) if said is None else said.select(_APPLIED.keys())


def _partitions(run: Run) -> pl.DataFrame:
    return pl.concat(Layer(run.store, run.ledger, name).current() for name in _LAYERS)


def _contents(partitions: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """What each of these venue-days (`KEY`) consists of, and what judges it."""
    parts = (
        partitions.rename({"name": "dataset"})
        .join(of, on=KEY, how="semi")
        .group_by(KEY)
        .agg(pl.col("sha256").sort())
    )
    digests = [fingerprint(expectations_digest(), *found) for found in parts["sha256"]]
    return parts.select(*KEY, content=pl.Series(digests, dtype=pl.String))
