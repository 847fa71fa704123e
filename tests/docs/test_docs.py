"""What the documents say is what the code does."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from flows import settings
from flows.cli import app
from flows.dictionary.tables import MADE_FROM, pages
from flows.dictionary.venues import page as page_of_venues
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary

ROOT = Path(__file__).parents[2]
DOCS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def commands() -> list[str]:
    root = typer.main.get_command(app)
    found = []
    for name, command in root.commands.items():  # type: ignore[attr-defined] # a click group
        below = getattr(command, "commands", None)
        found += [f"{name} {child}" for child in below] if below else [name]
    return found


def test_there_are_commands_and_documents() -> None:
    assert len(commands()) >= 10
    assert len(DOCS) >= 8


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command: str) -> None:
    assert f"`perpmill {command}" in (ROOT / "docs/commands.md").read_text(encoding="utf-8")


def test_every_documented_command_exists() -> None:
    known = set(commands())
    for path in DOCS:
        for said in re.findall(
            r"(?:`|bin/)perpmill ([a-z]+(?: check)?)(?=[ `\n\[])", path.read_text("utf-8")
        ):
            if said.split()[0] in {"the", "knows", "is", "needs", "itself"}:
                continue
            assert said in known or said.split()[0] in known, f"{path.name}: perpmill {said}"


def test_data_dictionary_is_current() -> None:
    wanted = pages(ROOT / "docs") | {"venues.md": page_of_venues()}
    assert len(wanted) == len(PUBLISHED_TABLES) + 2
    for name, text in wanted.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, "run `make docs`"
    there = {f"tables/{path.name}" for path in (ROOT / "docs/tables").iterdir()}
    assert there == {name for name in wanted if name.startswith("tables/")}


def test_the_dictionary_says_what_every_table_is_made_from() -> None:
    assert set(MADE_FROM) == set(PUBLISHED_TABLES)
    columns = column_dictionary()
    found = pages(ROOT / "docs")
    for table in PUBLISHED_TABLES:
        text = found[f"tables/{table}.md"]
        for column in columns.filter(columns["table_name"] == table)["column_name"]:
            assert f"| `{column}` |" in text
    # Dated facts: of the feeds, of tickers, and of the pages of the metrics.
    caveats = found["tables/liquidations_daily.md"].partition("## Caveats by date")[2]
    assert "| binance | 2021-04-27 |" in caveats
    assert "`BNXUSDT`" in caveats
    assert "2023-06-25 to 2024-10-14" in caveats
    assert "Caveats by date" not in found["tables/runs.md"]


def test_readme_opens_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8")[:800]
    assert "make demo" in head
    assert "make test" in head


def test_example_configuration_is_valid() -> None:
    example = settings.load(ROOT / "perpmill.example.toml")
    assert [source.venue for source in example.sources] == ["binance"]


def test_commented_keys_of_the_example_exist() -> None:
    text = (ROOT / "perpmill.example.toml").read_text(encoding="utf-8")
    keys = re.findall(r"^# (\w+)\s+= ", text, flags=re.MULTILINE)
    assert len(keys) >= 8
    known = {
        *settings.Settings.model_fields,
        *settings.SourceSettings.model_fields,
        *settings.S3Settings.model_fields,
        *settings.DaskSettings.model_fields,
        *settings.PublishSettings.model_fields,
        *settings.LineageSettings.model_fields,
    }
    assert set(keys) <= known


def test_deployment_names_a_flow_that_exists_and_a_schedule_in_utc() -> None:
    said = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (nightly,) = said["deployments"]
    module, _, flow = nightly["entrypoint"].rpartition(".")
    path = ROOT / (module.replace(".", "/") + ".py")
    assert f"def {flow}(" in path.read_text(encoding="utf-8")
    (schedule,) = nightly["schedules"]
    assert schedule["timezone"] == "UTC"
    assert re.fullmatch(r"0 9 \* \* \*", schedule["cron"])


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} → {target}"


def test_locks_have_hashes_and_name_no_index() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert {lock.stem for lock in locks} >= {"bench", "dev", "docs", "run", "uv"}
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text


def test_package_version_is_in_the_changelog_or_unreleased() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    assert version
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_modules_named_in_contributing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:transforms|flows|expectations|tests)/[\w/.]+)`", text)
    assert len(paths) >= 5
    for path in paths:
        assert (ROOT / path).exists(), path
    importlib.import_module("transforms.normalise")
