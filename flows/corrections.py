"""The corrections file: known errors of the venues' exports, each with a reason, a source and a day
on which somebody looks again. What an entry does stands in `transforms.corrections`.

YAML 1.2, every scalar read as text: a rate keeps the digits it was written with, a key given twice
is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.settings import ConfigError
from transforms.corrections import Action, Correction, Drop, Multiply, Put
from transforms.schemas.evidence import Corrections, CorrectionStatus
from transforms.schemas.normalised import CorrectedRows
from transforms.schemas.published import primary_key
from transforms.venue import Venue

_ONE = ("id", "venue", "dataset")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the file. source: address or ticket. expires: last UTC day it is applied on."""

    correction: Correction
    source: str
    expires: date

    def is_live(self, today: date) -> bool:
        return today <= self.expires


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Match(_Strict):
    symbol: str = Field(min_length=1)
    since: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = None
    raw_key: str | None = Field(default=None, min_length=1)
    where: dict[str, str] = Field(default_factory=dict)


class _Action(_Strict):
    put: dict[str, str] | None = Field(default=None, alias="set")
    multiply: dict[str, str] | None = None


class _Written(_Strict):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    venue: str
    dataset: str
    match: _Match
    action: str | _Action
    reason: str
    source: str
    expires: date

    @field_validator("reason", "source")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("must say something")
        return " ".join(text.split())

    def entry(self) -> Entry:
        """Raises ValueError naming the key."""
        correction = Correction(
            id=self.id,
            venue=self.venue,
            dataset=self.dataset,
            symbol=self.match.symbol,
            since=self.match.since,
            until=self.match.until,
            raw_key=self.match.raw_key,
            where=self.match.where,
            action=_action(self.action),
            reason=self.reason,
        )
        return Entry(correction, self.source, self.expires)


def _action(written: str | _Action) -> Action:
    match written:
        case "drop":
            return Drop()
        case _Action(put=dict() as values, multiply=None):
            return Put(values)
        case _Action(put=None, multiply=dict() as factors):
            return Multiply(factors)
    raise ValueError("action: must be drop, or one of set and multiply with columns below it")


def read_corrections(path: Path, venues: Collection[str]) -> tuple[Entry, ...]:
    """The entries of a file, in its order.

    venues: names of venues there are. Raises ConfigError naming the file, the entry and the key.
    """
    try:
        found = YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"corrections: {path}: no such file") from None
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(found, list):
        # A file with nothing in it may be one that lost what was in it.
        raise ConfigError(f"{path}: must be a list of entries, [] for none")
    entries: list[Entry] = []
    problems: list[str] = []
    for number, written in enumerate(found, start=1):
        name = written.get("id") if isinstance(written, dict) else None
        place = f"  {name}: " if isinstance(name, str) and name else f"  entry {number}: "
        try:
            entry = _Written.model_validate(written).entry()
        except ValidationError as error:
            problems += [place + said for said in _said(error)]
            continue
        except ValueError as error:
            problems.append(f"{place}{error}")
            continue
        if entry.correction.venue not in venues:
            problems.append(f"{place}venue: {entry.correction.venue!r} is not a venue")
        if any(entry.correction.id == other.correction.id for other in entries):
            problems.append(f"{place}id: given twice")
        entries.append(entry)
    if problems:
        raise ConfigError("\n".join([f"{path}:", *problems]))
    return tuple(entries)


def _said(error: ValidationError) -> list[str]:
    # An action that is neither word nor table is told about both; the class it was tried as is not
    # part of the key.
    return [
        f"{'.'.join(_key(problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    ]


def _key(location: tuple[Any, ...]) -> list[str]:
    return [str(part) for part in location if part not in {"str", "_Action"}] or ["entry"]


def live(entries: Sequence[Entry], venue: Venue, today: date) -> list[Correction]:
    """What is applied to a venue's files by a run of the UTC day `today`, in the file's order."""
    return [
        entry.correction
        for entry in entries
        if entry.is_live(today) and entry.correction.venue == venue.name
    ]


def corrections_table(
    entries: Sequence[Entry], corrected: pl.DataFrame, today: date
) -> pl.DataFrame:
    """`Corrections`: each entry with what it did, and entries that are gone but still show.

    corrected: `CorrectedRows` of all days as they were last made, with their `date`.
    """
    written = pl.DataFrame(
        [
            (
                entry.correction.id,
                entry.correction.venue,
                entry.correction.dataset,
                str(entry.correction.action),
                entry.correction.reason,
                entry.source,
                entry.expires,
                entry.is_live(today),
            )
            for entry in entries
        ],
        schema={
            "id": pl.String,
            "venue": pl.String,
            "dataset": pl.String,
            "action": pl.String,
            "reason": pl.String,
            "source": pl.String,
            "expires": pl.Date,
            "is_live": pl.Boolean,
        },
        orient="row",
    )
    done = (
        pl.concat([_nothing(), corrected.select(_nothing().columns)])
        .rename({"correction": "id"})
        .sort("id", "venue", "dataset", "date")
        .group_by(_ONE, maintain_order=True)
        .agg(
            pl.col("action").last().alias("action_then"),
            pl.col("rows_changed", "rows_dropped").sum(),
            pl.col("date").min().alias("first_date"),
            pl.col("date").max().alias("last_date"),
        )
    )
    in_use = pl.col("first_date").is_not_null()
    status = (
        pl.when(pl.col("is_live").is_null())
        .then(pl.lit(CorrectionStatus.REMOVED.value))
        .when(~pl.col("is_live"))
        .then(pl.lit(CorrectionStatus.EXPIRED.value))
        .when(in_use)
        .then(pl.lit(CorrectionStatus.APPLIED.value))
        .otherwise(pl.lit(CorrectionStatus.UNUSED.value))
    )
    return (
        written.join(done, on=_ONE, how="full", coalesce=True)
        .with_columns(
            pl.coalesce("action", "action_then").alias("action"),
            pl.col("rows_changed", "rows_dropped").fill_null(0),
            status.alias("status"),
        )
        .select(Corrections.column_names())
        .sort(primary_key(Corrections))
    )


def _nothing() -> pl.DataFrame:
    return CorrectedRows.create_empty().with_columns(pl.lit(None, pl.Date).alias("date"))
