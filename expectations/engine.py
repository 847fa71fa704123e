"""Runs suites with Great Expectations, in SQL, inside DuckDB, on a closed build file.

Great Expectations takes 5 to 14 s to import, so nothing here imports it before an audit asks. Its
context lives in memory: no project folder, nothing in the user's home, no usage statistics, no
progress bars, no log lines.
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.rule import Rule, Scope
from transforms.schemas.daily import SOURCE_DATASET

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule saw.

    failing: rows that break it; None where the expectation does not count rows.
    looked_at: rows of the table, or of the run's days, whichever the rule is about.
    worst: the first of the failing rows, in the rule's order.
    date, venue: where all failing rows agree on them.
    unfit: datasets, days and venues of the failing rows, where the rule takes these out.
    other: what an expectation that names no rows has to say.
    error: why the rule could not be judged; then it did not hold.
    evidence: Great Expectations' own result, for its Data Docs; None where it gave none.
    """

    table: str
    rule: Rule
    success: bool
    looked_at: int = 0
    failing: int | None = None
    worst: Sequence[Row] = ()
    date: Any = None
    venue: str | None = None
    unfit: Sequence[tuple[str, Any, str]] = ()
    other: str | None = None
    error: str | None = None
    evidence: Any = None


@contextmanager
def quiet() -> Iterator[None]:
    """Without its warnings and log lines: what matters of them is in the results.

    Some of its loggers set levels of their own, so their records are stopped on the way up.
    """
    logger = logging.getLogger("great_expectations")
    nowhere, propagate = logging.NullHandler(), logger.propagate
    logger.addHandler(nowhere)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.propagate = propagate
        logger.removeHandler(nowhere)


def load() -> Any:
    """Import Great Expectations; call it in a thread while something else waits."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with quiet():
        importlib.import_module("great_expectations.expectations")
        importlib.import_module("expectations.asked_once")
        return importlib.import_module("great_expectations")


def _message(exception_info: Any) -> str | None:
    """The first message in Great Expectations' account of exceptions, which may be nested."""
    if not isinstance(exception_info, Mapping):
        return None
    if exception_info.get("raised_exception"):
        return str(exception_info.get("exception_message") or "exception without a message")
    return next((m for v in exception_info.values() if (m := _message(v))), None)


class _Build:
    """A build opened for one audit."""

    def __init__(self, gx: Any, build: Path) -> None:
        from expectations.dialect import address  # noqa: PLC0415 - imports SQLAlchemy

        base = importlib.import_module("great_expectations.data_context.types.base")
        self._gx = gx
        self._asked_once = importlib.import_module("expectations.asked_once").AskedOnce
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = base.ProgressBarsConfig(
            globally=False, metric_calculations=False
        )
        self._source = self._context.data_sources.add_sql(
            "build", connection_string=address(build), create_temp_table=False
        )
        self._engine = self._source.get_engine()

    def close(self) -> None:
        self._engine.dispose()
        self._source.get_execution_engine().close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql).fetchall()]

    def columns(self) -> dict[str, set[str]]:
        """Base tables of the build with their columns."""
        found: dict[str, set[str]] = {}
        for table, column in self.query(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_catalog, table_schema, table_name) "
            "WHERE table_catalog = current_database() AND table_schema = 'main' "
            "AND table_type = 'BASE TABLE'"
        ):
            found.setdefault(table, set()).add(column)
        return found

    def validate(self, table: str, rules: Sequence[Rule], scope: Scope) -> dict[str, Any]:
        """Great Expectations' result, or an exception, by rule name."""
        asked = []
        results: dict[str, Any] = {}
        for rule in rules:
            try:
                expectation = self._class(rule.expectation)
                asked.append(expectation(**rule.arguments(scope), meta={"rule": rule.name}))
            except Exception as error:  # noqa: BLE001 - a rule that cannot be asked has not held
                results[rule.name] = error
        # All at once: adding one by one compares each with all before it.
        suite = self._gx.ExpectationSuite(name=table, expectations=asked)
        asset = self._source.add_table_asset(table, table_name=table)
        batch = asset.get_batch(asset.build_batch_request())
        validated = batch.validate(suite, result_format="COMPLETE")
        for result in validated.results:
            results[result.expectation_config.meta["rule"]] = result
        return results

    def _class(self, name: str) -> Any:
        found = getattr(self._gx.expectations, name)
        return (
            self._asked_once if found is self._gx.expectations.UnexpectedRowsExpectation else found
        )

    def unfit(
        self, table: str, rule: Rule, scope: Scope, every: Sequence[Row] | None
    ) -> list[tuple[str, Any, str]]:
        """Datasets, days of the run and venues of the rows that break the rule.

        every: all of these rows; None where not all of them were fetched.
        """
        if every is not None:
            source = SOURCE_DATASET.get(table)
            places = {(source or row["dataset"], row["date"], row["venue"]) for row in every}
            return sorted(p for p in places if p[1] and scope.first <= p[1] <= scope.last)
        failing = self._failing(table, rule, scope)
        dataset = f"'{SOURCE_DATASET[table]}'" if table in SOURCE_DATASET else "dataset"
        found = self.query(
            f"SELECT DISTINCT {dataset} AS dataset, date, venue FROM ({failing}) "  # noqa: S608 - a rule of ours
            f"WHERE date BETWEEN '{scope.first}' AND '{scope.last}' ORDER BY ALL"
        )
        return [(dataset, day, venue) for dataset, day, venue in found]

    @staticmethod
    def _failing(table: str, rule: Rule, scope: Scope) -> str:
        return str(rule.arguments(scope)["unexpected_rows_query"]).format(batch=table)

    def agreed(
        self, table: str, rule: Rule, scope: Scope, column: str, every: Sequence[Row] | None
    ) -> Any:
        """The value of `column` if it is the same in all rows that break the rule.

        every: as above.
        """
        if every is not None:
            values = {row[column] for row in every}
            return values.pop() if len(values) == 1 else None
        failing = self._failing(table, rule, scope)
        ((lowest, highest, known, rows),) = self.query(
            f"SELECT min({column}), max({column}), count({column}), count(*) FROM ({failing})"  # noqa: S608 - a rule of ours
        )
        return lowest if lowest == highest and known == rows else None


