"""`perpmill shell`: the DuckDB prompt on the published build, or harlequin."""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import duckdb
from rich.console import Console

from flows.confinement import confine
from flows.reading import connect, published
from flows.settings import Settings
from flows.storage.publication import Pointer

_REMEDY = "pip install duckdb-cli"
_PROGRAM = "duckdb.exe" if os.name == "nt" else "duckdb"
_SETTINGS = (
    # What does not fit into memory would be written beside the build, into the lake.
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    ".startup_text none",
    ".pager off",
    ".prompt 'perpmill> ' '     ...> '",
    ".safe_mode",
)
"""Safe mode last: it locks the configuration, and turns files, the network and programs off."""


_UNCONFINED = (
    "This system has no Landlock (Linux from 5.13 on): only the prompt's own safe mode keeps it\n"
    "from files and the network, and its .pager can still run programs.\n"
)


class NoPrompt(LookupError):
    """There is no program to type into."""


def run_shell(settings: Settings, program: str, console: Console) -> None:
    """Say what is open, and become the prompt. Raises NothingPublished, NoPrompt.

    program: `duckdb`, whose prompt can neither write nor read files, run programs, nor reach the
    network (where Linux has Landlock the kernel sees to it; elsewhere only its safe mode, whose gap
    is then told of); or `harlequin` from PATH,
    which opens the build read-only and is otherwise free.
    """
    pointer, build = published(settings)
    if program == "harlequin":
        remedy = "pip install harlequin"
        _become(_found("harlequin", remedy), ["--read-only", str(build)], remedy)
    prompt = _prompt()
    console.print(banner(pointer, build), highlight=False, markup=False, soft_wrap=True)
    devices = [Path("/dev/tty"), Path("/dev/null")]
    if not confine(execute=[prompt, *_loader(prompt)], write=[*devices, _history()]):
        console.print(_UNCONFINED, style="yellow", highlight=False, markup=False, soft_wrap=True)
    sys.stdout.flush()
    arguments = ["-no-init", "-readonly", _shade()]
    for command in _SETTINGS:
        arguments += ["-cmd", command]
    # Once confined, the interpreter of a script may not be run.
    remedy = f"the program itself is needed, not a script that starts it; {_REMEDY}"
    _become(prompt, [*arguments, str(build)], remedy)


def banner(pointer: Pointer, build: Path) -> str:
    """What is open, and how to find one's way: a few lines."""
    with connect(build) as connection:
        day = _one(connection, "SELECT max(date) FROM market_daily")
        verdict = _one(connection, "SELECT verdict FROM runs WHERE run_id = ?", pointer.run_id)
        macros = connection.execute(
            "SELECT function_name || '(' || array_to_string(parameters, ', ') || ')' "
            "FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal "
            "AND function_name NOT LIKE '%\\_as\\_of' ESCAPE '\\' ORDER BY 1"
        ).fetchall()
    return "\n".join(
        [
            f"Perpmill, run {pointer.run_id} · newest day {day} · gate: {verdict or 'unknown'}",
            "SHOW TABLES;   DESCRIBE funding_daily;   SUMMARIZE market_daily;",
            "FROM column_dictionary WHERE table_name = 'funding_daily';   -- unit, meaning, NULL",
            f"Macros: FROM {', '.join(name for (name,) in macros)};",
            "<table>_as_of(ts): what readers saw then. Read-only. UTC. Tab completes, .quit leaves",
            "",
        ]
    )


def _one(connection: duckdb.DuckDBPyConnection, text: str, *values: object) -> object:
    row = connection.execute(text, list(values)).fetchone()
    return None if row is None else row[0]


def _prompt() -> Path:
    # The package's own script sets extension directories first, which safe mode forbids.
    package = find_spec("duckdb_cli")
    for folder in () if package is None else package.submodule_search_locations or ():
        bundled = Path(folder) / _PROGRAM
        if bundled.is_file():
            return bundled
    return _found("duckdb", _REMEDY)


def _found(program: str, remedy: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise NoPrompt(f"{program} is not on PATH: {remedy}")
    return Path(path)


def _shade() -> str:
    """Colours for a dark or a light terminal, as COLORFGBG has it (`15;0`), else dark.

    Left to itself the prompt asks the terminal, and hangs where the answer is lost.
    """
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return "-light-mode" if background in {"7", "15"} else "-dark-mode"


def _loader(program: Path) -> list[Path]:
    """What the kernel runs to load a program: named near the front of an ELF file."""
    with program.open("rb") as file:
        found = re.search(rb"\0(/[^\0]*/ld[^\0/]*\.so[^\0/]*)\0", file.read(8192))
    return [] if found is None else [Path(os.fsdecode(found[1]))]


def _history() -> Path:
    """Where DuckDB's prompt keeps what was typed; from inside it could no longer be made."""
    path = Path(os.environ.get("DUCKDB_HISTORY", Path.home() / ".duckdb_history"))
    with suppress(OSError):
        path.touch(mode=0o600)
    return path


def _become(program: Path, arguments: list[str], remedy: str) -> None:
    try:
        os.execv(program, [str(program), *arguments])  # noqa: S606 - nothing of it is anybody's input
    except OSError as error:
        raise NoPrompt(f"{program} cannot be run here ({error.strerror}): {remedy}") from error
