"""What runs tell: made of the client's classes, complete, and never in the way of a night."""

from __future__ import annotations

import importlib
import json
import pkgutil
import socket
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attr
import polars as pl
import pytest
import structlog
from openlineage.client import generated
from openlineage.client.generated.base import BaseFacet
from openlineage.client.serde import Serde
from pydantic import ValidationError

from flows.failures import GateBlocked
from flows.lineage.events import PRODUCER, completed, place_of, run_uuid, started
from flows.lineage.held import Source, Traced
from flows.lineage.tracing import traced
from flows.run import Days, Run
from flows.settings import ConfigError, LineageSettings, load
from flows.storage.publication import Pointer, Publication
from tests.flows.conftest import FIRST, LAST, Lake
from tests.lineage.conftest import Collector
from transforms.schemas.published import PUBLISHED_TABLES, published_columns

Event = dict[str, Any]

WHO = Traced(
    "desk", "s3://bucket/some/lake", "20210201T090000Z-abc123", "nightly", "1", FIRST, LAST
)
AT = datetime(2021, 2, 1, 9, 0, tzinfo=UTC)


def facet_classes() -> dict[str, type[BaseFacet]]:
    """The client's facets by the address of their schema."""
    found: dict[str, type[BaseFacet]] = {}
    for info in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"{generated.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseFacet):
                found[value._get_schema()] = value
    return found


def check(event: Event) -> int:
    """Hold an event to the specification's required fields, and each facet to the client's class of
    its schema; how many facets there were."""
    assert event["eventType"] in {"START", "COMPLETE", "FAIL"}
    assert event["schemaURL"].endswith("/OpenLineage.json#/$defs/RunEvent")
    assert event["producer"] == PRODUCER
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"]
    assert event["job"]["name"]
    holders = [event["run"]["facets"], event["job"]["facets"]]
    for dataset in (*event["inputs"], *event["outputs"]):
        assert dataset["namespace"]
        assert dataset["name"]
        holders += [dataset.get(kind, {}) for kind in ("facets", "inputFacets", "outputFacets")]
    classes = facet_classes()
    assert len(classes) >= 30
    count = 0
    for holder in holders:
        for name, facet in holder.items():
            fields = dict(facet)
            assert fields.pop("_producer") == PRODUCER, name
            known = classes[fields.pop("_schemaURL")]
            allowed = {field.name for field in attr.fields(known)}
            assert set(fields) <= allowed, (name, set(fields) - allowed)
            known(**fields)  # its own validators
            count += 1
    return count


def with_lineage(lake: Lake, **said: Any) -> Run:
    settings = lake.settings.model_copy(update={"lineage": LineageSettings(**said)})
    return Run.begin(settings, "nightly")


def tell_a_publish(lake: Lake, **said: Any) -> Run:
    """As `mill` does around a run that published what the lake has."""
    run = with_lineage(lake, **said)
    with traced(run, Days(FIRST, LAST)) as trace:
        trace.published = Publication(run.store).current()
        assert trace.published is not None
    return run


