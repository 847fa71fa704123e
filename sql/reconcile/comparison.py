"""The cells in which a recomputed table differs from the published one, as SQL.

Both have the same name and key, one of them in the attached database `published`. Only rows
between the variables `first_day` and `last_day` are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

RELATIVE = "1e-9"
"""What two doubles may differ by, relative to the larger one."""

WHOLE_ROW = "(row)"
"""Stands for the column where a row is on one side only."""

_DAYS = "date BETWEEN getvariable('first_day') AND getvariable('last_day')"


def _sides(table: str) -> tuple[str, str]:
    return (
        f"(SELECT * FROM published.{table} WHERE {_DAYS}) AS p",  # noqa: S608 - names of tables of ours
        f"(SELECT * FROM {table} WHERE {_DAYS}) AS r",  # noqa: S608 - as above
    )


def _on(key: Sequence[str]) -> str:
    return " AND ".join(f"p.{name} = r.{name}" for name in key)


def cells(table: str, key: Sequence[str], columns: Iterable[str]) -> str:
    """How many cells there are to compare: those that either side knows, in rows both have."""
    known = " + ".join(f"(p.{name} IS NOT NULL OR r.{name} IS NOT NULL)::INT" for name in columns)
    published, recomputed = _sides(table)
    return (
        f"SELECT coalesce(sum({known}), 0)::BIGINT FROM {published} JOIN {recomputed} "  # noqa: S608 - as above
        f"ON {_on(key)}"
    )


def differences(table: str, key: Sequence[str], columns: Mapping[str, str | None]) -> str:
    """One row per differing cell, and one per row that only one side has.

    columns: those beside the key, each with the difference below which two doubles are equal
    whatever their size, as SQL over the published row `p` and the recomputed one `r`; None where
    both must be the same, as counts, words and moments. A NULL equals a NULL and nothing else.
    """
    published, recomputed = _sides(table)
    asset = "base_asset" if "base_asset" in key else None

    def row(side: str, column: str, left: str, right: str, relative: str) -> str:
        of = f"{side}.{asset}" if asset else "NULL::VARCHAR"
        return (
            f"SELECT '{table}' AS table_name, {side}.date AS date, {of} AS base_asset, "
            f"'{column}' AS column_name, {left} AS published, {right} AS recomputed, "
            f"{relative} AS relative_difference"
        )

    there, absent, no_number = "'there'", "NULL", "NULL::DOUBLE"
    only_published = row("p", WHOLE_ROW, there, absent, no_number)
    only_recomputed = row("r", WHOLE_ROW, absent, there, no_number)
    parts = [
        f"{only_published} FROM {published} ANTI JOIN {recomputed} ON {_on(key)}",
        f"{only_recomputed} FROM {recomputed} ANTI JOIN {published} ON {_on(key)}",
    ]
    for name, equal_below in columns.items():
        p, r = f"p.{name}", f"r.{name}"
        larger = f"greatest(abs({p}), abs({r}))"
        differs = f"{p} IS DISTINCT FROM {r}"
        relative = no_number
        if equal_below is not None:
            apart = f"abs({p} - {r})"
            differs += (
                f" AND coalesce({apart} > greatest({RELATIVE} * {larger}, {equal_below}), true)"
            )
            relative = f"{apart} / {larger}"
        parts.append(
            f"{row('p', name, f'{p}::VARCHAR', f'{r}::VARCHAR', relative)} "
            f"FROM {published} JOIN {recomputed} ON {_on(key)} WHERE {differs}"
        )
    return "\nUNION ALL\n".join(parts)
