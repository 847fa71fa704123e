"""The quality report for a person, on terminals of any width, and as Markdown for Prefect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {
    "passed": "green",
    "ok": "green",
    "warned": "yellow",
    "warning": "yellow",
    "partial": "yellow",
    "blocked": "red",
    "critical": "red",
    "missing": "red",
}


def render(said: Mapping[str, Any], console: Console) -> None:
    """Print what `flows.quality.report.quality` said."""
    about = said["day"]
    seen = "published" if said["published"] else "not what readers see"
    _line(console, Text.assemble("run ", (said["run_id"], "bold"), f" ({seen})"))
    held = f", {said['held']} of {said['expectations']} expectations held"
    _line(console, Text.assemble("verdict: ", _coloured(said["verdict"]), held))
    if said["site"] is not None:
        _line(console, Text(f"pages: {said['site']}"))
    if said["blocked_since"] is not None:
        blocked = f"since then the gate blocked run {said['blocked_since']}"
        _line(console, Text(f"{blocked}: perpmill quality --run {said['blocked_since']}", "red"))
    if about is not None:
        _day(about, console)
        return
    _table(
        console,
        ("table", "held", "critical", "warnings"),
        [
            (row["table"], f"{row['held']}/{row['expectations']}", row["critical"], row["warnings"])
            for row in said["tables"]
        ],
    )
    _findings(said["findings"], console)


def markdown(said: Mapping[str, Any]) -> str:
    """The verdict, what did not hold, and where the pages are."""
    held = f"{said['held']} of {said['expectations']} expectations held"
    lines = [
        f"Run `{said['run_id']}`: **{said['verdict']}**, {held}.",
        "",
        f"Data Docs: `{said['site']}`" if said["site"] is not None else "No Data Docs were drawn.",
    ]
    if said["findings"]:
        lines += ["", "| severity | rule | where | asked | found |", "|---|---|---|---|---|"]
    for finding in said["findings"]:
        cells = (
            finding["severity"],
            f"`{finding['rule']}`",
            _where(finding) or "the table",
            finding["asked"],
            finding["found"],
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    """Markdown that stays in its cell and is not taken for HTML, whatever a venue calls things."""
    text = " ".join(str(value if value is not None else "").split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _day(about: Mapping[str, Any], console: Console) -> None:
    _heading(console, str(about["date"]))
    if not about["known"]:
        span = f"{about['first_date']} … {about['last_date']}"
        _line(console, Text(f"nothing is known of this day; the build holds {span}", "yellow"))
        return
    _table(
        console,
        ("venue", "dataset", "status", "instruments", "rows"),
        [
            (
                row["venue"],
                row["dataset"],
                _coloured(row["status"]),
                f"{row['instruments_present']} of {_known(row['instruments_expected'])}",
                row["rows"],
            )
            for row in about["coverage"]
        ],
    )
    _list(
        console,
        "taken out",
        (f"{row['venue']} {row['dataset']}: {row['because']}" for row in about["taken_out"]),
    )
    _list(
        console,
        "liquidations",
        (
            f"{row['venue']} {row['completeness']} ({row['source'] or 'documented nowhere'})"
            for row in about["liquidations"]
        ),
    )
    _list(
        console,
        "set aside (quarantine)",
        (
            f"{row['venue']} {row['dataset']}: {row['records']} records; "
            f"{'' if row['reasons'] == 1 else 'mostly '}{row['most_frequent']}"
            for row in about["quarantined"]
        ),
    )
    _list(
        console,
        "sources that differ",
        (
            f"{row['venue']} {row['dataset']}: {row['facts']} facts, such as {row['example']}"
            for row in about["conflicts"]
        ),
    )
    _list(console, "restated since it was first published", _restated(about["restatements"]))
    _heading(console, "what did not hold")
    _findings(about["findings"], console, with_run=True)
    if not about["findings"]:
        _line(console, Text("nothing"))


def _restated(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What a run changed and why, then a line for each table, venue and kind of change."""
    for (run_id, cause), of_run in groupby(rows, key=lambda row: (row["run_id"], row["cause"])):
        yield f"run {run_id}: {cause}"
        keyed = groupby(of_run, key=lambda row: (row["table_name"], row["venue"], row["kind"]))
        for (table, venue, kind), of_table in keyed:
            told = [
                f"{row['rows']} {row['column_name'] or 'rows'}{_by(row['largest_difference'])}"
                for row in of_table
            ]
            yield f"  {table}{_after(' ', venue)} {kind}: {', '.join(told)}"


def _by(difference: float | None) -> str:
    return "" if difference is None else f" by up to {difference:.6g}"


def _findings(
    found: Sequence[Mapping[str, Any]], console: Console, *, with_run: bool = False
) -> None:
    for finding in found:
        place = _where(finding)
        head = Text.assemble(
            _coloured(finding["severity"]),
            f" {finding['rule']}",
            f" ({place})" if place else "",
            _after(": ", finding["observed"]),
            f" [run {finding['run_id']}]" if with_run else "",
        )
        _line(console, head)
        for name in ("asked", "found", "reason"):
            if finding[name] is not None:
                _line(console, Text(f"  {name}: {finding[name]}", "dim" if name != "found" else ""))


def _where(finding: Mapping[str, Any]) -> str:
    return " ".join(str(finding[name]) for name in ("date", "venue") if finding[name] is not None)


def _after(mark: str, value: object) -> str:
    return "" if value is None else f"{mark}{value}"


def _known(value: object) -> str:
    return "?" if value is None else str(value)


def _coloured(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))


def _heading(console: Console, text: str) -> None:
    console.print()
    _line(console, Text(text, "bold"))


def _list(console: Console, title: str, lines: Iterable[str]) -> None:
    told = list(lines)
    if not told:
        return
    _heading(console, title)
    for line in told:
        _line(console, Text(f"  {line}"))


def _line(console: Console, text: Text) -> None:
    """Never cut and never wrapped by us: terminals wrap by themselves, and files need no width."""
    console.print(text, soft_wrap=True)


def _table(console: Console, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    numbers = {"held", "critical", "warnings", "instruments", "rows"}
    for name in names:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    console.print(table)
