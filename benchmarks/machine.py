"""What the numbers were measured on: no names of hosts, no paths."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("polars", "duckdb", "pandas", "pyarrow", "numpy", "isal", "chdb", "chdb-core")


def facts() -> list[str]:
    """Lines of Markdown."""
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return [
        f"- {os.cpu_count()} cores, {_cpu()}, {_memory_gb()} GB of memory",
        f"- {platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"- {libraries}",
    ]


def circumstances() -> str:
    """When it is, of which commit, and what else the machine was doing (load of a minute)."""
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}{load}"


def code() -> str:
    """A digest of what is measured: partitions made by other code are made anew, and timed so."""
    digest = hashlib.sha256()
    for package in ("expectations", "flows", "sql", "transforms"):
        for path in sorted((Path(__file__).parent.parent / package).rglob("*.[ps][yq]*")):
            if "__pycache__" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    if not (commit := git("rev-parse", "--short", "HEAD")):
        return "unknown"
    changed = git("status", "--porcelain", "--", "../transforms", "../flows", "../expectations")
    return f"{commit} with changes" if changed else commit


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
