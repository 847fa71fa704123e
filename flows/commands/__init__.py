"""The verbs of the command line, a module for each kind; `flows.cli` puts them together.

A module holds `verbs = typer.Typer()`, one function per verb under `@verbs.command()`, and is named
in `flows.cli`. What a verb needs is imported inside its function: Prefect, Polars and Great
Expectations take seconds, and most verbs need none of them.
"""
