"""Runs the block of `docs/s3.md` that attaches a build, in whichever Python has httpfs.

A process of its own: `attached.py EXTENSION` reads the block on standard input and prints, as
JSON, what it finds through the attached build. EXTENSION is `-` where DuckDB finds httpfs by
itself, else the package that carries it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import duckdb


def statement(package: str) -> str:
    """How httpfs is loaded."""
    if package == "-":
        return "LOAD httpfs"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    (file,) = Path(spec.origin).parent.rglob(f"v{duckdb.__version__}/*.duckdb_extension")
    return f"LOAD '{file}'"


def main(package: str) -> None:
    if package == "probe":
        duckdb.connect().execute("LOAD httpfs")
        return
    block = sys.stdin.read()
    assert block.count("LOAD httpfs") == 1
    names: dict[str, duckdb.DuckDBPyConnection] = {}
    exec(block.replace("LOAD httpfs", statement(package)), names)  # noqa: S102 - the document's
    reader = names["reader"]
    found = reader.execute("SELECT count(*), sum(settlement_count) FROM funding_daily").fetchone()
    heat = reader.execute("SELECT count(*) FROM funding_heatmap('2021-01-29', '2021-01-31')")
    (rows,) = heat.fetchone() or (0,)
    try:
        reader.execute("CREATE TABLE perpmill.mine (i INTEGER)")
        refusal = ""
    except duckdb.Error as error:
        refusal = str(error)
    sys.stdout.write(
        "\n" + json.dumps({"funding": found, "macro_rows": rows, "refusal": refusal}, default=str)
    )


if __name__ == "__main__":
    main(sys.argv[1])
