"""The normalised rows a build was made of, and whether the lake still holds the same ones.

A partition of the lake is replaced when late files arrive or code changes. The build keeps the
hashes of what it was made of (`flows.restatements.made_of`), so whether what lies there now is
what the published number came from is known, and said.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl

from flows.explain.published import Build
from flows.settings import Settings
from flows.storage.builds import Builds
from flows.storage.ledger import Ledger
from flows.storage.object_store import ObjectNotFound, ObjectStore, open_store
from flows.storage.partitions import Layer
from transforms.schemas.normalised import DATASETS, Accounting, CorrectedRows, Quarantine

_READER = "explain"
_EMPTY = {
    "accounting": Accounting,
    "quarantine": Quarantine,
    "corrections": CorrectedRows,
}


class State(StrEnum):
    """What became of a partition since the published build was made of it."""

    SAME = "same"
    REBUILT = "rebuilt since"
    NEW = "new since"
    GONE = "gone since"
    ALTERED = "altered in the lake"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of partitions, and `states`: layer, name, venue, date and `state` of each of them."""

    rows: pl.DataFrame
    states: list[dict[str, Any]]

    @property
    def as_built(self) -> bool | None:
        """Whether these are the rows the build was made of; None where that is not known."""
        states = {each["state"] for each in self.states}
        if states & {State.REBUILT, State.NEW, State.GONE, State.ALTERED}:
            return False
        return None if State.UNKNOWN in states else True


class Lake:
    """The layers below the published build, as they are now."""

    def __init__(self, settings: Settings, build: Build) -> None:
        self.store: ObjectStore = open_store(settings.lake, settings.s3.options())
        self.ledger = Ledger(self.store, _READER)
        self._then = Builds(self.store, settings.cache).inputs(build.pointer.run_id)
        out = build.frame(
            "SELECT dataset, venue, date FROM coverage_daily WHERE excluded_because IS NOT NULL"
        )
        self._out = set(out.iter_rows())
        self._now: dict[str, pl.DataFrame] = {}

    def _layer(self, layer: str) -> pl.DataFrame:
        if layer not in self._now:
            self._now[layer] = Layer(self.store, self.ledger, layer).current()
        return self._now[layer]

    def venues(self, dataset: str, first: date, last: date) -> list[str]:
        """Who has normalised rows of these days."""
        held = self._layer("normalised").filter(
            pl.col("name") == dataset, pl.col("date").is_between(first, last), pl.col("rows") > 0
        )
        return held["venue"].unique().sort().to_list()

    def read(self, layer: str, dataset: str, venue: str, first: date, last: date) -> Found:
        """Rows of a layer of the UTC days first … last, with the partition's day as `date`; but for
        the days that the gate had taken out of the build.

        Partitions that were not there then, or are not there now, are told by their state.
        """
        schema = DATASETS[dataset] if layer == "normalised" else _EMPTY[layer]
        frames = [schema.create_empty().with_columns(pl.lit(None, pl.Date).alias("date"))]
        states = []
        between = (
            (pl.col("name") == dataset)
            & (pl.col("venue") == venue)
            & pl.col("date").is_between(first, last)
        )
        then = self._built_of(layer, between)
        held = self._layer(layer).filter(between)
        for key, day, digest in held.select("key", "date", "sha256").iter_rows():
            if (dataset, venue, day) in self._out:
                continue
            try:
                content = self.store.get(key)
            except ObjectNotFound:
                states.append(self._said(layer, dataset, venue, day, State.GONE))
                continue
            if hashlib.sha256(content).hexdigest() != digest:
                state = State.ALTERED
            elif then is None:
                state = State.UNKNOWN
            else:
                was = then.get(day)
                state = State.NEW if was is None else State.SAME
                if was not in (None, digest):
                    state = State.REBUILT
            rows = pl.read_parquet(io.BytesIO(content))
            if state is State.NEW and rows.is_empty():
                continue  # a day that only a file's neighbourhood fell on: it says nothing
            frames.append(rows.with_columns(pl.lit(day).alias("date")))
            states.append(self._said(layer, dataset, venue, day, state))
        gone = set(then or {}) - set(held["date"])
        states += [self._said(layer, dataset, venue, day, State.GONE) for day in sorted(gone)]
        return Found(pl.concat(frames, how="diagonal_relaxed"), states)

    def _built_of(self, layer: str, between: pl.Expr) -> dict[date, str] | None:
        if self._then is None or layer == "quarantine":
            return None
        here = self._then.filter(between, pl.col("layer") == layer)
        return dict(here.select("date", "sha256").iter_rows())

    @staticmethod
    def _said(layer: str, dataset: str, venue: str, day: date, state: State) -> dict[str, Any]:
        return {"layer": layer, "name": dataset, "venue": venue, "date": day, "state": state}


def together(parts: Sequence[Found]) -> Found:
    """Of several venues as one. parts: at least one."""
    return Found(
        pl.concat([part.rows for part in parts], how="diagonal_relaxed"),
        [state for part in parts for state in part.states],
    )


def told(found: Sequence[Found]) -> dict[str, Any]:
    """How the lake's inputs stand to the build: `as_built`, and the partitions that differ."""
    states = [state for each in found for state in each.states]
    verdicts = [each.as_built for each in found]
    as_built = False if False in verdicts else (None if None in verdicts else True)
    differing = [s for s in states if s["state"] not in (State.SAME, State.UNKNOWN)]
    return {"as_built": as_built, "partitions": len(states), "differing": differing}
