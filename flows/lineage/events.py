"""Runs as OpenLineage events, made of the official client's own classes.

Two jobs: what was asked for (`nightly`, `backfill`, `publish`), whose inputs are raw exports and
normalised datasets and whose outputs are the published tables; and its `….audit`, whose inputs are
the tables the gate judged, with every expectation as an assertion
(https://openlineage.io/docs/spec/object-model). Ids of runs are made of ours, so that an event can
be sent again and is the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as facets
from openlineage.client.generated.base import DatasetFacet, JobFacet, RunFacet

from flows.lineage.held import Source, Table, Traced

PRODUCER = "urn:perpmill:mill"
INTEGRATION = "PERPMILL"
_RUNS = uuid.UUID("6a1ae0a1-5b1c-5c60-9a3f-2f4b7a7d1f10")
"""Namespace of run ids; never to be changed."""

_SEVERITY = {"critical": "error", "warning": "warn"}


def run_uuid(run_id: str, part: str = "") -> str:
    """The id of a run of ours as OpenLineage wants it: uuid5 of its text."""
    return str(uuid.uuid5(_RUNS, f"{run_id}/{part}" if part else run_id))


def place_of(lake: str) -> tuple[str, str]:
    """Namespace of the datasets of a lake and what their names begin with, as
    https://openlineage.io/docs/spec/naming has them for S3 and for files."""
    if lake.startswith("s3://"):
        parts = urlsplit(lake)
        return f"s3://{parts.netloc}", parts.path.strip("/")
    return "file", str(Path(lake.removeprefix("file:")).as_posix()).rstrip("/")


def started(run: Traced, at: datetime) -> ol.RunEvent:
    return _event(ol.RunState.START, run, at)


def completed(
    run: Traced,
    at: datetime,
    *,
    raw: Sequence[Source] = (),
    normalised: Sequence[Source] = (),
    tables: Sequence[Table] = (),
    version: str = "",
) -> ol.RunEvent:
    """A run that went well. Without tables: it found nothing new to publish.

    version: the run whose build the tables are of.
    """
    event = _event(ol.RunState.COMPLETE, run, at)
    event.inputs = [_input(run, source) for source in (*raw, *normalised)]
    event.outputs = [_output(run, table, version) for table in tables]
    return event


def failed(run: Traced, at: datetime, error: BaseException) -> ol.RunEvent:
    said = facets.error_message_run.ErrorMessageRunFacet(
        message=f"{type(error).__name__}: {error}",
        programmingLanguage="Python",
        producer=PRODUCER,
    )
    return _event(ol.RunState.FAIL, run, at, {"errorMessage": said})


def audited(
    run: Traced, at: datetime, results: pl.DataFrame, *, blocked: bool
) -> list[ol.RunEvent]:
    """What the gate said (schema ExpectationResults), as a run of its own below this one."""
    parent = facets.parent_run.ParentRunFacet(
        run=facets.parent_run.Run(runId=run_uuid(run.run_id)),
        job=facets.parent_run.Job(namespace=run.namespace, name=run.command),
        producer=PRODUCER,
    )
    begun = _event(ol.RunState.START, run, at, {"parent": parent}, part="audit")
    ended = _event(
        ol.RunState.FAIL if blocked else ol.RunState.COMPLETE,
        run,
        at,
        {"parent": parent},
        part="audit",
    )
    ended.inputs = [
        ol.InputDataset(
            *_dataset(run, f"published/{table}"),
            inputFacets={
                "dataQualityAssertions": _assertions(results.filter(pl.col("table_name") == table))
            },
        )
        for table in results["table_name"].unique().sort()
    ]
    return [begun, ended]


