"""Verbs about the configuration, below `perpmill config`."""

from __future__ import annotations

import sys

import typer

from flows import settings as configuration
from flows.commands import screen
from flows.commands.endings import told
from flows.commands.options import Config

verbs = typer.Typer()
below = typer.Typer(help="Check the configuration.", no_args_is_help=True)
verbs.add_typer(below, name="config")


@below.command("check")
def config_check(config: Config = None) -> None:
    """Validate the configuration and reach for everything it names."""
    with told():
        from flows.config_check import check

        sys.exit(check(configuration.load(config), screen.out))
