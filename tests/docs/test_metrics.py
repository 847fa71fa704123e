"""The pages of `docs/metrics` name columns that exist, all of them, and what they show runs."""

from __future__ import annotations

import re
from itertools import pairwise
from math import log
from pathlib import Path

import duckdb
import pytest

from flows.storage.warehouse import Warehouse
from transforms.market.score import BUILDING, HIGH, PARTS
from transforms.schemas.daily import DAILY_TABLES, VenueDay
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.published import PUBLISHED_TABLES, primary_key
from transforms.venue import discover

METRICS = Path(__file__).parents[2] / "docs/metrics"
INDEX = METRICS / "README.md"
PAGES = sorted(path for path in METRICS.glob("*.md") if path != INDEX)

SECTIONS = (
    *("Formula", "Columns", "Units and sign", "Worked example", "Elsewhere", "Caveats"),
    *("When it is NULL", "Query"),
)
OF_SIGNALS = ("Why it is built so", "Known failure cases")
OPEN_SIGNALS = ("overheated-score.md", "squeeze-risk.md", "deleveraged.md")
VENDORS = ("CoinGlass", "Coinalyze", "Velo", "CryptoQuant", "Laevitas")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _without_code(text: str, in_its_place: str = "") -> str:
    return re.sub(r"^```.*?^```$", in_its_place, text, flags=re.MULTILINE | re.DOTALL)


def mentioned(text: str) -> set[tuple[str, str]]:
    """Every `table.column` in code spans outside of code blocks."""
    return set(re.findall(r"`([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)`", _without_code(text)))


def unknown_columns(text: str) -> list[str]:
    return sorted(
        f"{table}.{column}"
        for table, column in mentioned(text)
        if table not in PUBLISHED_TABLES or column not in PUBLISHED_TABLES[table].columns()
    )


def unexplained_columns(texts: list[str]) -> list[str]:
    """Columns of the market and venue tables, but what says whose row it is, on no page."""
    said = set().union(*(mentioned(text) for text in texts))
    expected = {
        (table, column)
        for table, schema in (MARKET_TABLES | DAILY_TABLES).items()
        for column in schema.columns()
        if column not in VenueDay.columns() and column != "base_asset"
    }
    return sorted(f"{table}.{column}" for table, column in expected - said)


def structure_problems(text: str, extra: tuple[str, ...] = ()) -> list[str]:
    """What a page lacks: a title, a definition of one sentence, its sections in order, one query
    and an example that asserts something."""
    title, _, rest = text.partition("\n")
    problems = [] if re.fullmatch(r"# \S.*", title) else ["no title"]
    definition = " ".join(rest.strip().partition("\n\n")[0].split())
    if not definition.endswith(".") or re.search(r"\.\s", definition):
        problems.append(f"not one sentence: {definition!r}")
    parts = re.split(r"^## (.+)\n", _without_code(text, "(code)"), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    problems += [f"no {name!r}" for name in (*SECTIONS, *extra) if not found.get(name, "").strip()]
    places = [list(found).index(name) for name in SECTIONS if name in found]
    if any(after < before for before, after in pairwise(places)):
        problems.append("sections in another order")
    problems += [f"{name!r} is no section of a page" for name in found.keys() - {*SECTIONS, *extra}]
    if len(_blocks(text, "sql")) != 1:
        problems.append("not one query")
    if not any("assert " in block for block in _blocks(text, "python")):
        problems.append("an example that asserts nothing")
    return problems


def unsourced_vendors(text: str) -> list[str]:
    """Vendors without a row in "Elsewhere" that cites an address or says "not documented"."""
    _, _, after = text.partition("\n## Elsewhere\n")
    rows = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]
    sourced = [row for row in rows if "](https://" in row or "not documented" in row]
    return [name for name in VENDORS if not any(row.startswith(f"| {name}") for row in sourced)]


def unlinked(index: str, names: list[str]) -> list[str]:
    return [name for name in names if f"]({name})" not in index]


def run(example: str) -> None:
    exec(compile(example, "example", "exec"), {"__name__": "example"})  # noqa: S102 - our own page


def test_there_are_pages() -> None:
    assert len(PAGES) == 20
    assert {path.name for path in PAGES} > set(OPEN_SIGNALS)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_page_has_its_parts(path: Path) -> None:
    extra = OF_SIGNALS if path.name in OPEN_SIGNALS else ()
    assert structure_problems(_text(path), extra) == []


@pytest.mark.parametrize("path", [INDEX, *PAGES], ids=lambda p: p.stem)
def test_columns_named_exist(path: Path) -> None:
    assert unknown_columns(_text(path)) == []


def test_every_column_is_on_a_page() -> None:
    assert unexplained_columns([_text(path) for path in PAGES]) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_what_vendors_say_has_an_address(path: Path) -> None:
    assert unsourced_vendors(_text(path)) == []


def test_index_links_every_page() -> None:
    assert unlinked(_text(INDEX), [path.name for path in PAGES]) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_example_holds(path: Path) -> None:
    blocks = _blocks(_text(path), "python")
    assert blocks
    for block in blocks:
        run(block)


@pytest.fixture(scope="module")
def empty_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("build") / "perpmill.duckdb"
    Warehouse.create(path, None).close()
    return path


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_query_runs_on_a_build(path: Path, empty_build: Path) -> None:
    (query,) = _blocks(_text(path), "sql")
    with duckdb.connect(str(empty_build), read_only=True) as connection:
        result = connection.execute(query)
        assert result.description
        assert result.fetchall() == []


