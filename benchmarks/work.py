"""What is measured: a piece of work in a process of its own, so that neither memory nor anything
warmed up is shared with what was measured before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from benchmarks.memory import watched

ROOT = Path(__file__).resolve().parent.parent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """do: what is timed. tell: what of its result is handed back (as JSON), after the clock."""

    do: Callable[[], T]
    tell: Callable[[T], dict[str, Any]] = lambda _: {}


@dataclass(frozen=True, slots=True)
class Measured:
    """One piece of work.

    seconds: wall time of the work alone. set_up_seconds: imports and what else came before it.
    cpu_seconds: of the process and its children, during the work. peak_bytes: the most memory the
    process and all below it ever had resident at a time, imports included. told: what the work
    said of itself.
    """

    seconds: float
    cpu_seconds: float
    set_up_seconds: float
    peak_bytes: int
    told: dict[str, Any] = field(default_factory=dict)


class WorkFailed(RuntimeError):
    """The measured process ended with an error; the message has what it said last."""


def measure(what: str, **given: Any) -> Measured:
    """Run `what`, `module:function`, in a new process; the function takes `given` (JSON values)
    and returns the `Work` to time. Raises WorkFailed."""
    with TemporaryDirectory(prefix="perpmill-bench-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "benchmarks.child", what, str(answer), json.dumps(given)]
        with (
            subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process,
            watched(process.pid) as memory,
        ):
            out, errors = process.communicate()
        if process.returncode != 0:
            last = "\n".join((errors or out).strip().splitlines()[-12:])
            raise WorkFailed(f"{what}: exit code {process.returncode}\n{last}")
        told = json.loads(answer.read_text(encoding="utf-8"))
        # Between two looks a process may have had more than at either.
        told["peak_bytes"] = max(told["peak_bytes"], memory.peak_bytes)
        return Measured(**told)