def lines(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_in_a_file(milled: Lake, tmp_path: Path) -> None:
    path = tmp_path / "below" / "lineage.jsonl"
    run = tell_a_publish(milled, transport="file", path=path, namespace="desk")
    begun, audit_begun, audit, done = lines(path)
    assert [check(e) for e in (begun, audit_begun)] == [4, 5]
    assert check(audit) > 15
    assert check(done) > 100
    assert [e["eventType"] for e in (begun, audit_begun, audit, done)] == [
        "START", "START", "COMPLETE", "COMPLETE",
    ]  # fmt: skip

    # One run, under an id anybody can make of ours.
    assert begun["run"]["runId"] == done["run"]["runId"] == run_uuid(run.run_id)
    tags = begun["run"]["facets"]["tags"]["tags"]
    assert {"key": "run_id", "source": "PERPMILL", "value": run.run_id} in tags
    assert (begun["job"]["namespace"], begun["job"]["name"]) == ("desk", "nightly")
    when = done["run"]["facets"]["nominalTime"]
    assert when["nominalStartTime"] == "2021-01-29T00:00:00.000000Z"
    assert when["nominalEndTime"] == "2021-02-01T00:00:00.000000Z"  # excluded

    # Raw exports by venue and feed, then the normalised datasets.
    assert begun["inputs"] == begun["outputs"] == []
    root = str(milled.root.resolve())
    names = [d["name"].removeprefix(f"{root}/") for d in done["inputs"]]
    assert {d["namespace"] for d in (*done["inputs"], *done["outputs"])} == {"file"}
    assert "raw/binance/funding_rates" in names
    assert "normalised/open_interest" in names
    funding = done["inputs"][names.index("raw/binance/funding_rates")]
    ((files, rows, size),) = milled.sql(
        "SELECT count(*), sum(rows_read), sum(bytes) FROM raw_files "
        "WHERE dataset = 'funding_rates' AND superseded_by IS NULL"
    )
    statistics = funding["inputFacets"]["inputStatistics"]
    assert (statistics["fileCount"], statistics["rowCount"], statistics["size"]) == (
        files, rows, size,
    )  # fmt: skip
    assert files > 0

    # Every published table, with its columns and counts.
    assert [d["name"].removeprefix(f"{root}/published/") for d in done["outputs"]] == list(
        PUBLISHED_TABLES
    )
    for dataset, table in zip(done["outputs"], PUBLISHED_TABLES, strict=True):
        fields = dataset["facets"]["schema"]["fields"]
        assert [field["name"] for field in fields] == list(published_columns(table))
        ((count,),) = milled.sql(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - ours
        assert dataset["facets"]["dataQualityMetrics"]["rowCount"] == count
        assert dataset["outputFacets"]["outputStatistics"]["rowCount"] == count
        assert dataset["facets"]["version"]["datasetVersion"] == milled.pointer["run_id"]
    market = done["outputs"][list(PUBLISHED_TABLES).index("market_daily")]["facets"]
    ((unknown,),) = milled.sql("SELECT count(*) FROM market_daily WHERE leverage_ratio IS NULL")
    nulls = market["dataQualityMetrics"]["columnMetrics"]
    assert nulls["leverage_ratio"]["nullCount"] == unknown > 0
    assert nulls["date"]["nullCount"] == 0  # known to be none, and said


def test_what_the_gate_said_is_a_run_below(milled: Lake, tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    run = tell_a_publish(milled, transport="file", path=path)
    _, _, audit, _ = lines(path)
    assert audit["job"]["name"] == "nightly.audit"
    assert audit["run"]["runId"] == run_uuid(run.run_id, "audit") != run_uuid(run.run_id)
    assert audit["run"]["facets"]["parent"]["run"]["runId"] == run_uuid(run.run_id)
    told = sum(
        len(d["inputFacets"]["dataQualityAssertions"]["assertions"]) for d in audit["inputs"]
    )
    ((asked,),) = milled.sql("SELECT count(*) FROM expectation_results")
    assert told == asked > 300
    funding = next(d for d in audit["inputs"] if d["name"].endswith("/funding_daily"))
    caps = next(
        a
        for a in funding["inputFacets"]["dataQualityAssertions"]["assertions"]
        if a["assertion"] == "rate_within_caps"
    )
    assert caps["success"] is True
    assert caps["severity"] == "error"
    assert caps["expected"] == "|rate of a settlement| ≤ 0.05"


def test_a_blocked_run_fails_and_says_why(milled: Lake, tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    run = with_lineage(milled, transport="file", path=path)
    results = pl.DataFrame(
        {
            "table_name": ["funding_daily", "funding_daily"],
            "expectation": ["rate_within_caps", "fresh"],
            "severity": ["critical", "critical"],
            "success": [False, True],
            "observed": ["1 row", None],
            "threshold": ["|rate| ≤ 0.05", None],
        }
    )
    with pytest.raises(GateBlocked), traced(run, Days(FIRST, LAST)):
        raise GateBlocked("the gate blocked it", results)
    _, _, audit, failed = lines(path)
    assert [audit["eventType"], failed["eventType"]] == ["FAIL", "FAIL"]
    assert check(audit) + check(failed) > 8
    (table,) = audit["inputs"]
    assertions = table["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(a["assertion"], a["success"]) for a in assertions] == [
        ("fresh", True),
        ("rate_within_caps", False),
    ]
    said = failed["run"]["facets"]["errorMessage"]
    assert said["message"] == "GateBlocked: the gate blocked it"
    assert failed["outputs"] == []


def test_any_other_failure_and_nothing_new(milled: Lake, tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    with (
        pytest.raises(KeyboardInterrupt),
        traced(with_lineage(milled, transport="file", path=path), Days(FIRST, LAST)),
    ):
        raise KeyboardInterrupt
    with traced(with_lineage(milled, transport="file", path=path), Days(FIRST, LAST)):
        pass
    events = lines(path)
    assert [e["eventType"] for e in events] == ["START", "FAIL", "START", "COMPLETE"]
    assert events[-1]["outputs"] == []  # nothing new was published
    assert all(check(e) >= 4 for e in events)


def fail_after(run: Run, published: Pointer | None) -> None:
    """As `mill` does around a run that is interrupted once it has published."""

    def interrupted() -> None:
        with traced(run, Days(FIRST, LAST)) as trace:
            trace.published = published
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


@pytest.mark.parametrize("known", [True, False])
def test_a_failure_after_the_swap_tells_what_readers_see(
    milled: Lake, tmp_path: Path, known: bool
) -> None:
    """known: whether the publish came back to say that it had swapped."""
    path = tmp_path / "lineage.jsonl"
    run = with_lineage(milled, transport="file", path=path)
    if not known:
        run = replace(run, run_id=milled.pointer["run_id"])
    fail_after(run, Publication(run.store).current() if known else None)
    _, _, audit, failed = lines(path)
    assert [audit["eventType"], failed["eventType"]] == ["COMPLETE", "FAIL"]
    assert "KeyboardInterrupt" in failed["run"]["facets"]["errorMessage"]["message"]
    assert len(failed["outputs"]) == len(PUBLISHED_TABLES)
    assert failed["inputs"]
    assert {d["facets"]["version"]["datasetVersion"] for d in failed["outputs"]} == {
        milled.pointer["run_id"]
    }
    assert check(failed) > 100


def test_a_failure_is_told_though_its_build_cannot_be_read(own: Lake, tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    run = with_lineage(own, transport="file", path=path)
    gone = Publication(run.store).current()
    assert gone is not None
    fail_after(run, replace(gone, run_id="gone"))
    assert [e["eventType"] for e in lines(path)] == ["START", "FAIL"]


def test_over_http(milled: Lake, server: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "of-the-environment")
    tell_a_publish(milled, transport="http", url=server.url)
    assert [e["eventType"] for e in server.events] == ["START", "START", "COMPLETE", "COMPLETE"]
    assert all(check(e) >= 4 for e in server.events)
    assert set(server.asked) == {("/api/v1/lineage", "Bearer of-the-environment")}


def warned(entries: list[Any]) -> list[str]:
    return [e["error"] for e in entries if e["event"] == "no lineage"]


def test_a_server_that_refuses_or_is_away_fails_nothing(
    milled: Lake, server: Collector, tmp_path: Path
) -> None:
    server.status = 403
    with structlog.testing.capture_logs() as entries:
        tell_a_publish(milled, transport="http", url=server.url)
    assert len(warned(entries)) == 2
    assert "403" in warned(entries)[0]
    assert server.events == []

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with structlog.testing.capture_logs() as entries:
        tell_a_publish(milled, transport="http", url=f"http://127.0.0.1:{port}")
    assert len(warned(entries)) == 2

    (tmp_path / "a file").touch()
    with structlog.testing.capture_logs() as entries:
        tell_a_publish(milled, transport="file", path=tmp_path / "a file" / "lineage.jsonl")
    assert len(warned(entries)) == 2
    # The error of the run itself is the one that is raised.
    run = with_lineage(milled, transport="http", url=f"http://127.0.0.1:{port}")
    with (
        structlog.testing.capture_logs() as entries,
        pytest.raises(ZeroDivisionError),
        traced(run, Days(FIRST, LAST)),
    ):
        raise ZeroDivisionError
    assert len(warned(entries)) == 2


def test_by_default_nobody_is_told(
    milled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run.begin(milled.settings, "nightly")
    assert run.settings.lineage.transport == "none"
    with traced(run, Days(FIRST, LAST)) as trace:
        trace.published = Publication(run.store).current()
    assert list(tmp_path.iterdir()) == []


def test_a_broken_event_is_noticed() -> None:
    event = json.loads(_text(completed(WHO, AT, raw=[Source("prices", "okx", 1, 2, 3, "x")])))
    assert check(event) == 6
    event["inputs"][0]["inputFacets"]["inputStatistics"]["rows"] = 1
    with pytest.raises(AssertionError, match="inputStatistics"):
        check(event)
    with pytest.raises(ValueError, match="contain time"):
        generated.nominal_time_run.NominalTimeRunFacet(nominalStartTime="2021-01-29")


def test_names_of_datasets() -> None:
    assert place_of("s3://bucket/some/lake") == ("s3://bucket", "some/lake")
    assert place_of("s3://bucket") == ("s3://bucket", "")
    assert place_of("file:/srv/lake/") == ("file", "/srv/lake")
    (dataset,) = completed(WHO, AT, raw=[Source("prices", "okx", 1, 2, 3, "x")]).inputs or []
    assert (dataset.namespace, dataset.name) == ("s3://bucket", "some/lake/raw/okx/prices")


def test_an_event_sent_again_is_the_same() -> None:
    assert _text(started(WHO, AT)) == _text(started(WHO, AT))
    # uuid5 of the run's id in a namespace that never changes.
    space = uuid.UUID("6a1ae0a1-5b1c-5c60-9a3f-2f4b7a7d1f10")
    assert run_uuid(WHO.run_id) == str(uuid.uuid5(space, "20210201T090000Z-abc123"))


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "perpmill.toml"
    config.write_text('[lineage]\ntransport = "file"\npath = "told/runs.jsonl"\n')
    assert load(config).lineage.path == tmp_path / "told/runs.jsonl"
    for wrong in (
        '[lineage]\ntransport = "http"\n',
        '[lineage]\ntransport = "kafka"\n',
        '[lineage]\ntransport = "http"\nurl = "ftp://there"\n',
        '[lineage]\ntransport = "http"\nurl = "http://me:secret@there"\n',
    ):
        config.write_text(wrong)
        with pytest.raises(ConfigError, match="lineage"):
            load(config)
    monkeypatch.setenv("PERPMILL_LINEAGE__TRANSPORT", "none")
    config.write_text("")
    assert load(config).lineage == LineageSettings(path=tmp_path / "lineage.jsonl")
    with pytest.raises(ValidationError):
        LineageSettings(transport="http")


def _text(event: Any) -> str:
    return Serde.to_json(event)
