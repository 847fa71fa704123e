"""Verbs that put a question of one's own to the published build."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows import settings as configuration
from flows.commands import screen
from flows.commands.endings import told
from flows.commands.options import AsJson, Config
from flows.failures import Exit

verbs = typer.Typer()


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@verbs.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="[SQL|@NAME]", help="One statement, or @ and a query.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="The query's parameters.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Read it from a file.", exists=True, dir_okay=False),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: table; in a file what its name ends in, else csv."),
    ] = None,
    as_json: AsJson = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    paged: Annotated[
        bool, typer.Option("--pager/--no-pager", help="Show what is too long in $PAGER, else less.")
    ] = True,
    config: Config = None,
) -> None:
    """Read-only SQL on the published build: a statement, a file, or a query of the cookbook.

    "SHOW TABLES" lists what there is, "FROM column_dictionary" says what it means, and
    `perpmill queries` lists the questions that have a name.
    """
    with told():
        from flows.queries import QueryError, named, read
        from flows.query import run_query

        ending = "table" if output is None else output.suffix.removeprefix(".")
        written = Format(ending) if ending in set(Format) else Format.CSV
        chosen = Format.JSON if as_json else form or written
        pairs = list(given or [])
        try:
            if file is not None:
                # With a file there is no statement, so what stands in its place is a parameter.
                pairs = [*([] if query is None else [query]), *pairs]
                if not all("=" in pair and " " not in pair.split("=")[0] for pair in pairs):
                    raise typer.BadParameter("give either a statement or --file")
                asked = read(file.name, file.read_text(encoding="utf-8"))
            elif query is None:
                raise typer.BadParameter("give a statement, @ and a query's name, or --file")
            elif query.startswith("@"):
                asked = named(query[1:])
            else:
                asked = read("the statement", query)
            run_query(
                configuration.load(config),
                asked,
                pairs,
                chosen.value,
                output,
                screen.out,
                screen.err,
                several=file is not None,
                paged=paged,
            )
        except QueryError as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error


@verbs.command()
def queries(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Print the text of this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The questions that have a name, for `perpmill sql @NAME`; or the text of one."""
    with told():
        from flows import queries as book

        try:
            if name is None:
                if as_json:
                    screen.out.print_json(
                        json.dumps([book.as_data(q) for q in book.cookbook().values()])
                    )
                else:
                    book.render(screen.out)
                return
            asked = book.named(name.removeprefix("@"))
        except book.QueryError as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if as_json:
            screen.out.print_json(json.dumps(book.as_data(asked, whole=True)))
        else:
            screen.out.print(asked.text, end="", markup=False, highlight=False, soft_wrap=True)


class Prompt(StrEnum):
    DUCKDB = "duckdb"
    HARLEQUIN = "harlequin"


@verbs.command()
def shell(
    program: Annotated[
        Prompt,
        typer.Option("--with", help="DuckDB's own prompt, or harlequin where it is installed."),
    ] = Prompt.DUCKDB,
    config: Config = None,
) -> None:
    """A prompt on the published build: SQL with completion, read-only.

    DuckDB's prompt can neither read nor write files, nor run programs, nor
    reach the network: the kernel sees to it on Linux with Landlock (5.13, for
    the network 6.7). Elsewhere only the prompt's own safe mode does, whose
    .pager can still run programs, and a line says so.
    """
    with told():
        from flows.shell import NoPrompt, run_shell

        try:
            run_shell(configuration.load(config), program.value, screen.out)
        except NoPrompt as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error