def test_links_to_headings_lead_to_headings() -> None:
    for path in PAGES:
        for target, anchor in re.findall(r"\]\(([\w-]+\.md)#([\w-]+)\)", _text(path)):
            headings = re.findall(r"^## (.+)$", _text(METRICS / target), flags=re.MULTILINE)
            assert anchor in {h.lower().replace(" ", "-") for h in headings}, (
                f"{path.name}: {anchor}"
            )


def regimes_not_told(text: str) -> list[str]:
    """Documented regimes of liquidation feeds without a row that dates them."""
    found = [
        f"| {venue.name} | {regime.valid_from} | {regime.completeness.value} |"
        for venue in discover().values()
        for regime in venue.regimes
    ]
    assert len(found) >= 9
    return [row for row in found if row not in text]


def test_regimes_of_feeds_are_dated() -> None:
    assert regimes_not_told(_text(METRICS / "liquidations.md")) == []


def told_parts(text: str) -> dict[str, tuple[float, int]]:
    """Scale and weight of each part of the score, from the table of its formula."""
    rows = re.findall(r"^(\w+) .*?(ln )?(\d+\.\d+) +(\d+)$", text, flags=re.MULTILINE)
    return {
        f"score_{name}": (log(float(scale)) if ln else float(scale), int(weight))
        for name, ln, scale, weight in rows
    }


def test_the_score_is_told_as_it_is_computed() -> None:
    told = told_parts(_text(METRICS / "overheated-score.md"))
    assert told == {part.name: (part.scale, part.weight) for part in PARTS}
    assert len(told) == 5


def test_the_thresholds_are_told_as_they_are() -> None:
    text = _text(METRICS / "squeeze-risk.md")
    assert f"high      overheated_score ≥ {HIGH}\n" in text
    assert f"building  overheated_score ≥ {BUILDING}\n" in text


# Each of the checks above sees what it is for.

_PAGE = "\n".join(
    [
        "# Title",
        "",
        "One sentence about 0.5 of it.",
        *(f"\n## {name}\n\nwords" for name in SECTIONS),
        "\n```python\n## no heading\nassert 1\n```\n\n```sql\nSELECT 1\n```\n",
    ]
)


def test_a_whole_page_has_no_problems() -> None:
    assert structure_problems(_PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# Title", "Title", "no title"),
        ("about 0.5 of it.", "about it. And more.", "not one sentence"),
        ("## Caveats\n\nwords", "## Caveats\n", "no 'Caveats'"),
        ("## Query", "## Queries", "no 'Query'"),
        ("## Query", "## Queries", "'Queries' is no section"),
        ("## Formula", "## Columns ", "no 'Formula'"),
        ("assert 1", "1", "asserts nothing"),
        ("SELECT 1\n```", "SELECT 1\n```\n\n```sql\nSELECT 2\n```", "not one query"),
    ],
)
def test_a_page_that_lacks_something_is_seen(old: str, new: str, problem: str) -> None:
    assert old in _PAGE
    assert any(problem in found for found in structure_problems(_PAGE.replace(old, new)))


def test_sections_out_of_order_are_seen() -> None:
    swapped = _PAGE.replace("## Formula", "## X").replace("## Columns", "## Formula")
    assert "sections in another order" in structure_problems(swapped.replace("## X", "## Columns"))


def test_a_missing_reason_of_a_signal_is_seen() -> None:
    assert structure_problems(_PAGE, OF_SIGNALS) == [f"no {name!r}" for name in OF_SIGNALS]


def test_a_column_that_is_not_published_is_seen() -> None:
    text = "`market_daily.venues` `market_daily.venue` `no_table.venues`\n```sql\n`a.b`\n```\n"
    assert unknown_columns(text) == ["market_daily.venue", "no_table.venues"]


def test_a_column_on_no_page_is_seen() -> None:
    without = [_text(path).replace("`signals_daily.deleveraged`", "") for path in PAGES]
    assert unexplained_columns(without) == ["signals_daily.deleveraged"]


def test_only_what_says_whose_row_it_is_goes_unexplained() -> None:
    keys = {column for schema in MARKET_TABLES.values() for column in primary_key(schema)}
    assert keys == {"date", "base_asset"}


def test_a_vendor_without_a_source_is_seen() -> None:
    text = (
        "\n## Elsewhere\n\n| CoinGlass | as everybody knows |\n| Coinalyze | not documented |\n"
        "| Velo | [says](https://docs.velo.xyz) |\n| CryptoQuant | not documented |\n"
        "\n## Caveats\n\n| Laevitas | not documented |\n"
    )
    assert unsourced_vendors(text) == ["CoinGlass", "Laevitas"]


def test_a_regime_that_is_not_told_is_seen() -> None:
    text = _text(METRICS / "liquidations.md").replace("| 2021-04-27 |", "| 2021-04-28 |")
    assert regimes_not_told(text) == ["| binance | 2021-04-27 | throttled |"]


def test_a_weight_that_is_told_wrongly_is_seen() -> None:
    text = "funding   percentile   side × (f)   0.0003    41\nlong   x   y   ln 1.5   10\n"
    assert told_parts(text) == {"score_funding": (0.0003, 41), "score_long": (log(1.5), 10)}


def test_a_page_that_is_not_linked_is_seen() -> None:
    assert unlinked("[A](a.md), b.md", ["a.md", "b.md"]) == ["b.md"]


def test_an_example_that_does_not_hold_is_seen() -> None:
    with pytest.raises(AssertionError):
        run("x = 1\nassert x == 2\n")
