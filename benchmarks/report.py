"""`results.md`: a section per part of the benchmark; one that was not run stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MB = 1e6


@dataclass(frozen=True, slots=True)
class Criterion:
    """What was asked of the mill, what was measured, and whether it is met."""

    asked: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Section:
    """title: what the section is told by when it is replaced."""

    title: str
    lines: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()

    def text(self) -> str:
        parts = [f"## {self.title}", "", *self.lines]
        if self.criteria:
            rows = [(c.asked, c.measured, "yes" if c.met else "**no**") for c in self.criteria]
            parts += ["", *table(("asked", "measured", "met"), rows)]
        return "\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Markdown; all columns but the first are numbers if the first row's are."""
    first = rows[0] if rows else header
    numeric = [bool(re.fullmatch(r"[*]*[\d.,–×% ]+[*]*", str(cell))) for cell in first]
    return [
        f"| {' | '.join(header)} |",
        f"|{'|'.join('---:' if n else '---' for n in numeric)}|",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def spread(seconds: Sequence[float]) -> str:
    """Least and most."""
    return f"{min(seconds):.2f} – {max(seconds):.2f}"


def middle(values: Sequence[float]) -> float:
    return median(values)


def write(path: Path, facts: Sequence[str], sections: Sequence[Section]) -> str:
    """The page with the sections given, and those that were there and are not given; its text."""
    held = _held(path)
    held |= {section.title: section.text() for section in sections}
    intro = [
        "# Benchmark",
        "",
        "Written by `make bench`. Times are wall seconds of the work alone, each piece in a",
        "process of its own with imports left out; the page cache is warm. Ratios are of medians",
        "within one run.",
        "",
        *facts,
        "",
    ]
    text = "\n".join([*intro, *(each.rstrip() + "\n" for each in held.values())])
    path.write_text(text, encoding="utf-8")
    return text


def _held(path: Path) -> dict[str, str]:
    """Sections of a page written before, by title."""
    if not path.exists():
        return {}
    parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].removeprefix("## "): part for part in parts}
