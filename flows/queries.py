"""The query cookbook as commands see it: what each query asks, its parameters, their values.

Run as a module it writes the list of questions: `python -m flows.queries docs/cookbook.md`.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sql.queries import queries

Value = date | datetime | str | int | float | None

_SECTION = re.compile(r"-- (title|answers|units|caveats): *(.*)")
_PARAMETER = re.compile(r"-- param (.*)")
_PARAMETER_SHAPE = re.compile(r"([a-z_][a-z0-9_]*) ([A-Z]+)(?: = (\S+))? : (.+)")
_LATEST = re.compile(r"latest(?:-(\d+))?")
_GIVEN = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


class QueryError(ValueError):
    """A query cannot be run, and why: its name, a parameter, or the statement itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """default: as the header writes it; None where a value must be given."""

    name: str
    type: str
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and what its header says of it. A file of one's own needs no header."""

    name: str
    title: str
    answers: str
    units: str
    caveats: str
    parameters: tuple[Parameter, ...]
    text: str


def read(name: str, text: str) -> Query:
    """A query from its text (`sql.queries` describes the header). Raises QueryError."""
    sections = dict.fromkeys(("title", "answers", "units", "caveats"), "")
    parameters: list[Parameter] = []
    current: str | None = None
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if section := _SECTION.fullmatch(line):
            current = section[1]
            sections[current] = section[2]
        elif declared := _PARAMETER.fullmatch(line):
            current = None
            parameters.append(_parameter(name, declared[1]))
        elif line.startswith("--   ") and current is not None:
            sections[current] = f"{sections[current]} {line[2:].strip()}".strip()
        else:
            current = None
    if len({parameter.name for parameter in parameters}) < len(parameters):
        raise QueryError(f"{name}: a parameter is declared twice")
    return Query(name=name, parameters=tuple(parameters), text=text, **sections)


def _parameter(query: str, declared: str) -> Parameter:
    shape = _PARAMETER_SHAPE.fullmatch(declared)
    if shape is None or shape[2] not in _READERS:
        raise QueryError(
            f"{query}: -- param {declared}: write NAME TYPE = DEFAULT : MEANING, with a type of "
            f"{', '.join(_READERS)}"
        )
    parameter = Parameter(*shape.groups())
    default = parameter.default
    if default not in {None, "NULL"} and not _is_latest(parameter, str(default)):
        _typed(query, parameter, str(default))
    return parameter


def cookbook() -> dict[str, Query]:
    """All queries that come with Perpmill, by name."""
    return {name: read(name, text) for name, text in queries().items()}


