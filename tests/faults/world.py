"""Simulated exchanges with a lake milled from them up to the night before, and the night itself.

A fault is written into the exchange after the days before were published from sound files, and the
night's run is what meets it. What it publishes is held against the night without a fault.
"""

# ruff: noqa: S608 - statements of ours, on tables of ours
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import duckdb

from flows.failures import Exit, GateBlocked, InputUnavailable
from flows.settings import Settings
from flows.storage.object_store import StoreUnavailable
from flows.storage.publication import POINTER_KEY
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.faults.fault import Fault, Outcome
from tests.faults.folder import Folder
from tests.flows.conftest import Lake
from tests.flows.driver import mill_days
from transforms.schemas.daily import DAILY_TABLES
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.published import PUBLISHED_TABLES, primary_key, stable_columns
from transforms.schemas.references import REFERENCE_TABLES

FIRST, NIGHT = date(2021, 1, 30), date(2021, 1, 31)
DAY = timedelta(days=1)
OWN_TABLES = (*DAILY_TABLES, *REFERENCE_TABLES)
"""Tables in which each row is of one venue's (or provider's) instrument."""

Key = tuple[str, date, str, str]
"""Table, UTC day, venue or provider, symbol or series."""


@dataclass(frozen=True, slots=True)
class Published:
    """What readers of a build see.

    own: rows of `OWN_TABLES` by key. market: rows of the market's tables, by table and day.
    failed: rule (`table.rule`) → severity and what it said. out: excluded venue-days by
    (dataset, venue, date). quarantined: reasons by (venue, dataset). duplicates: rows by venue.
    """

    own: dict[Key, tuple[Any, ...]]
    market: dict[tuple[str, date], list[tuple[Any, ...]]]
    failed: dict[str, tuple[str, str]]
    out: dict[tuple[str, str, date], str]
    quarantined: int
    duplicates: int
    superseded: int


