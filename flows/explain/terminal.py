"""An explanation for a person: what matters first, long lists cut and counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_SPARE = 2
"""A list that is longer by so many rows only is not worth cutting."""


def render(said: dict[str, Any], console: Console, rows: int) -> None:
    """Print it. rows: how many rows a list shows from its beginning and from its end."""
    key = " ".join(_shown(value) for value in said["key"].values())
    console.print(f"[bold]{said['table']}[/bold] {_text(key)}", highlight=False)
    build = said["build"]
    _say(
        console,
        f"as the build of run {build['run_id']} has it, published {_shown(build['published_at'])}",
    )
    if not said["found"]:
        _absent(said, console)
    else:
        _values(said["values"], console)
        if "parts" in said:
            _parts(said["parts"], console, rows)
        else:
            _rows(said, console, rows)
            _files(said, console, rows)
        if "records" in said:
            _records(said["records"], console)
        _recomputed(said, console)
        _quality(said["quality"], console, rows)
    _history(said, console)


def _head(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"), soft_wrap=True)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(f"  {text}", style=style, markup=False, highlight=False, soft_wrap=True)


def _text(value: str) -> str:
    return value.replace("[", "\\[")


def _shown(value: object) -> str:
    """All digits; times in UTC."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}{f'.{value:%f}'.rstrip('0').rstrip('.')} UTC"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    if value == 0 or 1e-4 <= abs(value) < 1e16:
        return f"{value:,.0f}" if value.is_integer() else _grouped(repr(value))
    return f"{Decimal(repr(value)):f}" if abs(value) > 1e-12 else repr(value)


def _grouped(digits: str) -> str:
    whole, _, fraction = digits.partition(".")
    return f"{int(whole):,}.{fraction}" if abs(int(whole)) else digits


def _table(
    console: Console, rows: Sequence[dict[str, Any]], ends: int, leave_out: Sequence[str] = ()
) -> None:
    """Rows of one shape, one a line, the middle left out where there are too many."""
    if not rows:
        return
    names = [name for name in rows[0] if name not in leave_out]
    cut = len(rows) > 2 * ends + _SPARE
    shown = [*rows[:ends], *rows[-ends:]] if cut else list(rows)
    table = Table(box=None, header_style="dim", pad_edge=True, padding=(0, 2, 0, 0))
    for name in names:
        number = any(isinstance(row[name], int | float | Decimal) for row in shown)
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for place, row in enumerate(shown):
        if cut and place == ends:
            table.add_row(f"… {len(rows) - 2 * ends} more", *[""] * (len(names) - 1), style="dim")
        table.add_row(*(Text(_shown(row[name])) for name in names))
    # Lines are not folded: a number or a key cut in two is neither.
    Console(file=console.file, width=400, no_color=console.no_color).print(
        table, soft_wrap=True, crop=False
    )


def _values(values: Sequence[dict[str, Any]], console: Console) -> None:
    _head(console, "The row")
    for each in values:
        console.print(
            f"  {each['column']} = [bold]{_text(_shown(each['value']))}[/bold] "
            f"[dim]{'' if each['unit'] == 'UTC' else _text(each['unit'])}[/dim]",
            highlight=False,
            soft_wrap=True,
        )
        formula = f"; {each['formula']}" if each["formula"] else ""
        _say(console, f"    {each['meaning']}{formula}", "dim")
        if each["null_means"]:
            _say(console, f"    NULL: {each['null_means']}", "yellow")


def _rows(said: dict[str, Any], console: Console, rows: int) -> None:
    window = said["window"]
    _head(
        console, f"Made from {len(said['rows'])} normalised rows ({window['dataset']}) of the day"
    )
    _inputs(said["inputs"], console)
    hidden = [
        name for name in (said["rows"][0] if said["rows"] else {})
        if all(row[name] is None for row in said["rows"])
    ]  # fmt: skip
    keys = [file["key"] for file in said["raw_files"]]
    numbered = [
        {"file": keys.index(row["raw_key"]) + 1 if row["raw_key"] in keys else None} | row
        for row in said["rows"]
    ]
    _table(console, numbered, rows, [*hidden, "raw_key"])
    if window["first"] == window["last"]:
        return
    days = window["days"]
    count = sum(day["rows"] for day in days)
    _say(
        console,
        f"windows look at {window['first']} … {window['last']}: {count} more rows of "
        f"{len(days)} other days there",
    )
    _table(console, days, rows)


def _inputs(inputs: dict[str, Any], console: Console) -> None:
    if inputs["as_built"] is None:
        _say(
            console,
            "what the build was made of was not kept: the lake may have been rebuilt since",
            "yellow",
        )
    if not inputs["differing"]:
        return
    _say(
        console,
        f"NOT what the build was made of: {len(inputs['differing'])} of {inputs['partitions']} "
        "partitions of the lake differ, the rows below are those of now",
        "red",
    )
    for each in inputs["differing"]:
        _say(
            console,
            f"  {each['layer']}/{each['name']} {each['venue']} {each['date']}: {each['state']}",
            "red",
        )


_FOUND = {
    "same bytes": ("the lake has these very bytes (SHA-256 computed and equal)", "green"),
    "altered": ("ALTERED IN THE LAKE: its bytes are not those taken in", "bold red"),
    "gone": ("GONE FROM THE LAKE", "bold red"),
    "same size, not hashed": (
        "there with the size recorded; too large to hash by the way",
        "yellow",
    ),
    None: ("taken in after this build; the next one tells of it", "yellow"),
}


