"""`make bench`: the mill against what a user would otherwise use, and against itself as it grows.

Prints what it measures and writes `results.md`. Ends with exit code 1 if numbers disagree or a part
could not be measured, not if a criterion is missed: that is what the table is for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    analyst,
    contest,
    contest_report,
    gate,
    growth,
    machine,
    nightly,
    report,
    workers,
)
from benchmarks.agreement import Disagreement
from benchmarks.archive import simulated
from benchmarks.work import ROOT, WorkFailed


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes and places. cache: what is simulated, kept between runs."""

    symbols: int
    days: int
    repeats: int
    memory_symbols: int
    memory_days: int
    nightly_symbols: int
    history_days: int
    instruments: int
    cache: Path
    results: Path
    only: tuple[str, ...]


def main(words: Sequence[str] | None = None) -> int:
    options = _options(words)
    options.cache.mkdir(parents=True, exist_ok=True)
    sections, failed = [], False
    for part in options.only:
        workplace = options.cache / f"work-{part}"
        shutil.rmtree(workplace, ignore_errors=True)
        code = machine.code()
        try:
            section = PARTS[part](options, workplace, machine.circumstances())
        except (WorkFailed, Disagreement) as error:
            print(f"{part}: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
            continue
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
        if machine.code() != code:
            print(f"{part}: the code changed while it was measured: no result", file=sys.stderr)
            failed = True
            continue
        sections.append(section)
        # After each part, so that a later one that fails takes nothing away.
        report.write(options.results, machine.facts(), sections)
        print(section.text())
    return int(failed)


def _transform(options: Options, workplace: Path, circumstances: str) -> report.Section:
    _say(f"archive of {options.symbols} symbols × {options.days} days")
    archive = simulated(options.cache, options.symbols, options.days)
    held = contest.hold(archive, workplace, options.repeats, _say)
    return contest_report.section(held, circumstances)


def _growth(options: Options, workplace: Path, circumstances: str) -> report.Section:
    archive = simulated(options.cache, options.symbols, options.days)
    return growth.by_files(archive, options.cache, workplace, options.repeats, circumstances, _say)


def _memory(options: Options, workplace: Path, circumstances: str) -> report.Section:
    _say(f"archive of {options.memory_symbols} symbols × {options.memory_days} days")
    archive = simulated(options.cache, options.memory_symbols, options.memory_days)
    return growth.by_days(archive, workplace, options.days, circumstances, _say)


def _workers(options: Options, workplace: Path, circumstances: str) -> report.Section:
    archive = simulated(options.cache, options.symbols, options.days)
    return workers.section(archive, workplace, options.repeats, circumstances, _say)


def _nightly(options: Options, workplace: Path, circumstances: str) -> report.Section:
    return nightly.section(
        options.cache,
        workplace,
        symbols=options.nightly_symbols,
        days=options.days,
        history_days=options.history_days,
        repeats=options.repeats,
        circumstances=circumstances,
        say=_say,
    )


def _analyst(options: Options, _workplace: Path, circumstances: str) -> report.Section:
    return analyst.section(
        options.cache, options.instruments, options.history_days, circumstances, _say
    )


def _gate(options: Options, workplace: Path, circumstances: str) -> report.Section:
    return gate.section(workplace, options.instruments, options.repeats, circumstances, _say)


PARTS: dict[str, Callable[[Options, Path, str], report.Section]] = {
    "transform": _transform,
    "growth": _growth,
    "memory": _memory,
    "workers": _workers,
    "nightly": _nightly,
    "analyst": _analyst,
    "gate": _gate,
}


def _options(words: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)

    def size(name: str, default: int, meaning: str) -> None:
        variable = f"BENCH_{name.upper()}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=int,
            default=int(os.environ.get(variable, default)),
            help=f"{meaning} (or {variable}; default {default})",
        )

    size("symbols", 600, "symbols of the archive")
    size("days", 30, "days of the archive, the last of them 30 April 2023")
    size("repeats", 3, "rounds; medians of them count")
    size("memory_symbols", 200, "symbols of the archive that memory is measured on")
    size("memory_days", 300, "days of it, against --days of the same")
    size("nightly_symbols", 600, "symbols of the night")
    size("history_days", 1826, "days of history of the long night and of the analyst's build")
    size("instruments", 600, "instruments of the analyst's and the gate's build, at six venues")
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench", help="what is kept")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks/results.md", help="page to write"
    )
    parser.add_argument(
        "--only", default=",".join(PARTS), help=f"parts, by comma, of {', '.join(PARTS)}"
    )
    given = vars(parser.parse_args(words))
    only = tuple(given.pop("only").split(","))
    if unknown := set(only) - PARTS.keys():
        parser.error(f"--only: {', '.join(sorted(unknown))}: no such part")
    given["cache"] = given["cache"].resolve()
    return Options(only=only, **given)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
