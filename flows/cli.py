"""The command line: one verb each, no prompts; exit codes say how it ended (`flows.failures`)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from flows.commands import asking, configuring, looking, running, screen, simulating

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
        screen.out.print(version("perpmill"))
        raise typer.Exit


@app.callback()
def _perpmill(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """The nightly mill for crypto-derivatives data."""


# In the order in which `perpmill --help` lists them.
for _module in (running, looking, asking, simulating, configuring):
    app.add_typer(_module.verbs)
