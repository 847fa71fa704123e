"""The importable files: current, whole, and naming only what is there."""

from __future__ import annotations

import shutil
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bi.superset.bundle import NothingPublished, bundle, days_to_begin_with, published_in
from bi.superset.charts import CHARTS
from bi.superset.dashboard import ALL_DAYS, COLUMNS, SECTIONS, exported, row_widths
from bi.superset.dataset import Dataset
from bi.superset.datasets import DATASETS
from bi.superset.forms import Chart
from bi.superset.write import ASSETS, PATH_IN_FILES, files, write
from tests.queries.given import DAY, ask, filled_build, total
from transforms.schemas.published import PUBLISHED_TABLES, published_columns

NAMED_COLUMNS = ("x_axis", "all_columns", "groupby", "groupby_b")
NAMED_METRICS = (
    "metric",
    "metrics",
    "metrics_b",
    "timeseries_limit_metric",
    "timeseries_limit_metric_b",
)


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def columns_of(dataset: Dataset) -> set[str]:
    return {column["column_name"] for column in dataset.exported()["columns"]}


def test_the_files_are_those_that_the_code_writes() -> None:
    wanted = files()
    found = {
        path.relative_to(ASSETS).as_posix(): path.read_text(encoding="utf-8")
        for path in ASSETS.rglob("*.yaml")
    }
    assert len(found) > 12 + len(DATASETS)
    assert found == wanted, "run: python -m bi.superset.write"


def test_writing_again_takes_away_what_is_no_longer_one_of_them(tmp_path: Path) -> None:
    write(tmp_path)
    stale = tmp_path / "charts/gone.yaml"
    stale.write_text("slice_name: gone\n", encoding="utf-8")
    write(tmp_path)
    assert not stale.exists()
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.yaml")} == set(files())


def test_every_file_is_yaml_with_an_identity_of_its_own() -> None:
    read = {name: YAML(typ="safe").load(text) for name, text in files().items()}
    identities = [content["uuid"] for name, content in read.items() if name != "metadata.yaml"]
    assert len(identities) == len(set(identities)) == len(read) - 1
    assert all(str(uuid.UUID(given)) == given for given in identities)
    assert {content["version"] for content in read.values()} == {"1.0.0"}
    databases = {c["uuid"] for name, c in read.items() if name.startswith("databases/")}
    datasets = {c["uuid"] for name, c in read.items() if name.startswith("datasets/")}
    for name, content in read.items():
        if name.startswith("datasets/"):
            assert content["database_uuid"] in databases, name
        if name.startswith("charts/"):
            assert content["dataset_uuid"] in datasets, name


def test_identities_do_not_change() -> None:
    """Else an import would add a second dashboard beside the one that people have links to."""
    assert exported()["uuid"] == "1033afcb-2b4d-506a-a5cc-1d5594d35360"


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_names_what_its_dataset_has(chart: Chart) -> None:
    columns = columns_of(chart.dataset)
    metrics = {metric.name for metric in chart.dataset.metrics}
    named = [name for key in NAMED_COLUMNS for name in listed(chart.form.get(key))]
    asked = [name for key in NAMED_METRICS for name in listed(chart.form.get(key))]
    assert set(named) <= columns
    assert set(asked) <= metrics
    assert named or asked
    for clause in chart.form["adhoc_filters"]:
        if clause["expressionType"] == "SIMPLE":
            assert clause["subject"] in columns
    assert chart.meaning.endswith(".")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_narrowed_by_every_filter_that_it_can_be(chart: Chart) -> None:
    """A filter that is in scope and does nothing, or out of scope and could, would mislead."""
    columns = columns_of(chart.dataset)
    ranged = any(c.get("operator") == "TEMPORAL_RANGE" for c in chart.form["adhoc_filters"])
    assert ("date" in chart.narrowed_by) == ranged
    assert ("asset" in chart.narrowed_by) == ("base_asset" in columns)
    if "venue" in chart.narrowed_by:
        assert "venue" in columns
    elif "venue" in columns:
        # A market row has no venue; a finding or a restatement may be about none.
        assert chart.dataset.name in {"expectation_results", "restatements"}


