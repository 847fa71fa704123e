"""The command line: one verb each, no prompts; exit codes say how it ended (`flows.failures`).

Imports stand inside the commands: Prefect, Polars and Great Expectations take seconds, and
`perpmill sql` needs none of them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows import reporting
from flows import settings as configuration
from flows.failures import Exit
from flows.orchestration import quiet_prefect

out = Console()
err = Console(stderr=True)

app = typer.Typer(
    name="perpmill",
    help="The nightly mill for crypto-derivatives data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        out.print(version("perpmill"))
        raise typer.Exit


@app.callback()
def _perpmill(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """The nightly mill for crypto-derivatives data."""


config_app = typer.Typer(help="Check the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration (default: perpmill.toml).")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


class Scenario(StrEnum):
    CALM = "calm"
    LONG_SQUEEZE = "long-squeeze"
    DELEVERAGING = "deleveraging"


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day like 2021-01-17") from None


def _option(help_text: str) -> Any:
    return typer.Option(parser=_day, metavar="YYYY-MM-DD", help=help_text)


FirstDay = Annotated[date, _option("First UTC day.")]
LastDay = Annotated[date, _option("Last UTC day, inclusive.")]
LastDayOrFirst = Annotated[date | None, _option("Last UTC day (default: the first).")]


@contextmanager
def _told(*, verbose: bool = False) -> Iterator[None]:
    """Turn the ways a command can end into a message and an exit code."""
    from flows.failures import GateBlocked, InputUnavailable
    from flows.reading import NothingPublished
    from flows.storage.builds import NoCandidate
    from flows.storage.object_store import StoreUnavailable
    from flows.storage.publication import NoSuchBuild
    from flows.storage.run_lock import LockHeld, LockLost

    reporting.set_up(verbose=verbose)
    endings: dict[type[Exception], Exit] = {
        configuration.ConfigError: Exit.USAGE,
        NothingPublished: Exit.USAGE,
        NoCandidate: Exit.USAGE,
        NoSuchBuild: Exit.USAGE,
        GateBlocked: Exit.BLOCKED,
        InputUnavailable: Exit.INPUT_UNAVAILABLE,
        StoreUnavailable: Exit.INPUT_UNAVAILABLE,
        LockHeld: Exit.LOCKED,
        LockLost: Exit.LOCKED,
    }
    try:
        yield
    except tuple(endings) as error:
        _tell(error)
        code = next(code for kind, code in endings.items() if isinstance(error, kind))
        raise typer.Exit(code) from error


def _tell(error: Exception) -> None:
    """Say what went wrong; never wrapped, so that a path in it can be copied and searched for."""
    err.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)


def _sound(settings: configuration.Settings, *days: date) -> None:
    """Refuse what cannot be run before Prefect takes its seconds to start. Raises ConfigError."""
    from flows.run import Days, Run

    Run.begin(settings, "check")
    if days:
        Days(days[0], days[-1])


def _report(milled: Any, *, as_json: bool) -> None:
    if as_json:
        said = {
            "run_id": milled.run_id,
            "first": str(milled.days.first),
            "last": str(milled.days.last),
            "fetched": milled.fetched,
            "verdict": milled.verdict,
            "build": None if milled.pointer is None else milled.pointer.build,
            "sha256": None if milled.pointer is None else milled.pointer.sha256,
        }
        out.print_json(json.dumps(said))
    elif milled.pointer is None:
        out.print(
            f"{milled.days.first} … {milled.days.last}: nothing new; readers see what they saw",
            soft_wrap=True,
        )
    else:
        out.print(
            f"{milled.days.first} … {milled.days.last}: published run {milled.run_id} "
            f"({milled.verdict}, {milled.fetched} new raw files)",
            soft_wrap=True,
        )
        if milled.verdict != "passed":
            out.print("what the gate warned of: `perpmill quality`", style="yellow")


@app.command()
def nightly(
    date: Annotated[date | None, _option("UTC day (default: yesterday).")] = None,
    config: Config = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Mill one UTC day (default: yesterday) and publish, with whatever arrived late."""
    with _told(verbose=verbose):
        _sound(configuration.load(config))
        quiet_prefect()
        from flows.nightly import nightly as flow

        _report(flow(day=date, config=config), as_json=as_json)