def named(name: str) -> Query:
    """A query of the cookbook; dashes count as underscores. Raises QueryError."""
    texts = queries()
    wanted = name.replace("-", "_").lower()
    if wanted in texts:
        return read(wanted, texts[wanted])
    near = difflib.get_close_matches(wanted, texts, n=3, cutoff=0.5)
    near += [known for known in texts if wanted and wanted in known and known not in near][:3]
    meant = f"did you mean {', '.join(near)}? " if near else ""
    raise QueryError(f"no query is called {name!r}; {meant}`perpmill queries` lists them all")


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    """Without a zone, as times stand in a build: UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


_READERS: dict[str, tuple[Callable[[str], Value], str]] = {
    "DATE": (_day, "a day like 2021-01-17"),
    "TIMESTAMP": (_moment, "a UTC time like 2021-01-17T08:00"),
    "VARCHAR": (str, "text"),
    "BIGINT": (int, "a whole number"),
    "DOUBLE": (_finite, "a number"),
}


def _is_latest(parameter: Parameter, text: str) -> bool:
    return parameter.type == "DATE" and _LATEST.fullmatch(text) is not None


def _typed(query: str, parameter: Parameter, text: str) -> Value:
    reader, shape = _READERS[parameter.type]
    try:
        return reader(text)
    except ValueError:
        raise QueryError(
            f"{query}: {parameter.name}={text} is not {shape} ({parameter.meaning})"
        ) from None


def values(
    query: Query, given: Sequence[str], newest: Callable[[], date | None]
) -> dict[str, Value]:
    """The value of each parameter, from `given` (`key=value`) or its default.

    newest: the newest day there is, asked only where `latest` is needed; None leaves it NULL.

    Raises QueryError for a key that is not a parameter, one given twice, one that must be given
    and is not, and a value that is not of the parameter's type.
    """
    said = _said(query, given)
    found: dict[str, Value] = {}
    for parameter in query.parameters:
        text = said.get(parameter.name, parameter.default)
        if text is None:
            raise QueryError(
                f"{query.name}: {parameter.name}=… must be given "
                f"({parameter.type}, {parameter.meaning})"
            )
        if parameter.default == "NULL" and text in {"", "NULL"}:
            found[parameter.name] = None
        elif _is_latest(parameter, text):
            back = _LATEST.fullmatch(text)
            day = newest()
            before = timedelta(days=int(back[1] or 0) if back else 0)
            found[parameter.name] = None if day is None else day - before
        else:
            found[parameter.name] = _typed(query.name, parameter, text)
    return found


def _said(query: Query, given: Sequence[str]) -> dict[str, str]:
    known = [parameter.name for parameter in query.parameters]
    said: dict[str, str] = {}
    for item in given:
        pair = _GIVEN.fullmatch(item)
        if pair is None:
            raise QueryError(f"{item!r} is not key=value")
        key, text = pair.groups()
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f", did you mean {near[0]}?" if near else ""
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise QueryError(f"{query.name} has no parameter {key}{meant or '; ' + has}")
        if key in said:
            raise QueryError(f"{query.name}: {key} is given twice")
        said[key] = text
    return said


def shown(query: Query, given: Sequence[str], found: dict[str, Value]) -> str:
    """The values that a query runs with, and which of them nobody gave."""
    said = _said(query, given)
    parts = []
    for parameter in query.parameters:
        value = found[parameter.name]
        text = "NULL" if value is None else str(value)
        parts.append(f"{parameter.name}={text}{'' if parameter.name in said else ' (default)'}")
    return ", ".join(parts)


def as_data(query: Query, *, whole: bool = False) -> dict[str, Any]:
    """A query as plain values; with `whole` also its text."""
    found: dict[str, Any] = {
        "name": query.name,
        "title": query.title,
        "answers": query.answers,
        "units": query.units,
        "caveats": query.caveats or None,
        "parameters": [
            {
                "name": parameter.name,
                "type": parameter.type,
                "default": None if parameter.default == "NULL" else parameter.default,
                "required": parameter.default is None,
                "meaning": parameter.meaning,
            }
            for parameter in query.parameters
        ],
    }
    return found | {"text": query.text} if whole else found


def _signature(query: Query) -> str:
    return " ".join(
        f"{parameter.name}={'…' if parameter.default is None else parameter.default}"
        for parameter in query.parameters
    )


def render(console: Console) -> None:
    """The list, for a person."""
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("name", no_wrap=True)
    table.add_column("question", overflow="fold")
    table.add_column("parameters", overflow="fold")
    for query in cookbook().values():
        table.add_row(query.name, query.title, _signature(query))
    console.print(table)


def markdown() -> str:
    """The list of questions as a page."""
    parts = [
        "# Query cookbook",
        "",
        "Written from `sql/queries` by `python -m flows.queries docs/cookbook.md`. Run one with",
        "`perpmill sql @name key=value …`, see its text with `perpmill queries NAME`. `latest` is",
        "the newest day of `market_daily`; a default of NULL means all. Rates are fractions, days",
        "and times UTC.",
    ]
    for query in cookbook().values():
        parts += ["", f"## {query.name}", "", f"**{query.title}** {query.answers}", ""]
        parts += [f"Units: {query.units}"]
        if query.caveats:
            parts += ["", f"Caveats: {query.caveats}"]
        if query.parameters:
            parts += ["", "| parameter | type | default | meaning |", "|---|---|---|---|"]
        parts += [
            f"| `{p.name}` | {p.type} | {p.default or 'must be given'} | {p.meaning} |"
            for p in query.parameters
        ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
