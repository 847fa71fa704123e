"""`perpmill status`: what is published, how fresh, what is missing, what the gate said."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.reading import connect, published
from flows.settings import Settings

_COVERAGE = """
SELECT venue, dataset, min(date) FILTER (rows > 0), max(date) FILTER (rows > 0),
       count(*) FILTER (status = 'ok'), count(*) FILTER (status = 'partial'),
       count(*) FILTER (status = 'missing')
FROM coverage_daily GROUP BY venue, dataset ORDER BY venue, dataset
"""
_COVERAGE_NAMES = ("venue", "dataset", "first", "last", "ok", "partial", "missing")
_FAILED = """
SELECT table_name, expectation, severity, detail FROM expectation_results
WHERE run_id = ? AND NOT success ORDER BY severity, table_name, expectation
"""
_FAILED_NAMES = ("table_name", "expectation", "severity", "detail")


def status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The state of a lake as plain values. Raises NothingPublished."""
    pointer, build = published(settings)
    with connect(build) as connection:
        coverage = [
            dict(zip(_COVERAGE_NAMES, row, strict=True))
            for row in connection.execute(_COVERAGE).fetchall()
        ]
        failed = [
            dict(zip(_FAILED_NAMES, row, strict=True))
            for row in connection.execute(_FAILED, [pointer.run_id]).fetchall()
        ]
        run = connection.execute(
            "SELECT verdict, command, first_date, last_date FROM runs WHERE run_id = ?",
            [pointer.run_id],
        ).fetchone()
    newest = max((row["last"] for row in coverage if row["last"] is not None), default=None)
    return {
        "run_id": pointer.run_id,
        "published_at": pointer.published_at,
        "build": pointer.build,
        "sha256": pointer.sha256,
        "bytes": pointer.bytes,
        "verdict": None if run is None else run[0],
        "command": None if run is None else run[1],
        "newest_day": newest,
        "days_behind": None if newest is None else _days_behind(newest, now),
        "coverage": coverage,
        "failed_expectations": failed,
    }


def _days_behind(newest: date, now: datetime) -> int:
    """0: yesterday, the newest day that can be whole, is there."""
    return max(0, (now.date() - newest).days - 1)


def render(said: dict[str, Any], console: Console) -> None:
    """Print it for a person."""
    console.print(
        f"[bold]{said['run_id']}[/bold] ({said['command']}), published "
        f"{said['published_at']:%Y-%m-%d %H:%M} UTC, gate: [bold]{said['verdict']}[/bold]"
    )
    behind = said["days_behind"]
    fresh = "up to yesterday" if behind == 0 else f"{behind} days behind"
    console.print(f"newest day {said['newest_day']}: {fresh}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in _COVERAGE_NAMES:
        table.add_column(name, justify="right" if name in {"ok", "partial", "missing"} else "left")
    for row in said["coverage"]:
        table.add_row(*("–" if row[name] is None else str(row[name]) for name in _COVERAGE_NAMES))
    console.print(table)
    for failure in said["failed_expectations"]:
        colour = "red" if failure["severity"] == "critical" else "yellow"
        console.print(
            f"[{colour}]{failure['severity']}[/{colour}] {failure['table_name']}: "
            f"{failure['expectation']}"
        )
        for line in failure["detail"].split("; ") if failure["detail"] else ():
            console.print(f"    {line}", markup=False, style="dim", soft_wrap=True)
