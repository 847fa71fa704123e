"""The data dictionary: an index, and a page per published table with columns, lineage, caveats.

Columns and keys come from the schemas, lineage from the code that makes a table, caveats by date
from the venue files and from the pages of the metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from flows.exports.contracts import ENDING
from flows.queries import cookbook
from sql.views import meaning, views
from transforms.daily.catalogue import DAILY, REFERENCES
from transforms.schemas.daily import DAILY_TABLES
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.published import (
    PUBLISHED_BY,
    PUBLISHED_TABLES,
    VERSIONED_TABLES,
    column_dictionary,
    primary_key,
)
from transforms.schemas.references import REFERENCE_TABLES
from transforms.venue import discover

FOLDER = "tables"
INDEX = "data-dictionary.md"

_GROUPS: tuple[tuple[str, frozenset[str]], ...] = (
    ("The market, across venues", frozenset(MARKET_TABLES)),
    ("Each venue by itself", frozenset(DAILY_TABLES)),
    ("Aggregators, beside our numbers", frozenset(REFERENCE_TABLES)),
    ("What stands behind the numbers", frozenset(PUBLISHED_TABLES)),
)
_VENUE_TABLES = tuple(table.name for table in DAILY)
# The hours are for readers: rolling maxima are taken over the events themselves.
_MARKET = (
    *(name for name in _VENUE_TABLES if name != "liquidations_hourly"),
    "instruments",
    "normalised `liquidations`",
)

MADE_FROM: dict[str, tuple[str, ...]] = {
    **{
        table.name: (f"normalised `{table.dataset}`", "`accounting`", "instruments")
        + (("liquidation_regimes",) if table.dataset == "liquidations" else ())
        for table in DAILY
    },
    **{table.name: (f"normalised `{table.dataset}`", "`accounting`") for table in REFERENCES},
    "market_daily": (*_MARKET, "reserves_daily"),
    "market_total_daily": _MARKET,
    "signals_daily": ("market_daily",),
    "instruments": ("normalised `instruments`", "the rules of the venue files"),
    "coverage_daily": ("`accounting`", "instruments", "what the gate took out"),
    "liquidation_regimes": ("the venue files",),
    "source_conflicts": ("`conflicts`: one fact, two values, met while normalising",),
    "corrections": ("`corrections.yaml` and what it touched",),
    "runs": ("the run itself",),
    "raw_files": ("the ledger of raw files and `accounting`",),
    "expectation_results": ("the gate",),
    "restatements": ("the build before this one and what changed",),
    "column_dictionary": ("the schemas",),
}
"""Per table what it is computed from: tables by their name, the rest in words."""

_DATED = re.compile(r"\b20\d\d-\d\d")
_ABOUT_LIQUIDATIONS = ("liquidations_daily", "liquidations_hourly", "liquidation_regimes")


def pages(docs: Path) -> dict[str, str]:
    """The index and the pages of the tables by path below `docs`, whose `metrics` are read."""
    metrics = _metrics(docs / "metrics")
    columns = column_dictionary()
    found = {INDEX: _index()}
    for name in PUBLISHED_TABLES:
        of_table = columns.filter(pl.col("table_name") == name)
        found[f"{FOLDER}/{name}.md"] = _page(name, of_table, metrics)
    return found


def _summary(name: str) -> str:
    return " ".join((PUBLISHED_TABLES[name].__doc__ or "").split())


def _index() -> str:
    parts = [
        "# Data dictionary",
        "",
        "Written from `transforms/schemas` by `make docs`; every build has the columns as the",
        "table `column_dictionary` too. All times are UTC, rates are fractions (0.0001 = 1 bp),",
        "`_usd` is US dollars with stablecoins at par, `_coin` is canonical coins. NULL means",
        "*not known*, 0 means *known to be zero*.",
    ]
    listed: set[str] = set()
    for title, tables in _GROUPS:
        own = [name for name in PUBLISHED_TABLES if name in tables and name not in listed]
        listed |= set(own)
        rows = [
            (
                f"[{name}]({FOLDER}/{name}.md)",
                _listed(primary_key(PUBLISHED_TABLES[name])),
                _first_sentence(_summary(name)),
            )
            for name in own
        ]
        parts += ["", f"## {title}", "", *_table(("table", "one row per", "holds"), rows)]
    rows_of_views = [(f"`{name}`", meaning(statements)) for name, statements in views().items()]
    parts += ["", "## Views", "", *_table(("view", "shows"), rows_of_views)]
    parts += [
        "",
        "[Commands](commands.md) says how the table macros of a build are listed.",
    ]
    return "\n".join(parts) + "\n"


def _page(name: str, columns: pl.DataFrame, metrics: dict[str, str]) -> str:
    parts = [
        f"# {name}",
        "",
        _summary(name),
        "",
        f"One row per {_listed(primary_key(PUBLISHED_TABLES[name]))}. {_versions(name)}",
        "",
        "## Columns",
        "",
    ]
    header = ("column", "meaning", "unit", "type", "NULL means", "formula")
    shown = "column_name", "meaning", "unit", "type", "null_meaning", "formula"
    parts += _table(
        header,
        [
            (f"`{column}`", said, unit, kind, null or "never NULL", formula or "")
            for column, said, unit, kind, null, formula in columns.select(shown).rows()
        ],
    )
    parts += ["", "## Lineage", "", *_lineage(name)]
    told = {page: text for page, text in metrics.items() if f"`{name}." in text}
    if caveats := [*_regimes(name), *_relistings(name), *_dated(told)]:
        parts += ["", "## Caveats by date", "", *caveats]
    parts += ["", "## More", "", *_more(name, told)]
    return "\n".join(parts) + "\n"


def _versions(name: str) -> str:
    if name not in VERSIONED_TABLES:
        return ""
    return (
        f"`{PUBLISHED_BY}` is the run that first published a row as it stands; "
        f"`FROM {name}_as_of(TIMESTAMP '2026-03-01 06:00')` gives the rows readers saw then."
    )


def _lineage(name: str) -> list[str]:
    used_by = [other for other, sources in MADE_FROM.items() if name in sources]
    made = ", ".join(_linked(source) for source in MADE_FROM[name])
    used = ", ".join(_linked(other) for other in used_by) or "nothing else of ours"
    return [f"Made from {made}.", "", f"Used by {used}."]


def _linked(source: str) -> str:
    return f"[{source}]({source}.md)" if source in PUBLISHED_TABLES else source


def _regimes(name: str) -> list[str]:
    """How complete each feed is, and since when."""
    if name not in _ABOUT_LIQUIDATIONS:
        return []
    rows = [
        (venue.name, str(r.valid_from), str(r.valid_to or ""), r.completeness.value, r.source)
        for venue in discover().values()
        for r in sorted(venue.regimes, key=lambda regime: regime.valid_from)
    ]
    header = ("venue", "from", "until", "completeness", "source")
    return [
        "What feeds show has changed; days that no line covers are `unknown`.",
        "",
        *_table(header, rows),
        "",
    ]


def _relistings(name: str) -> list[str]:
    """Tickers that were used again for something else."""
    if name not in DAILY_TABLES and name != "instruments":
        return []
    rows = []
    for venue in discover().values():
        by_day: dict[str, list[str]] = {}
        for symbol, instants in sorted(venue.relisted.items()):
            for instant in instants:
                by_day.setdefault(str(instant.date()), []).append(symbol)
        for day, symbols in sorted(by_day.items()):
            rows.append((venue.name, day, ", ".join(f"`{symbol}`" for symbol in symbols)))
    header = ("venue", "on", "tickers that began anew")
    return ["A ticker used again is a new instrument:", "", *_table(header, rows), ""]


def _dated(told: dict[str, str]) -> list[str]:
    """The bullets with a date among the caveats of the metrics that a table holds."""
    found = []
    for page, text in told.items():
        bullets = [b for b in _bullets(_section(text, "Caveats")) if _DATED.search(b)]
        if bullets:
            found += [f"From [{_title(text)}](../metrics/{page}):", "", *bullets, ""]
    return found


def _more(name: str, told: dict[str, str]) -> list[str]:
    lines = []
    if told:
        links = ", ".join(f"[{_title(text)}](../metrics/{page})" for page, text in told.items())
        lines.append(f"- Metrics: {links}.")
    asking = [q.name for q in cookbook().values() if re.search(rf"\b{name}\b", q.text)]
    if asking:
        links = ", ".join(f"[{query}](../cookbook.md#{query})" for query in asking)
        lines.append(f"- Questions of the cookbook: {links}.")
    lines += [
        f"- [Data contract](../contracts/{name}{ENDING}), with what the gate asks of the table.",
        f"- [Parquet](../parquet.md): `published/tables/{name}.parquet`.",
    ]
    return lines


def _metrics(folder: Path) -> dict[str, str]:
    """The pages of the metrics by file name."""
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.md"))
        if path.name != "README.md"
    }


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _section(text: str, title: str) -> str:
    _, _, rest = text.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def _bullets(section: str) -> list[str]:
    """The list items, their links made to work from the folder of the tables."""
    items = re.split(r"^(?=- )", section, flags=re.MULTILINE)
    whole = [item.partition("\n\n")[0].rstrip() for item in items if item.startswith("- ")]
    return [re.sub(r"\]\((?!https?:|#)", "](../metrics/", item) for item in whole]


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    escaped = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    rule = "|".join("---" for _ in header)
    return [f"| {' | '.join(header)} |", f"|{rule}|", *(f"| {row} |" for row in escaped)]