@app.command()
def backfill(
    start: FirstDay,
    end: LastDay,
    venue: Annotated[str | None, typer.Option(help="Only this venue.")] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Leave days alone that were milled before.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Mill a range of UTC days (inclusive) and publish once; resumable."""
    with _told(verbose=verbose):
        settings = configuration.load(config)
        _sound(settings if venue is None else settings.only(venue), start, end)
        quiet_prefect()
        from flows.backfill import backfill as flow

        _report(flow(start, end, venue, only_missing, config), as_json=as_json)


@app.command()
def ingest(
    start: FirstDay, end: LastDayOrFirst = None, config: Config = None, verbose: Verbose = False
) -> None:
    """Only fetch: raw exports of the days into the lake."""
    with _told(verbose=verbose):
        from flows.run import Days, Run
        from flows.stages.ingest.sources import ingest as stage
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "ingest")
        with run_lock(run.store, owner=f"ingest {run.run_id}"):
            outcome = stage(run, Days(start, end or start), reporting.current())
        out.print(f"{len(outcome.fetched)} new raw files, {outcome.unchanged} unchanged")


@app.command()
def transform(
    start: FirstDay, end: LastDayOrFirst = None, config: Config = None, verbose: Verbose = False
) -> None:
    """Only compute: normalise and aggregate what is in the lake, and build a candidate."""
    with _told(verbose=verbose):
        from flows.run import Days, Run
        from flows.stages.build import build_candidate
        from flows.storage.run_lock import run_lock
        from flows.transform import transform as stage

        run = Run.begin(configuration.load(config), "transform")
        days = Days(start, end or start)
        with run_lock(run.store, owner=f"transform {run.run_id}"):
            stage(run, days.each(), reporting.current())
            candidate = build_candidate(run, days, reporting.current())
        said = "nothing new" if candidate is None else f"candidate {candidate.run_id}"
        out.print(f"{days.first} … {days.last}: {said}")


@app.command()
def audit(
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the newest.")] = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Only check: the gate's verdict on a candidate build."""
    with _told(verbose=verbose):
        from expectations.gate import summary
        from flows.quality.site import site_of
        from flows.run import Run
        from flows.stages.audit import audit_candidate
        from flows.storage.builds import Builds
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "audit")
        # What the gate says is kept, and what is unfit goes out: both change the lake.
        with run_lock(run.store, owner=f"audit {run.run_id}"):
            candidate = Builds(run.store, run.settings.cache).candidate(run_id)
            verdict = audit_candidate(run, candidate)
        out.print(f"candidate {candidate.run_id}: {verdict.verdict}")
        out.print(summary(verdict))
        if (pages := site_of(run.store, candidate.run_id)) is not None:
            out.print(f"pages: {pages}", soft_wrap=True)


@app.command()
def publish(
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the newest.")] = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Only publish: make an audited candidate what readers see."""
    with _told(verbose=verbose):
        from flows.report.site import keep_report
        from flows.run import Run
        from flows.stages.publish import publish_candidate
        from flows.storage.builds import Builds
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "publish")
        with run_lock(run.store, owner=f"publish {run.run_id}"):
            candidate = Builds(run.store, run.settings.cache).candidate(run_id)
            pointer = publish_candidate(run, candidate)
        keep_report(run, pointer)
        out.print(f"published run {pointer.run_id}")


@app.command()
def rollback(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, config: Config = None
) -> None:
    """Let readers see an earlier build again (default: the one before)."""
    with _told():
        from flows.run import Run
        from flows.storage.publication import Publication
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "rollback")
        with run_lock(run.store, owner=f"rollback {run.run_id}"):
            pointer = Publication(run.store).rollback(run_id, run.clock())
        out.print(f"readers see run {pointer.run_id}")


@app.command()
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
    with _told():
        from flows.diff_shown import NoBuild, as_data, between, render

        try:
            found = between(configuration.load(config), earlier, later)
        except NoBuild as error:
            raise typer.BadParameter(str(error)) from error
        if as_json:
            out.print_json(json.dumps(as_data(*found), default=str))
        else:
            render(*found, rows, out)


@app.command()
def status(config: Config = None, as_json: AsJson = False) -> None:
    """What is published, how fresh it is, what is missing, what the gate said."""
    with _told():
        from flows.status import render
        from flows.status import status as gather

        said = gather(configuration.load(config), datetime.now(UTC))
        if as_json:
            out.print_json(json.dumps(said, default=str))
        else:
            render(said, out)


