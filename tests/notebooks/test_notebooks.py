"""The notebooks of `notebooks/`, run as marimo runs them, against SQL and numbers made by hand."""

from __future__ import annotations

import html
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import altair as alt
import duckdb
import polars as pl
import pytest
import structlog

from flows import demo
from flows.queries import named, values
from flows.settings import load
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate
from tests.flows.driver import mill_days
from tests.queries.given import BINANCE, BYBIT, Tables, at, empty_build, funding, instrument
from tests.readers.conftest import MORNING, Shelf, ran

pytest.importorskip("marimo", reason="marimo is in the extra `notebooks`")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
FIRST, LAST = date(2021, 1, 8), date(2021, 1, 17)


def notebook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", NOTEBOOKS[name])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Ran:
    outputs: Sequence[Any]
    defined: dict[str, Any]

    @property
    def text(self) -> str:
        """All that is not a chart, as the page has it."""
        return html.unescape("\n".join(o.text for o in self.outputs if hasattr(o, "text")))


def drawn(outputs: Sequence[Any]) -> int:
    """Draw all charts; how many there were. Altair finds its faults only then."""
    charts = [out for out in outputs if isinstance(out, alt.TopLevelMixin)]
    for chart in charts:
        chart.to_dict()
    return len(charts)


def run(name: str, config: Path, **arguments: object) -> Ran:
    """The notebook with these arguments of the command line (`cost-bps` written `cost_bps`)."""
    given = {key.replace("_", "-"): value for key, value in arguments.items()}
    outputs, defined = notebook(name).app.run(defs={"arguments": {"config": str(config)} | given})
    found = Ran(outputs, dict(defined))
    if connection := found.defined.get("connection"):
        connection.close()  # DuckDB opens a file once in a process, with one configuration
    assert drawn(outputs) >= 3
    return found


