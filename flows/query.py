"""`perpmill sql`: one read-only statement on the published build, printed or written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.paging import at_a_terminal, like, through_pager
from flows.queries import Query, QueryError, Value, shown, values
from flows.reading import connect, published
from flows.settings import Settings

PAGE_ROWS = 10_000
SHOWN_ROWS = 200
PAGED_ROWS = 2_000
"""Rows of a table in a pager, where one can look for something."""
FOLDED_WIDTH = 24
"""Characters below which text is never broken over lines: a run's id fits."""
GAP = 2

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_READING_SAID = "SELECT, FROM, WITH, VALUES, PIVOT, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN"


def run_query(
    settings: Settings,
    query: Query,
    given: Sequence[str],
    form: str,
    output: Path | None,
    console: Console,
    notes: Console,
    *,
    several: bool = False,
    paged: bool = False,
) -> None:
    """Run `query` and print it as `table`, `csv` or `json`, or write it to `output`.

    given: `key=value` for its parameters; the values it runs with are told to `notes`. Parquet
    goes to a file only. several: it may be more than one statement; as tables each is answered in
    turn, in the other forms there is room for one. paged: what is longer than the terminal goes
    through a pager. Raises QueryError (with DuckDB's message where the statement is at fault),
    NothingPublished.
    """
    if form == "parquet" and output is None:
        raise QueryError("parquet needs --output FILE")
    _, build = published(settings)
    with connect(build) as connection:
        try:
            asked = reading_statements(connection, query.text)
            if not asked or (len(asked) > 1 and not several):
                raise QueryError(f"one statement, please; this is {len(asked)}")
            if len(asked) > 1 and (form != "table" or output is not None):
                raise QueryError(f"{form} has room for one answer; these are {len(asked)}")
            bound = values(query, given, partial(newest_day, connection))
            if bound:
                told = shown(query, given, bound)
                notes.print(told, style="dim", highlight=False, markup=False, soft_wrap=True)
            for number, question in enumerate(asked):
                if number:
                    console.print()
                relation = answer(connection, question, bound)
                _tell(relation, form, output, console, paged=paged)
        except duckdb.Error as error:
            raise QueryError(str(error)) from error


def _tell(
    relation: duckdb.DuckDBPyConnection,
    form: str,
    output: Path | None,
    console: Console,
    *,
    paged: bool,
) -> None:
    columns = [column[0] for column in relation.description or []]
    if form == "table" and output is None:
        _print_table(relation, columns, console, paged=paged and at_a_terminal(console))
        return
    if output is None:
        lines = io.StringIO()
        _write(relation, columns, form, lines)
        console.file.write(lines.getvalue())
        return
    try:
        if form == "parquet":
            relation.pl().write_parquet(output)
            return
        with output.open("w", encoding="utf-8") as file:
            _write(relation, columns, form, file)
    except OSError as error:
        raise QueryError(f"{output}: {error.strerror}") from error


Question = list[duckdb.Statement]
"""A statement that reads, after those that DuckDB makes to answer it (a PIVOT's types)."""


def reading_statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[Question]:
    """The statements of a text, each of which reads and does nothing else.

    A build is read-only anyway; this keeps out what would change the session, make temporary
    tables, or log. Raises QueryError, and duckdb.Error for what is no SQL.
    """
    found: list[Question] = []
    made: Question = []
    for statement in connection.extract_statements(text):
        if statement.type == duckdb.StatementType.CREATE and not statement.query:
            made.append(statement)
        elif statement.type in _READING:
            found.append([*made, statement])
            made = []
        else:
            kind = statement.type.name.replace("_", " ")
            raise QueryError(f"only statements that read are run ({_READING_SAID}), not {kind}")
    return found


def answer(
    connection: duckdb.DuckDBPyConnection, question: Question, bound: Mapping[str, Value]
) -> duckdb.DuckDBPyConnection:
    """Ask, with those of the parameters that the statement names. Raises duckdb.Error."""
    *made, asked = question
    for statement in made:
        connection.execute(statement)
    given = {name: value for name, value in bound.items() if name in asked.named_parameters}
    return connection.execute(asked, given or None)


def newest_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    """What `latest` is: the newest day of `market_daily`."""
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


def _print_table(
    relation: duckdb.DuckDBPyConnection, columns: list[str], console: Console, *, paged: bool
) -> None:
    """So many rows at most, through a pager if they are longer than the terminal."""
    limit = PAGED_ROWS if paged else SHOWN_ROWS
    rows = relation.fetchmany(limit + 1)
    with through_pager(console) if paged else nullcontext(console) as shown:
        _print_rows(rows[:limit], columns, shown)
        if not rows:
            shown.print("no rows", style="dim")
        if len(rows) > limit:
            shown.print(f"… only the first {limit} rows; --format csv prints all", style="dim")


def _print_rows(rows: list[tuple[object, ...]], columns: list[str], console: Console) -> None:
    """One a line. Where a terminal is too narrow for that, long texts are folded, and where this
    is not enough each row is shown as a block, one value a line."""
    shown = [[_shown(value) for value in row] for row in rows]
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
        like(console, console.file, width).print(table)


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
