"""Runs over hand-made venues and lakes, for tests of single stages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from flows.run import Run
from flows.settings import Settings
from flows.storage import raw_shelf
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store
from flows.storage.partitions import Layer
from transforms.normalise import survey
from transforms.payload import Payload
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venue import Venue

NOW = datetime(2025, 1, 5, 6, tzinfo=UTC)


def run_of(folder: Path, venue: Venue, number: int = 1, **source: Any) -> Run:
    """The run `number` over the lake in `folder`; its one source is of `venue`."""
    settings = Settings(
        lake=f"file:{folder / 'lake'}", sources=[{"venue": venue.name, **source}], batch_days=1
    )
    store = open_store(settings.lake, settings.s3.options())
    run_id = f"run-{number}"
    return Run(
        run_id=run_id,
        command="test",
        started_at=NOW,
        settings=settings,
        store=store,
        ledger=Ledger(store, run_id),
        venues={venue.name: venue},
        clock=lambda: NOW,
    )


def shelve(run: Run, venue: Venue, *payloads: Payload) -> None:
    """Put raw files into the lake as an ingest would, about the days of their rows."""
    records = []
    for payload in payloads:
        found = venue.feed_for(payload.source, payload.path)
        span = survey(venue, payload)
        assert found is not None
        assert span is not None
        feed, facts = found
        file = raw_shelf.described(
            venue=venue.name,
            source=payload.source,
            path=payload.path,
            content=payload.content,
            source_url=payload.path,
            checksum=ChecksumVerdict.ABSENT,
            etag=None,
            fetched_at=NOW,
            feed=feed.name,
            facts=type(facts)(facts.symbol, *span, facts.labels),
        )
        records.append(raw_shelf.shelve(run.store, file, payload.content))
    raw_shelf.record(run.ledger, records)


def rows(run: Run, dataset: str) -> pl.DataFrame:
    """All normalised rows of a dataset."""
    layer = Layer(run.store, run.ledger, "normalised")
    keys = layer.current().filter(pl.col("name") == dataset)["key"].to_list()
    with layer.scan(keys, {}) as scanned:
        return scanned.collect()