NOTHING = Published({}, {}, {}, {}, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a night ended. message: of what was raised; published: what it published, or what was
    there, if nothing was new."""

    code: Exit
    message: str
    published: Published
    pointer_changed: bool


@dataclass
class World:
    """venues: simulated and read, the first the largest. carried: of these, by Tardis."""

    venues: tuple[str, ...]
    folder: Path
    carried: tuple[str, ...] = ()
    plan: dict[str, Any] = field(default_factory=dict)

    @property
    def exchange(self) -> Path:
        return self.folder / "exchange"

    def settings(self, lake: Path) -> Settings:
        sources: list[dict[str, Any]] = []
        for venue in self.venues:
            source: dict[str, Any] = {"venue": venue}
            if venue in self.carried:
                source |= {
                    "carrier": "tardis",
                    "archive": f"file:{self.exchange}/archive/tardis",
                }
            else:
                for kind, folder in (("archive", "archive"), ("dumps", "dumps")):
                    if (self.exchange / folder / venue).is_dir():
                        source[kind] = f"file:{self.exchange}/{folder}/{venue}"
            sources.append(source)
        return Settings(
            lake=f"file:{lake}/lake", cache=lake / "cache", sources=sources, batch_days=31
        )

    def prepare(self) -> Published:
        """Simulate and mill the days before the night, then simulate the night and mill it
        without a fault. What is there before the night knows nothing of it."""
        simulate(self._plan(NIGHT - DAY), self.exchange)
        done = mill_days(self.settings(self.folder / "before"), FIRST, NIGHT - DAY)
        simulate(self._plan(NIGHT), self.exchange)
        assert done.pointer is not None
        self.clean = self.night(self.folder / "clean").published
        return self.clean

    def _plan(self, last: date) -> Plan:
        venues = (*self.venues, "tardis") if self.carried else self.venues
        asked = {"symbols": 2, "quirks": False, "venues": venues, "break_day": NIGHT} | self.plan
        return Plan(FIRST, last, **asked)

    def night(self, place: Path, damage_lake: Any = None) -> Ended:
        """The night's run on a copy of the lake, which is gone afterwards: there are many."""
        own = place / "night"
        shutil.copytree(self.folder / "before", own, symlinks=True)
        try:
            if damage_lake is not None:
                damage_lake(own / "lake")
            return run_night(self.settings(own), own)
        finally:
            shutil.rmtree(own)

    def meet(self, fault: Fault, place: Path) -> Ended:
        """Write the fault, run the night, put the exchange back."""
        folder = Folder(self.exchange)
        try:
            fault.make(folder)
            assert folder.changed(), f"{fault.name} changed no file"
            return self.night(place)
        finally:
            folder.put_back()


def run_night(settings: Settings, place: Path) -> Ended:
    lake = Lake(place / "lake", place)
    before = (lake.root / POINTER_KEY).read_bytes()
    code, message = Exit.DONE, ""
    try:
        mill_days(settings, NIGHT, NIGHT, late=True)
    except GateBlocked as blocked:
        code, message = Exit.BLOCKED, str(blocked)
    except (InputUnavailable, StoreUnavailable) as unavailable:
        code, message = Exit.INPUT_UNAVAILABLE, str(unavailable)
    changed = (lake.root / POINTER_KEY).read_bytes() != before
    seen = read(lake.build) if code is Exit.DONE else NOTHING
    return Ended(code, message, seen, changed)


def read(build: Path) -> Published:
    """What a build says."""
    with duckdb.connect(str(build), read_only=True) as db:

        def rows(table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
            listed = ", ".join(f'"{name}"' for name in columns)
            return db.execute(f"SELECT {listed} FROM {table} ORDER BY ALL").fetchall()

        own: dict[Key, tuple[Any, ...]] = {}
        for table in OWN_TABLES:
            schema = PUBLISHED_TABLES[table]
            key = primary_key(schema)
            owner = "venue" if "venue" in key else "provider"
            rest = [name for name in key if name not in ("date", owner)]
            columns = [name for name in stable_columns(schema) if name not in key]
            for row in rows(table, ["date", owner, *rest, *columns]):
                name = " ".join(map(str, row[2 : 2 + len(rest)]))
                own[(table, row[0], row[1], name)] = row[2 + len(rest) :]
        market: dict[tuple[str, date], list[tuple[Any, ...]]] = {}
        for table in MARKET_TABLES:
            for row in rows(table, stable_columns(PUBLISHED_TABLES[table])):
                day = next(value for value in row if isinstance(value, date))
                market.setdefault((table, day), []).append(row)
        failed = {
            f"{table}.{rule}": (severity, detail)
            for table, rule, severity, detail in db.execute(
                "SELECT table_name, expectation, severity, detail FROM expectation_results "
                "WHERE NOT success AND run_id = (SELECT max(run_id) FROM expectation_results)"
            ).fetchall()
        }
        out = {
            (dataset, venue, day): why
            for dataset, venue, day, why in db.execute(
                "SELECT dataset, venue, date, excluded_because FROM coverage_daily "
                "WHERE excluded_because IS NOT NULL"
            ).fetchall()
        }
        ((quarantined, duplicates, superseded),) = db.execute(
            "SELECT coalesce(sum(rows_quarantined) FILTER (superseded_by IS NULL), 0)::BIGINT, "
            "coalesce(sum(rows_duplicate) FILTER (superseded_by IS NULL), 0)::BIGINT, "
            "count(superseded_by) FROM raw_files"
        ).fetchall()
    return Published(own, market, failed, out, quarantined, duplicates, superseded)


def differing(sound: Published, seen: Published) -> dict[Key, str]:
    """Keys of rows that are others, absent or new."""
    found: dict[Key, str] = {}
    for key in sorted({*sound.own, *seen.own}):
        if key not in seen.own:
            found[key] = "absent"
        elif key not in sound.own:
            found[key] = "new"
        elif sound.own[key] != seen.own[key]:
            found[key] = "other"
    return found


def complaints(fault: Fault, ended: Ended, clean: Published, *, night: date = NIGHT) -> list[str]:
    """In which ways what happened is not what the catalogue says; none if it is."""
    if fault.outcome in (Outcome.REFUSED, Outcome.BLOCKED):
        return _kept_back(fault, ended)
    if ended.code is not Exit.DONE:
        return [f"ended with {ended.code!r}: {ended.message[:2000]}"]
    seen, wrong = ended.published, []
    first = night - fault.days_back * DAY
    differ = differing(clean, seen)
    for (table, day, venue, symbol), how in differ.items():
        place = f"{table}/{venue}/{symbol}"
        if day < first:
            wrong.append(f"{place} {day}: {how}, on a day before the fault")
        elif not any(fnmatchcase(place, pattern) for pattern in fault.touches):
            wrong.append(f"{place} {day}: {how}, which the fault does not touch")
    wrong += _market(clean, seen, differ)
    wrong += _said(fault, seen, clean, differ)
    return wrong


def _kept_back(fault: Fault, ended: Ended) -> list[str]:
    code = Exit.BLOCKED if fault.outcome is Outcome.BLOCKED else Exit.INPUT_UNAVAILABLE
    wrong = []
    if ended.code is not code:
        wrong.append(f"ended with {ended.code!r}, not {code!r}: {ended.message[:2000]}")
    if ended.pointer_changed:
        wrong.append("something was published")
    lacking = [word for word in fault.says if word not in ended.message]
    return [*wrong, *(f"the message lacks {word!r}: {ended.message[:2000]}" for word in lacking)]


def _market(clean: Published, seen: Published, differ: dict[Key, str]) -> list[str]:
    """The market's numbers differ on no day before the first one of a venue's that do."""
    first = min((day for _, day, _, _ in differ), default=date.max)
    return [
        f"{table} {day}: other, though no venue's row up to that day is"
        for table, day in sorted({*clean.market, *seen.market})
        if day < first and clean.market.get((table, day)) != seen.market.get((table, day))
    ]


def _said(fault: Fault, seen: Published, clean: Published, differ: dict[Key, str]) -> list[str]:
    news = sorted(seen.failed.keys() - clean.failed.keys())
    out = {key: why for key, why in seen.out.items() if key not in clean.out}
    wrong = []
    if out and fault.outcome is not Outcome.TAKEN_OUT:
        wrong.append(f"taken out: {out}")
    match fault.outcome:
        case Outcome.HARMLESS | Outcome.DEDUPLICATED:
            wrong += [f"{key}: {how}" for key, how in differ.items()]
            if fault.outcome is Outcome.DEDUPLICATED and seen.duplicates <= clean.duplicates:
                wrong.append("no duplicate was counted")
        case Outcome.TAKEN_OUT:
            wrong += _taken_out(fault, out, differ)
        case Outcome.WARNED | Outcome.QUARANTINED:
            if fault.outcome is Outcome.QUARANTINED and seen.quarantined <= clean.quarantined:
                wrong.append("no row was set aside")
            if not fault.says and (fault.outcome is Outcome.WARNED or not fault.why):
                wrong.append("a warning is due, and none is declared")
            lacking = [rule for rule in fault.says if rule not in news]
            wrong += [f"{rule} did not warn; these did: {news}" for rule in lacking]
        case Outcome.KNOWN_GAP if news:
            wrong.append(f"no gap any more: {news}")
        case Outcome.KNOWN_GAP if not differ:
            wrong.append("no gap: the numbers are those of sound files")
    return wrong


def _taken_out(
    fault: Fault, out: dict[tuple[str, str, date], str], differ: dict[Key, str]
) -> list[str]:
    told = " ".join(out.values())
    return [
        *(["no venue-day was taken out"] if not out else []),
        *(
            f"{key}: {how}, though its day was taken out"
            for key, how in differ.items()
            if how != "absent"
        ),
        *(f"{rule} is not the reason: {told}" for rule in fault.says if rule not in told),
    ]
