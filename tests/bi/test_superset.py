"""Superset over a lake, in Chromium, while builds are published and rolled back under it.

Needs Superset's environment and a Chromium: `make superset-test`. Some minutes.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb
import httpx
import pytest

from bi.superset.charts import CHARTS
from bi.superset.dashboard import TITLE
from bi.superset.up import Running, python, superset
from flows.demo import VENUES, configuration
from flows.settings import Settings, load
from flows.storage.object_store import open_store
from flows.storage.publication import Publication, build_key
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate
from tests.bi.dashboard_page import Seen, open_dashboard, sign_in
from tests.flows.driver import mill_days
from tests.report.browser import Tab, browser, chromium

pytestmark = [
    pytest.mark.skipif(
        not python().exists(), reason="Superset's environment is not there: make superset-test"
    ),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(900),
]

ONE_DAY = timedelta(days=1)
FIRST, EVE, DAY = date(2021, 1, 1), date(2021, 1, 16), date(2021, 1, 17)
EVE_SHOWN, DAY_SHOWN = "$ 120M", "$ 500M"
"""What the scenario makes of all liquidations of 16 and of 17 January, as the headline says it."""

TRUTH = """
SELECT sum(total_usd) FROM liquidations_daily
WHERE date = (SELECT max(date) FROM liquidations_daily)
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """settings: of a lake on which all days up to EVE are published. tab: signed in."""

    settings: Settings
    superset: Running
    tab: Tab

    @property
    def published(self) -> Path:
        return Path(str(self.settings.lake).removeprefix("file:")) / "published/perpmill.duckdb"

    def publication(self) -> Publication:
        return Publication(open_store(self.settings.lake, self.settings.s3.options()))

    def asked(self, sql: str) -> Any:
        """What DuckDB itself says of the build that is published now."""
        with duckdb.connect(str(self.published), read_only=True) as build:
            found = build.execute(sql).fetchone()
        assert found is not None
        return found[0]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("superset")
    plan = Plan(FIRST, DAY, scenario="long-squeeze", venues=VENUES)
    simulate(plan, folder / "exchange")
    with serve(folder / "exchange") as server, browser(chromium() or "") as tab:
        config = folder / "perpmill.toml"
        config.write_text(configuration(server.url), encoding="utf-8")
        settings = load(config)
        mill_days(settings, FIRST, EVE - ONE_DAY)
        # The night that restates: 15 January's last settlements are known only now.
        mill_days(settings, EVE, EVE, late=True)
        link = folder / "lake/published/perpmill.duckdb"
        with superset(link, folder / "superset-home", port=0) as running:
            sign_in(tab, running)
            yield Shown(settings, running, tab)


def chart(found: list[Seen], name: str) -> Seen:
    title = next(chart.title for chart in CHARTS if chart.name == name)
    return next(seen for seen in found if seen.title == title)


def newest(seen: Seen, column: str) -> Any:
    """The value of the newest day in what a chart's query answered."""
    when = next(key for key in ("date", "hour") if key in seen.rows[0])
    return max(seen.rows, key=lambda row: row[when])[column]


def assert_sound(found: list[Seen], superset: Running) -> None:
    """Every chart drew something that a query answered, and nothing on the page is an error."""
    assert sorted(seen.title for seen in found) == sorted(chart.title for chart in CHARTS)
    for seen in found:
        assert seen.drawn, seen.title
        assert not seen.problem, f"{seen.title}: {seen.problem}"
        assert "No data" not in seen.text, seen.title
        assert "No results" not in seen.text, seen.title
        assert {answer["status"] for answer in seen.answers} == {200}, seen
        for result in seen.answers[-1]["results"]:
            assert result["rows"] > 0, seen.title
            assert result["error"] is None, seen.title
    log = superset.log.read_text(encoding="utf-8")
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]


def test_every_chart_is_drawn_with_data(shown: Shown) -> None:
    assert len(CHARTS) >= 12
    found = open_dashboard(shown.tab, shown.superset, len(CHARTS))
    assert_sound(found, shown.superset)
    assert TITLE in shown.tab.evaluate("document.title")
    liquidated = chart(found, "headline_liquidations")
    assert EVE_SHOWN in liquidated.text
    assert newest(liquidated, "total_usd") == pytest.approx(shown.asked(TRUTH))
    # 16 days of 24 hours, in each of which something was liquidated.
    assert chart(found, "liquidations_by_hour").answers[-1]["results"][0]["rows"] == 16 * 24
    assert len(chart(found, "overheated").rows) == shown.asked(
        "SELECT count(*) FROM signals_daily WHERE date = (SELECT max(date) FROM signals_daily)"
    )


