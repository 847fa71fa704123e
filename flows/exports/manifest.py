"""The manifest beside the Parquet tables of a build: what they hold and which build they copy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from flows.storage.object_store import ObjectNotFound, ObjectStore
from flows.storage.publication import MANIFEST, tables_key

FORMAT = "perpmill-tables/1"


@dataclass(frozen=True, slots=True)
class ColumnSaid:
    """A column as the schemas have it. type: DuckDB's name. null_meaning None: never NULL."""

    name: str
    type: str
    unit: str
    description: str
    formula: str | None
    null_meaning: str | None


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table.

    file: beside the manifest. bytes, sha256 (hex): of the file. key: no two rows share it, and
    rows stand in its order. first_date, last_date: UTC days it has rows of, inclusive; None where
    it is empty or has no days.
    """

    name: str
    file: str
    rows: int
    bytes: int
    sha256: str
    first_date: str | None
    last_date: str | None
    key: tuple[str, ...]
    description: str
    columns: tuple[ColumnSaid, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The tables of a build. build: key of the DuckDB file they are copies of, and its SHA-256."""

    run_id: str
    build: str
    build_sha256: str
    tables: tuple[TableFile, ...]
    format: str = FORMAT

    def table(self, name: str) -> TableFile:
        """Raises KeyError."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def to_json(self) -> str:
        """Canonical: sorted keys, two spaces, a newline at the end."""
        return json.dumps(asdict(self), sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError for anything but a manifest of this format."""
        try:
            said: dict[str, Any] = json.loads(text)
            tables = tuple(_table(table) for table in said.pop("tables"))
            manifest = cls(tables=tables, **said)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"not a manifest of tables: {error}") from error
        if manifest.format != FORMAT:
            raise ValueError(f"a manifest of format {manifest.format!r}, not {FORMAT!r}")
        return manifest


def _table(said: dict[str, Any]) -> TableFile:
    columns = tuple(ColumnSaid(**column) for column in said.pop("columns"))
    for name in ("first_date", "last_date"):
        if said[name] is not None:
            date.fromisoformat(said[name])
    return TableFile(key=tuple(said.pop("key")), columns=columns, **said)


def manifest_of(store: ObjectStore, run_id: str) -> Manifest | None:
    """The tables of a run's build; None where it has none. Raises ValueError if unreadable."""
    key = f"{tables_key(run_id)}/{MANIFEST}"
    try:
        content = store.get(key)
    except ObjectNotFound:
        return None
    try:
        return Manifest.from_json(content.decode())
    except ValueError as error:
        raise ValueError(f"{store.url(key)}: {error}") from error
