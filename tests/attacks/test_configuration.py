"""Configurations that are half right: refused, and without saying secrets aloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import settings
from flows.cli import app
from flows.failures import Exit

SECRET = "hunter2"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "perpmill.toml"
    path.write_text('lake = "file:lake"\n[[sources]]\nvenue = "binance"\narchive = "file:a"\n')
    return path


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PERPMILL_SOURCES", "binance", "sources"),  # no JSON
        ("PERPMILL_S3", "{", "s3"),
        ("PERPMILL_S3__SECRET", SECRET, "s3.secret"),
        ("PERPMILL_LATEDAYS", "3", "PERPMILL_LATEDAYS"),  # misspelt: was passed over
        ("PERPMILL_S3_REGION", "eu", "PERPMILL_S3_REGION"),  # one underscore short
        ("PERPMILL_SOURCES__0__API", "http://x", "sources"),
        ("PERPMILL_LAKE", f"s3://me:{SECRET}@bucket", "lake"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(app, ["config", "check", "-c", str(config)])
    assert ended.exit_code == Exit.USAGE, ended.output
    assert told in ended.stderr
    assert SECRET not in ended.output


def test_nested_variables_and_those_of_the_scheduler_are_taken(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERPMILL_S3__REGION", "eu-west-1")
    monkeypatch.setenv("PERPMILL_HOME", str(config.parent))  # of prefect.yaml
    assert settings.load(config).s3.region == "eu-west-1"


@pytest.mark.parametrize("key", ["archive", "api"])
def test_a_password_in_an_address_is_refused(config: Path, key: str) -> None:
    """Addresses are written into `raw_files` beside every file."""
    text = config.read_text().replace('archive = "file:a"\n', "")
    config.write_text(f'{text}{key} = "https://me:{SECRET}@mirror.example"\n')
    with pytest.raises(settings.ConfigError, match=f"sources.0.{key}") as refused:
        settings.load(config)
    assert SECRET not in str(refused.value)


def test_a_folder_may_have_an_at_sign(config: Path) -> None:
    config.write_text(config.read_text().replace("file:a", "file:///mnt/me@host/a"))
    assert settings.load(config).sources[0].archive == "file:///mnt/me@host/a"
