"""The Data Docs an audit leaves: whole, offline, the same every time, and gone with their build."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from expectations.data_docs import INDEX, About, result_page, site, suite_page
from expectations.gate import Audit, audit
from expectations.rule import no_rows
from flows.quality import site as pages_of
from flows.quality.site import NoSite, copy_site, keep_site, site_of
from flows.run import Run
from flows.storage.builds import Candidate
from flows.storage.object_store import open_store
from flows.storage.publication import Publication
from flows.tidying import forget_old_builds
from tests.flows.conftest import FIRST, LAST
from tests.flows.test_taken_out import TwoVenues
from transforms.schemas.evidence import ExpectationResults, Severity, Verdict
from transforms.schemas.published import PUBLISHED_TABLES

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ABOUT = About("run-1", STARTED, FIRST, LAST)


class Addresses(HTMLParser):
    """What a page leads to, and what it loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.add(str(value))
            elif name in {"src", "href", "data", "action"}:
                self.loaded.add(str(value))
        if tag in {"script", "link", "iframe"}:
            self.loaded.add(tag)


def folder_of(lake: TwoVenues, run_id: str) -> Path:
    return lake.root / "builds" / run_id / "quality"


def published_pages(lake: TwoVenues) -> Path:
    return folder_of(lake, lake.pointer["run_id"])


def test_there_is_an_index_and_two_pages_a_table(warned: TwoVenues) -> None:
    folder = published_pages(warned)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    tables = PUBLISHED_TABLES.keys()
    assert found == {INDEX, *map(result_page, tables), *map(suite_page, tables)}


def test_pages_load_nothing_and_lead_only_to_each_other(warned: TwoVenues) -> None:
    seen = 0
    for path in published_pages(warned).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        addresses = Addresses(page)
        assert not addresses.loaded, path
        assert not re.search(r"@import|url\(", page), path
        for link in addresses.links:
            assert (path.parent / link).is_file(), f"{path}: {link}"
            seen += 1
    assert seen > 3 * len(PUBLISHED_TABLES)


def test_what_did_not_hold_stands_on_the_index_and_on_its_table_s_page(warned: TwoVenues) -> None:
    folder = published_pages(warned)
    index = (folder / INDEX).read_text(encoding="utf-8")
    assert f"Run {warned.pointer['run_id']}: warned" in index
    results = (folder / result_page("coverage_daily")).read_text(encoding="utf-8")
    for page in (index, results):
        for word in ("none_taken_out", "2021-01-30 bybit", "funding_rates"):
            assert word in page
    # Only of those that held there is nothing to show.
    sound = (folder / result_page("prices_daily")).read_text(encoding="utf-8")
    assert "Sampled Unexpected Values" in results
    assert "Sampled Unexpected Values" not in sound
    # The reconciliation is no expectation of Great Expectations, and has its place.
    market = (folder / result_page("market_daily")).read_text(encoding="utf-8")
    assert "equals_independent_sql" in market


def test_a_suite_s_page_has_reasons_and_queries(warned: TwoVenues) -> None:
    page = (published_pages(warned) / suite_page("funding_daily")).read_text(encoding="utf-8")
    for word in ("rate_within_caps", "a row that is there twice", "SELECT &quot;date&quot;"):
        assert word in page


def test_a_blocked_run_has_pages_and_its_message_says_where(
    blocked: tuple[TwoVenues, str],
) -> None:
    lake, message = blocked
    index = Path(message.splitlines()[-1].removeprefix("pages: "))
    assert index.name == INDEX
    assert lake.root in index.parents
    assert index.parent != published_pages(lake)
    text = index.read_text(encoding="utf-8")
    assert "blocked" in text
    assert "coverage_daily.largest_venue_not_taken_out" in text
    results = (index.parent / result_page("coverage_daily")).read_text(encoding="utf-8")
    for word in ("largest_venue_not_taken_out", "2021-01-30 binance", "Failed"):
        assert word in results


# ---- One audit, by hand --------------------------------------------------------------------------


def rule(name: str, query: str, severity: Severity = Severity.CRITICAL):
    return no_rows(
        name, query, severity=severity, reason="because it <must>", threshold="a < b & c"
    )


@pytest.fixture(scope="module")
def judged(warned: TwoVenues) -> Audit:
    sound = "SELECT * FROM batch WHERE false"
    suites = {table: (rule("sound", sound),) for table in PUBLISHED_TABLES}
    suites["funding_daily"] = (
        rule("sound", sound),
        rule(
            "many",
            "SELECT date, '<script>x</script>' AS symbol, n FROM batch, range(9) AS r(n)",
            Severity.WARNING,
        ),
        rule("nonsense", "SELECT no_such_column FROM batch"),
    )
    return audit(warned.build, run_id="run-1", first=FIRST, last=LAST, suites=suites)


