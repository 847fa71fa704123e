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
    process ever had resident, imports included. child_peak_bytes: likewise of its largest child,
    0 if it had none. told: what the work said of itself.
    """

    seconds: float
    cpu_seconds: float
    set_up_seconds: float
    peak_bytes: int
    child_peak_bytes: int
    told: dict[str, Any] = field(default_factory=dict)


class WorkFailed(RuntimeError):
    """The measured process ended with an error; the message has what it said last."""


def measure(what: str, **given: Any) -> Measured:
    """Run `what`, `module:function`, in a new process; the function takes `given` (JSON values)
    and returns the `Work` to time. Raises WorkFailed."""
    with TemporaryDirectory(prefix="perpmill-bench-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "benchmarks.child", what, str(answer), json.dumps(given)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
            raise WorkFailed(f"{what}: exit code {done.returncode}\n{last}")
        return Measured(**json.loads(answer.read_text(encoding="utf-8")))
