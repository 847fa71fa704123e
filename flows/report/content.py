"""What a published build says of a day: each section one query, its rows checked against the model.

Nothing here computes a market number: they come out of the build as they are, and the same build
gives the same report.

Run as a module it writes the schema of `report.json`:
`python -m flows.report.content docs/report.schema.json`.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import duckdb

from flows.queries import Query, read, values
from flows.reading import connect, published
from flows.report.model import (
    SCHEMA,
    Asked,
    AssetLiquidations,
    Changed,
    Coverage,
    CrowdedAsset,
    Figure,
    Finding,
    FundingCell,
    FundingDay,
    Hour,
    InterestAndPrice,
    InterestDay,
    Report,
    Restatement,
    Row,
    Squeeze,
    VenueLiquidations,
    Verdict,
)
from flows.settings import Settings
from sql.queries import queries
from sql.report import report_queries

HISTORY_DAYS = 60
"""Days of open interest and price that are drawn."""
FUNDING_DAYS = 30
"""Days of funding by venue that are drawn."""

_SPAN = "SELECT min(date), max(date) FROM market_total_daily"

R = TypeVar("R", bound=Row)


class NoSuchDay(LookupError):
    """The build has no row of the whole market for the day."""


def gather(build: Path, day: date | None = None) -> Report:
    """The report of a UTC day, by default the newest one of the build.

    build: a published build; it is opened read-only and can reach nothing else.
    Raises NoSuchDay, naming the days there are, and for a build that was not published.
    """
    with connect(build) as connection:
        first, last = connection.execute(_SPAN).fetchone() or (None, None)
        wanted = last if day is None else day
        if wanted is None:
            raise NoSuchDay("the published build holds no day of the market yet")
        ask = _Questions(connection)
        headline = ask("headline", Figure, day=wanted)
        if not headline:
            raise NoSuchDay(
                f"the published build says nothing of {wanted}; it holds {first} … {last}"
            )
        interest = ask("open_interest_and_price", InterestAndPrice, day=wanted)
        asset = interest[0].base_asset if interest else None
        verdict = ask("verdict", Verdict, day=wanted)
        if not verdict:
            raise NoSuchDay("the build holds no run: it was not published")
        start = wanted - timedelta(days=FUNDING_DAYS - 1)
        return Report(
            report_schema=SCHEMA,
            date=wanted,
            run_id=next(said.run_id for said in verdict if said.made_this_build),
            asset=asset,
            headline=headline,
            liquidations_by_hour=ask("liquidations_by_hour", Hour, day=wanted),
            liquidations_by_venue=ask("liquidations_by_venue", VenueLiquidations, day=wanted),
            liquidations_by_asset=ask("liquidations_by_asset", AssetLiquidations, day=wanted),
            funding_against_history=ask("funding_against_history", FundingCell, day=wanted),
            funding_by_venue=[]
            if asset is None
            else ask("funding_by_venue", FundingDay, asset=asset, start=start, stop=wanted),
            open_interest_history=[]
            if asset is None
            else ask(
                "open_interest_history", InterestDay, asset=asset, day=wanted, days=HISTORY_DAYS
            ),
            open_interest_and_price=interest,
            crowded_assets=ask("crowded_assets", CrowdedAsset, day=wanted),
            squeeze_table=ask("squeeze_table", Squeeze, day=wanted),
            changed_since_yesterday=ask("changed_since_yesterday", Changed, day=wanted),
            coverage=ask("coverage", Coverage, day=wanted),
            verdict=verdict,
            findings=ask("findings", Finding, day=wanted),
            restatements_since=ask("restatements_since", Restatement, run=verdict[0].since_run),
            asked=ask.asked,
        )


def of_published(settings: Settings, day: date | None) -> Report:
    """`gather` of what is published now. Raises NothingPublished, NoSuchDay."""
    return gather(published(settings)[1], day)


def query(name: str) -> Query:
    """A query of the report, or one of the cookbook that it uses. Raises KeyError."""
    own = report_queries()
    return read(name, own[name] if name in own else queries()[name])


def as_json(report: Report) -> str:
    """`report.json`: fields in the order of the model, two spaces, all digits."""
    text = json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def schema_json() -> str:
    """The JSON Schema of `report.json`."""
    schema = Report.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


class _Questions:
    """Asks queries by name and keeps what was asked with which values."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.asked: list[Asked] = []

    def __call__(self, name: str, row: type[R], **given: date | str | int | None) -> list[R]:
        asked = query(name)
        said = [f"{key}={value}" for key, value in given.items() if value is not None]
        bound = values(asked, said, lambda: None)
        found = self._connection.execute(asked.text, bound)
        names = [column[0] for column in found.description or ()]
        rows = [row(**dict(zip(names, cells, strict=True))) for cells in found.fetchall()]
        told = {key: None if value is None else str(value) for key, value in bound.items()}
        self.asked.append(Asked(name=name, cookbook=name in queries(), parameters=told))
        return rows


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_json(), encoding="utf-8")