def test_the_numbers_are_those_of_the_build(shown: Shown) -> None:
    found = open_dashboard(shown.tab, shown.superset, len(CHARTS))
    total = f"FROM market_total_daily WHERE date = '{EVE}'"
    for name, column, truth in (
        ("headline_open_interest", "open_interest_usd", f"SELECT open_interest_usd {total}"),
        (
            "headline_open_interest_change",
            "open_interest_change",
            f"SELECT open_interest_change_pct {total}",
        ),
        ("headline_funding", "funding_bp", f"SELECT 1e4 * funding_rate_8h_oi_weighted {total}"),
        ("headline_max_24h", "max_24h_usd", f"SELECT liquidations_max_24h_usd {total}"),
        (
            "headline_long_share",
            "long_share",
            f"SELECT liquidations_long_usd / liquidations_total_usd {total}",
        ),
    ):
        assert newest(chart(found, name), column) == pytest.approx(shown.asked(truth), rel=1e-9)


def test_filters_narrow_what_they_say_they_do(shown: Shown) -> None:
    chosen = (
        "(NATIVE_FILTER-asset:(extraFormData:(filters:!((col:base_asset,op:IN,val:!(ETH)))),"
        "filterState:(value:!(ETH)),id:NATIVE_FILTER-asset,ownState:()),"
        "NATIVE_FILTER-venue:(extraFormData:(filters:!((col:venue,op:IN,val:!(bybit)))),"
        "filterState:(value:!(bybit)),id:NATIVE_FILTER-venue,ownState:()),"
        "NATIVE_FILTER-date:(extraFormData:(time_range:'2021-01-10 : 2021-01-12'),"
        "filterState:(value:'2021-01-10 : 2021-01-12'),id:NATIVE_FILTER-date,ownState:()))"
    )
    found = open_dashboard(shown.tab, shown.superset, len(CHARTS), f"?native_filters={chosen}")
    # The end of a range is not in it: 10 and 11 January.
    liquidated = """
        SELECT sum(total_usd) FROM liquidations_daily
        WHERE venue = 'bybit' AND base_asset = 'ETH' AND date = '2021-01-11'"""
    interest = """
        SELECT sum(open_interest_usd_close) FROM open_interest_daily
        WHERE venue = 'bybit' AND base_asset = 'ETH' AND date = '2021-01-11'"""
    assert newest(chart(found, "headline_liquidations"), "total_usd") == pytest.approx(
        shown.asked(liquidated)
    )
    assert newest(chart(found, "headline_open_interest"), "open_interest_usd") == pytest.approx(
        shown.asked(interest)
    )
    assert [row["base_asset"] for row in chart(found, "liquidations_by_asset").rows] == ["ETH"]
    assert len(chart(found, "liquidations_by_day").rows) == 2
    assert chart(found, "liquidations_by_hour").answers[-1]["results"][0]["rows"] <= 48
    assert len(chart(found, "squeeze").rows) == 1
    # The whole market, whatever is chosen, but of the days chosen.
    assert newest(chart(found, "headline_max_24h"), "max_24h_usd") == pytest.approx(
        shown.asked(
            "SELECT liquidations_max_24h_usd FROM market_total_daily WHERE date = '2021-01-11'"
        )
    )


def test_a_new_build_and_a_rollback_show_without_a_restart(shown: Shown) -> None:
    before = shown.asked(TRUTH)
    with Reader(shown.superset) as reader:
        reader.wait_for(3)
        night = mill_days(shown.settings, DAY, DAY, late=True)
        assert night.pointer is not None
        after = shown.asked(TRUTH)
        found = open_dashboard(shown.tab, shown.superset, len(CHARTS))
        assert_sound(found, shown.superset)
        liquidated = chart(found, "headline_liquidations")
        assert DAY_SHOWN in liquidated.text
        assert newest(liquidated, "total_usd") == pytest.approx(after)
        assert any(night.run_id in row["run_id"] for row in chart(found, "verdicts").rows)

        shown.publication().rollback(None, datetime.now(UTC))
        found = open_dashboard(shown.tab, shown.superset, len(CHARTS))
        assert_sound(found, shown.superset)
        assert EVE_SHOWN in chart(found, "headline_liquidations").text
        assert not any(night.run_id in row["run_id"] for row in chart(found, "verdicts").rows)

        shown.publication().rollback(night.run_id, datetime.now(UTC))
        reader.wait_for(3)
    # Before, after, before, after: a reader that asks all the time saw nothing else, nor an error.
    assert reader.problems == []
    assert reader.seen == pytest.approx([before, after, before, after])


