"""Options that several verbs take, written and explained alike."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration (default: perpmill.toml).")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def parsed_day(text: str) -> date:
    """A day as people type it. Raises BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day like 2021-01-17") from None


def day_option(help_text: str) -> Any:
    """An option for a UTC day, called as its parameter is."""
    return typer.Option(parser=parsed_day, metavar="YYYY-MM-DD", help=help_text)


FirstDay = Annotated[date, day_option("First UTC day.")]
LastDay = Annotated[date, day_option("Last UTC day, inclusive.")]
LastDayOrFirst = Annotated[date | None, day_option("Last UTC day (default: the first).")]
