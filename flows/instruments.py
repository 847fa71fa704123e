"""What the lake knows of a venue's instruments; every stage asks here."""

from __future__ import annotations

import polars as pl

from flows.run import Run
from flows.storage import packs, raw_shelf
from transforms.instruments import InstrumentBook
from transforms.normalise import read_instruments
from transforms.venue import Venue


def instrument_answers(run: Run, venue: Venue) -> pl.DataFrame:
    """Every instrument answer held of a venue (schema InstrumentAnswers)."""
    feeds = [feed.name for feed in venue.feeds if "instruments" in feed.datasets]
    files = raw_shelf.current(run.ledger, venue.name, pl.col("feed").is_in(feeds))
    files = packs.placed(run.ledger, files)
    payloads = raw_shelf.load_many(run.store, files, concurrency=run.settings.fetch_concurrency)
    return read_instruments(venue, payloads)


def venue_instruments(run: Run, venue: Venue) -> pl.DataFrame:
    """The venue's instruments (schema Instruments): all it listed, and all that files are about."""
    symbols = raw_shelf.symbols(run.ledger, venue.name)
    return InstrumentBook.of(venue, instrument_answers(run, venue), symbols).table()
