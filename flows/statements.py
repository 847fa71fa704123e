"""Statements that read: which there are in a text, and asking one after a look at its plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from flows.queries import QueryError, Value

_READING_SAID = "SELECT, FROM, WITH, VALUES, PIVOT, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN"
_WITH_EFFECTS = frozenset(
    {
        "CHECKPOINT",
        "DISABLE_LOGGING",
        "DISABLE_PROFILING",
        "ENABLE_LOGGING",
        "ENABLE_PROFILING",
        "FORCE_CHECKPOINT",
        "TRUNCATE_DUCKDB_LOGS",
    }
)
"""Table functions that change the session or write, as DuckDB's plans name them."""
_SUSPECT = re.compile(
    rf"\b({'|'.join(sorted(_WITH_EFFECTS))}|query|json_execute_serialized_sql)\b", re.IGNORECASE
)

Question = list[duckdb.Statement]
"""A statement that reads, after those that DuckDB makes to answer it (a PIVOT's types)."""


def reading_statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[Question]:
    """The statements of a text, each of which reads and does nothing else.

    A build is read-only anyway; this keeps out what would change the session, make temporary
    tables, log, or write a file. Raises QueryError, and duckdb.Error for what is no SQL.
    """
    found: list[Question] = []
    made: Question = []
    for statement in connection.extract_statements(text):
        if statement.type == duckdb.StatementType.CREATE and not statement.query:
            # It asks the rows of a PIVOT for its columns, and has no text to be planned by.
            if suspect := _SUSPECT.search(text):
                raise QueryError(f"only statements that read are run, not PIVOT with {suspect[0]}")
            made.append(statement)
        elif statement.type == duckdb.StatementType.SELECT or _explains(connection, statement):
            found.append([*made, statement])
            made = []
        else:
            kind = statement.type.name.replace("_", " ")
            if statement.type == duckdb.StatementType.EXPLAIN:
                kind = "EXPLAIN of anything else"
            raise QueryError(f"only statements that read are run ({_READING_SAID}), not {kind}")
    return found


def answer(
    connection: duckdb.DuckDBPyConnection, question: Question, bound: Mapping[str, Value]
) -> duckdb.DuckDBPyConnection:
    """Ask, with those of the parameters that the statement names.

    Raises duckdb.Error, and QueryError for a function that does more than read.
    """
    *made, asked = question
    for statement in made:
        connection.execute(statement)
    given = {name: value for name, value in bound.items() if name in asked.named_parameters}
    if not made:  # a PIVOT has no text of its own; that of all was looked through for it
        explains = asked.type == duckdb.StatementType.EXPLAIN
        text = _explained(connection, asked.query) if explains else asked.query
        _refuse_effects(connection, text, given)
    return connection.execute(asked, given or None)


def _explains(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> bool:
    """Whether it is an EXPLAIN of what reads: with ANALYZE it does what it explains."""
    explain = duckdb.StatementType.EXPLAIN
    return statement.type == explain and _explained(connection, statement.query) != ""


def _explained(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """The SELECT that an EXPLAIN is about, without ANALYZE and options; empty if it is none."""
    for rest in _after_explain(text):
        try:
            statements = connection.extract_statements(rest)
        except duckdb.ParserException:
            continue
        if [statement.type for statement in statements] == [duckdb.StatementType.SELECT]:
            return rest
    return ""


def _after_explain(text: str) -> list[str]:
    """What may be the statement: all after EXPLAIN, or what stands after ANALYZE or options."""
    source = text.encode()  # tokens are counted in bytes
    starts = [start for start, _ in duckdb.tokenize(text)][1:]
    found = [source[start:].decode() for start in starts]
    if not re.match(r"analy[sz]e\b|\(", "".join(found[:1]), re.IGNORECASE):
        return found[:1]
    depth = 0
    for at, rest in enumerate(found):
        depth += rest.startswith("(") - rest.startswith(")")
        if depth == 0:
            return [found[0], *found[at + 1 : at + 2]]
    return found[:1]


def _refuse_effects(
    connection: duckdb.DuckDBPyConnection, text: str, given: Mapping[str, Value]
) -> None:
    # The plan has what the statement will do, however it is written: query('FROM ' || …).
    try:
        plans = connection.execute(f"EXPLAIN (FORMAT json)\n{text}", given or None).fetchall()
    except duckdb.Error as error:
        # One line less: that of EXPLAIN.
        said = re.sub(r"(?m)^LINE (\d+)", lambda line: f"LINE {int(line[1]) - 1}", str(error))
        raise type(error)(said) from error
    for _, plan in plans:
        for name in _operators(json.loads(plan)):
            if name in _WITH_EFFECTS:
                raise QueryError(f"only statements that read are run, not {name.lower()}()")


def _operators(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        yield node["name"].strip().upper()
        yield from _operators(node["children"])