def test_no_chart_fills_what_is_missing() -> None:
    for chart in CHARTS:
        assert not chart.form.get("connectNulls"), chart.name
        for filling in ("resample_method", "rolling_type_b", "fill_value", "zero_imputation"):
            assert filling not in chart.form, chart.name


def test_every_chart_is_on_the_dashboard_once() -> None:
    assert len(CHARTS) >= 12
    placed = [chart.name for _, rows in SECTIONS for _, charts in rows for chart, _ in charts]
    assert sorted(placed) == sorted(chart.name for chart in CHARTS)
    assert set(row_widths()) == {COLUMNS}
    position = exported()["position"]
    for key, child in position.items():
        if key in {"DASHBOARD_VERSION_KEY", "HEADER_ID"}:
            continue
        for below in child["children"]:
            assert below in position, key
        for above in child.get("parents", []):
            assert above in position, key


def test_a_table_is_described_as_its_schema_says() -> None:
    tables = [dataset for dataset in DATASETS if dataset.sql is None]
    assert len(tables) >= 6
    for dataset in tables:
        schema = published_columns(dataset.name)
        assert columns_of(dataset) - set(dataset.computed) == set(schema)
        assert dataset.description == " ".join(
            (PUBLISHED_TABLES[dataset.name].__doc__ or "").split()
        )
        for column in dataset.exported()["columns"]:
            if column["column_name"] in schema:
                described = schema[column["column_name"]]
                unit = (described.metadata or {})["unit"]
                assert column["description"].startswith(f"{described.description} [{unit}]")


def test_columns_of_queries_are_those_they_give(empty: Path) -> None:
    queries = [dataset for dataset in DATASETS if dataset.sql is not None]
    assert queries
    for dataset in queries:
        _, rows = ask(empty, f"DESCRIBE {dataset.sql}")
        assert {row[0]: row[1] for row in rows} == {
            name: kind for name, (kind, _) in dataset.columns.items()
        }


def test_the_bundle_holds_the_files_with_your_path(tmp_path: Path, empty: Path) -> None:
    published = tmp_path / "a lake/published/perpmill.duckdb"
    published.parent.mkdir(parents=True)
    shutil.copyfile(empty, published)
    for out in ("one.zip", "two.zip"):
        bundle(published_in(tmp_path / "a lake"), tmp_path / out, DAY)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        held = {n.removeprefix("perpmill/"): archive.read(n).decode() for n in archive.namelist()}
    assert set(held) == set(files())
    entry = YAML(typ="safe").load(held["databases/Perpmill.yaml"])
    assert entry["sqlalchemy_uri"] == f"duckdb:///{published}"
    assert entry["extra"]["engine_params"]["connect_args"]["read_only"] is True
    assert not any(PATH_IN_FILES in text for text in held.values())


def test_the_dashboard_begins_with_the_last_days_if_there_is_something_in_them(
    tmp_path: Path, empty: Path
) -> None:
    rows = {"market_total_daily": [total(DAY)]}
    build = filled_build(empty, tmp_path / "build.duckdb", rows)
    assert days_to_begin_with(build, DAY + timedelta(days=90)) == "Last 90 days"
    assert days_to_begin_with(build, DAY + timedelta(days=91)) == ALL_DAYS
    assert days_to_begin_with(empty, DAY) == ALL_DAYS
    for days, mask in (("Last 90 days", {"time_range": "Last 90 days"}), (ALL_DAYS, {})):
        filters = exported(days)["metadata"]["native_filter_configuration"]
        assert [f["defaultDataMask"]["extraFormData"] for f in filters] == [mask, {}, {}]


def test_the_published_build_is_found_and_its_link_not_followed(tmp_path: Path) -> None:
    build = tmp_path / "lake/builds/run/perpmill.duckdb"
    link = tmp_path / "lake/published/perpmill.duckdb"
    for path in (build, link):
        path.parent.mkdir(parents=True)
    build.write_bytes(b"")
    link.symlink_to(build)
    assert published_in(tmp_path) == published_in(tmp_path / "lake") == published_in(link) == link
    with pytest.raises(NothingPublished, match="no published build"):
        published_in(tmp_path / "lake/builds")
