"""The query cookbook: one file per question that desks ask, its header saying what it answers.

A header is the comment in front of the statement: `title`, `answers`, `units` and, where needed,
`caveats`, each with continuation lines indented by three spaces, and one line for each parameter:

    -- param day DATE = latest : UTC day

Types are DATE, TIMESTAMP, VARCHAR, BIGINT and DOUBLE. A default of NULL means all; `latest` is the
newest day of `market_daily`, `latest-29` the day 29 before; without a default one must be given.
`perpmill sql @name key=value` runs them (`flows.queries`); any DuckDB client does with values for
the $names.
"""

from __future__ import annotations

from importlib.resources import files


def queries() -> dict[str, str]:
    """The text of each query, by its name."""
    found = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".sql")
    }
    return dict(sorted(found.items()))