def _event(
    state: ol.RunState,
    run: Traced,
    at: datetime,
    more: dict[str, RunFacet] | None = None,
    *,
    part: str = "",
) -> ol.RunEvent:
    of_run: dict[str, RunFacet] = {
        "nominalTime": facets.nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=_stamp(_midnight(run.first)),
            nominalEndTime=_stamp(_midnight(run.last) + timedelta(days=1)),
            producer=PRODUCER,
        ),
        "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
            version=run.code_version, name="perpmill", producer=PRODUCER
        ),
        "tags": facets.tags_run.TagsRunFacet(
            tags=[facets.tags_run.TagsRunFacetFields("run_id", run.run_id, INTEGRATION)],
            producer=PRODUCER,
        ),
    }
    of_job: dict[str, JobFacet] = {
        "jobType": facets.job_type_job.JobTypeJobFacet(
            processingType="BATCH",
            integration=INTEGRATION,
            jobType="AUDIT" if part else "FLOW",
            producer=PRODUCER,
        )
    }
    return ol.RunEvent(
        eventTime=_stamp(at),
        eventType=state,
        run=ol.Run(runId=run_uuid(run.run_id, part), facets=of_run | (more or {})),
        job=ol.Job(
            namespace=run.namespace,
            name=f"{run.command}.{part}" if part else run.command,
            facets=of_job,
        ),
        producer=PRODUCER,
    )


def _input(run: Traced, source: Source) -> ol.InputDataset:
    name = (
        f"raw/{source.venue}/{source.dataset}" if source.venue else f"normalised/{source.dataset}"
    )
    read = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        rowCount=source.rows, size=source.bytes, fileCount=source.files, producer=PRODUCER
    )
    return ol.InputDataset(
        *_dataset(run, name),
        facets={"version": _version(source.digest)},
        inputFacets={"inputStatistics": read},
    )


def _output(run: Traced, table: Table, version: str) -> ol.OutputDataset:
    quality = facets.data_quality_metrics_dataset
    of_table: dict[str, DatasetFacet] = {
        "documentation": facets.documentation_dataset.DocumentationDatasetFacet(
            description=table.description, producer=PRODUCER
        ),
        "schema": facets.schema_dataset.SchemaDatasetFacet(
            fields=[
                facets.schema_dataset.SchemaDatasetFacetFields(
                    name=field.name,
                    type=field.type,
                    description=field.description,
                    ordinal_position=number,
                )
                for number, field in enumerate(table.fields, 1)
            ],
            producer=PRODUCER,
        ),
        "version": _version(version),
        "dataQualityMetrics": quality.DataQualityMetricsDatasetFacet(
            rowCount=table.rows,
            columnMetrics={
                name: quality.ColumnMetrics(nullCount=nulls)
                for name, nulls in table.null_counts.items()
            },
            producer=PRODUCER,
        ),
    }
    written = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=table.rows, producer=PRODUCER
    )
    return ol.OutputDataset(
        *_dataset(run, f"published/{table.name}"),
        facets=of_table,
        outputFacets={"outputStatistics": written},
    )


def _assertions(
    results: pl.DataFrame,
) -> facets.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet:
    assertion = facets.data_quality_assertions_dataset.Assertion
    rows: Iterable[dict[str, str | bool | None]] = results.sort("expectation").to_dicts()
    return facets.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=[
            assertion(
                assertion=str(row["expectation"]),
                success=bool(row["success"]),
                severity=_SEVERITY[str(row["severity"])],
                expected=None if row["threshold"] is None else str(row["threshold"]),
                actual=None if row["observed"] is None else str(row["observed"]),
            )
            for row in rows
        ],
        producer=PRODUCER,
    )


def _version(text: str) -> facets.dataset_version_dataset.DatasetVersionDatasetFacet:
    return facets.dataset_version_dataset.DatasetVersionDatasetFacet(
        datasetVersion=text, producer=PRODUCER
    )


def _dataset(run: Traced, name: str) -> tuple[str, str]:
    namespace, prefix = place_of(run.lake)
    return namespace, f"{prefix}/{name}" if prefix else name


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
