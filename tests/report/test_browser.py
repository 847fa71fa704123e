"""In a real Chromium, where there is one: the page asks for nothing, fits, works by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.report.model import Report
from flows.report.site import write_report
from tests.report.browser import Tab, browser, chromium

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="no Chromium on this machine (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(report, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    program = chromium()
    assert program is not None
    with browser(program) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_asked_for_and_nothing_is_cut_off(
    tab: Tab, page: Path, width: int, dark: bool
) -> None:
    tab.asked.clear()
    tab.said.clear()
    tab.open(page, width, 900, dark=dark)
    assert tab.asked == [page.as_uri()]
    assert tab.said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    wanted = "rgb(17, 17, 19)" if dark else "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == wanted


def test_a_phone_sees_one_drawing_of_two_and_can_read_it(tab: Tab, page: Path) -> None:
    for width, seen in ((390, "narrow"), (1280, "wide")):
        tab.open(page, width, 900)
        shown = tab.evaluate(
            "[...new Set([...document.querySelectorAll('svg')].filter(s => s.getClientRects()"
            ".length).map(s => s.getAttribute('class')))].join()"
        )
        assert shown == seen
        smallest = tab.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')].filter(t => "
            "t.getClientRects().length).map(t => parseFloat(getComputedStyle(t).fontSize) * "
            "t.ownerSVGElement.getBoundingClientRect().width / "
            "t.ownerSVGElement.viewBox.baseVal.width))"
        )
        assert smallest >= 9.5  # pixels


def test_the_first_tab_stop_skips_to_the_numbers_and_queries_open(tab: Tab, page: Path) -> None:
    tab.open(page, 1280, 900)
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    tab.press("Enter")
    assert tab.evaluate("location.hash") == "#main"
    focused = "document.activeElement.tagName"
    for _ in range(3):
        tab.press("Tab")
        if tab.evaluate(focused) == "SUMMARY":
            break
    assert tab.evaluate(focused) == "SUMMARY"
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.parentElement.open") is True


def test_colours_come_from_the_palette(tab: Tab, page: Path) -> None:
    for dark, wanted in ((False, "rgb(194, 65, 12)"), (True, "rgb(255, 154, 92)")):
        tab.open(page, 1280, 900, dark=dark)
        filled = tab.evaluate(
            "getComputedStyle(document.querySelector('svg.wide [fill=\"var(--long)\"]')).fill"
        )
        assert filled == wanted
