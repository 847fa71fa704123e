"""The questions of the morning report that no query of the cookbook asks: one file each.

Headers and parameters are as in `sql.queries`. All of them are about one UTC day of one build.
"""

from __future__ import annotations

from importlib.resources import files


def report_queries() -> dict[str, str]:
    """The text of each query, by its name."""
    found = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".sql")
    }
    return dict(sorted(found.items()))
