"""The data contracts: current, valid by the standard's own schema, and true of a build."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator  # type: ignore[import-untyped] # has no types
from open_data_contract_standard.model import OpenDataContractStandard

from expectations.suites import suites
from flows.exports.contracts import ENDING, SCHEDULE, contract, contracts, write_contracts
from transforms.schemas.published import PUBLISHED_TABLES, primary_key, published_columns

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/contracts"
Contract = dict[str, Any]


@cache
def standard() -> Draft201909Validator:
    """The JSON schema that the standard's package carries."""
    # The package's own accessor warns that it is deprecated.
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text("utf-8"))
    Draft201909Validator.check_schema(schema)
    return Draft201909Validator(schema)


def problems(said: Contract) -> list[str]:
    return [error.message for error in standard().iter_errors(said)]


def written(table: str) -> Contract:
    found = yaml.safe_load((FOLDER / f"{table}{ENDING}").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_contracts_are_current() -> None:
    wanted = contracts()
    assert len(wanted) == len(PUBLISHED_TABLES) >= 20
    assert {path.name for path in FOLDER.iterdir()} == set(wanted)
    for name, text in wanted.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run `make docs`"


@pytest.mark.parametrize("table", list(PUBLISHED_TABLES))
def test_a_contract_is_valid_and_complete(table: str) -> None:
    said = written(table)
    assert problems(said) == []
    # The package's own classes read it, and nothing of it is lost on them.
    model = OpenDataContractStandard.from_file(str(FOLDER / f"{table}{ENDING}"))
    assert yaml.safe_load(model.to_yaml()) == said
    assert model.schema_ is not None
    (described,) = model.schema_
    assert described.properties is not None
    assert [column.name for column in described.properties] == list(published_columns(table))
    positions = {c.name: c.primaryKeyPosition for c in described.properties if c.primaryKey}
    assert sorted(positions, key=lambda name: positions[name] or 0) == primary_key(
        PUBLISHED_TABLES[table]
    )
    for column, typed in zip(described.properties, published_columns(table).values(), strict=True):
        assert column.required is not typed.nullable
        custom = {c.property: c.value for c in column.customProperties or []}
        assert custom["unit"]
        assert ("nullMeaning" in custom) == typed.nullable
    assert described.quality is not None
    asked = [rule.name for rule in suites()[table]]
    assert [q.name for q in described.quality] == ["key_is_unique", *asked]
    # The default of the standard is that nothing is promised.
    assert {p.property for p in model.slaProperties or []} >= {"frequency", "retention"}


def _wrong_type(said: Contract) -> None:
    said["schema"][0]["properties"][0]["logicalType"] = "day"


def _no_name(said: Contract) -> None:
    del said["schema"][0]["properties"][0]["name"]


def _misspelt(said: Contract) -> None:
    said["schema"][0]["properties"][0]["primaryKy"] = True


def _no_version(said: Contract) -> None:
    del said["version"]


def _other_standard(said: Contract) -> None:
    said["apiVersion"] = "v9.0.0"


def _bound_of_a_text(said: Contract) -> None:
    said["schema"][0]["properties"][1]["logicalTypeOptions"] = {"minimum": 0}


def _rule_without_engine(said: Contract) -> None:
    del said["schema"][0]["quality"][-1]["engine"]


def _unknown_server(said: Contract) -> None:
    said["servers"][0]["type"] = "spreadsheet"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_wrong_type, "'day' is not one of"),
        (_no_name, "'name' is a required property"),
        (_misspelt, "primaryKy"),
        (_no_version, "'version' is a required property"),
        (_other_standard, "'v9.0.0' is not one of"),
        (_bound_of_a_text, "minimum"),
        (_rule_without_engine, "'engine' is a required property"),
        (_unknown_server, "'spreadsheet' is not one of"),
    ],
)
def test_a_broken_contract_fails(damage: Callable[[Contract], None], message: str) -> None:
    said = copy.deepcopy(written("funding_daily"))
    assert problems(said) == []
    damage(said)
    assert any(message in problem for problem in problems(said)), problems(said)


def test_words_and_bounds_are_those_of_the_schemas() -> None:
    columns = {
        column["name"]: column
        for column in contract("liquidations_daily", ())["schema"][0]["properties"]
    }
    assert [word["value"] for word in columns["completeness"]["enum"]] == [
        "complete", "throttled", "partial", "unknown",
    ]  # fmt: skip
    assert columns["long_usd"]["logicalTypeOptions"] == {"minimum": 0}
    assert columns["largest_at"]["logicalTypeOptions"]["defaultTimezone"] == "Etc/UTC"
    funding = {c["name"]: c for c in contract("funding_daily", ())["schema"][0]["properties"]}
    assert funding["hours_covered"]["logicalTypeOptions"] == {"exclusiveMinimum": 0}
    assert funding["funding_rate_8h"]["transformDescription"] == (
        "funding_rate_sum × 8 / hours_covered"
    )


def test_the_promised_hour_is_that_of_the_deployment() -> None:
    said = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    ((schedule,),) = [deployment["schedules"] for deployment in said["deployments"]]
    assert (schedule["cron"], schedule["timezone"]) == (SCHEDULE, "UTC")


def test_a_table_that_is_gone_leaves_no_contract(tmp_path: Path) -> None:
    (tmp_path / f"prices_weekly{ENDING}").write_text("kind: DataContract\n")
    (tmp_path / "README.md").write_text("kept\n")
    write_contracts(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"README.md", *(f"{table}{ENDING}" for table in PUBLISHED_TABLES)}
