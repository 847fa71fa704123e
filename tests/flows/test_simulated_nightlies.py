"""A night at each simulated exchange, from what `perpmill simulate --serve` says to read from.

Each venue's own file says what to ask the API for, so that this fails where the simulator does not
answer it. Liquidations, which hardly an API tells, come from recordings.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.settings import Settings
from simulator.exchange import discover
from simulator.plan import Plan
from simulator.serve import Server, serve
from simulator.simulate import simulate
from tests.flows.driver import mill_days
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import Verdict
from transforms.venue import discover as venues

NIGHT = date(2025, 9, 10)
MORNING = datetime(2025, 9, 11, 6, tzinfo=UTC)
EXCHANGES = tuple(name for name, exchange in discover().items() if exchange.share)
# BitMEX's file asks its API for nothing, and reads dumps of it.
ASKED = tuple(
    name
    for name in EXCHANGES
    if any(feed.requests for feed in venues()[name].feeds if feed.source is SourceKind.API)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    """A day at every exchange; recordings lie apart from dumps of what the APIs answer."""
    root = tmp_path_factory.mktemp("exchanges")
    plan = Plan(NIGHT, NIGHT, symbols=1, quirks=False, kline_kinds=("klines",), venues=EXCHANGES)
    simulate(plan, root)
    for folder in root.glob("dumps/*/ws-*"):
        shutil.copytree(folder, root / "recordings" / folder.parent.name / folder.name)
    with serve(root) as running:
        yield root, running


@dataclass(frozen=True)
class Night:
    """What a night at a venue published."""

    venue: str
    root: Path
    build: Path

    def ask(self, columns: str, table: str) -> dict[str, tuple[Any, ...]]:
        """By symbol."""
        text = f"SELECT symbol, {columns} FROM {table} WHERE venue = ? AND date = ?"  # noqa: S608
        with duckdb.connect(str(self.build), read_only=True) as connection:
            rows = connection.execute(text, [self.venue, NIGHT]).fetchall()
        return {row[0]: row[1:] for row in rows}

    def truth(self, kind: str) -> pl.DataFrame:
        return pl.read_parquet(self.root / "truth" / self.venue / f"{kind}-{NIGHT}.parquet")


@pytest.fixture(scope="module", params=EXCHANGES)
def night(
    request: pytest.FixtureRequest,
    server: tuple[Path, Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Night:
    """Milled with nothing wanting, or it would have ended with exit 4; published, or 3."""
    (root, running), venue = server, request.param
    lake = tmp_path_factory.mktemp(venue)
    source = {"venue": venue, "api": f"{running.url}/{venue}"}
    if (root / "archive" / venue).is_dir():
        source["archive"] = f"{running.url}/{venue}"
    dumps = root / ("recordings" if venue in ASKED else "dumps") / venue
    if dumps.is_dir():
        source["dumps"] = f"file:{dumps}"
    settings = Settings(lake=f"file:{lake}/lake", cache=lake / "cache", sources=[source])
    done = mill_days(settings, NIGHT, NIGHT, late=True, clock=lambda: MORNING)
    assert done.verdict is Verdict.PASSED
    assert done.pointer is not None
    return Night(venue, root, lake / "lake" / done.pointer.build)


def test_most_exchanges_are_asked() -> None:
    assert set(EXCHANGES) - set(ASKED) == {"bitmex"}


def test_funding_has_every_settlement(night: Night) -> None:
    settled = pl.read_parquet(night.root / "truth" / night.venue / "settlements.parquet")
    true = settled.filter(pl.col("settled_at").dt.date() == NIGHT).group_by("symbol").len()
    assert true.height > 0
    found = night.ask("settlement_count", "funding_daily")
    assert found == {symbol: (count,) for symbol, count in true.iter_rows()}


def test_open_interest_is_that_of_one_side_in_both_units(night: Night) -> None:
    """The last sample; which one that is differs by up to an hour from venue to venue."""
    last = night.truth("samples").sort("sampled_at").group_by("symbol").last()
    true = {
        symbol: (coin, usd)
        for symbol, coin, usd in last.select(
            "symbol", "open_interest_coin", "open_interest_usd"
        ).iter_rows()
    }
    columns = "open_interest_coin_close, open_interest_usd_close"
    found = night.ask(columns, "open_interest_daily")
    assert found.keys() == true.keys()
    assert found
    for symbol, (coin, usd) in found.items():
        assert coin == pytest.approx(true[symbol][0], rel=0.01), symbol
        assert usd == pytest.approx(true[symbol][1], rel=0.02), symbol


def test_liquidations_are_those_published(night: Night) -> None:
    events = night.truth("liquidations").filter("published")
    if night.venue == "bitmex":
        # What a quanto contract is worth in dollars is in no message.
        events = events.filter(pl.col("product") != "quanto")
    true = dict(events.group_by("symbol").agg(pl.col("amount_usd").sum()).iter_rows())
    assert true
    found = night.ask("total_usd", "liquidations_daily")
    assert {symbol: found[symbol] for symbol in true} == {
        symbol: (pytest.approx(usd, rel=1e-6),) for symbol, usd in true.items()
    }


def test_volume_is_what_was_traded(night: Night) -> None:
    traded = night.truth("samples").group_by("symbol").agg(pl.col("volume_coin").sum())
    # Binance's USDⓈ-M samples are of the ends of their five minutes: others by one in 288.
    near = 0.01 if night.venue == "binance" else 1e-6
    true = {symbol: (pytest.approx(coins, rel=near),) for symbol, coins in traded.iter_rows()}
    found = night.ask("volume_coin", "prices_daily")
    if night.venue in {"bitmex", "deribit"}:
        assert found == {}
    elif night.venue == "hyperliquid":
        # Its contexts have prices, and the volume of a whole day only.
        assert found == {"BTC": (None,)}
    else:
        assert found == true
