"""Writes the importable files: `python -m bi.superset.write [FOLDER]`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bi.superset.charts import CHARTS
from bi.superset.dashboard import ALL_DAYS, SLUG
from bi.superset.dashboard import exported as dashboard
from bi.superset.dataset import DATABASE, VERSION
from bi.superset.datasets import DATASETS

ASSETS = Path(__file__).parent / "assets"
DATABASE_FILE = "databases/Perpmill.yaml"
PATH_IN_FILES = "/lake/published/perpmill.duckdb"
"""Where the published build is in the files as they are kept; `bi.superset.bundle` puts yours."""


def database(path: str) -> dict[str, Any]:
    """The database entry for a published build at `path`, absolute: read-only, and of all files
    only that one, whatever somebody types into SQL Lab (as `flows.reading.connect`). What does not
    fit into memory is refused, rather than written into the lake."""
    return {
        "database_name": "Perpmill",
        "sqlalchemy_uri": f"duckdb:///{path}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": {
            "allows_virtual_table_explore": True,
            "engine_params": {
                "connect_args": {
                    "read_only": True,
                    "config": {
                        "autoinstall_known_extensions": False,
                        "autoload_known_extensions": False,
                        "enable_external_access": False,
                        "lock_configuration": True,
                        # DuckDB would put what does not fit into memory beside the build.
                        "temp_directory": "",
                    },
                }
            },
        },
        "uuid": DATABASE,
        "version": VERSION,
    }


def files(path: str = PATH_IN_FILES, days: str = ALL_DAYS) -> dict[str, str]:
    """Every file by its name, for a published build at `path` and a range of days to begin with."""
    metadata = {"version": VERSION, "type": "Dashboard", "timestamp": "2021-01-17T00:00:00+00:00"}
    written: dict[str, dict[str, Any]] = {"metadata.yaml": metadata, DATABASE_FILE: database(path)}
    for dataset in DATASETS:
        written[f"datasets/Perpmill/{dataset.name}.yaml"] = dataset.exported()
    for chart in CHARTS:
        written[f"charts/{chart.name}.yaml"] = chart.exported()
    written[f"dashboards/{SLUG}.yaml"] = dashboard(days)
    return {name: _yaml(content) for name, content in written.items()}


def write(folder: Path) -> None:
    """Make `folder` hold these files, and no YAML file besides."""
    wanted = files()
    for found in folder.rglob("*.yaml"):
        if found.relative_to(folder).as_posix() not in wanted:
            found.unlink()
    for name, text in wanted.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _yaml(content: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 10_000
    # The same object in two places is written twice: anchors are not what Superset exports.
    yaml.representer.ignore_aliases = lambda _: True
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS)
