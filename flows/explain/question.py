"""What is asked for: a table, the key of one row of it, and perhaps one column."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import polars as pl

from flows.explain.published import Build
from transforms.daily.catalogue import DAILY, REFERENCES
from transforms.daily.table import DailyTable
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.published import PUBLISHED_TABLES, primary_key, published_columns

VENUE_TABLES: dict[str, DailyTable] = {table.name: table for table in (*DAILY, *REFERENCES)}
TABLES = (*MARKET_TABLES, *VENUE_TABLES)
"""The tables whose numbers are computed, and so can be explained."""


class ExplainError(ValueError):
    """There is no such table, key or column; the message names the nearest there are."""


@dataclass(frozen=True, slots=True)
class Question:
    """key: the values of the table's primary key, in its order; times in UTC."""

    table: str
    key: dict[str, date | datetime | str]
    column: str | None

    @property
    def day(self) -> date:
        found = self.key["date"]
        assert isinstance(found, date)  # noqa: S101 - every table explained has days
        return found

    @property
    def venue(self) -> str | None:
        found = self.key.get("venue", self.key.get("provider"))
        return None if found is None else str(found)

    @property
    def symbol(self) -> str | None:
        """What the row is about, as `restatements` has it; None: the market as a whole."""
        found = next(
            (self.key[n] for n in ("symbol", "series", "base_asset") if n in self.key), None
        )
        return None if found is None else str(found)

    @property
    def key_detail(self) -> str | None:
        """The rest of the key, as `restatements` has it."""
        if "hour" in self.key:
            hour = self.key["hour"]
            assert isinstance(hour, datetime)  # noqa: S101 - see `_hour`
            return f"{hour:%Y-%m-%d %H:%M:%S}"
        return str(self.key["metric"]) if "metric" in self.key else None

    @property
    def where(self) -> str:
        return " AND ".join(f'"{name}" = ?' for name in self.key)

    @property
    def values(self) -> list[object]:
        """Of the key, as a build has them: its times stand without a zone."""
        return [
            value.replace(tzinfo=None) if isinstance(value, datetime) else value
            for value in self.key.values()
        ]

    @property
    def columns(self) -> list[str]:
        """What is to be explained: one column, or all that are not the key."""
        if self.column is not None:
            return [self.column]
        return [name for name in PUBLISHED_TABLES[self.table].columns() if name not in self.key]


def command(table: str, *key: object, column: str | None = None) -> str:
    """The command that explains a row, to be copied into a shell."""
    parts = [shlex.quote(str(part)) for part in (table, *key)]
    return " ".join(["perpmill explain", *parts, *([] if column is None else ["--column", column])])


def question(build: Build, table: str, key: Sequence[str], column: str | None) -> Question:
    """What these words ask for. Raises ExplainError."""
    if table not in TABLES:
        known = (
            f"{table} tells how the numbers came about and is not computed itself; explained are "
            f"{', '.join(TABLES)}"
            if table in PUBLISHED_TABLES
            else f"there is no table {table!r}{_near(table, TABLES)}"
        )
        raise ExplainError(known)
    names = primary_key(PUBLISHED_TABLES[table])
    order = " ".join(name.upper() for name in names)
    if len(key) != len(names):
        raise ExplainError(f"the key of {table} is {order}: {len(names)} words, not {len(key)}")
    columns = published_columns(table)
    if column is not None and (column not in columns or column in names):
        values = [name for name in columns if name not in names]
        raise ExplainError(f"{table} has no value {column!r}{_near(column, values)}")
    found: dict[str, date | datetime | str] = {}
    for name, word in zip(names, key, strict=True):
        if name == "date":
            found[name] = _day(build, table, word)
        elif name == "hour":
            found[name] = _hour(found["date"], word)
        else:
            _refuse_unknown(build, table, found, name, word)
            found[name] = word
    return Question(table, found, column)


def _near(word: str, known: Iterable[str]) -> str:
    """The known words nearest to one, case aside."""
    folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(word.casefold(), folded, n=4, cutoff=0.5)
    near += [name for name in sorted(folded) if word.casefold() in name and name not in near][:3]
    if near:
        return f"; did you mean {', '.join(folded[name] for name in near)}?"
    some = sorted(folded.values())
    return f"; there are {', '.join(some[:8])}{' …' if len(some) > 8 else ''}" if some else ""


def _day(build: Build, table: str, word: str) -> date:
    if word == "latest" and (days := build.days(table)) is not None:
        return days[1]
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise ExplainError(f"{word!r} is not a day like 2021-01-17, nor `latest`") from None


def _hour(day: object, word: str) -> datetime:
    """Of the day: `8`, `08:00`, or a whole time."""
    assert isinstance(day, date)  # noqa: S101 - the key begins with it
    try:
        if len(word) <= 5:
            return datetime.combine(day, time(int(word.removesuffix(":00"))), UTC)
        found = datetime.fromisoformat(word)
    except ValueError:
        raise ExplainError(f"{word!r} is not an hour like 08:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _refuse_unknown(
    build: Build, table: str, found: dict[str, date | datetime | str], name: str, word: str
) -> None:
    """Raises ExplainError for a word no row has ever had there, and no instrument is named by."""
    owner = {k: v for k, v in found.items() if k in {"venue", "provider", "symbol", "series"}}
    where = " AND ".join([f'"{k}" = ?' for k in owner]) or "true"
    values = list(owner.values())
    query = f"SELECT DISTINCT {name} FROM {{}} WHERE {where}"  # noqa: S608 - names of ours
    parts = [query.format(table), query.format(f"history.{table}")]
    if name in {"venue", "symbol"}:
        parts.append(query.format("instruments"))
        values = values * 3
    else:
        values = values * 2
    if name in {"venue", "provider"}:
        parts.append("SELECT DISTINCT venue FROM coverage_daily")
    known = build.frame(" UNION ".join(parts), values).to_series().cast(pl.String).to_list()
    if word not in known:
        of = "".join(f" of {value}" for value in owner.values())
        raise ExplainError(f"{table} knows no {name} {word!r}{of}{_near(word, known)}")