def asked(config: Path, text: str, bound: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    build = config.parent / "lake/published/perpmill.duckdb"
    with closing(duckdb.connect(str(build.resolve()), read_only=True)) as connection:
        return connection.execute(text, bound).fetchall()


@pytest.fixture(scope="session")
def squeeze(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ten days up to the article's, Bitcoin and Ether of two exchanges, milled; its configuration.

    Not enough days for what takes 14 or 90 of them, which are claims 8, 10 and 11.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    folder = tmp_path_factory.mktemp("squeeze")
    plan = Plan(FIRST, LAST, symbols=2, scenario="long-squeeze", venues=demo.VENUES)
    simulate(plan, folder / "exchange")
    config = folder / "perpmill.toml"
    with serve(folder / "exchange") as server:
        config.write_text(demo.configuration(server.url), encoding="utf-8")
        assert mill_days(load(config), FIRST, LAST).pointer is not None
    yield config
    structlog.reset_defaults()


def published(folder: Path, tables: Tables) -> Path:
    """A build written by hand, published; its configuration."""
    shelf = Shelf(folder / "lake", empty_build(folder / "empty.duckdb"))
    shelf.publish("r1", {"runs": [ran("r1", "2021-01-18T01:59")]} | tables, MORNING)
    config = folder / "perpmill.toml"
    config.write_text('lake = "file:lake"\n', encoding="utf-8")
    return config


def test_these_are_the_notebooks() -> None:
    assert set(NOTEBOOKS) == {"article", "carry"}


def test_a_chart_that_cannot_be_drawn_is_found() -> None:
    bad = alt.Chart(pl.DataFrame({"a": [1]})).mark_bar().encode(x="b")
    with pytest.raises(ValueError, match="b"):
        drawn([bad])


# ---- the article --------------------------------------------------------------------------------


def test_the_article_has_the_verdicts_of_the_query(squeeze: Path) -> None:
    found = run("article", squeeze)
    query = named("article_2021_01_17")
    expected = asked(squeeze, query.text, values(query, [], lambda: LAST))
    assert len(expected) == 14
    assert found.defined["claims"].rows() == expected
    verdicts = {row[0]: row[3] for row in expected}
    # Ten days are too few for 8 (90), 10 and 11 (14): not known, and not contradicted.
    assert {number for number, verdict in verdicts.items() if verdict == "no data"} == {8, 10, 11}
    assert found.defined["counts"] == {"supported": 11, "contradicted": 0, "no data": 3}
    for number, claim, value, *_ in expected:
        assert f"{number} · {claim}" in found.text
        assert value in found.text
    assert found.text.count("not known") >= 2


def test_the_articles_numbers_are_those_of_the_tables(squeeze: Path) -> None:
    """Claims 1, 7 and 13 once more, from tables one level below those the query reads."""
    claims = {row[0]: row for row in run("article", squeeze).defined["claims"].rows()}

    ((most, until),) = asked(
        squeeze,
        "SELECT liquidations_max_24h_usd, liquidations_max_24h_end FROM market_total_daily "
        "WHERE date = '2021-01-17'",
    )
    assert claims[1][2] == f"{most:,.0f} USD in the 24 h to {until.isoformat(' ')[:-3]}"
    # Clock hours around those 24 cannot hold less, and those inside not more.
    around, inside = (
        asked(
            squeeze,
            "SELECT sum(long_usd + short_usd) FROM liquidations_hourly "
            "WHERE hour >= date_trunc('hour', $until::TIMESTAMP) - to_hours($since) "
            "AND hour < date_trunc('hour', $until::TIMESTAMP) + to_hours($to)",
            {"until": until, "since": since, "to": to},
        )[0][0]
        for since, to in ((24, 1), (23, 0))
    )
    assert inside <= most <= around
    assert 375e6 <= most <= 625e6
    assert claims[1][3] == "supported"

    highest: dict[str, float] = {}
    for venue, rate, hours in asked(
        squeeze,
        "SELECT venue, funding_rate_max, interval_hours FROM funding_daily WHERE base_asset = "
        "'BTC' AND contract_kind = 'perpetual' AND date IN ('2021-01-16', '2021-01-17')",
    ):
        highest[venue] = max(highest.get(venue, -1.0), rate * 8 / hours)
    assert set(highest) == {"binance", "bybit"}
    # The median of two is their mean.
    assert claims[7][2].startswith(f"{sum(highest.values()) / 2:.8f} per 8 h")

    largest = asked(
        squeeze,
        "SELECT venue, sum(open_interest_usd_close) FROM open_interest_daily WHERE base_asset = "
        "'BTC' AND date = '2021-01-17' GROUP BY venue ORDER BY 2 DESC",
    )
    assert claims[13][2].startswith(f"{largest[0][0]} with {largest[0][1]:,.0f} USD")


def test_an_article_of_which_nothing_is_known_says_so(tmp_path: Path) -> None:
    found = run("article", published(tmp_path, {}))
    assert found.defined["counts"] == {"supported": 0, "contradicted": 0, "no data": 14}
    # All eight days are grey, and none has a bar.
    assert found.defined["liquidations"]["total"].to_list() == [None] * 8
    assert found.defined["hourly"]["venue"].to_list() == [None] * 48
    assert found.text.count("no data") >= 14


def test_zero_is_a_bar_and_not_known_is_grey() -> None:
    days = pl.DataFrame({"date": ["2021-01-16", "2021-01-17"], "usd": [0.0, None]})
    band = notebook("article").unknown(days, "usd").to_dict()
    ((row,),) = band["datasets"].values()
    assert row["date"] == "2021-01-17"


# ---- carry --------------------------------------------------------------------------------------


def test_carry_is_what_sql_says(squeeze: Path) -> None:
    found = run("carry", squeeze, asset="BTC", cost_bps=20)
    expected = asked(
        squeeze,
        "SELECT venue || ' ' || symbol, received_fraction, annualised_fraction, "
        "worst_day_fraction, day_count FROM carry('BTC', '2021-01-08', '2021-01-17')",
    )
    assert {name.split()[0] for name, *_ in expected} == {"binance", "bybit"}
    each = found.defined["each"]
    rows = each.select("perpetual", "received_fraction", "annualised", "worst_day", "days_known")
    assert sorted(rows.rows()) == [
        (name, *(pytest.approx(x, rel=1e-12) for x in (received, annual, worst)), 10)
        for name, received, annual, worst, _ in sorted(expected)
    ]
    assert each["days_missing"].sum() == 0
    # Ten days all known: in comparing nothing falls away.
    assert found.defined["common_days"] == 10
    assert found.defined["compared"].rows() == each.rows()


def test_days_before_the_lake_begins_are_missing_and_not_zero(squeeze: Path) -> None:
    found = run("carry", squeeze, asset="ETH", start="2021-01-05", stop="2021-01-10")
    days = found.defined["days"]
    early = days.filter(pl.col("date") < FIRST)
    perpetuals = days["perpetual"].n_unique()
    assert perpetuals >= 3
    assert early.height == 3 * perpetuals
    assert early["received"].null_count() == early["total"].null_count() == early.height
    assert found.defined["not_there"].height == early.height
    assert found.defined["each"]["days_known"].to_list() == [3] * perpetuals
    assert found.defined["common_days"] == 3


NEW = instrument("bybit", "BTCUSD", margin_type="inverse")
GAPS: Tables = {
    "instruments": [
        BINANCE | {"listing": 1, "valid_from": at("2019-09-08")},
        BYBIT | {"listing": 1},
        NEW | {"listing": 1, "valid_from": at("2021-01-16")},
    ],
    "funding_daily": [
        *(funding(BINANCE, 0.0001, date(2021, 1, day)) for day in (14, 16, 17)),
        funding(BINANCE, 0.0001, date(2021, 1, 15), settlement_count=2, funding_rate_sum=0.0002),
        *(funding(BYBIT, 0.0002, date(2021, 1, day)) for day in (14, 15)),
        funding(BYBIT, 0.0002, date(2021, 1, 17), expected_settlement_count=None),
    ],
    "coverage_daily": [
        {
            "date": date(2021, 1, 16),
            "venue": "bybit",
            "dataset": "funding_rates",
            "status": "missing",
            "excluded_because": "a rule",
        }
    ],
}


def test_gaps_are_named_and_venues_compare_on_common_days(tmp_path: Path) -> None:
    found = run("carry", published(tmp_path, GAPS), start="2021-01-14", cost_bps=20)
    each = {row["perpetual"]: row for row in found.defined["each"].iter_rows(named=True)}

    binance = each["binance BTCUSDT"]
    # 3 days × 3 settlements × 1 bp, and a day with 2 of 3: 9 bp + 2 bp
    assert binance["received_fraction"] == pytest.approx(0.0011)
    assert binance["annualised"] == pytest.approx(0.0011 / 4 * 365)
    # 11 bp less 20 bp over four days
    assert binance["net_fraction"] == pytest.approx(-0.0009)
    assert binance["net_annualised"] == pytest.approx(-0.0009 / 4 * 365)
    # 20 bp at 2.75 bp a day
    assert binance["break_even_days"] == pytest.approx(20 / 2.75)
    assert (binance["days_known"], binance["days_missing"]) == (4, 0)
    assert (binance["settlements_missing"], binance["days_not_judged"]) == (1, 0)

    bybit = each["bybit BTCUSDT"]
    # 3 days × 6 bp; the 16th is not there and not 0: 6 bp a day, not 18 ÷ 4
    assert bybit["received_fraction"] == pytest.approx(0.0018)
    assert bybit["annualised"] == pytest.approx(0.0006 * 365)
    assert (bybit["days_known"], bybit["days_missing"], bybit["days_not_judged"]) == (3, 1, 1)
    totals = found.defined["days"].filter(perpetual="bybit BTCUSDT")["total"].to_list()
    assert totals == [pytest.approx(0.0006), pytest.approx(0.0012), None, pytest.approx(0.0018)]

    # Listed on the 16th, and no funding of it is known at all: no sum of 0.
    new = each["bybit BTCUSD"]
    assert new["received_fraction"] is new["annualised"] is new["net_fraction"] is None
    assert (new["days_known"], new["days_missing"], new["days_not_listed"]) == (0, 2, 2)

    assert found.defined["not_there"].rows() == [
        (date(2021, 1, 15), "binance BTCUSDT", "settlements missing", 1, None, None),
        (date(2021, 1, 16), "bybit BTCUSD", "day missing", None, "missing", "a rule"),
        (date(2021, 1, 16), "bybit BTCUSDT", "day missing", None, "missing", "a rule"),
        (date(2021, 1, 17), "bybit BTCUSD", "day missing", None, None, None),
    ]
    # The 14th, 15th and 17th: 3 + 2 + 3 bp, and 3 × 6 bp.
    assert found.defined["common_days"] == 3
    compared = dict(found.defined["compared"].select("perpetual", "received_fraction").rows())
    assert compared == {
        "binance BTCUSDT": pytest.approx(0.0008),
        "bybit BTCUSDT": pytest.approx(0.0018),
    }


def test_a_cost_that_is_never_earned_has_no_break_even() -> None:
    carry = notebook("carry")
    paid = pl.DataFrame([funding(BINANCE, -0.0001)])
    none = pl.DataFrame(
        schema={
            "venue": pl.String,
            "symbol": pl.String,
            "margin_type": pl.String,
            "contract_kind": pl.String,
            "valid_from": pl.Datetime("us", "UTC"),
            "valid_to": pl.Datetime("us", "UTC"),
        }
    )
    days = carry.by_day(paid, none, LAST, LAST)
    (row,) = carry.earned(days, 0.002).iter_rows(named=True)
    assert row["received_fraction"] == pytest.approx(-0.0003)
    assert row["break_even_days"] is None


def test_delisted_is_not_missing() -> None:
    carry = notebook("carry")
    known = pl.DataFrame([funding(BINANCE, 0.0001, date(2021, 1, 15))])
    gone = pl.DataFrame(
        [
            BINANCE
            | {
                "valid_from": datetime(2019, 9, 8, tzinfo=UTC),
                "valid_to": datetime(2021, 1, 16, 8, tzinfo=UTC),
            }
        ]
    )
    days = carry.by_day(known, gone, date(2021, 1, 15), LAST)
    # Until 08:00 of the 16th something was due; of the 17th nothing was.
    assert days["state"].to_list() == ["all settlements", "day missing", "not listed"]


# ---- what fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"asset": "DOGE"}, "no perpetual of DOGE; there are BTC, ETH"), ({"start": "soon"}, "soon")],
)
def test_what_is_not_there_stops_the_notebook(
    squeeze: Path, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        run("carry", squeeze, **arguments)


def test_a_build_without_funding_stops_carry(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no funding of any perpetual"):
        run("carry", published(tmp_path, {}))


# ---- as scripts ---------------------------------------------------------------------------------


def script(name: str, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, NOTEBOOKS[name], "--config", config],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "printed"), [("article", "mostly longs were liquidated"), ("carry", "bybit BTCUSD")]
)
def test_as_a_script_it_prints_its_result(squeeze: Path, name: str, printed: str) -> None:
    done = script(name, squeeze)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_as_a_script_it_fails_where_nothing_is_published(tmp_path: Path, name: str) -> None:
    config = tmp_path / "perpmill.toml"
    config.write_text('lake = "file:lake"\n', encoding="utf-8")
    done = script(name, config)
    assert done.returncode != 0
    assert "NothingPublished" in done.stderr
