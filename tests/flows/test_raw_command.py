"""`perpmill raw`: the exact bytes of a raw file, out of a pack or not, or a reason why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.failures import Exit
from tests.flows.conftest import LAST, Lake
from tests.raw_files import newest

Perpmill = Callable[..., Result]


@pytest.fixture
def perpmill(own: Lake, write_config: Callable[[Lake], Path]) -> Perpmill:
    config = str(write_config(own))
    return lambda *arguments: CliRunner().invoke(app, [*arguments, "-c", config])


def test_every_published_key_gives_its_bytes(own: Lake, perpmill: Perpmill, tmp_path: Path) -> None:
    """Those of a pack, and those of dumps, which are objects of their own."""
    files = own.sql("SELECT DISTINCT key, sha256, contains(key, '/dump/') FROM raw_files")
    assert {dumped for _, _, dumped in files} == {True, False}
    for dumped in (True, False):
        for key, sha256, _ in sorted(f for f in files if f[2] is dumped)[:3]:
            assert newest(own.root, key).packed is not dumped
            told = perpmill("raw", key)
            assert told.exit_code == Exit.DONE, told.stderr
            assert hashlib.sha256(told.stdout_bytes).hexdigest() == sha256
            out = tmp_path / "out"
            told = perpmill("raw", key, "--output", str(out))
            assert (told.exit_code, told.stdout_bytes) == (Exit.DONE, b"")
            assert hashlib.sha256(out.read_bytes()).hexdigest() == sha256


def test_a_key_nobody_took_in_names_those_called_alike(own: Lake, perpmill: Perpmill) -> None:
    file = own.archived("BTCUSDT", "metrics", str(LAST))
    key = newest(own.root, file.name).key
    told = perpmill("raw", f"{key[:-12]}{'0' * 12}")
    assert told.exit_code == Exit.USAGE
    assert told.stdout_bytes == b""
    assert "has taken in no raw file" in told.stderr
    assert key in told.stderr.split()
    told = perpmill("raw", "raw/binance/nothing@0")
    assert told.exit_code == Exit.USAGE
    assert "there are" not in told.stderr


def test_damaged_bytes_are_not_given(own: Lake, perpmill: Perpmill, tmp_path: Path) -> None:
    file = newest(own.root, own.archived("BTCUSDT", "metrics", str(LAST)).name)
    file.flip()
    told = perpmill("raw", file.key, "--output", str(tmp_path / "out"))
    assert told.exit_code == Exit.INPUT_UNAVAILABLE
    assert file.key in told.stderr
    assert "was altered in the lake" in told.stderr
    assert not (tmp_path / "out").exists()


def test_where_nothing_can_be_written_is_told(
    own: Lake, perpmill: Perpmill, tmp_path: Path
) -> None:
    key = newest(own.root, own.archived("BTCUSDT", "metrics", str(LAST)).name).key
    told = perpmill("raw", key, "--output", str(tmp_path / "no" / "such" / "folder"))
    assert told.exit_code == Exit.USAGE
    assert "cannot write" in told.stderr
