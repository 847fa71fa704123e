"""Table macros of a published build: one file each, `CREATE MACRO` with the meaning in front.

Like views they hold no rows, so each build makes them anew from these files.
"""

from __future__ import annotations

from importlib.resources import files


def macros() -> dict[str, str]:
    """The statements that make each macro, by its name."""
    found = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".sql")
    }
    return dict(sorted(found.items()))
