"""The rules of the gate asked of DuckDB directly, without Great Expectations around them.

A night of the catalogue takes half as long this way. That both say the same of a build is tested
(`test_catalogue`); what Great Expectations is for is tested where the gate is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

from expectations import gate
from expectations.engine import Outcome
from expectations.rule import Rule, Scope
from flows.stages import audit
from transforms.schemas.daily import SOURCE_DATASET

_QUERY = "unexpected_rows_query"


@contextmanager
def direct_gate() -> Iterator[None]:
    """Within the block audits ask DuckDB, and write no pages about what they saw."""
    with mock.patch.object(gate, "run_suites", ask), mock.patch.object(audit, "keep_site"):
        yield


def ask(
    build: Path, suites: Mapping[str, Sequence[Rule]], scope: Scope
) -> tuple[list[Outcome], set[str]]:
    """What `expectations.engine.run_suites` says, but for rules on the set of columns, which no
    fault of raw files changes."""
    outcomes = []
    with duckdb.connect(str(build), read_only=True) as db:
        tables = {
            name
            for (name,) in db.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = 'main' AND table_type = 'BASE TABLE'"
            ).fetchall()
        }
        for table, rules in suites.items():
            for rule in rules:
                arguments = rule.arguments(scope)
                if _QUERY not in arguments:
                    outcomes.append(Outcome(table, rule, success=True))
                    continue
                found = db.execute(str(arguments[_QUERY]).format(batch=table))
                names = [column[0] for column in found.description or ()]
                worst = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
                outcomes.append(_outcome(table, rule, worst))
    return outcomes, tables


def _outcome(table: str, rule: Rule, worst: list[dict[str, Any]]) -> Outcome:
    unfit = {
        (SOURCE_DATASET.get(table) or row["dataset"], row["date"], row["venue"])
        for row in (worst if rule.excludes else ())
    }
    return Outcome(
        table,
        rule,
        success=not worst,
        looked_at=1,
        failing=len(worst),
        worst=worst[:20],
        unfit=sorted(unfit),
    )