def _outcome(
    build: _Build, table: str, rule: Rule, scope: Scope, looked_at: int, result: Any
) -> Outcome:
    if result is None:
        return Outcome(table, rule, success=False, error="Great Expectations gave no result")
    if isinstance(result, Exception):
        return Outcome(table, rule, success=False, error=f"{type(result).__name__}: {result}")
    if (message := _message(result.exception_info)) is not None:
        return Outcome(table, rule, success=False, error=message, evidence=result)
    details = result.result.get("details") or {}
    if "unexpected_rows" not in details:
        other = None if result.success else str(details or result.result)
        return Outcome(
            table,
            rule,
            success=bool(result.success),
            looked_at=looked_at,
            other=other,
            evidence=result,
        )
    rows: list[Row] = details["unexpected_rows"]
    failing = int(result.result["observed_value"])
    every = rows if len(rows) == failing else None
    agreed = {
        column: build.agreed(table, rule, scope, column, every)
        for column in ("date", "venue")
        if rows and column in rows[0]
    }
    return Outcome(
        table,
        rule,
        success=bool(result.success),
        looked_at=looked_at,
        failing=failing,
        worst=rows,
        date=agreed.get("date"),
        venue=agreed.get("venue"),
        unfit=build.unfit(table, rule, scope, every) if rows and rule.excludes else (),
        evidence=result,
    )


def _table_outcomes(
    build: _Build, table: str, columns: set[str], rules: Sequence[Rule], scope: Scope
) -> Iterator[Outcome]:
    if not columns:
        for rule in rules:
            yield Outcome(table, rule, success=False, error=f"there is no table {table}")
        return
    in_run = f"date BETWEEN '{scope.first}' AND '{scope.last}'" if "date" in columns else "true"
    ((rows, rows_in_run),) = build.query(
        f"SELECT count(*), count(*) FILTER ({in_run}) FROM {table}"  # noqa: S608 - a table of ours
    )
    try:
        results = build.validate(table, rules, scope)
    except Exception as error:  # noqa: BLE001 - whatever stops a check, it has not held
        results = {rule.name: error for rule in rules}
    for rule in rules:
        looked_at = rows_in_run if rule.days else rows
        yield _outcome(build, table, rule, scope, looked_at, results.get(rule.name))


def run_suites(
    build: Path, suites: Mapping[str, Sequence[Rule]], scope: Scope
) -> tuple[list[Outcome], set[str]]:
    """The outcome of every rule on the build, and the tables the file holds."""
    gx = load()
    with quiet():
        opened = _Build(gx, build)
        try:
            tables = opened.columns()
            outcomes = [
                outcome
                for table, rules in suites.items()
                for outcome in _table_outcomes(
                    opened, table, tables.get(table, set()), rules, scope
                )
            ]
        finally:
            opened.close()
    return outcomes, set(tables)
