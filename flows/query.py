"""`perpmill sql`: one read-only statement on the published build, printed or written."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.paging import at_a_terminal, like, through_pager
from flows.queries import Query, QueryError, shown, values
from flows.reading import connect, published
from flows.settings import Settings
from flows.statements import answer, reading_statements

PAGE_ROWS = 10_000
SHOWN_ROWS = 200
PAGED_ROWS = 2_000
"""Rows of a table in a pager, where one can look for something."""
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
    if form == "json" and (twice := [name for name, n in Counter(columns).items() if n > 1]):
        raise QueryError(
            f"json has room for one column of a name; give others with AS: {', '.join(twice)}"
        )
    if form == "table" and output is None:
        _print_table(relation, columns, console, paged=paged and at_a_terminal(console))
        return
    if output is None:
        lines = io.StringIO()
        _write(relation, columns, form, lines)
        console.file.write(lines.getvalue())
        return
    try:
        with _beside(output) as unfinished:
            if form == "parquet":
                relation.pl().write_parquet(unfinished)
                return
            with unfinished.open("w", encoding="utf-8") as file:
                _write(relation, columns, form, file)
    except OSError as error:
        raise QueryError(f"{output}: {error.strerror or error}") from error


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """Where to write what takes the place of `output` once it is whole.

    A question may fail after its first rows; then `output` stays as it was. Pipes and devices are
    written as they are.
    """
    if Path("/dev") in output.parents or (output.exists() and not output.is_file()):
        yield output
        return
    target = output.resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        if target.exists():
            unfinished.chmod(stat.S_IMODE(target.stat().st_mode))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


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
                record = dict(zip(columns, map(_as_json, row), strict=True))
                text = json.dumps(record, default=str, allow_nan=False)
                lines.write(("\n" if first else ",\n") + text)
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


def _as_json(value: object) -> object:
    """As `_plain`, lists and structs too. JSON has no word for what is no finite number: null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(_plain(key)): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return _plain(value)


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
        max(cell_len(name), *(cell_len(row[position].plain) for row in shown), 0)
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
                Text(name),
                justify="right" if number else "left",
                no_wrap=whole,
                min_width=width if whole else max(FOLDED_WIDTH, len(name)),
                overflow="fold",
            )
        for row in shown:
            table.add_row(*row)
        width = max(gaps + sum(widths), console.width) if fits else console.width
        like(console, console.file, width).print(table)


def _print_blocks(shown: list[list[Text]], columns: list[str], console: Console) -> None:
    longest = max(map(len, columns))
    for number, row in enumerate(shown, start=1):
        console.print(f"row {number}", style="dim", highlight=False)
        for name, value in zip(columns, row, strict=True):
            line = Text.assemble("  ", (f"{name:<{longest}}", "bold"), "  ", value)
            console.print(line, highlight=False, soft_wrap=True)


def _shown(value: object) -> Text:
    """Never as markup: brackets of a text are its own."""
    if value is None:
        return Text("NULL", style="dim")
    return Text(_number(value) if isinstance(value, float) else str(value))


def _number(value: float) -> str:
    """Every digit of a rate, none of the dust of a sum of dollars, and no exponent in between."""
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        return f"{value:,.10g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return f"{value:.12f}".rstrip("0") if abs(value) >= 1e-9 else repr(value)