def _files(said: dict[str, Any], console: Console, ends: int) -> None:
    files = said["raw_files"]
    _head(console, f"Raw files: {len(files)}")
    shown = files[: 2 * ends]
    for number, file in enumerate(shown, start=1):
        _say(console, f"{number}  {file['key']}")
        text, style = _FOUND[file["found"]]
        if "sha256" in file:
            _say(console, f"   sha256 {file['sha256']}, {file['bytes']:,} bytes")
        _say(console, f"   {text}", style)
        if "sha256" not in file:
            continue
        carrier = f" (collected by {file['carrier']})" if file["carrier"] else ""
        _say(
            console,
            f"   from {file['source_url']}{carrier} at {_shown(file['fetched_at'])}; the venue's "
            f"checksum: {file['venue_checksum']}",
        )
        _say(
            console,
            f"   records read {file['rows_read']}, kept {file['rows_kept']}, duplicate "
            f"{file['rows_duplicate']}, set aside {file['rows_quarantined']}; behind this row: "
            f"{_ranges(file['records'])}",
        )
        if file["superseded_by"]:
            _say(console, f"   superseded by {file['superseded_by']}", "yellow")
        for key in file["replaces"]:
            _say(console, f"   replaces {key}", "yellow")
    if len(files) > len(shown):
        _say(console, f"… {len(files) - len(shown)} more (--json has all)", "dim")


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers of records, neighbours put together."""
    if not numbers:
        return "none"
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    parts = [str(a) if a == b else f"{a}–{b}" for a, b in spans]
    more = f" and {len(parts) - 8} more stretches" if len(parts) > 8 else ""
    return f"record {', '.join(parts[:8])}{more}"


def _records(records: Sequence[dict[str, Any]], console: Console) -> None:
    _head(console, "Records as they stand in the raw files, read and parsed again")
    for each in records:
        line = "" if each["line"] is None else f", line {each['line']}"
        name = each["raw_key"].rpartition("/")[2]
        again = "parsed again" if each["reread"] else "NOT A ROW WHEN PARSED NOW"
        _say(console, f"{name}, record {each['raw_row']}{line} ({again})")
        if each["text"] is not None:
            _say(console, f"   {each['text']}", "bold")
        if each["why"]:
            _say(console, f"   {each['why']}", "yellow")


def _parts(parts: Sequence[dict[str, Any]], console: Console, rows: int) -> None:
    for part in parts:
        _head(console, part["title"])
        _table(console, part["rows"], rows)
        for note in part["notes"]:
            _say(console, note, "dim")
        for each in part["gives"]:
            verdict = "agrees" if each["agrees"] else f"published is {_shown(each['published'])}"
            _say(
                console,
                f"{each['column']} = {_shown(each['from_rows'])}: {verdict}",
                "green" if each["agrees"] else "bold red",
            )


def _recomputed(said: dict[str, Any], console: Console) -> None:
    _head(console, "Computed anew from these rows")
    differing = [each for each in said["recomputed"] if not each["equal"]]
    count = len(said["recomputed"])
    if "parts" in said:
        _inputs(said["inputs"], console)
    if not differing:
        _say(console, f"yes: {count} of {count} values are equal to the last bit", "green")
    for each in differing:
        _say(
            console,
            f"no: {each['column']} comes to {_shown(each['computed'])}, published is "
            f"{_shown(each['published'])}",
            "bold red",
        )
    build = said["build"]
    if build["code_version"] != build["code_version_here"]:
        _say(
            console,
            f"with another code than the build's: {build['code_version_here']} here, "
            f"{build['code_version']} then",
            "yellow",
        )


def _quality(found: dict[str, Any], console: Console, rows: int) -> None:
    _head(console, "Quality")
    gate = found["gate"]
    mentioned = [each for each in gate["findings"] if each["mentions"]]
    others = len(gate["findings"]) - len(mentioned)
    _say(
        console,
        f"gate: {gate['checked']} expectations of run {gate['run_id']} looked at the table; "
        f"{len(mentioned)} findings name this row, {others} others are about the table",
    )
    for each in mentioned:
        _say(console, f"  {each['severity']} {each['expectation']}: {each['detail']}", "yellow")
    for each in found["coverage"]:
        because = f", because {each['excluded_because']}" if each["excluded_because"] else ""
        _say(
            console,
            f"coverage of {each['venue']} {each['dataset']}: {each['status']}, "
            f"{each['instruments_present']} instruments of {_shown(each['instruments_expected'])} "
            f"due, {each['rows']} rows{because}",
            "" if each["status"] == "ok" else "yellow",
        )
    for name, title in (
        ("conflicts", "raw files that disagree, and whose value was kept"),
        ("corrections", "corrections that touched the records"),
        ("set_aside", "records of these files set aside on the day"),
    ):
        if found.get(name):
            _say(console, f"{title}: {len(found[name])}", "yellow")
            _table(console, found[name], rows)


def _history(said: dict[str, Any], console: Console) -> None:
    found = said["history"]
    _head(console, "History")
    for each in found["versions"]:
        value = f" as {_shown(each['value'])}" if said["column"] else ""
        until = f", until run {each['superseded_by']}" if each["superseded_by"] else ", stands"
        _say(
            console,
            f"published{value} by run {each['published_by']} at {_shown(each['published_at'])}"
            f"{until}",
        )
    if not found["restatements"]:
        _say(console, "never restated", "dim")
    for each in found["restatements"]:
        what = each["column_name"] or "the row"
        change = "" if each["kind"] != "changed" else (
            f" {_shown(each['old_value'])} → {_shown(each['new_value'])}"
        )  # fmt: skip
        _say(
            console,
            f"{_shown(each['finished_at'])} run {each['run_id']}: {what} {each['kind']}{change}",
            "yellow",
        )
        _say(console, f"   because of {each['cause']}", "dim")


def _absent(said: dict[str, Any], console: Console) -> None:
    _head(console, "There is no such row")
    for reason in said["reasons"]:
        _say(console, reason, "yellow")
