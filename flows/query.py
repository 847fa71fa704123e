"""`perpmill sql`: one read-only statement on the published build, printed or written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.queries import Query, QueryError, shown, values
from flows.reading import connect, published
from flows.settings import Settings

PAGE_ROWS = 10_000
SHOWN_ROWS = 200
FOLDED_WIDTH = 24
"""Characters below which text is never broken over lines: a run's id fits."""
GAP = 2


def run_query(
    settings: Settings,
    query: Query,
    given: Sequence[str],
    form: str,
    output: Path | None,
    console: Console,
    notes: Console,
) -> None:
    """Run `query` and print it as `table`, `csv` or `json`, or write it to `output`.

    given: `key=value` for its parameters; the values it runs with are told to `notes`. Parquet
    goes to a file only. Raises QueryError (with DuckDB's message where the statement is at fault),
    NothingPublished.
    """
    if form == "parquet" and output is None:
        raise QueryError("parquet needs --output FILE")
    _, build = published(settings)
    with connect(build) as connection:
        try:
            statements = connection.extract_statements(query.text)
            if len(statements) != 1:
                raise QueryError(f"one statement, please; this is {len(statements)}")
            bound = values(query, given, partial(_newest_day, connection))
            if bound:
                told = shown(query, given, bound)
                notes.print(told, style="dim", highlight=False, markup=False, soft_wrap=True)
            relation = connection.execute(statements[0], bound or None)
            if form == "parquet" and output is not None:
                relation.pl().write_parquet(output)
                return
            columns = [column[0] for column in relation.description or []]
            if form == "table" and output is None:
                _print_table(relation, columns, console)
                return
            lines = io.StringIO() if output is None else output.open("w", encoding="utf-8")
            with lines:
                _write(relation, columns, form, lines)
                if isinstance(lines, io.StringIO):
                    console.file.write(lines.getvalue())
        except duckdb.Error as error:
            raise QueryError(str(error)) from error
        except OSError as error:
            raise QueryError(f"{output}: {error.strerror}") from error


def _newest_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    found = connection.execute("SELECT max(date) FROM market_daily").fetchone()
    return None if found is None else found[0]


def _write(
    relation: duckdb.DuckDBPyConnection, columns: list[str], form: str, lines: io.TextIOBase
) -> None:
    if form == "json":
        first = True
        lines.write("[")
        while page := relation.fetchmany(PAGE_ROWS):
            for row in page:
                record = dict(zip(columns, map(_plain, row), strict=True))
                lines.write(("\n" if first else ",\n") + json.dumps(record, default=str))
                first = False
        lines.write("\n]\n")
        return
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns)
    while page := relation.fetchmany(PAGE_ROWS):
        writer.writerows([_plain(value) for value in row] for row in page)


def _plain(value: object) -> object:
    """Times as ISO 8601 with their zone: all of ours are UTC."""
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    return value


def _print_table(relation: duckdb.DuckDBPyConnection, columns: list[str], console: Console) -> None:
    """At most SHOWN_ROWS rows, one a line. Where a terminal is too narrow for that, long texts are
    folded, and where this is not enough each row is shown as a block, one value a line."""
    rows = relation.fetchmany(SHOWN_ROWS + 1)
    shown = [[_shown(value) for value in row] for row in rows[:SHOWN_ROWS]]
    widths = [
        max(len(name), *(cell_len(Text.from_markup(row[position]).plain) for row in shown), 0)
        for position, name in enumerate(columns)
    ]
    numeric = [
        any(isinstance(row[position], int | float) for row in rows)
        for position in range(len(columns))
    ]
    # A number cut short is a wrong number, and a pipe wants a row a line: never narrower than this.
    gaps = GAP * (len(columns) - 1)
    least = gaps + sum(
        width if number else min(width, max(FOLDED_WIDTH, len(name)))
        for name, width, number in zip(columns, widths, numeric, strict=True)
    )
    if console.is_terminal and least > console.width:
        _print_blocks(shown, columns, console)
    else:
        table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        fits = gaps + sum(widths) <= console.width or not console.is_terminal
        for name, width, number in zip(columns, widths, numeric, strict=True):
            whole = fits or number or width <= FOLDED_WIDTH
            table.add_column(
                name,
                justify="right" if number else "left",
                no_wrap=whole,
                min_width=width if whole else max(FOLDED_WIDTH, len(name)),
                overflow="fold",
            )
        for row in shown:
            table.add_row(*row)
        width = max(gaps + sum(widths), console.width) if fits else console.width
        Console(file=console.file, width=width, no_color=console.no_color).print(table)
    if not rows:
        console.print("no rows", style="dim")
    if len(rows) > SHOWN_ROWS:
        console.print(f"… only the first {SHOWN_ROWS} rows; --format csv prints all", style="dim")


def _print_blocks(shown: list[list[str]], columns: list[str], console: Console) -> None:
    longest = max(map(len, columns))
    for number, row in enumerate(shown, start=1):
        console.print(f"row {number}", style="dim", highlight=False)
        for name, value in zip(columns, row, strict=True):
            console.print(
                f"  [bold]{name:<{longest}}[/bold]  {value}", highlight=False, soft_wrap=True
            )


def _shown(value: object) -> str:
    if value is None:
        return "[dim]NULL[/dim]"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, date | datetime):
        return str(value)
    return str(value).replace("[", "\\[")


def _number(value: float) -> str:
    """Every digit of a rate, none of the dust of a sum of dollars, and no exponent in between."""
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        return f"{value:,.10g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return f"{value:.12f}".rstrip("0") if abs(value) >= 1e-9 else repr(value)
