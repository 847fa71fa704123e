"""The rows that break a rule, asked for once.

Great Expectations' own `UnexpectedRowsExpectation` runs its query twice, for the rows and for their
count. It hands back no more than `MAX_RESULT_RECORDS` rows; where there were fewer, their number is
the count, and only a rule that more rows break is asked a second time.

Importing this module imports Great Expectations; only `expectations.engine` does, when an audit
runs. That also makes the two classes known to Great Expectations.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.id_dict import IDDict
from great_expectations.execution_engine.sqlalchemy_execution_engine import (
    SqlAlchemyExecutionEngine,
)
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)
from great_expectations.expectations.expectation_configuration import parse_result_format
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metrics.query_row_count import (
    unexpected_rows_query_row_count,
)
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

_ROWS = "unexpected_rows_query.table"
_THEIR_COUNT = "unexpected_rows_query.row_count"
_COUNT = "asked_once.row_count"


_RowCount = unexpected_rows_query_row_count.UnexpectedRowsQueryRowCount


class AskedOnceRowCount(_RowCount):
    """How many rows a query finds, from the rows where all of them were fetched."""

    metric_name = _COUNT

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(  # a class method by their decorator
        cls,  # noqa: N805 - as above
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> int:
        fetched = len(metrics[_ROWS])
        if fetched < MAX_RESULT_RECORDS:
            return fetched
        theirs: Any = _RowCount._sqlalchemy  # noqa: SLF001 - its only entrance
        return int(
            theirs(
                cls,
                execution_engine=execution_engine,
                metric_domain_kwargs=metric_domain_kwargs,
                metric_value_kwargs=metric_value_kwargs,
                metrics=metrics,
                runtime_configuration=runtime_configuration,
            )
        )

    @classmethod
    def _get_evaluation_dependencies(
        cls,
        metric: MetricConfiguration,
        configuration: Any = None,  # noqa: ARG003 - theirs
        execution_engine: Any = None,  # noqa: ARG003 - theirs
        runtime_configuration: Any = None,  # noqa: ARG003 - theirs
    ) -> dict[str, MetricConfiguration]:
        rows = MetricConfiguration(_ROWS, metric.metric_domain_kwargs, metric.metric_value_kwargs)
        return {_ROWS: rows}


class AskedOnce(UnexpectedRowsExpectation):
    """That a query finds no rows, of the whole table."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_ROWS, _COUNT)

    def get_validation_dependencies(
        self,
        execution_engine: Any = None,  # noqa: ARG002 - theirs
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """What theirs comes to for a query of a whole table; they put it together from forty copies
        of the configuration, a third of the time an audit of a small build takes."""
        table = IDDict(batch_id=self.batch_id, row_condition=None, condition_parser=None)
        query = IDDict(unexpected_rows_query=self.unexpected_rows_query)
        return ValidationDependencies(
            {name: MetricConfiguration(name, table, query) for name in self.metric_dependencies},
            parse_result_format((runtime_configuration or {}).get("result_format", "BASIC")),
        )

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> Any:
        named = {**metrics, _THEIR_COUNT: metrics[_COUNT]}
        return super()._validate(named, runtime_configuration, execution_engine)
