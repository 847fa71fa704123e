"""What holds for every market table: order, cuts, threads, scales and silent venues change
nothing, weights are convex, and what is not known of one blanks no total."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.daily.given import listings, rows
from tests.market import untidy
from tests.market.given import (
    TRACE,
    Given,
    Record,
    event,
    frame,
    funding,
    liquidated,
    listing,
    moment,
    open_interest,
    positioning,
    price,
    reserve,
)
from transforms.market import market_daily, market_total_daily, signals_daily
from transforms.market.score import PARTS, overheated_score
from transforms.market.table import EVENTS_LOOKBACK_DAYS, LOOKBACK_DAYS, MarketInputs
from transforms.schemas.daily import (
    FundingDaily,
    LiquidationsDaily,
    OpenInterestDaily,
    PositioningDaily,
)
from transforms.schemas.market import MARKET_TABLES

FIRST, LAST, LENGTH = untidy.FIRST, untidy.LAST, untidy.LENGTH
SEEDS = st.integers(0, 5)
COMPUTE: dict[str, Callable[[MarketInputs, date, date], pl.DataFrame]] = {
    "market_daily": market_daily.compute,
    "market_total_daily": market_total_daily.compute,
}
KEY = {"market_daily": ["date", "base_asset"], "market_total_daily": ["date"]}
WEIGHTED = ("funding_rate_8h_oi_weighted", "funding_rate_8h_volume_weighted")
SUMS = (
    "instruments",
    "open_interest_usd",
    "open_interest_usd_linear",
    "open_interest_usd_inverse",
    "open_interest_usd_quanto",
    "open_interest_change_usd",
    "liquidations_long_usd",
    "liquidations_short_usd",
    "liquidations_total_usd",
)
both_markets = pytest.mark.parametrize("table", COMPUTE)
every_table = pytest.mark.parametrize("table", MARKET_TABLES)


def of_inputs(inputs: MarketInputs, change: Callable[[pl.DataFrame], pl.DataFrame]) -> MarketInputs:
    """Each of the frames changed."""
    found: dict[str, Any] = {
        field.name: change(getattr(inputs, field.name).lazy().collect()) for field in fields(inputs)
    }
    return MarketInputs(**(found | {"events": found["events"].lazy()}))


def with_rows(inputs: MarketInputs, more: MarketInputs) -> MarketInputs:
    found: dict[str, Any] = {
        field.name: pl.concat([getattr(inputs, field.name), getattr(more, field.name)])
        for field in fields(inputs)
    }
    return MarketInputs(**found)


def assert_close(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The same but for the last digits."""
    assert_frame_equal(found, expected, check_exact=False, rel_tol=1e-11, abs_tol=1e-14)


@every_table
def test_the_untidy_weeks_have_something_to_say(table: str) -> None:
    frames = [untidy.computed(table, seed) for seed in range(6)]
    everything = pl.concat(frames)
    assert everything.height >= 5 * LENGTH
    blank = {name for name in everything.columns if not everything[name].drop_nulls().len()}
    assert blank == set()
    if table != "signals_daily":
        assert set(everything["liquidations_completeness"].drop_nulls()) >= {"partial", "unknown"}
        assert 0 < (everything["open_interest_coverage"] < 1).sum() < everything.height
    else:
        assert set(everything["squeeze_risk"].drop_nulls()) >= {"none"}
        assert set(everything["crowded_side"].drop_nulls()) == {"long", "short", "none"}
        assert everything["deleveraged"].drop_nulls().any()


@both_markets
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, shuffle=st.integers(0, 2**31))
def test_order_of_rows_does_not_matter(table: str, seed: int, shuffle: int) -> None:
    shuffled = of_inputs(
        untidy.inputs(seed), lambda x: x.sample(fraction=1.0, shuffle=True, seed=shuffle)
    )
    assert COMPUTE[table](shuffled, FIRST, LAST).equals(untidy.computed(table, seed))


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, shuffle=st.integers(0, 2**31))
def test_order_of_rows_does_not_matter_to_signals(seed: int, shuffle: int) -> None:
    market = untidy.long_market(seed).sample(fraction=1.0, shuffle=True, seed=shuffle)
    found = signals_daily.compute(market, FIRST, LAST)
    assert found.equals(untidy.computed("signals_daily", seed))


CUTS = st.sets(st.integers(1, LENGTH - 1), max_size=LENGTH - 1)


def stretches(cuts: set[int]) -> list[tuple[date, date]]:
    bounds = [0, *sorted(cuts), LENGTH]
    return [
        (FIRST + timedelta(days=start), FIRST + timedelta(days=end - 1))
        for start, end in pairwise(bounds)
    ]


