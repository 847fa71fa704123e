"""Days whose amounts are valued at prices of other files, some of them the day before's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from flows import reporting
from flows.run import Run
from flows.stages.normalise import normalise_days
from flows.storage.partitions import Layer
from tests.normalise.examplex import PRICED, bar, feed_of, funding, open_interest, payload
from tests.stages.given import rows, run_of, shelve
from transforms.payload import Payload

D2 = date(2025, 1, 2)
VENUE = replace(
    PRICED,
    feeds=(
        feed_of("open_interest", "interest"),
        feed_of("prices", "prices"),
        feed_of("funding_rates", "funding"),
    ),
)
INTEREST = payload(
    "interest/a.jsonl",
    [open_interest("2025-01-02T00:30", 2.0), open_interest("2025-01-02T08", 2.0)],
)
RATES = payload("funding/a.jsonl", [funding("2025-01-02")])


def hour_before_midnight(close: float) -> Payload:
    """A file about another day than the one it values; the bar ends half an hour before 00:30."""
    return payload("prices/a.jsonl", [bar("2025-01-01T23:00", 1.0, close)])


def normalised(run: Run) -> list[date]:
    return normalise_days(run, [D2], reporting.LoggingReporter())


def values(run: Run) -> list[float | None]:
    return rows(run, "open_interest").sort("sampled_at")["open_interest_usd"].to_list()


def marks(run: Run) -> dict[str, str]:
    current = Layer(run.store, run.ledger, "normalised").current()
    return dict(current.filter(pl.col("date") == D2).select("name", "fingerprint").iter_rows())


def test_price_files_of_the_day_before_are_loaded_and_make_only_what_they_price_stale(
    tmp_path: Path,
) -> None:
    run = run_of(tmp_path, VENUE)
    shelve(run, VENUE, INTEREST, RATES)
    assert normalised(run) == [D2]
    assert values(run) == [None, None]
    before = marks(run)
    shelve(run, VENUE, hour_before_midnight(70.0))
    assert normalised(run) == [D2]
    assert values(run) == [140.0, None]
    after = marks(run)
    assert after["open_interest"] != before["open_interest"]
    assert after["funding_rates"] == before["funding_rates"]
    assert normalised(run) == []
    # A price that the venue corrected is another file.
    shelve(run, VENUE, hour_before_midnight(80.0))
    assert normalised(run) == [D2]
    assert values(run) == [160.0, None]


def test_prices_do_not_concern_a_venue_whose_rows_bring_their_own(tmp_path: Path) -> None:
    venue = replace(VENUE, priced_by_prices=frozenset())
    run = run_of(tmp_path, venue)
    shelve(run, venue, INTEREST)
    assert normalised(run) == [D2]
    before = marks(run)["open_interest"]
    shelve(run, venue, hour_before_midnight(70.0))
    normalised(run)
    assert marks(run)["open_interest"] == before
    assert values(run) == [None, None]
