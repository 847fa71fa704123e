"""Simulated exchanges, from raw files to reconciled totals; and errors that must not pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
import structlog

from expectations.gate import verdict_of
from flows.agreement import agreement
from flows.reconcile import DIFFERENCES, reconcile
from flows.run import Days, Run
from flows.settings import Settings
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.driver import build_days
from tests.reconcile.lakes import build
from transforms.daily import open_interest_daily
from transforms.market import funding, liquidations
from transforms.schemas.evidence import Verdict
from transforms.schemas.market import MARKET_TABLES

VENUES = ("binance", "bitmex", "bybit", "okx")
FIRST, LAST = date(2025, 2, 18), date(2025, 2, 20)
DAYS = Days(FIRST, LAST)


@pytest.fixture(autouse=True, scope="module")
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def _settings(lake: Path, exchanges: Path) -> Settings:
    sources = [
        {"venue": venue}
        | {
            kind: f"file:{exchanges / folder / venue}"
            for kind, folder in (("archive", "archive"), ("dumps", "dumps"))
            if (exchanges / folder / venue).is_dir()
        }
        for venue in VENUES
    ]
    return Settings(lake=f"file:{lake}", sources=sources, batch_days=31, cache=lake.parent / "c")


@pytest.fixture(scope="module")
def milled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """Three days at four exchanges, with all the oddities of real files, and their build."""
    folder = tmp_path_factory.mktemp("squeeze")
    plan = Plan(
        FIRST,
        LAST,
        symbols=2,
        scenario="long-squeeze",
        kline_kinds=("klines", "markPriceKlines"),
        venues=VENUES,
    )
    simulate(plan, folder / "exchanges")
    settings = _settings(folder / "lake", folder / "exchanges")
    return settings, build_days(settings, [(FIRST, LAST)])


@pytest.fixture
def copied(milled: tuple[Settings, Path], tmp_path: Path) -> Run:
    """A run over a copy of the lake, to compute it anew in."""
    settings, _ = milled
    lake = shutil.copytree(settings.lake.removeprefix("file:"), tmp_path / "lake")
    return Run.begin(settings.model_copy(update={"lake": f"file:{lake}"}), "test")


def _blamed(run: Run, path: Path) -> set[str]:
    return set(reconcile(run, path, DAYS).differences["column_name"])


def test_exchanges_reconcile(milled: tuple[Settings, Path]) -> None:
    settings, path = milled
    found = reconcile(Run.begin(settings, "test"), path, DAYS)
    assert found.differences.rows() == []
    assert found.differences.schema == DIFFERENCES
    # Three days of three assets: of 38 columns those of windows of 7 and 30 days are not known.
    assert found.cells["market_daily"] > 3 * 3 * 25
    assert found.cells["market_total_daily"] > 3 * 20
    assert found.cells["signals_daily"] > 3 * 3 * 2


def test_what_is_compared_is_the_days_asked_for(milled: tuple[Settings, Path]) -> None:
    settings, path = milled
    run = Run.begin(settings, "test")
    whole, one = (reconcile(run, path, days).cells for days in (DAYS, Days(LAST, LAST)))
    assert 0 < one["market_daily"] < whole["market_daily"]
    assert reconcile(run, path, Days(LAST, LAST)).differences.rows() == []


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE market_daily SET open_interest_usd = open_interest_usd * 1.00000001",
         "open_interest_usd"),
        ("UPDATE market_daily SET liquidations_total_usd = NULL", "liquidations_total_usd"),
        ("UPDATE market_daily SET instruments = instruments + 1", "instruments"),
        ("UPDATE market_daily SET liquidations_max_24h_end = date", "liquidations_max_24h_end"),
        ("DELETE FROM market_daily", "(row)"),
        ("INSERT INTO market_daily SELECT * REPLACE ('XYZ' AS base_asset) FROM market_daily",
         "(row)"),
    ],
)  # fmt: skip
def test_a_number_changed_in_the_build_is_seen(
    milled: tuple[Settings, Path], tmp_path: Path, statement: str, column: str
) -> None:
    settings, path = milled
    changed = shutil.copy(path, tmp_path / "changed.duckdb")
    with duckdb.connect(str(changed)) as connection:
        connection.execute(f"{statement} WHERE date = '2025-02-19' AND base_asset = 'BTC'")
    found = reconcile(Run.begin(settings, "test"), Path(changed), DAYS).differences
    first = found.filter(table_name="market_daily").row(0, named=True)
    assert first["column_name"] == column
    assert first["date"] == date(2025, 2, 19)
    assert first["base_asset"] == ("XYZ" if "INSERT" in statement else "BTC")
    assert set(found["table_name"]) <= {"market_daily", "signals_daily"}


def _weigh_by_close(monkeypatch: pytest.MonkeyPatch) -> None:
    right = funding._rates

    def wrong(*arguments: object) -> pl.DataFrame:
        inputs = arguments[0]
        closes = inputs.open_interest.select(  # type: ignore[attr-defined] # MarketInputs
            "date", "venue", "symbol", open_interest_usd_mean="open_interest_usd_close"
        )
        rates = right(*arguments).drop("open_interest_usd_mean")  # type: ignore[arg-type] # as given
        return rates.join(closes, on=["date", "venue", "symbol"], how="left")

    monkeypatch.setattr(funding, "_rates", wrong)


def _swap_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    right = liquidations.sum_of_known

    def wrong(rows: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
        swapped = rows.rename({"long_usd": "short_usd", "short_usd": "long_usd"})
        return right(swapped, columns)

    monkeypatch.setattr(liquidations, "sum_of_known", wrong)


def _a_year_of_360_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funding, "_EIGHT_HOURS_PER_YEAR", 3 * 360)


def _mean_is_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        open_interest_daily, "ordered_mean", lambda column: pl.col(column).list.median()
    )


def _one_snapshot_is_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The close is taken from the day's first snapshot."""
    right = open_interest_daily._over_the_day

    def wrong(samples: pl.DataFrame, unit: str) -> list[pl.Expr]:
        return [
            pl.col(unit).drop_nulls().first().alias(f"{unit}_close")
            if expression.meta.output_name() == f"{unit}_close"
            else expression
            for expression in right(samples, unit)
        ]

    monkeypatch.setattr(open_interest_daily, "_over_the_day", wrong)


