"""Writes the generated pages of the documentation: `python -m flows.dictionary DOCS`."""

from __future__ import annotations

import sys
from pathlib import Path

from flows.dictionary.tables import FOLDER, pages
from flows.dictionary.venues import page

docs = Path(sys.argv[1])
written = pages(docs) | {"venues.md": page()}
for path in (docs / FOLDER).glob("*.md"):
    if f"{FOLDER}/{path.name}" not in written:
        path.unlink()  # of a table that is gone
for name, text in written.items():
    (docs / name).parent.mkdir(parents=True, exist_ok=True)
    (docs / name).write_text(text, encoding="utf-8")