def test_the_same_audit_gives_the_same_pages(judged: Audit) -> None:
    assert judged.verdict is Verdict.BLOCKED
    assert site(judged, ABOUT) == site(judged, ABOUT)


def test_what_venues_call_things_is_text_in_a_page(judged: Audit) -> None:
    pages = site(judged, ABOUT)
    assert not any("<script" in page for page in pages.values())
    page = pages[result_page("funding_daily")]
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "a &lt; b &amp; c" in page
    assert "because it &lt;must&gt;" in pages[suite_page("funding_daily")]


def test_the_worst_come_first_and_what_is_not_shown_is_counted(judged: Audit) -> None:
    page = site(judged, ABOUT)[result_page("funding_daily")]
    order = [page.index(f"<b>{name}</b>") for name in ("nonsense", "many", "sound")]
    assert order == sorted(order)
    # 9 rows for each of the table, which has one for each of 2 symbols on 3 days at least.
    (failing,) = judged.results.filter(pl.col("expectation") == "many")["observed"]
    count = int(failing.split()[0])
    assert count >= 9 * 2 * 3
    assert f"and {count - 20} more" in page


def test_a_rule_that_could_not_be_judged_says_so(judged: Audit) -> None:
    page = site(judged, ABOUT)[result_page("funding_daily")]
    assert "not judged" in page
    assert "could not be judged" in page
    assert "no_such_column" in page
    assert "Traceback" not in page


def test_results_of_another_judge_are_drawn_too(judged: Audit) -> None:
    row = {
        "run_id": "run-1",
        "table_name": "market_daily",
        "expectation": "agrees",
        "severity": "critical",
        "success": False,
        "detail": "BTC: published 1, recomputed 2",
    }
    schema = ExpectationResults.create_empty().schema
    more = judged.joined_by(pl.DataFrame([row], schema=schema))
    pages = site(more, ABOUT)
    assert "BTC: published 1, recomputed 2" in pages[result_page("market_daily")]
    assert "market_daily.agrees" in pages[INDEX]
    assert "agrees" in pages[suite_page("market_daily")]


# ---- In a lake -----------------------------------------------------------------------------------


CANDIDATE = Candidate("run-1", "backfill", "0", STARTED, FIRST, LAST, date(2021, 1, 30), LAST, None)


def test_pages_can_be_copied_out_of_a_lake(judged: Audit, tmp_path: Path) -> None:
    store = open_store(f"file:{tmp_path}/lake")
    with pytest.raises(NoSite, match="run-1"):
        copy_site(store, "run-1", tmp_path / "out")
    assert site_of(store, "run-1") is None
    keep_site(store, CANDIDATE, judged)
    assert site_of(store, "run-1") == str(tmp_path / "lake/builds/run-1/quality/index.html")
    index = copy_site(store, "run-1", tmp_path / "out")
    assert index == tmp_path / "out" / INDEX
    about = About("run-1", STARTED, date(2021, 1, 30), LAST)
    for path, page in site(judged, about).items():
        assert (tmp_path / "out" / path).read_text(encoding="utf-8") == page


def test_pages_that_cannot_be_drawn_stop_nothing_and_leave_none_of_an_earlier_audit(
    judged: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"file:{tmp_path}/lake")
    keep_site(store, CANDIDATE, judged)

    def broken(*_: object) -> dict[str, str]:
        raise RuntimeError("no")

    monkeypatch.setattr(pages_of, "site", broken)
    keep_site(store, CANDIDATE, judged)
    assert site_of(store, "run-1") is None


def test_pages_go_with_their_build(own: TwoVenues) -> None:
    """The newest `keep` builds stay; of those that go nothing is left."""
    store = open_store(own.settings.lake)
    old = own.pointer["run_id"]
    publication = Publication(store)
    for number in range(1, 4):
        run_id = f"3026010{number}T000000Z-aaaaaa"
        key = f"builds/{run_id}/perpmill.duckdb"
        store.put(key, b"x")
        publication.publish(run_id, key, sha256="0" * 64, size=1, now=datetime.now(UTC))
    assert folder_of(own, old).is_dir()
    settings = own.settings.model_copy(update={"keep": 2})
    assert old in forget_old_builds(Run.begin(settings, "nightly"))
    assert [info.key for info in store.entries(f"builds/{old}/")] == []