@app.command()
def quality(
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=_day, metavar="YYYY-MM-DD", help="With all known of this UTC day."
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
    with _told():
        from flows.quality.report import quality as gather
        from flows.quality.terminal import render

        settings = configuration.load(config)
        said = gather(settings, run_id, day)
        if site is not None:
            _copy_pages(settings, said["run_id"], site)
        if as_json:
            out.print_json(json.dumps(said, default=str))
        else:
            render(said, out)


def _copy_pages(settings: configuration.Settings, run_id: str, folder: Path) -> None:
    from flows.quality.site import NoSite, copy_site
    from flows.storage.object_store import open_store

    try:
        index = copy_site(open_store(settings.lake, settings.s3.options()), run_id, folder)
    except NoSite as error:
        _tell(error)
        raise typer.Exit(Exit.USAGE) from error
    err.print(f"copied to {index}", soft_wrap=True)


@app.command()
def report(
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=_day, metavar="YYYY-MM-DD", help="UTC day (default: the newest)."
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
    with _told():
        from flows.report.content import NoSuchDay, of_published
        from flows.report.content import as_json as data
        from flows.report.site import write_report

        try:
            gathered = of_published(configuration.load(config), day)
        except NoSuchDay as error:
            _tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if folder is not None or not as_json:
            index = write_report(gathered, folder or Path(f"report-{gathered.date}"))
            (err if as_json else out).print(f"{gathered.date}: {index}", soft_wrap=True)
        if as_json:
            out.print(data(gathered), end="", markup=False, highlight=False, soft_wrap=True)


@app.command()
def venues(
    name: Annotated[
        str | None, typer.Argument(metavar="[VENUE]", help="One venue, with its units and sides.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which exchanges can be read, what of each, from where, and how complete."""
    with _told():
        from flows.venues import render
        from flows.venues import venues as gather

        said = [venue for venue in gather() if name in {None, venue["venue"]}]
        if not said:
            raise typer.BadParameter(f"no venue is called {name!r}; see `perpmill venues`")
        if as_json:
            out.print_json(json.dumps(said))
        else:
            render(said, out, whole=name is not None)


@app.command()
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
    config: Config = None,
) -> None:
    """Read-only SQL on the published build: a statement, a file, or a query of the cookbook.

    "SHOW TABLES" lists what there is, "FROM column_dictionary" says what it means, and
    `perpmill queries` lists the questions that have a name.
    """
    with _told():
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
            run_query(configuration.load(config), asked, pairs, chosen.value, output, out, err)
        except QueryError as error:
            _tell(error)
            raise typer.Exit(Exit.USAGE) from error


@app.command()
def queries(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Print the text of this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The questions that have a name, for `perpmill sql @NAME`; or the text of one."""
    with _told():
        from flows import queries as book

        try:
            if name is None:
                if as_json:
                    out.print_json(json.dumps([book.as_data(q) for q in book.cookbook().values()]))
                else:
                    book.render(out)
                return
            asked = book.named(name.removeprefix("@"))
        except book.QueryError as error:
            _tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if as_json:
            out.print_json(json.dumps(book.as_data(asked, whole=True)))
        else:
            out.print(asked.text, end="", markup=False, highlight=False, soft_wrap=True)


@app.command()
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
    with _told():
        from flows.explain.question import ExplainError
        from flows.explain.said import explain as gather
        from flows.explain.said import plain
        from flows.explain.terminal import render

        shown = None if not raw else (0 if as_json else rows)
        try:
            said = gather(configuration.load(config), table, key, column, raw_rows=shown)
        except ExplainError as error:
            _tell(error)
            raise typer.Exit(Exit.USAGE) from error
        if as_json:
            out.print_json(json.dumps(said, default=plain))
        else:
            render(said, out, rows)
        if not said.get("raw_is_sound", True):
            _tell(RuntimeError("a raw file behind this row is not what was taken in"))
            raise typer.Exit(Exit.INPUT_UNAVAILABLE)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write.")],
    first: Annotated[date | None, _option("First UTC day (default: 2021-01-08).")] = None,
    last: Annotated[date | None, _option("Last UTC day (default: nine later).")] = None,
    venues: Annotated[
        list[str] | None,
        typer.Option("--venue", help="An exchange; may be repeated (default: binance)."),
    ] = None,
    symbols: Annotated[int, typer.Option(min=1, help="How many instruments.")] = 12,
    seed: int = 17,
    scenario: Scenario = Scenario.CALM,
    quirks: Annotated[bool, typer.Option(help="With the oddities of the real files.")] = True,
    serve: Annotated[
        bool, typer.Option("--serve", help="Afterwards answer as the venue's bucket and API.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8017,
) -> None:
    """Write simulated exports in the venues' exact raw format; optionally serve them.

    Without days: the ten of January 2021 that the long squeeze is modelled on.
    """
    with _told():
        from simulator.plan import Plan
        from simulator.simulate import simulate as write

        first = first or date(2021, 1, 8)
        last = last or first + timedelta(days=9)
        if last < first:
            raise typer.BadParameter("--last is before --first")
        plan = Plan(
            first=first,
            last=last,
            symbols=symbols,
            seed=seed,
            scenario=scenario.value,
            quirks=quirks,
            venues=tuple(venues or ["binance"]),
        )
        try:
            summary = write(plan, folder)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        out.print(f"{folder}: {summary.files} files, {summary.bytes / 1e6:.1f} MB", soft_wrap=True)
        if serve:
            _serve(folder, plan.venues, port)


def _serve(folder: Path, venues: Sequence[str], port: int) -> None:
    """Answer until interrupted; say first what a configuration must name to ask there."""
    from simulator.serve import serve

    try:
        with serve(folder, port=port) as server:
            out.print(f"serving at {server.url} until Ctrl-C; to read from it:", soft_wrap=True)
            for venue in venues:
                lines = ["[[sources]]", f'venue = "{venue}"']
                if (folder / "archive" / venue).is_dir():
                    lines.append(f'archive = "{server.url}/{venue}"')
                if venue in server.apis:
                    lines.append(f'api = "{server.url}/{venue}"')
                if (folder / "dumps" / venue).is_dir():
                    lines.append(f'dumps = "file:{(folder / "dumps" / venue).resolve()}"')
                out.print("", *lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
            out.file.flush()
            threading.Event().wait()
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise typer.BadParameter(f"--port {port}: {error.strerror}") from error


@config_app.command("check")
def config_check(config: Config = None) -> None:
    """Validate the configuration and reach for everything it names."""
    with _told():
        from flows.config_check import check

        sys.exit(check(configuration.load(config), out))


def main() -> None:
    """Entry point of the `perpmill` command."""
    app()
