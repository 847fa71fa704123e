"""Verbs that show: what is published, how good it is, what changed, where a number comes from."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows import settings as configuration
from flows.commands import screen
from flows.commands.endings import told
from flows.commands.options import AsJson, Config, parsed_day
from flows.failures import Exit

verbs = typer.Typer()


@verbs.command()
def diff(
    earlier: Annotated[str, typer.Argument(metavar="RUN_A", help="The run to compare with.")],
    later: Annotated[
        str | None, typer.Argument(metavar="[RUN_B]", help="Default: the published one.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Values shown of each table.")] = 20,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What differs between the builds of two runs: rows, values, columns."""
    with told():
        from flows.diff_shown import NoBuild, as_data, between, render

        try:
            found = between(configuration.load(config), earlier, later)
        except NoBuild as error:
            raise typer.BadParameter(str(error)) from error
        if as_json:
            screen.out.print_json(json.dumps(as_data(*found), default=str))
        else:
            render(*found, rows, screen.out)


@verbs.command()
def status(config: Config = None, as_json: AsJson = False) -> None:
    """What is published, how fresh it is, what is missing, what the gate said."""
    with told():
        from flows.status import render
        from flows.status import status as gather

        said = gather(configuration.load(config), datetime.now(UTC))
        if as_json:
            screen.out.print_json(json.dumps(said, default=str))
        else:
            render(said, screen.out)


@verbs.command()
def quality(
    day: Annotated[
        date | None,
        typer.Option(
            "--date",
            parser=parsed_day,
            metavar="YYYY-MM-DD",
            help="With all known of this UTC day.",
        ),
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the published one.")] = None,
    site: Annotated[
        Path | None,
        typer.Option("--site", file_okay=False, help="Also copy the run's pages to a folder."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What the gate said of a run, and what is known of a day's quality."""
    with told():
        from flows.quality.report import quality as gather
        from flows.quality.terminal import render

        settings = configuration.load(config)
        said = gather(settings, run_id, day)
        if site is not None:
            _copy_pages(settings, said["run_id"], site)
        if as_json:
            screen.out.print_json(json.dumps(said, default=str))
        else:
            render(said, screen.out)


def _copy_pages(settings: configuration.Settings, run_id: str, folder: Path) -> None:
    from flows.quality.site import NoSite, copy_site
    from flows.storage.object_store import open_store

    try:
        index = copy_site(open_store(settings.lake, settings.s3.options()), run_id, folder)
    except NoSite as error:
        screen.tell(error)
        raise typer.Exit(Exit.USAGE) from error
    screen.err.print(f"copied to {index}", soft_wrap=True)


@verbs.command()
def report(
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=parsed_day, metavar="YYYY-MM-DD", help="UTC day (default: the newest)."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", file_okay=False, help="Where to (default: report-YYYY-MM-DD)."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """A day of the published build as a page with charts: index.html, report.json, charts/*.png.

    With --json only the data are printed, and nothing is written but what --out asks for.
    """
    with told():
        from flows.report.content import NoSuchDay, of_published
        from flows.report.content import as_json as data
        from flows.report.site import write_report

        try:
            gathered = of_published(configuration.load(config), day)
        except NoSuchDay as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if folder is not None or not as_json:
            index = write_report(gathered, folder or Path(f"report-{gathered.date}"))
            (screen.err if as_json else screen.out).print(
                f"{gathered.date}: {index}", soft_wrap=True
            )
        if as_json:
            screen.out.print(data(gathered), end="", markup=False, highlight=False, soft_wrap=True)


@verbs.command()
def venues(
    name: Annotated[
        str | None, typer.Argument(metavar="[VENUE]", help="One venue, with its units and sides.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which exchanges can be read, what of each, from where, and how complete."""
    with told():
        from flows.venues import render
        from flows.venues import venues as gather

        said = [venue for venue in gather() if name in {None, venue["venue"]}]
        if not said:
            raise typer.BadParameter(f"no venue is called {name!r}; see `perpmill venues`")
        if as_json:
            screen.out.print_json(json.dumps(said))
        else:
            render(said, screen.out, whole=name is not None)


@verbs.command()
def raw(
    key: Annotated[str, typer.Argument(help="A raw file's, as raw_files and explain have it.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    config: Config = None,
) -> None:
    """The exact bytes of a raw file of the lake, compared with their hash, to standard output."""
    with told():
        from flows.raw_file import NoSuchRawFile, raw_file

        try:
            content = raw_file(configuration.load(config), key)
        except NoSuchRawFile as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if output is None:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            try:
                output.write_bytes(content)
            except OSError as error:
                raise typer.BadParameter(f"cannot write {output}: {error.strerror}") from error


@verbs.command()
def explain(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Such as funding_daily.")],
    key: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="Day, then what it is about: 2021-01-16 BTC."),
    ],
    column: Annotated[str | None, typer.Option(help="Only this value.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With the records as they stand in the raw files.")
    ] = False,
    rows: Annotated[
        int, typer.Option(min=1, help="How many rows of a list to show from either end.")
    ] = 4,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """A published number's way back: formula, rows, raw files, hashes, history."""
    with told():
        from flows.explain.question import ExplainError
        from flows.explain.said import explain as gather
        from flows.explain.said import plain
        from flows.explain.terminal import render

        shown = None if not raw else (0 if as_json else rows)
        try:
            said = gather(configuration.load(config), table, key, column, raw_rows=shown)
        except ExplainError as error:
            screen.tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if as_json:
            screen.out.print_json(json.dumps(said, default=plain))
        else:
            render(said, screen.out, rows)
        if not said.get("raw_is_sound", True):
            screen.tell(RuntimeError("a raw file behind this row is not what was taken in"))
            raise typer.Exit(Exit.INPUT_UNAVAILABLE)
