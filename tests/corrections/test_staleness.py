"""Which partitions a changed corrections file makes stale: those it concerns, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import reporting
from flows.corrections import Entry
from flows.evidence import corrected_rows, evidence_tables
from flows.inventory import Inventory
from flows.run import Run
from flows.stages.normalise import normalise_days
from flows.storage.partitions import Layer
from tests.normalise.examplex import VENUE, funding, instant, open_interest, payload
from tests.stages.given import NOW, rows, run_of, shelve
from transforms.corrections import Action, Correction, Drop, Multiply, Put

DAYS = [date(2025, 1, day) for day in (1, 2, 3)]
ALL = {(name, day) for name in ("funding_rates", "open_interest") for day in DAYS}
SECOND = {"since": instant("2025-01-02"), "until": instant("2025-01-03")}
TODAY = NOW.date()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A lake with a rate and a snapshot on each day, normalised without corrections."""
    run = run_of(tmp_path, VENUE)
    records = [f(f"{day}T08:00", v) for day in DAYS
               for f, v in ((funding, "0.0001"), (open_interest, 2.0))]  # fmt: skip
    shelve(run, VENUE, payload("lines/f@2025-01-01..2025-01-03.jsonl", records))
    normalise_days(run, DAYS, reporting.LoggingReporter())
    return run


def entry(action: Action, dataset: str = "funding_rates", **more: Any) -> Entry:
    expires = more.pop("expires", TODAY)
    values = {"id": "known", "venue": "examplex", "symbol": "*", "reason": "a slip"} | more
    return Entry(Correction(dataset=dataset, action=action, **values), "ticket 7", expires)


def made_anew(run: Run, *entries: Entry, now: datetime = NOW) -> set[tuple[str, date]]:
    """The partitions a run with these entries makes anew."""
    before = marks(run)
    normalise_days(
        replace(run, corrections=entries, started_at=now), DAYS, reporting.LoggingReporter()
    )
    return {key for key, mark in marks(run).items() if before[key] != mark}


def marks(run: Run) -> dict[tuple[str, date], str]:
    layer = Layer(run.store, run.ledger, "normalised").current()
    found = {(n, d): m for n, d, m in layer.select("name", "date", "fingerprint").iter_rows()}
    return {key: mark for key, mark in found.items() if key in ALL}


def table(run: Run, entries: Sequence[Entry], now: datetime = NOW) -> list[dict[str, Any]]:
    tonight = replace(run, corrections=tuple(entries), started_at=now)
    return evidence_tables(tonight, corrected_rows(run))["corrections"].to_dicts()


def test_adding_changing_and_removing_an_entry_touches_its_own_partitions_only(run: Run) -> None:
    assert marks(run).keys() == ALL
    doubled = entry(Multiply({"funding_rate": "2"}), **SECOND)
    assert made_anew(run, doubled) == {("funding_rates", DAYS[1])}
    assert made_anew(run, doubled) == set()
    rates = rows(run, "funding_rates").sort("settled_at")["funding_rate"].cast(float).to_list()
    assert rates == [0.0001, 0.0002, 0.0001]
    # What rows do not depend on does not make them anew.
    worded = replace(
        doubled,
        correction=replace(doubled.correction, reason="a slip, they say"),
        source="ticket 8",
        expires=TODAY + timedelta(days=1),
    )
    assert made_anew(run, worded) == set()
    assert made_anew(run, entry(Multiply({"funding_rate": "3"}), **SECOND)) == {
        ("funding_rates", DAYS[1])
    }
    later = entry(Multiply({"funding_rate": "3"}), since=instant("2025-01-03"))
    assert made_anew(run, later) == {("funding_rates", day) for day in DAYS[1:]}
    everywhere = entry(Drop(), "open_interest", id="b")
    assert made_anew(run, later, everywhere) == {("open_interest", day) for day in DAYS}
    assert rows(run, "open_interest").is_empty()
    assert made_anew(run) == {
        *(("open_interest", day) for day in DAYS),
        ("funding_rates", DAYS[2]),
    }
    assert rows(run, "open_interest").height == 3
    assert table(run, []) == []


def test_entries_of_other_venues_touch_nothing(run: Run) -> None:
    assert made_anew(run, entry(Drop(), venue="other")) == set()


def test_an_expired_entry_is_no_longer_applied(run: Run) -> None:
    doubled = entry(Multiply({"funding_rate": "2"}), **SECOND)
    last = datetime(NOW.year, NOW.month, NOW.day, 23, 59, 59, tzinfo=UTC)
    assert made_anew(run, doubled, now=last) == {("funding_rates", DAYS[1])}
    after = last + timedelta(seconds=1)
    (before,) = table(run, [doubled], after)
    # Its days were not made anew yet, so they show it still.
    assert (before["status"], before["rows_changed"]) == ("expired", 1)
    assert made_anew(run, doubled, now=after) == {("funding_rates", DAYS[1])}
    assert rows(run, "funding_rates")["funding_rate"].cast(float).to_list() == [0.0001] * 3
    (gone,) = table(run, [doubled], after)
    assert (gone["status"], gone["rows_changed"], gone["first_date"]) == ("expired", 0, None)


def test_each_entry_is_told_with_what_it_did(run: Run) -> None:
    entries = [
        entry(Put({"funding_rate": "0.5"}), id="z", since=instant("2025-01-02")),
        entry(Drop(), "open_interest", id="b", until=instant("2025-01-02")),
        entry(Drop(), "open_interest", id="a", symbol="ETH*"),
        entry(Put({"funding_rate": "0.0001"}), id="c", until=instant("2025-01-02")),
        entry(Drop(), "liquidations", id="d", venue="other"),
    ]
    made_anew(run, *entries)
    said = table(run, entries)
    columns = ("id", "status", "action", "rows_changed", "rows_dropped", "first_date", "last_date")
    assert [tuple(row[c] for c in columns) for row in said] == [
        ("a", "unused", "drop", 0, 0, None, None),
        ("b", "applied", "drop", 0, 1, DAYS[0], DAYS[0]),
        ("c", "unused", "set funding_rate = 0.0001", 0, 0, None, None),
        ("d", "unused", "drop", 0, 0, None, None),
        ("z", "applied", "set funding_rate = 0.5", 2, 0, DAYS[1], DAYS[2]),
    ]
    assert {row["reason"] for row in said} == {"a slip"}
    assert {row["source"] for row in said} == {"ticket 7"}
    assert {row["expires"] for row in said} == {TODAY}
    files = pl.concat(Inventory(run, corrected_rows(run)).whole())
    dropped = files.filter(pl.col("rows_read").is_not_null()).select("dataset", "rows_dropped")
    assert ("open_interest", 1) in dropped.rows()
    assert dropped["rows_dropped"].sum() == 1


def test_days_that_show_a_removed_entry_say_so_until_they_are_made_anew(run: Run) -> None:
    made_anew(run, entry(Drop(), **SECOND))
    (left,) = table(run, [])
    assert (left["id"], left["status"], left["action"]) == ("known", "removed", "drop")
    assert (left["reason"], left["source"], left["expires"]) == (None, None, None)
    assert (left["rows_dropped"], left["first_date"]) == (1, DAYS[1])
    assert made_anew(run) == {("funding_rates", DAYS[1])}
    assert table(run, []) == []
