"""`perpmill shell` in a terminal: it completes names, and can neither write nor read files."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from flows import settings, shell
from flows.confinement import confine
from flows.failures import Exit
from tests.readers.conftest import Shelf
from tests.readers.terminal import Terminal, terminal

PERPMILL = [sys.executable, "-m", "flows"]
PROMPT = "perpmill> "


@contextmanager
def opened(config: Path, home: Path) -> Iterator[Terminal]:
    home.mkdir(exist_ok=True)
    with terminal([*PERPMILL, "shell", "-c", str(config)], HOME=str(home)) as seen:
        seen.wait_for(PROMPT)
        yield seen


def told(seen: Terminal, line: str) -> str:
    return seen.told(line, PROMPT)


def everything(folder: Path) -> dict[str, str]:
    """Every file, and what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_it_opens_with_what_is_published(config: Path, tmp_path: Path) -> None:
    with opened(config, tmp_path / "home") as seen:
        for words in (
            "run r17 · newest day 2021-01-17 · gate: passed",
            "SHOW TABLES",
            "column_dictionary",
            "crowded(day)",
        ):
            assert words in seen.seen
        assert "_as_of(ts), " not in seen.seen  # twenty macros more would hide the others
        assert "r17" in told(seen, "SELECT max(run_id) FROM runs;")
        seen.type(".quit\r")
        assert seen.ended() == 0


def test_tables_and_columns_are_completed(config: Path, tmp_path: Path) -> None:
    with opened(config, tmp_path / "home") as seen:
        seen.type("SELECT symbol FROM funding_dai")
        seen.wait_for("funding_dai")
        # The table, then what readers saw of it: listed first, taken on the second.
        seen.type("\t")
        seen.wait_for("funding_daily_as_of")
        seen.type("\t")
        seen.wait_for("FROM funding_daily")
        seen.type(" WHERE hours_cov")
        seen.wait_for("hours_cov")
        seen.type("\t")
        seen.wait_for("WHERE hours_covered")
        assert "BTCUSDT" in told(seen, " > 23;")


ATTACKS = [
    "CREATE TABLE mine (a INT);",
    "INSERT INTO runs SELECT * FROM runs;",
    "COPY runs TO '{folder}/stolen.csv';",
    "EXPORT DATABASE '{folder}/stolen';",
    "ATTACH '{folder}/stolen.duckdb';",
    "SET enable_external_access = true;",
    "SET temp_directory = '{folder}/stolen';",
    "RESET lock_configuration;",
    "INSTALL httpfs;",
    "LOAD '{folder}/secret.txt';",
    ".open {folder}/stolen.duckdb",
    ".output {folder}/stolen.txt",
    ".once {folder}/stolen.txt",
    ".log {folder}/stolen.txt",
    ".excel",
    ".shell cat {folder}/secret.txt > {folder}/stolen.txt",
    ".system cat {folder}/secret.txt",
    ".read {folder}/secret.txt",
    ".import {folder}/secret.txt mine",
    ".cd {folder}",
    "FROM read_text('{folder}/secret.txt');",
    "FROM '{folder}/secret.txt';",
    "FROM glob('{folder}/*');",
    "FROM query('FROM read_text(''{folder}/secret.txt'')');",
    "SELECT getenv('SECRET');",
    # Last: from here on every statement of this session fails to be logged.
    "CALL enable_logging(storage_path = '{folder}/stolen');",
]


def test_it_neither_writes_nor_reads_files(
    config: Path, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "open sesame")
    (tmp_path / "secret.txt").write_text("open sesame")
    here, lake = everything(tmp_path), everything(shelf.root)
    with opened(config, tmp_path / "home") as seen:
        for attack in ATTACKS:
            shown = told(seen, attack.format(folder=tmp_path))
            assert "sesame" not in shown, attack
            assert any(word in shown for word in ("rror", "cannot be used")), (attack, shown)
    left = everything(tmp_path)
    # What was typed is kept where DuckDB's prompt keeps it.
    assert left.pop("home/.duckdb_history")
    assert left == here
    assert everything(shelf.root) == lake


def _runs(seen: Terminal, tmp_path: Path) -> bool:
    """Whether the prompt's own pager, which safe mode overlooks, runs a program."""
    mark = tmp_path / "marked"
    told(seen, f".pager 'cat > {mark}'")
    told(seen, ".pager on")
    told(seen, "FROM range(9);")
    return mark.exists()


def test_it_runs_no_programs(config: Path, tmp_path: Path) -> None:
    probe = "from flows.confinement import confine; print(confine(execute=[], write=[]))"
    said = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    if said.stdout.strip() != "True":
        pytest.skip("this kernel has no Landlock")
    with opened(config, tmp_path / "home") as seen:
        assert not _runs(seen, tmp_path)