def test_what_is_missing_is_not_drawn_as_zero(shown: Shown) -> None:
    """A build that has nothing of Bybit on 10 January, and funding of nobody on 12 January."""
    pointer = shown.publication().current()
    assert pointer is not None
    lake = shown.published.parents[1]
    gap = lake / build_key("20990101T000000Z-gap")
    gap.parent.mkdir(parents=True)
    shutil.copyfile(lake / pointer.build, gap)
    with duckdb.connect(str(gap)) as build:
        for table in ("liquidations_daily", "open_interest_daily", "funding_daily"):
            build.execute(
                f"DELETE FROM {table} WHERE venue = 'bybit' AND date = '2021-01-10'"  # noqa: S608 - ours
            )
        build.execute("UPDATE funding_daily SET funding_rate_8h = NULL WHERE date = '2021-01-12'")
    shown.publication().publish(
        "20990101T000000Z-gap",
        build_key("20990101T000000Z-gap"),
        sha256="0" * 64,
        size=gap.stat().st_size,
        now=datetime.now(UTC),
    )
    found = open_dashboard(shown.tab, shown.superset, len(CHARTS))
    assert_sound(found, shown.superset)
    for name, missing in (
        ("liquidations_by_venue", {(date(2021, 1, 10), "bybit")}),
        ("open_interest_by_venue", {(date(2021, 1, 10), "bybit")}),
        (
            "funding_by_venue",
            {
                (date(2021, 1, 10), "bybit"),
                (date(2021, 1, 12), "binance"),
                (date(2021, 1, 12), "bybit"),
            },
        ),
    ):
        rows = chart(found, name).rows
        absent = {
            (datetime.fromtimestamp(row["date"] / 1000, UTC).date(), venue)
            for row in rows
            for venue in ("binance", "bybit")
            if row[venue] is None
        }
        assert absent == missing, name
        assert 0 not in [row[venue] for row in rows for venue in ("binance", "bybit")], name


class Reader:
    """Asks Superset for the headline over and over, as another tab would. seen: what it was told,
    each time it differed from before. problems: answers that were none."""

    def __init__(self, superset: Running) -> None:
        self.seen: list[float] = []
        self.problems: list[str] = []
        self._answers = 0
        self._superset = superset
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, answers: int) -> None:
        """Until it was answered that many more times."""
        wanted = self._answers + answers
        while self._answers < wanted and not self.problems:
            assert self._thread.is_alive()
            time.sleep(0.05)

    def _read(self) -> None:
        with httpx.Client(base_url=self._superset.url, trust_env=False, timeout=60) as client:
            try:
                self._ask_on(client)
            except Exception as problem:  # noqa: BLE001 - the test tells
                self.problems.append(repr(problem))

    def _ask_on(self, client: httpx.Client) -> None:
        login = {
            "username": self._superset.name,
            "password": self._superset.password,
            "provider": "db",
        }
        token = client.post("/api/v1/security/login", json=login).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        name = "(filters:!((col:table_name,opr:eq,value:liquidations_daily)))"
        listed = client.get(f"/api/v1/dataset/?q={name}").raise_for_status().json()
        question = {
            "datasource": {"id": listed["ids"][0], "type": "table"},
            "queries": [{"columns": ["date"], "metrics": ["total_usd"], "orderby": []}],
        }
        while not self._stop.is_set():
            answer = client.post("/api/v1/chart/data", json=question)
            if answer.status_code != httpx.codes.OK:
                self.problems.append(f"{answer.status_code}: {answer.text[:500]}")
                return
            rows = answer.json()["result"][0]["data"]
            told = max(rows, key=lambda row: row["date"])["total_usd"]
            if not self.seen or told != pytest.approx(self.seen[-1]):
                self.seen.append(told)
            self._answers += 1


def test_sql_lab_reads_the_build_and_nothing_else(shown: Shown) -> None:
    """Whoever may type SQL can neither write nor read another file of the machine."""
    script = """
(async () => {
  const csrf = (await (await fetch('/api/v1/security/csrf_token/')).json()).result;
  const dbs = await (await fetch('/api/v1/database/')).json();
  const ask = async sql => (await fetch('/api/v1/sqllab/execute/', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'X-CSRFToken': csrf},
    body: JSON.stringify({database_id: dbs.result[0].id, sql, runAsync: false,
      client_id: Math.random().toString(36).slice(2, 12)}),
  })).text();
  window.told = JSON.stringify([
    await ask('SELECT count(*) AS n FROM market_daily'),
    await ask("SELECT * FROM read_text('FILE')"),
    await ask('DELETE FROM market_daily'),
  ]);
})(); 0
"""
    shown.tab.evaluate(script.replace("FILE", Path(__file__).as_posix()))
    until = time.monotonic() + 60
    while not (told := shown.tab.evaluate("window.told || ''")):
        assert time.monotonic() < until
        time.sleep(0.2)
    count, file, write = httpx.Response(200, text=told).json()
    days = shown.asked("SELECT count(*) FROM market_daily")
    assert re.search(rf'"n":\s*{days}\b', count), count
    assert "disabled" in file, file[:500]
    assert "errors" in write, write[:500]
    assert "DML" in write or "read-only" in write, write[:500]
