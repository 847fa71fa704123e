"""The page: whole HTML that asks for nothing, reads well without eyes, and has no 0 for no data."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from flows.report.content import gather
from flows.report.drawing import Drawn, drawn
from flows.report.model import Report
from flows.report.page import render
from flows.report.palette import DARK, HEAT, LIGHT, SHAPE_ON, TEXT_ON, by_reference, style
from tests.queries.given import BEFORE
from tests.report.conftest import Make, covered, tables

VOID = {"meta", "link", "br", "hr", "img", "input"}
HEADINGS = ("h1", "h2", "h3")


class Page(HTMLParser):
    """Elements with their attributes; that each is closed by its own end tag, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.inside: list[tuple[str, ...]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self.inside.append(tuple(self.open))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open or tag in VOID, f"<{tag}/> closes nothing outside of a drawing"
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def of(self, *tags: str) -> list[dict[str, str]]:
        found = [attributes for tag, attributes in self.found if tag in tags]
        assert found, f"no {tags} on the page"
        return found


@pytest.fixture(scope="module")
def text(report: Report, drawings: list[Drawn]) -> str:
    return render(report, drawings)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def said(text: str) -> str:
    return " ".join(" ".join(Page(text).words).split())


# ---- what it asks for ---------------------------------------------------------------------------


def test_it_asks_for_nothing(page: Page, text: str) -> None:
    assert "script" not in {tag for tag, _ in page.found}
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in re.sub(r"url\(#[a-z0-9_-]+\)", "", text)
    assert "@import" not in text
    for _, attributes in page.found:
        assert not {"src", "srcset", "onclick", "onload", "xlink:href"} & attributes.keys()
    links = {attributes["href"] for attributes in page.of("a")}
    assert links
    assert all(re.fullmatch(r"#[a-z-]+|report\.json|charts/[a-z-]+\.png", link) for link in links)


def test_the_policy_forbids_what_it_does_not_need(page: Page) -> None:
    (policy,) = [
        attributes["content"]
        for attributes in page.of("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")


def test_the_parser_of_these_tests_notices(text: str) -> None:
    for broken in (text.replace("</table>", "", 1), text.replace("</section>", "</div>", 1)):
        with pytest.raises(AssertionError):
            Page(broken)


# ---- for whoever does not see it ----------------------------------------------------------------


def test_ids_are_unique_and_every_reference_leads_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) > 20
    assert len(ids) == len(set(ids))
    for _, attributes in page.found:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_every_drawing_has_a_title_and_a_description(
    page: Page, text: str, drawings: list[Drawn]
) -> None:
    svgs = page.of("svg")
    assert len(svgs) == 2 * len(drawings) == 16
    assert {attributes["role"] for attributes in svgs} == {"img"}
    for attributes in svgs:
        for name in attributes["aria-labelledby"].split():
            (told,) = re.findall(rf'<(?:title|desc) id="{name}">([^<]+)<', text)
            assert len(told) > 8


def test_tables_have_captions_and_scopes_and_can_be_scrolled_by_keyboard(page: Page) -> None:
    assert len(page.of("table")) == len(page.of("caption"))
    assert {attributes.get("scope") for attributes in page.of("th")} == {"col", "row"}
    regions = [a for a in page.of("div") if a.get("class") == "scroll"]
    assert len(regions) == len(page.of("table"))
    for attributes in regions:
        assert (attributes["role"], attributes["tabindex"]) == ("region", "0")
        assert attributes["aria-labelledby"]


def test_headings_do_not_skip_a_level_and_the_first_link_skips_to_the_numbers(page: Page) -> None:
    levels = [HEADINGS.index(tag) for tag, _ in page.found if tag in HEADINGS]
    assert levels[0] == 0
    assert levels.count(0) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.of("a")[0]["href"] == "#main"
    assert page.of("html")[0]["lang"] == "en"
    assert "main" in {tag for tag, _ in page.found}


def _contrast(colours: dict[str, str] | object, one: str, other: str) -> float:
    """WCAG 2.2: (lighter + 0.05) ÷ (darker + 0.05) of the relative luminances."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert isinstance(colours, dict)
    low, high = sorted((luminance(colours[one]), luminance(colours[other])))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_that_of_the_guidelines() -> None:
    grey = {"a": "#000000", "b": "#ffffff", "c": "#767676"}
    assert _contrast(grey, "a", "b") == pytest.approx(21)
    assert _contrast(grey, "c", "b") == pytest.approx(4.54, abs=0.005)  # the well-known limit


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(colours: dict[str, str]) -> None:
    assert len(TEXT_ON) > 20
    for ink, ground in TEXT_ON:
        assert _contrast(colours, ink, ground) >= 4.5, (ink, ground)
    assert len(SHAPE_ON) > 4
    for shape, ground in SHAPE_ON:
        assert _contrast(colours, shape, ground) >= 3, (shape, ground)


def test_every_colour_the_page_uses_is_one_of_the_palette(text: str) -> None:
    assert LIGHT.keys() == DARK.keys() == by_reference().keys()
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) <= LIGHT.keys()
    in_drawings = " ".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert re.findall(r'(?:fill|stroke)="(#[^"]+|black|white|[a-z]*gr[ae]y)"', in_drawings) == []
    assert all(f"--{name}: {LIGHT[name]};" in style() for name in HEAT)


# ---- what it says -------------------------------------------------------------------------------


def test_headline_numbers_have_units_change_and_completeness(text: str) -> None:
    words = said(text)
    for wanted in (
        "17 January 2021 (UTC day)",
        "Open interest 9.00 bn USD +5.0 % (before: 8.00 bn USD)",
        "Funding per 8 h +4.00 bp +3.00 bp (before: +1.00 bp)",
        "Liquidated 100.0 M USD +100.0 % (before: 50.00 M USD) positions, on the UTC day complete",
        "weighted by open interest partial partial: bybit",  # a settlement is missing
        "Longs of liquidated 90.0 % +50.0 points (before: 40.0 %)",
        "Largest 24 hours 120.0 M USD +100.0 % (before: 60.00 M USD) rolling, ended 09:30 UTC",
        "BTC price at the close 36 000 USD −4.0 % (before: 37 500 USD) binance BTCUSDT",
        "2 of 3 expectations held",
        "8 of 8 feeds whole",
        "After run night-16",
    ):
        assert wanted in words, wanted


def test_every_section_shows_its_query(page: Page, text: str, report: Report) -> None:
    for asked in report.asked:
        line = f"perpmill sql @{asked.name}" if asked.cookbook else "Asked with"
        assert line in text
    assert text.count('class="query"') >= len(report.asked)
    assert "FROM market_total_daily" in text


def test_no_feed_is_said_in_words(make: Make) -> None:
    rows = tables()
    for row in [*rows["market_total_daily"], *rows["market_daily"]]:
        row.update({name: None for name in row if name.startswith("liquidations_")})
    rows["liquidations_daily"] = rows["liquidations_hourly"] = []
    rows["coverage_daily"] = [covered("binance", "liquidations", "missing", 0)]
    report = gather(make(rows))
    drawings = drawn(report)
    assert not [d for d in drawings if d.name.startswith("liquidations")]
    words = said(render(report, drawings))
    assert "Liquidated no data" in words
    assert "No data: no liquidation feed covered this day" in words
    assert "binance no data no data no data no data no data missing" in words
    assert not re.search(r"(?<!\d)0 USD", words)


def test_a_first_day_says_that_there_is_nothing_before_it(make: Make) -> None:
    report = gather(make(tables()), BEFORE)
    words = said(render(report, drawn(report)))
    assert words.count("no day before to compare with") >= 7
    assert "No asset is crowded, as far as 14 days of funding are known" in words
    assert "no asset has the 14 days of history that a score needs" in words
    assert "there is no day before to compare with" in words


def test_a_market_without_assets_has_a_page(make: Make) -> None:
    report = gather(make(tables() | {"market_daily": []}))
    words = said(render(report, drawn(report)))
    assert "the largest asset, day by day No data: no venue has a rate." in words
    assert "No data: no instrument's open interest is known." in words


def test_what_is_missing_stands_beside_the_number(make: Make) -> None:
    rows = tables()
    rows["coverage_daily"] = [
        covered("binance", "liquidations"),
        covered("bybit", "liquidations", "missing", 0, excluded_because="funding_daily.caps"),
        covered("bybit", "open_interest", "missing", 0),
    ]
    rows["market_total_daily"][0] |= {
        "open_interest_coverage": 0.625,
        "liquidations_completeness": "throttled",
    }
    report = gather(make(rows))
    words = said(render(report, []))
    assert "partial missing: bybit; 62.5 % of the usual open interest" in words
    assert "throttled: a lower bound missing: bybit" in words
    assert "not comparable with the day before (50.00 M USD)" in words
    assert "1 of 3 feeds whole; bybit liquidations missing, bybit open_interest missing" in words
    assert "bybit liquidations: funding_daily.caps" in words


def test_what_venues_call_things_is_text(make: Make) -> None:
    rows = tables()
    rows["market_daily"][0]["base_asset"] = '<b onload="x">&'
    rows["expectation_results"][1]["detail"] = "<script>alert(1)</script>"
    report = gather(make(rows))
    page = Page(render(report, drawn(report)))
    assert "script" not in {tag for tag, _ in page.found}
    assert not [a for _, a in page.found if "onload" in a]
    assert "<script>alert(1)</script>" in " ".join(page.words)


def test_a_long_table_says_how_many_rows_it_has(make: Make) -> None:
    rows = tables()
    rows["market_daily"] += [
        {"date": rows["market_daily"][0]["date"], "base_asset": f"COIN{n:02}"} for n in range(40)
    ]
    report = gather(make(rows))
    assert "(15 of 42; all are in report.json)" in said(render(report, []))


def test_the_same_report_gives_the_same_page(report: Report, text: str) -> None:
    again = drawn(report)
    assert render(report, again) == text


def test_the_gate_s_own_pages_are_linked_where_they_are(
    report: Report, drawings: list[Drawn]
) -> None:
    assert '<a href="../quality/index.html">' in render(
        report, drawings, quality="../quality/index.html"
    )