def test_without_the_kernels_help_it_would(shelf: Shelf, tmp_path: Path) -> None:
    """Or the test above would hold for another reason."""
    prompt = shell._prompt()
    command = [
        str(prompt),
        "-no-init",
        "-readonly",
        "-cmd",
        f".prompt '{PROMPT}' ' '",
        "-safe",
        "-dark-mode",
    ]
    with terminal([*command, str(shelf.link)], HOME=str(tmp_path)) as seen:
        seen.wait_for(PROMPT)
        assert _runs(seen, tmp_path)


def test_a_confined_process_neither_writes_nor_starts_anything(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("as it was")
    code = f"""
import os, subprocess
from pathlib import Path
from flows.confinement import confine
folder = Path({str(tmp_path)!r})
if not confine(execute=[], write=[folder / "open"]):
    print("no Landlock")
    raise SystemExit
def tried(what):
    try:
        what()
    except PermissionError:
        return "refused"
    return "done"
print(*map(tried, (
    lambda: (folder / "new").write_text("x"),
    lambda: (folder / "kept").write_text("x"),
    lambda: (folder / "kept").unlink(),
    lambda: os.truncate(folder / "kept", 0),
    lambda: (folder / "kept").rename(folder / "gone"),
    lambda: (folder / "made").mkdir(),
    lambda: subprocess.run(["/bin/sh", "-c", "true"]),
    lambda: (folder / "open").write_text("x"),
    lambda: (folder / "kept").read_text(),
)))
"""
    (tmp_path / "open").write_text("")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if said.stdout.strip() == "no Landlock":
        pytest.skip("this kernel has no Landlock")
    assert said.stdout.split() == ["refused"] * 7 + ["done"] * 2
    assert (tmp_path / "kept").read_text() == "as it was"
    assert (tmp_path / "open").read_text() == "x"


def test_elsewhere_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert not confine(execute=[], write=[])
    subprocess.run(["true"], check=True)


@pytest.mark.parametrize("confined", [True, False])
def test_where_the_kernel_does_not_help_it_says_so(
    config: Path, monkeypatch: pytest.MonkeyPatch, confined: bool
) -> None:
    became: list[Path] = []
    monkeypatch.setattr(shell, "confine", lambda **_: confined)
    monkeypatch.setattr(shell, "_become", lambda program, *_: became.append(program))
    screen = Console(file=io.StringIO())
    shell.run_shell(settings.load(config), "duckdb", screen)
    assert became == [shell._prompt()]
    assert isinstance(screen.file, io.StringIO)
    assert (".pager can still run programs" in screen.file.getvalue()) is not confined


@pytest.mark.parametrize("text", ["#!/bin/sh\necho started\n", "no program\n"])
def test_a_prompt_that_is_no_program_is_told_of(config: Path, tmp_path: Path, text: str) -> None:
    script = tmp_path / "bin" / "duckdb"
    script.parent.mkdir()
    script.write_text(text)
    script.chmod(0o755)
    # Without the package, whose program comes first.
    code = (
        "from flows import cli, shell; shell.find_spec = lambda _: None; "
        "import sys; sys.argv = ['perpmill', *sys.argv[1:]]; cli.app()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, "shell", "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": str(script.parent)},
    )
    assert "Traceback" not in said.stderr
    if "started" in said.stdout:
        pytest.skip("this kernel has no Landlock")
    assert said.returncode == Exit.USAGE, said.stderr
    assert f"{script} cannot be run here" in said.stderr


def test_it_reads_a_pipe_too(config: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [*PERPMILL, "shell", "-c", str(config)],
        input="SELECT max(run_id) FROM runs;",
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert "r17" in said.stdout.split("Tab completes")[1]


def test_harlequin_opens_the_build_read_only(
    config: Path, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*PERPMILL, "shell", "--with", "harlequin", "-c", str(config)]
    monkeypatch.setenv("PATH", str(tmp_path))
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == Exit.USAGE
    assert "harlequin is not on PATH" in said.stderr
    stand_in = tmp_path / "harlequin"
    stand_in.write_text('#!/bin/sh\necho "$@"\n')
    stand_in.chmod(0o755)
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["--read-only", str(shelf.link.resolve())]


def test_nothing_published_is_said(
    configured: Callable[[Shelf], Path], tmp_path: Path, empty: Path
) -> None:
    config = configured(Shelf(tmp_path / "absent", empty))
    said = subprocess.run(
        [*PERPMILL, "shell", "-c", str(config)], capture_output=True, text=True, check=False
    )
    assert said.returncode == Exit.USAGE
    assert "nothing is published" in said.stderr