def seen_from(inputs: MarketInputs, first: date, last: date) -> MarketInputs:
    """Only the days that the contract names."""

    def needed(of: pl.DataFrame) -> pl.DataFrame:
        if "liquidated_at" in of.columns:
            begin = first - timedelta(days=EVENTS_LOOKBACK_DAYS)
            return of.filter(pl.col("liquidated_at").dt.date().is_between(begin, last))
        if "date" in of.columns:
            begin = first - timedelta(days=LOOKBACK_DAYS)
            return of.filter(pl.col("date").is_between(begin, last))
        return of

    return of_inputs(inputs, needed)


@both_markets
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, cuts=CUTS)
def test_a_range_can_be_cut_anywhere(table: str, seed: int, cuts: set[int]) -> None:
    """Each stretch sees the days it needs and no others, and the pieces make the whole."""
    pieces = [
        COMPUTE[table](seen_from(untidy.inputs(seed), first, last), first, last)
        for first, last in stretches(cuts)
    ]
    assert pl.concat(pieces).equals(untidy.computed(table, seed))


@both_markets
def test_day_by_day(table: str) -> None:
    pieces = [
        COMPUTE[table](untidy.inputs(1), first, last)
        for first, last in stretches(set(range(1, LENGTH)))
    ]
    assert len(pieces) == LENGTH
    assert pl.concat(pieces).equals(untidy.computed(table, 1))


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, cuts=CUTS)
def test_a_range_of_signals_can_be_cut_anywhere(seed: int, cuts: set[int]) -> None:
    market = untidy.long_market(seed)
    pieces = [
        signals_daily.compute(
            market.filter(pl.col("date").is_between(first - timedelta(days=364), last)), first, last
        )
        for first, last in stretches(cuts)
    ]
    assert pl.concat(pieces).equals(untidy.computed("signals_daily", seed))


def silent(inputs: MarketInputs, *, rows_too: bool) -> MarketInputs:
    """A venue of which nothing is known: it is listed, or it has rows wherever the others have."""

    def days(of: pl.DataFrame) -> list[Record]:
        found = of.select("date", "base_asset").unique().sort("date", "base_asset")
        return [{**row, "symbol": "SILENT"} for row in found.iter_rows(named=True)]

    more = Given(instruments=[listing("silent", "SILENT")]).inputs()
    if not rows_too:
        return with_rows(inputs, more)
    rates = [funding(0, "silent", None, **row) for row in days(inputs.funding)]
    held = [open_interest(0, "silent", **row) for row in days(inputs.open_interest)]
    fed = [liquidated(0, "silent", None, None, **row) for row in days(inputs.liquidations)]
    polled = [positioning(0, "silent", None, **row) for row in days(inputs.positioning)]
    more = replace(
        more,
        funding=_one_asset_each(frame(FundingDaily, _named(rates))),
        open_interest=_one_asset_each(frame(OpenInterestDaily, _named(held))),
        liquidations=_one_asset_each(frame(LiquidationsDaily, _named(fed))),
        positioning=_one_asset_each(frame(PositioningDaily, _named(polled))),
    )
    return with_rows(inputs, more)


def _named(records: list[Record]) -> list[Record]:
    return [record | {"symbol": f"SILENT{record['base_asset']}"} for record in records]


def _one_asset_each(of: pl.DataFrame) -> pl.DataFrame:
    assert of.height > LENGTH
    return of


@both_markets
@pytest.mark.parametrize("rows_too", [False, True], ids=["listed", "with rows"])
@settings(max_examples=3, deadline=None)
@given(seed=SEEDS)
def test_a_venue_that_says_nothing_changes_nothing(table: str, rows_too: bool, seed: int) -> None:
    """But how many there are, and that the sum of liquidations is a lower bound."""
    found = COMPUTE[table](silent(untidy.inputs(seed), rows_too=rows_too), FIRST, LAST)
    expected = untidy.computed(table, seed)
    counts = ["venues", "instruments", "liquidations_venues"] if rows_too else []
    lower = ["liquidations_completeness"] if rows_too else []
    on = KEY[table]
    same = found.join(expected.select(on), on=on, how="semi")
    assert same.drop(counts + lower).equals(expected.drop(counts + lower))
    if rows_too:
        assert (same["venues"] > expected["venues"]).any()
        words = set(same["liquidations_completeness"].drop_nulls())
        assert words <= {"partial", "unknown"}
        # A row where there was none before comes from a day of which only a trace was there.
        assert found.height - same.height <= expected.height // 5
    else:
        assert found.height == expected.height


