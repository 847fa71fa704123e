"""The verb that writes simulated exports, and serves them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import screen
from flows.commands.endings import told
from flows.commands.options import day_option

verbs = typer.Typer()


class Scenario(StrEnum):
    CALM = "calm"
    LONG_SQUEEZE = "long-squeeze"
    DELEVERAGING = "deleveraging"


@verbs.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write.")],
    first: Annotated[date | None, day_option("First UTC day (default: 2021-01-08).")] = None,
    last: Annotated[date | None, day_option("Last UTC day (default: nine later).")] = None,
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
    with told():
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
        screen.out.print(
            f"{folder}: {summary.files} files, {summary.bytes / 1e6:.1f} MB", soft_wrap=True
        )
        if serve:
            _serve(folder, plan.venues, port)


def _serve(folder: Path, venues: Sequence[str], port: int) -> None:
    """Answer until interrupted; say first what a configuration must name to ask there."""
    from simulator.serve import serve

    try:
        with serve(folder, port=port) as server:
            screen.out.print(
                f"serving at {server.url} until Ctrl-C; to read from it:", soft_wrap=True
            )
            for venue in venues:
                lines = ["[[sources]]", f'venue = "{venue}"']
                if (folder / "archive" / venue).is_dir():
                    lines.append(f'archive = "{server.url}/{venue}"')
                if venue in server.apis:
                    lines.append(f'api = "{server.url}/{venue}"')
                if (folder / "dumps" / venue).is_dir():
                    lines.append(f'dumps = "file:{(folder / "dumps" / venue).resolve()}"')
                screen.out.print(
                    "", *lines, sep="\n", markup=False, highlight=False, soft_wrap=True
                )
            screen.out.file.flush()
            threading.Event().wait()
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise typer.BadParameter(f"--port {port}: {error.strerror}") from error
