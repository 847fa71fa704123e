"""`raw_files` month by month is what it were put together at once, whatever the nights brought."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.inventory import LAYER, NO_DAY, Inventory
from flows.run import Run
from flows.storage import raw_shelf
from flows.storage.parquet import parquet_bytes
from flows.storage.partitions import Layer
from flows.storage.raw_shelf import RawRecord, raw_key
from tests.normalise.examplex import FEED, VENUE
from tests.stages.given import NOW, run_of
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict, RawFiles
from transforms.schemas.normalised import Accounting, CorrectedRows
from transforms.venue import Venue

DAY = timedelta(days=1)
JANUARY = date(2025, 1, 31)
DATASETS = ("open_interest", "positioning")
EXAMPLEX: Venue = replace(
    VENUE,
    feeds=(
        replace(FEED, name="lines", datasets=DATASETS),
        replace(FEED, name="late", datasets=("instruments",), carrier="mule"),
    ),
)
COUNTS = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")


def file(
    path: str,
    content: str,
    first: date | None = JANUARY,
    last: date | None = None,
    *,
    feed: str = "lines",
    fetched_at: datetime = NOW,
) -> RawRecord:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return RawRecord(
        venue="examplex",
        source="archive",
        path=path,
        key=raw_key("examplex", SourceKind.ARCHIVE, path, sha256),
        source_url=f"https://example.test/{path}",
        sha256=sha256,
        bytes=len(content),
        venue_checksum=ChecksumVerdict.ABSENT.value,
        etag=None,
        fetched_at=fetched_at,
        feed=feed,
        symbol=None,
        first_date=first,
        last_date=last or first,
        labels="{}",
    )


def taken_in(run: Run, *files: RawRecord) -> None:
    raw_shelf.record(run.ledger, list(files))


def counted(run: Run, day: date, mark: str, **of_keys: Any) -> None:
    """A day of open interest made anew: the rows kept of each key; and what a correction dropped
    of them, where a pair is given."""
    kept = {key: (n if isinstance(n, tuple) else (n, 0)) for key, n in of_keys["keys"].items()}
    accounts = pl.DataFrame(
        [
            ("open_interest", "examplex", None, key, None, n + gone, n, 0, gone)
            for key, (n, gone) in kept.items()
        ],
        schema=["dataset", "venue", "symbol", "raw_key", "hour", *COUNTS],
        orient="row",
    ).select(pl.col(n).cast(t) for n, t in Accounting.create_empty().schema.items())
    corrected = pl.DataFrame(
        [
            ("open_interest", "examplex", "known", "drop", "A", key, 0, gone, day)
            for key, (_, gone) in kept.items()
            if gone
        ],
        schema={**CorrectedRows.create_empty().schema, "date": pl.Date()},
        orient="row",
    )
    for name, rows in (("accounting", accounts), ("corrections", corrected)):
        layer = Layer(run.store, run.ledger, name)
        layer.record([layer.write("open_interest", "examplex", day, rows, mark)])
    layer = Layer(run.store, run.ledger, "normalised")
    layer.record([layer.write("open_interest", "examplex", day, accounts, mark)])


def noted(run: Run, key: str, convention: str) -> None:
    rows = {"raw_key": [key], "name": ["label_convention"], "value": [convention]}
    run.ledger.append("notes", pl.DataFrame(rows))


def corrected(run: Run) -> pl.DataFrame:
    layer = Layer(run.store, run.ledger, "corrections")
    schema = dict(CorrectedRows.create_empty().schema) | {"date": pl.Date()}
    with layer.scan(layer.current()["key"].to_list(), schema) as rows:
        return rows.collect()


def inventory(run: Run) -> Inventory:
    return Inventory(run, corrected(run))


def told(run: Run) -> list[dict[str, Any]]:
    """The whole table, by its key."""
    rows = pl.concat([RawFiles.create_empty(), *inventory(run).whole()])
    return sorted(rows.to_dicts(), key=lambda row: (row["dataset"], row["key"]))


def is_near(day: date, of: dict[str, Any] | None) -> bool:
    """Whether a day is in a month in which records of a file may count."""
    if of is None or of["first_date"] is None:
        return False
    first, last = of["first_date"] - 27 * DAY, of["last_date"] + 27 * DAY
    return bool((first.year, first.month) <= (day.year, day.month) <= (last.year, last.month))


def added_up(
    run: Run, versions: dict[str, dict[str, Any]]
) -> dict[tuple[str, str], dict[str, int]]:
    """Counts by dataset and file, over the days near those it is about."""
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    days = Layer(run.store, run.ledger, "accounting").current()
    for key, day in days.select("key", "date").iter_rows():
        for row in pl.read_parquet(run.store.get(key)).to_dicts():
            if is_near(day, versions.get(row["raw_key"])):
                for name in COUNTS:
                    sums[row["dataset"], row["raw_key"]][name] += row[name]
    return sums


def by_hand(run: Run) -> list[dict[str, Any]]:
    """The same, from the ledger's rows and each day's accounts, one after the other."""
    ledger = run.ledger.read("raw")
    assert ledger is not None
    newest: dict[tuple[str, ...], str] = {}
    versions: dict[str, dict[str, Any]] = {}
    for row in ledger.to_dicts():
        newest[row["venue"], row["source"], row["path"]] = row["key"]
        versions[row["key"]] = row
    sums = added_up(run, versions)
    dropped: dict[tuple[str, str], int] = defaultdict(int)
    for row in corrected(run).to_dicts():
        if is_near(row["date"], versions.get(row["raw_key"])):
            dropped[row["dataset"], row["raw_key"]] += row["rows_dropped"]
    notes = run.ledger.read("notes")
    said = {} if notes is None else dict(notes.select("raw_key", "value").iter_rows())
    found = []
    for key, row in versions.items():
        feed = next(feed for feed in EXAMPLEX.feeds if feed.name == row["feed"])
        current = newest[row["venue"], row["source"], row["path"]]
        for dataset in feed.datasets:
            nothing = row["first_date"] is None and dataset != "instruments"
            counts: dict[str, int | None] = dict.fromkeys(COUNTS, 0 if nothing else None)
            if (dataset, key) in sums:
                counts = dict(sums[dataset, key])
            read = counts["rows_read"] is not None
            own = {name: row[name] for name in RawFiles.column_names() if name in row}
            found.append(
                own
                | counts
                | {
                    "dataset": dataset,
                    "carrier": feed.carrier,
                    "rows_dropped": dropped[dataset, key] if read else None,
                    "label_convention": said.get(key),
                    "superseded_by": None if current == key else current,
                }
            )
    return sorted(found, key=lambda row: (row["dataset"], row["key"]))


def months(run: Run) -> dict[date, str]:
    return dict(Layer(run.store, run.ledger, LAYER).current().select("date", "fingerprint").rows())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return run_of(tmp_path, EXAMPLEX)


def test_a_file_is_in_the_month_of_its_first_day(run: Run) -> None:
    straddling = file("a", "1", JANUARY, JANUARY + DAY)
    listing = file("b", "2", None, feed="late")
    taken_in(run, straddling, listing, file("c", "3", None))
    counted(run, JANUARY, "1", keys={straddling.key: 5})
    counted(run, JANUARY + DAY, "1", keys={straddling.key: 7})
    assert set(months(run)) == set()
    rows = {(row["dataset"], row["key"]): row for row in told(run)}
    assert set(months(run)) == {date(2025, 1, 1), NO_DAY}
    assert len(rows) == 5
    assert rows["open_interest", straddling.key]["rows_kept"] == 12
    assert rows["positioning", straddling.key]["rows_kept"] is None, "not read yet"
    assert rows["instruments", listing.key]["rows_kept"] is None
    assert rows["instruments", listing.key]["carrier"] == "mule"
    assert rows["open_interest", file("c", "3").key]["rows_kept"] == 0, "it has no day"
    assert told(run) == by_hand(run)


def test_only_months_near_what_changed_are_put_together_again(run: Run) -> None:
    files = [file(f"{n}", "1", date(2025, n, 10)) for n in range(1, 7)]
    taken_in(run, *files)
    for each in files:
        assert each.first_date is not None
        counted(run, each.first_date, "1", keys={each.key: 1})
    inventory(run)
    before = months(run)
    assert len(before) == 6
    segments = list(run.store.entries(f"ledger/{LAYER}/"))
    inventory(run)
    assert list(run.store.entries(f"ledger/{LAYER}/")) == segments, "nothing was news"
    counted(run, date(2025, 4, 10), "2", keys={files[3].key: 2})
    assert told(run) == by_hand(run)
    after = months(run)
    changed = {month.month for month in before if before[month] != after[month]}
    assert 4 in changed
    assert changed <= {3, 4, 5}


def test_a_file_replaced_by_one_of_another_month_says_so(run: Run) -> None:
    old, new = file("a", "old", JANUARY), file("a", "new", date(2025, 7, 1))
    taken_in(run, old)
    assert told(run) == by_hand(run)
    taken_in(run, new)
    assert [row["superseded_by"] for row in told(run) if row["key"] == old.key] == [new.key] * 2
    taken_in(run, old)  # the venue takes it back
    assert [row["superseded_by"] for row in told(run) if row["key"] == new.key] == [old.key] * 2
    assert told(run) == by_hand(run)


def test_what_was_fetched_again_is_the_same_partition(run: Run) -> None:
    first = file("a", "1")
    taken_in(run, first)
    before = inventory(run).partitions["sha256"].to_list()
    taken_in(run, file("a", "1", fetched_at=NOW + DAY))
    run.ledger.compact("raw", by=(*raw_shelf.IDENTITY, "key"), above=1)
    found = inventory(run)
    assert found.rows("examplex", date(2025, 1, 1))["fetched_at"].to_list() == [NOW + DAY] * 2
    assert found.partitions["sha256"].to_list() == before


def test_a_file_that_turns_out_to_be_about_another_month_is_there_only(run: Run) -> None:
    """As a dump without times of its own is, that is touched again in a later month."""
    before = file("a", "1", date(2025, 2, 1))
    taken_in(run, before)
    counted(run, date(2025, 2, 1), "1", keys={before.key: 5})
    assert told(run) == by_hand(run)
    taken_in(run, replace(before, first_date=JANUARY, last_date=JANUARY))
    counted(run, date(2025, 2, 1), "2", keys={})
    counted(run, JANUARY, "2", keys={before.key: 7})
    assert [row["rows_kept"] for row in told(run)] == [7, None]
    assert told(run) == by_hand(run)
    found = inventory(run)
    assert found.height == 2
    assert found.partitions["date"].to_list() == [date(2025, 1, 1)]
    assert len(months(run)) == 2, "a line is left of the month it was in"


def test_months_made_together_count_what_each_would_alone(run: Run) -> None:
    """A day far from those a file is about, left from when it was said to be about others."""
    moved, there = file("a", "1", date(2025, 7, 1)), file("b", "1", JANUARY)
    taken_in(run, moved, there)
    counted(run, JANUARY, "1", keys={moved.key: (3, 2), there.key: 1})
    counted(run, date(2025, 7, 1), "1", keys={moved.key: 4})
    together = told(run)
    assert together == by_hand(run)
    rows = {row["key"]: row for row in together if row["dataset"] == "open_interest"}
    assert (rows[moved.key]["rows_kept"], rows[moved.key]["rows_dropped"]) == (4, 0)
    counted(run, date(2025, 7, 1), "2", keys={moved.key: 4})
    assert told(run) == together


@pytest.mark.parametrize("become", ["gone", "another", "damaged", "cut"])
def test_a_partition_other_than_the_ledger_speaks_of_is_made_anew(run: Run, become: str) -> None:
    taken_in(run, file("a", "1"))
    found = inventory(run)
    key = found.partitions["key"].item()
    rows = found.rows("examplex", date(2025, 1, 1))
    if become == "gone":
        run.store.delete(key)
    elif become == "damaged":
        content = bytearray(run.store.get(key))
        content[len(content) // 2 :: 7] = bytes(len(content[len(content) // 2 :: 7]))
        run.store.put(key, bytes(content))
    elif become == "cut":
        run.store.put(key, b"PAR1")
    else:
        run.store.put(key, parquet_bytes(rows.with_columns(rows_read=pl.lit(5, pl.Int64))))
    assert found.rows("examplex", date(2025, 1, 1)).equals(rows)
    assert told(run) == by_hand(run)


def test_other_feeds_make_all_months_anew(run: Run) -> None:
    taken_in(run, file("a", "1"), file("b", "1", date(2025, 7, 1)))
    assert {row["dataset"] for row in told(run)} == set(DATASETS)
    fewer = replace(EXAMPLEX, feeds=(replace(EXAMPLEX.feeds[0], datasets=DATASETS[:1]),))
    other = replace(run, venues={"examplex": fewer})
    assert [row["dataset"] for row in told(other)] == [DATASETS[0]] * 2
    assert told(replace(run, venues={})) == []
    assert told(run) == by_hand(run)


@pytest.mark.parametrize("seed", range(8))
def test_any_nights_lead_to_the_same_table(tmp_path: Path, seed: int) -> None:
    """Some lakes of few paths and months, so that files and days come again."""
    dice = random.Random(seed)  # noqa: S311 - made-up nights
    known: list[RawRecord] = []
    for night in range(12):
        run = run_of(tmp_path, EXAMPLEX, night)
        files: list[RawRecord] = []
        for _ in range(dice.randrange(4)):
            path, feed = f"p{dice.randrange(6)}", dice.choice(["lines", "lines", "late"])
            first = dice.choice([None, date(2025, dice.randrange(1, 9), dice.randrange(1, 28))])
            last = first and first + dice.choice([0, 1, 40, 200]) * DAY
            # The same bytes may turn out to be about other days, and to be another feed's.
            content = f"{dice.randrange(3)}" + (f"{first}{last}{feed}" if seed % 2 else "")
            files.append(file(path, content, first, last, feed=feed))
        taken_in(run, *{each.path: each for each in files}.values())
        known += files
        for each in dice.sample(known, min(len(known), 3)):
            if each.first_date is None or each.last_date is None or each.feed == "late":
                continue
            span = (each.last_date - each.first_date).days
            day = each.first_date + dice.randrange(-1, span + 2) * DAY
            alive = {each.key: (dice.randrange(5), dice.randrange(2))}
            counted(run, day, f"{night}", keys=alive)
            if dice.random() < 0.3:
                noted(run, each.key, dice.choice(["from_midnight", "to_midnight"]))
                # As in a run: rows and notes of a day come together.
                counted(run, day, f"{night} noted", keys=alive)
        if dice.random() < 0.3 and known:
            run.ledger.compact("raw", by=(*raw_shelf.IDENTITY, "key"), above=1)
        if dice.random() < 0.8 and known:
            assert told(run) == by_hand(run)
    assert len(known) > 5
    last_told = told(run)
    assert any(row["superseded_by"] for row in last_told)
    shutil.rmtree(tmp_path / "lake" / LAYER)
    shutil.rmtree(tmp_path / "lake" / "ledger" / LAYER)
    assert told(run_of(tmp_path, EXAMPLEX, 99)) == last_told
