"""Views of a published build: one file each, `CREATE VIEW` with the meaning in front.

They hold no rows, so each build makes them anew from these files, whatever the build it started
from had.
"""

from __future__ import annotations

from importlib.resources import files


def views() -> dict[str, str]:
    """The statements that make each view, by its name."""
    found = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".sql")
    }
    return dict(sorted(found.items()))


def meaning(statements: str) -> str:
    """What the comment in front of a view says, in one line."""
    said = []
    for line in statements.splitlines():
        if not line.startswith("--"):
            break
        said.append(line.removeprefix("--").strip())
    return " ".join(said)
