"""Writes the data dictionary from the schemas: `python -m flows.dictionary OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from sql.views import meaning, views
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary, primary_key

_HEADER = "| column | type | unit | meaning | formula | NULL means |"


def markdown() -> str:
    """Every published table and column as a page."""
    parts = [
        "# Data dictionary",
        "",
        "Written from `transforms/schemas` by `make docs`; every build has it as a table too.",
        "All times are UTC, rates are fractions, NULL means *not known*.",
    ]
    columns = column_dictionary()
    for name, schema in PUBLISHED_TABLES.items():
        summary = " ".join((schema.__doc__ or "").split())
        key = ", ".join(f"`{column}`" for column in primary_key(schema))
        parts += ["", f"## {name}", "", summary, "", f"Key: {key}", ""]
        parts += [
            "| column | type | unit | meaning | formula | NULL means |",
            "|---|---|---|---|---|---|",
        ]
        for row in columns.filter(columns["table_name"] == name).iter_rows(named=True):
            cells = (
                f"`{row['column_name']}`",
                row["type"],
                row["unit"],
                row["meaning"],
                row["formula"] or "",
                row["null_meaning"] or "never NULL",
            )
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    parts += ["", "## Views"]
    for name, statements in views().items():
        parts += ["", f"### {name}", "", meaning(statements)]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