@both_markets
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_weights_are_convex(table: str, seed: int) -> None:
    found = untidy.computed(table, seed)
    low, high = pl.col("funding_rate_8h_min"), pl.col("funding_rate_8h_max")
    for name in (*WEIGHTED, "funding_rate_8h_mean", "funding_rate_8h_median"):
        inside = found.filter(pl.col(name).is_not_null())
        assert inside.height
        assert inside.select(pl.col(name).is_between(low - 1e-12, high + 1e-12).all()).item()
    assert found["open_interest_coverage"].drop_nulls().is_between(0, 1 + 1e-12).all()


@both_markets
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_sides_add_up(table: str, seed: int) -> None:
    found = untidy.computed(table, seed)
    long, short = pl.col("liquidations_long_usd"), pl.col("liquidations_short_usd")
    known = found.filter(long.is_not_null() & short.is_not_null())
    assert known.height
    assert known.select((long + short == pl.col("liquidations_total_usd")).all()).item()
    one_side = found.filter(long.is_not_null() != short.is_not_null())
    assert one_side["liquidations_total_usd"].null_count() == 0
    assert (
        found.filter(long.is_null() & short.is_null())["liquidations_total_usd"].null_count()
        == found.filter(long.is_null() & short.is_null()).height
    )
    margins = [f"open_interest_usd_{margin}" for margin in ("linear", "inverse", "quanto")]
    assert_close(
        found.select(pl.sum_horizontal(margins).alias("usd")).with_columns(
            pl.when(found["open_interest_usd"].is_not_null()).then("usd").alias("usd")
        ),
        found.select(usd="open_interest_usd"),
    )


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_the_total_is_the_sum_of_the_assets(seed: int) -> None:
    assets, total = (
        untidy.computed("market_daily", seed),
        untidy.computed("market_total_daily", seed),
    )
    assert {"base_asset", *SUMS} <= set(assets.columns)
    known = pl.when(pl.col(SUMS).is_not_null().any()).then(pl.col(SUMS).sum())
    by_day = assets.group_by("date").agg(
        known,
        funding_rate_8h_min=pl.col("funding_rate_8h_min").min(),
        funding_rate_8h_max=pl.col("funding_rate_8h_max").max(),
        assets=pl.len().cast(pl.Int64),
        largest=pl.col("liquidations_max_24h_usd").max(),
    )
    assert_close(
        by_day.sort("date").drop("largest"),
        total.select(by_day.drop("largest").columns),
    )
    largest = total.join(by_day.select("date", "largest"), on="date")
    assert (largest["liquidations_max_24h_usd"] >= largest["largest"] - 1e-6).all()


