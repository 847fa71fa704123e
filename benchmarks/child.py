"""The measured process: `python -m benchmarks.child MODULE:FUNCTION ANSWER.json '{"given": …}'`."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

from flows.allocators import one_pool

_STARTED = time.perf_counter()
_OTHERS = ("benchmarks.scripts", "benchmarks.floor", "benchmarks.bare")


def main() -> None:
    what, answer, given = sys.argv[1:]
    module, _, function = what.partition(":")
    if not module.startswith(_OTHERS):
        one_pool()  # as the command does
    work = getattr(importlib.import_module(module), function)(**json.loads(given))
    started, cpu = time.perf_counter(), _cpu_seconds()
    result = work.do()
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "set_up_seconds": started - _STARTED,
        "peak_bytes": _peak_bytes(),
    }
    measured["told"] = work.tell(result)
    Path(answer).write_text(json.dumps(measured), encoding="utf-8")


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_bytes() -> int:
    """Linux counts in ru_maxrss what the parent had when it forked, so ask for this program's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _in_bytes(maxrss: int) -> int:
    """Kilobytes, but on macOS bytes."""
    return maxrss if sys.platform == "darwin" else maxrss * 1024


if __name__ == "__main__":
    main()