@pytest.mark.parametrize(
    ("err", "columns"),
    [
        (_weigh_by_close, {"funding_rate_8h_oi_weighted"}),
        (_a_year_of_360_days, {"funding_rate_annualised_oi_weighted"}),
        (_swap_sides, {"liquidations_long_usd", "liquidations_short_usd"}),
        (_mean_is_the_median, {"funding_rate_8h_oi_weighted"}),
        (_one_snapshot_is_a_day, {"open_interest_usd", "open_interest_coin"}),
    ],
)
def test_an_error_in_the_transforms_is_seen(
    copied: Run,
    monkeypatch: pytest.MonkeyPatch,
    err: Callable[[pytest.MonkeyPatch], None],
    columns: set[str],
) -> None:
    err(monkeypatch)
    # The stages compute anew what other code had made.
    for stage in ("aggregate.plan", "market"):
        monkeypatch.setattr(f"flows.stages.{stage}.transforms_digest", lambda: "with an error")
    assert columns <= _blamed(copied, build(copied, DAYS))


def test_the_gate_is_told(milled: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, path = milled
    run = Run.begin(settings, "test")
    held = agreement(run, path, DAYS, "r1")
    assert held["table_name"].to_list() == list(MARKET_TABLES)
    assert held["success"].all()
    assert held["observed"].str.contains(r"^0 of [1-9]\d* values differ$").all()

    changed = shutil.copy(path, tmp_path / "changed.duckdb")
    with duckdb.connect(str(changed)) as connection:
        connection.execute("UPDATE market_daily SET price_close = 1 WHERE base_asset = 'BTC'")
    told = agreement(run, Path(changed), DAYS, "r1")
    failed = told.filter(~pl.col("success"))
    assert failed["table_name"].to_list() == ["market_daily"]
    assert verdict_of(told) is Verdict.BLOCKED
    for word in ("2025-02-19", "BTC", "price_close", "published 1.0"):
        assert word in failed["detail"][0]
    assert failed["observed"][0].startswith("3 of ")


def test_a_reconciliation_that_breaks_down_has_not_held(milled: tuple[Settings, Path]) -> None:
    settings, path = milled
    told = agreement(Run.begin(settings, "test"), path.with_name("no.duckdb"), DAYS, "r1")
    assert not told["success"].any()
    assert told["detail"].str.contains("could not be judged").all()


def test_days_without_a_market_agree_about_nothing(milled: tuple[Settings, Path]) -> None:
    settings, path = milled
    before = Days(date(2019, 1, 1), date(2019, 1, 2))
    told = agreement(Run.begin(settings, "test"), path, before, "r1")
    assert told["success"].all()
    assert set(told["observed"]) == {"0 of 0 values differ"}
