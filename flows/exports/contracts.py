"""Writes the data contracts from schemas and suites: `python -m flows.exports.contracts OUT`.

One file per published table, in the Open Data Contract Standard 3.2
(https://bitol-io.github.io/open-data-contract-standard/v3.2.0/): columns with types, units,
meaning, keys, words and bounds; what the gate asks; when a day is there.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dataframely as dy
from ruamel.yaml import YAML

from expectations.rule import Rule
from expectations.structure import structure_rules
from expectations.suites import suites
from flows.storage.publication import LINK_KEY, TABLES_LINK_KEY
from transforms.schemas.evidence import Severity
from transforms.schemas.published import (
    PUBLISHED_TABLES,
    RUN_TABLES,
    primary_key,
    published_columns,
    sql_type,
)

STANDARD = "v3.2.0"
ENDING = ".odcs.yaml"
SCHEDULE = "0 9 * * *"
"""When the nightly runs, UTC: `prefect.yaml`."""

_LOGICAL = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
_SEVERITY = {Severity.CRITICAL: "error", Severity.WARNING: "warning"}
_BOUNDS = {
    "min": "minimum",
    "min_exclusive": "exclusiveMinimum",
    "max": "maximum",
    "max_exclusive": "exclusiveMaximum",
}
_LIMITATIONS = (
    "All times and days are UTC; timestamps carry no zone. Rates are fractions (0.0001 = 1 bp). "
    "_usd is US dollars with stablecoins at par, _coin is canonical coins. NULL means not known, 0 "
    "means known to be zero."
)


def contracts() -> dict[str, str]:
    """The contracts as YAML by file name. Expectations are read, not run."""
    rules = suites()
    return {f"{name}{ENDING}": _yaml(contract(name, rules[name])) for name in PUBLISHED_TABLES}


def contract(table: str, rules: Sequence[Rule]) -> dict[str, Any]:
    """One table's contract. rules: what the gate asks of the table."""
    schema = PUBLISHED_TABLES[table]
    purpose = " ".join((schema.__doc__ or "").split())
    key = primary_key(schema)
    columns = published_columns(table)
    return {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"perpmill-{table}",
        "name": table,
        "version": _version(),
        "status": "active",
        "domain": "crypto-derivatives",
        "description": {
            "purpose": purpose,
            "usage": "Read-only, from the published build: `perpmill sql`, any DuckDB reader, or "
            "the Parquet file of the table.",
            "limitations": _LIMITATIONS,
        },
        "servers": [
            {
                "server": "build",
                "type": "duckdb",
                "description": "The published build of a lake in the folder `lake`",
                "database": f"lake/{LINK_KEY}",
                "schema": "main",
            },
            {
                "server": "parquet",
                "type": "local",
                "description": "The same table as Parquet",
                "path": f"lake/{TABLES_LINK_KEY}/{table}.parquet",
                "format": "parquet",
            },
        ],
        "schema": [
            {
                "name": table,
                "physicalName": table,
                "logicalType": "object",
                "physicalType": "table",
                "description": purpose,
                "dataGranularityDescription": f"One row per {', '.join(key)}",
                "properties": [
                    _property(name, column, key.index(name) + 1 if name in key else None)
                    for name, column in columns.items()
                ],
                "quality": [_unique(key), *(_quality(table, rule) for rule in rules)],
            }
        ],
        "slaProperties": _service(table, columns),
    }


def _property(name: str, column: dy.Column, position: int | None) -> dict[str, Any]:
    said = column.metadata or {}
    physical = sql_type(column)
    found: dict[str, Any] = {
        "name": name,
        "logicalType": _LOGICAL[physical],
        "physicalType": physical,
        "description": column.description,
        "required": not column.nullable,
    }
    if position is not None:
        found |= {"primaryKey": True, "primaryKeyPosition": position}
    if options := _options(physical, column):
        found["logicalTypeOptions"] = options
    if words := said.get("values"):
        found["enum"] = [{"value": word} for word in words]
    if said.get("formula"):
        found["transformDescription"] = said["formula"]
    custom = {
        "unit": said["unit"],
        "nullMeaning": said.get("null_meaning"),
        "differsBetweenRuns": said.get("volatile") or None,
    }
    found["customProperties"] = [
        {"property": what, "value": value} for what, value in custom.items() if value is not None
    ]
    return found


def _options(physical: str, column: dy.Column) -> dict[str, Any]:
    if physical == "TIMESTAMP":
        return {"timezone": False, "defaultTimezone": "Etc/UTC"}
    bounds = {ours: getattr(column, ours, None) for ours in _BOUNDS}
    return {_BOUNDS[ours]: value for ours, value in bounds.items() if value is not None}


def _unique(key: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "key_is_unique",
        "type": "library",
        "metric": "duplicateValues",
        "mustBe": 0,
        "unit": "rows",
        "arguments": {"properties": list(key)},
        "dimension": "uniqueness",
        "severity": "error",
        "description": f"No two rows share {', '.join(key)}",
    }


def _quality(table: str, rule: Rule) -> dict[str, Any]:
    """A rule of the gate; the module it names has its query."""
    of_schema = rule.name in {rule.name for rule in structure_rules(table)}
    return {
        "name": rule.name,
        "type": "custom",
        "engine": "great-expectations",
        "description": f"{rule.asked_for()}: {rule.reason}",
        "severity": _SEVERITY[rule.severity],
        "implementation": {
            "expectation": rule.expectation,
            "module": "expectations.structure" if of_schema else f"expectations.suites.{table}",
            "limits": {name: float(limit) for name, limit in rule.limits.items()},
            "looksAt": "the run's days" if rule.days else "the whole table",
            "onFailure": _on_failure(rule),
        },
    }


def _on_failure(rule: Rule) -> str:
    if rule.severity is Severity.WARNING:
        return "published, and shown with the number"
    if rule.excludes:
        return "the venue-day is taken out as missing"
    return "nothing is published"


def _service(table: str, columns: dict[str, dy.Column]) -> list[dict[str, Any]]:
    element = f"{table}.date" if "date" in columns else table
    promised: list[dict[str, Any]] = [
        {
            "property": "frequency",
            "value": 1,
            "unit": "d",
            "element": table,
            "description": "A build a night; without news none",
            "scheduler": "cron",
            "schedule": SCHEDULE,
        },
        {
            "property": "retention",
            "value": "unlimited",
            "element": table,
            "description": "Rows stay in every later build, replaced ones in the schema history",
        },
    ]
    if "date" in columns and table not in RUN_TABLES:
        promised.insert(
            0,
            {
                "property": "latency",
                "value": 1,
                "unit": "d",
                "element": element,
                "driver": "operational",
                "description": "Day D is published in the run that starts at 09:00 UTC of D+1, "
                "unless the gate blocks it; then readers keep the last good build",
            },
        )
    return promised


def _version() -> str:
    try:
        return version("perpmill")
    except PackageNotFoundError:
        return "0"


def _yaml(content: dict[str, Any]) -> str:
    stream = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 100
    writer.indent(mapping=2, sequence=4, offset=2)
    stream.write("# Written from the schemas and the suites by `make docs`.\n")
    writer.dump(content, stream)
    return stream.getvalue()


def write_contracts(folder: Path) -> None:
    """Write the contracts; those of tables that are gone are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    files = contracts()
    for path in folder.glob(f"*{ENDING}"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_contracts(Path(sys.argv[1]))