@both_markets
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, factor=st.floats(1e-6, 1e6))
def test_only_proportions_of_open_interest_matter(table: str, seed: int, factor: float) -> None:
    assume(factor > 0)
    inputs = untidy.inputs(seed)
    scaled = replace(
        inputs,
        open_interest=inputs.open_interest.with_columns(
            pl.col("^open_interest_.*$").exclude("^.*_pct$") * factor
        ),
    )
    found = COMPUTE[table](scaled, FIRST, LAST)
    expected = untidy.computed(table, seed)
    times = pl.col(
        [
            name
            for name in found.columns
            if name.startswith(("open_interest_usd", "open_interest_coin"))
            or name in ("open_interest_change_usd", "open_interest_change_coin", "leverage_ratio")
        ]
    )
    assert_close(
        found.with_columns(times / factor, pl.col("liquidations_to_open_interest") * factor),
        expected,
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_is_the_same_everywhere_and_always_is_never_unusual(seed: int) -> None:
    """The usual 1 bp at all venues, whatever they weigh: the last digits of a weighted mean are
    no rank."""
    dice = Random(seed)  # noqa: S311 - nothing secret
    known = Given()
    for n in range(-29, 1):
        for venue in untidy.VENUES:
            known.funding.append(funding(n, venue, 0.0001))
            known.open_interest.append(open_interest(n, venue, mean=dice.uniform(1e6, 1e10)))
    market = market_daily.compute(known.inputs(), LAST - timedelta(days=29), LAST)
    signals = signals_daily.compute(market, LAST, LAST)
    assert signals["funding_percentile_90d"].item() == 0.5


def test_thread_count_does_not_matter(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    written = []
    for threads in ("1", "4"):
        out = tmp_path / f"{threads}.csv"
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONPATH": str(root)}
        subprocess.run(
            [sys.executable, "-m", "tests.market.untidy", str(out), "2"],
            check=True,
            cwd=root,
            env=environment,
            timeout=120,
        )
        written.append(out.read_bytes())
    assert len(written[0]) > 10_000
    assert written[0] == written[1]


def test_the_score_is_added_in_one_order() -> None:
    """The parts one after the other, whatever Polars makes of it."""
    dice = Random(6)  # noqa: S311 - made-up data
    rows = [{part.name: dice.random() for part in PARTS} for _ in range(5000)]
    by_hand = []
    for row in rows:
        total = 0.0
        for part in PARTS:
            total += row[part.name] * part.weight
        by_hand.append(100 * total / sum(part.weight for part in PARTS))
    known = pl.DataFrame(rows)
    for scored in (
        known.select(score=overheated_score()),
        known.lazy().select(score=overheated_score()).collect(),
    ):
        assert scored["score"].to_list() == by_hand


def _of_both_venues(without: str | None = None, **less: Any) -> Given:
    """31 days of two instruments of two venues, of which everything is known. Of `without` some
    of the last day is not: `less` says what of it is left."""
    found = Given()
    for venue in ("alpha", "beta"):
        for n in range(-31, 1):
            change = less if venue == without and n == 0 else {}
            known = change.get("known", True)
            if change.get("there", True):
                held = 100.0 if known else None
                moved = 1.0 if known else None
                trace = TRACE if change.get("trace") else {}
                found.funding.append(funding(n, venue, 0.0001 if known else None))
                found.open_interest.append(
                    open_interest(
                        n,
                        venue,
                        usd=held,
                        coin=held,
                        mean=held,
                        change_usd=moved,
                        change_coin=moved,
                        **trace,
                    )
                )
                side = 10.0 if known else None
                found.liquidations.append(liquidated(n, venue, side, side))
                found.events.append(event(n, "12:00", venue, side))
                ratio = 1.0 if known else None
                found.positioning.append(positioning(n, venue, ratio, ratio))
                found.prices.append(price(n, venue, volume=held, returned=0.0 if known else None))
        gone = less.get("delisted") and venue == without
        found.instruments.append(listing(venue, valid_to=moment(-1) if gone else None))
    found.reserves.extend(reserve(n, 1_000.0) for n in range(-31, 1))
    return found


LOSSES: dict[str, Record] = {
    "unknown": {"known": False},
    "missing": {"there": False},
    "delisted": {"there": False, "delisted": True},
    "a trace": {"trace": True},
}
NEVER_THERE = {"open_interest_usd_inverse", "open_interest_usd_quanto"}


@both_markets
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("venue", ["alpha", "beta"])
def test_nothing_lost_of_one_blanks_a_total(table: str, loss: str, venue: str) -> None:
    whole = COMPUTE[table](_of_both_venues().inputs(), LAST, LAST)
    found = COMPUTE[table](_of_both_venues(venue, **LOSSES[loss]).inputs(), LAST, LAST)
    assert whole.height == found.height == 1
    blank = {name for name, value in found.row(0, named=True).items() if value is None}
    may_be = NEVER_THERE | ({"price_return"} if loss == "unknown" else set())
    assert blank <= may_be
    assert not found.equals(whole)
    row = found.row(0, named=True)
    assert row["funding_rate_8h_oi_weighted"] == pytest.approx(0.0001)
    assert row["open_interest_usd"] == 100.0
    assert row["open_interest_coverage"] == (1.0 if loss == "delisted" else 0.5)
    assert row["liquidations_total_usd"] == (40.0 if loss == "a trace" else 20.0)


@every_table
def test_nothing_in_nothing_out(table: str) -> None:
    if table == "signals_daily":
        market = MARKET_TABLES["market_daily"].create_empty()
        found = signals_daily.compute(market, FIRST, LAST)
    else:
        found = COMPUTE[table](Given().inputs(), FIRST, LAST)
    assert found.height == 0
    assert found.schema == MARKET_TABLES[table].create_empty().schema


def test_the_inputs_are_what_they_say() -> None:
    """Guards the generator: rows of all kinds, valid by their schemas."""
    inputs = untidy.inputs(0)
    assert inputs.events.collect().equals(rows("liquidations", untidy.given(0).events))
    assert inputs.instruments.equals(listings(untidy.given(0).instruments))
    traces = inputs.open_interest.filter(pl.col("sample_count") == 1)
    assert 0 < traces.height < inputs.open_interest.height / 10
