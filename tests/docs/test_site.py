"""The documentation as a site: strict, complete, and asking nobody for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.report.browser import browser, chromium
from transforms.schemas.published import PUBLISHED_TABLES

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv-docs/bin/mkdocs"

pytestmark = pytest.mark.skipif(
    not MKDOCS.exists(), reason="mkdocs is not installed; `make site` installs it in .venv-docs"
)

FOUND = (
    "[...document.querySelectorAll('.md-search-result__link')].map(a => a.href.split(/[?#]/)[0])"
)


# Not --quiet: that would silence strictness with the warnings.
def build(project: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MKDOCS, "build", "--strict", "-d", out],
        cwd=project,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the site is made of, to be built and damaged."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "docs", root / "docs")
    shutil.copy(ROOT / "mkdocs.yml", root)
    return root


def test_the_site_is_built_and_asks_nobody(project: Path, tmp_path: Path) -> None:
    done = build(project, tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= 60
    for table in PUBLISHED_TABLES:
        assert (tmp_path / f"site/tables/{table}.html").exists()
        assert (tmp_path / f"site/contracts/{table}.odcs.yaml").exists()
    loaded = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]+)|<link[^>]*\shref=\"([^\"]+)")
    found = 0
    for page in pages:
        for source, link in loaded.findall(page.read_text(encoding="utf-8")):
            assert not re.match(r"(?:https?:)?//", source or link), f"{page.name}: {source or link}"
            found += 1
    assert found >= len(pages)
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?https?:", sheet.read_text(encoding="utf-8"))


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_the_search_finds_without_a_server_or_the_network(project: Path, tmp_path: Path) -> None:
    assert build(project, tmp_path / "site").returncode == 0
    program = chromium()
    assert program is not None
    with browser(program) as tab:
        tab.open(tmp_path / "site/tables/funding_daily.html", 1200, 900)
        tab.evaluate(
            "{ document.querySelector('#__search').click();"
            "const input = document.querySelector('.md-search__input');"
            "input.focus(); input.value = 'restatements';"
            "input.dispatchEvent(new KeyboardEvent('keyup', { bubbles: true })) }"
        )
        until = time.monotonic() + 30
        while not (found := tab.evaluate(FOUND)) and time.monotonic() < until:
            time.sleep(0.1)
        assert any(address.endswith("tables/restatements.html") for address in found)
        assert tab.asked
        assert not [address for address in tab.asked if not address.startswith(("file:", "data:"))]
        # Nothing is wider than a phone but the tables, which scroll by themselves.
        tab.open(tmp_path / "site/tables/market_daily.html", 400, 800)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_link_that_leads_nowhere_fails(project: Path, tmp_path: Path) -> None:
    page = project / "docs/contracts.md"
    whole = page.read_text(encoding="utf-8")
    try:
        for broken in ("[gone](gone.md)", "[gone](parquet.md#gone)"):
            page.write_text(f"{whole}\n{broken}\n", encoding="utf-8")
            assert build(project, tmp_path / "site").returncode != 0, broken
    finally:
        page.write_text(whole, encoding="utf-8")
