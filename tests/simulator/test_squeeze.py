"""The long squeeze has the shape its description promises, in the truth and in the files."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulator.market import Market, day_minutes
from simulator.plan import Plan, Summary
from simulator.simulate import simulate

TRUTH = "truth/binance"
LAST = date(2021, 1, 17)
VENUES = ("binance", "bybit", "okx", "bitmex", "deribit")
ARTICLE = Plan(
    date(2021, 1, 7),
    LAST,
    scenario="long-squeeze",
    kline_kinds=(),
    venues=(*VENUES, "cryptoquant"),
)


def samples(root: Path) -> pl.DataFrame:
    return pl.concat(
        [pl.read_parquet(path) for path in sorted((root / TRUTH).glob("samples-*.parquet"))]
    ).sort("symbol", "sampled_at")


def liquidations(root: Path) -> pl.DataFrame:
    return pl.concat(
        [pl.read_parquet(path) for path in sorted((root / TRUTH).glob("liquidations-*.parquet"))]
    )


def bitcoin(root: Path) -> pl.DataFrame:
    return samples(root).filter(symbol="BTCUSDT")


def at(frame: pl.DataFrame, *when: int) -> dict[str, float]:
    moment = datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return frame.filter(pl.col("sampled_at") == moment).row(0, named=True)


def messages(root: Path, day: date) -> list[dict[str, str]]:
    text = (root / f"dumps/binance/ws-forceOrder/{day}.jsonl").read_text()
    return [json.loads(line)["o"] for line in text.splitlines()]


def test_the_price_runs_up_over_night_and_breaks(squeeze: tuple[Path, Summary]) -> None:
    btc = bitcoin(squeeze[0])
    assert at(btc, 2021, 1, 16, 20)["index_price"] == pytest.approx(35_500, rel=0.003)
    last = btc.filter(pl.col("sampled_at") > datetime(2021, 1, 17, tzinfo=UTC))
    high, low = last["index_price"].max(), last["index_price"].min()
    assert high == pytest.approx(37_900, rel=0.003)
    assert isinstance(low, float)
    assert 33_600 < low < 34_000


def test_funding_is_crowded_before_the_break(squeeze: tuple[Path, Summary]) -> None:
    rates = pl.read_parquet(squeeze[0] / TRUTH / "settlements.parquet").filter(symbol="BTCUSDT")
    rate = {
        settled: float(value)
        for settled, value in rates.select("settled_at", "funding_rate").iter_rows()
    }
    assert rate[datetime(2021, 1, 17, tzinfo=UTC)] == pytest.approx(0.0007, abs=0.00005)
    assert rate[datetime(2021, 1, 16, 16, tzinfo=UTC)] == pytest.approx(0.0007, abs=0.00005)
    assert rate[datetime(2021, 1, 17, 16, tzinfo=UTC)] == pytest.approx(0.0001, abs=0.00005)
    # Before the scenario begins the rate is the usual one.
    usual = [value for settled, value in rate.items() if settled < datetime(2021, 1, 8, tzinfo=UTC)]
    assert len(usual) == 21
    assert sorted(usual)[10] == 0.0001


def test_a_billion_the_week_before_and_half_of_it_on_the_last_day(
    squeeze: tuple[Path, Summary],
) -> None:
    events = liquidations(squeeze[0])
    by_day = {
        day: (total, longs)
        for day, total, longs in events.group_by(pl.col("at").dt.date())
        .agg(
            pl.col("amount_usd").sum(),
            pl.col("amount_usd").filter(pl.col("position") == "long").sum().alias("longs"),
        )
        .iter_rows()
    }
    assert by_day[date(2021, 1, 10)][0] == pytest.approx(1.0e9, rel=0.03)
    assert by_day[date(2021, 1, 11)][0] == pytest.approx(1.05e9, rel=0.03)
    total, longs = by_day[LAST]
    assert total == pytest.approx(0.5e9, rel=0.03)
    assert longs / total > 0.8
    assert max(by_day, key=lambda day: by_day[day][0]) == date(2021, 1, 11)


def test_open_interest_does_not_fall_on_the_last_day(squeeze: tuple[Path, Summary]) -> None:
    frame = samples(squeeze[0]).filter(pl.col("sampled_at") > datetime(2021, 1, 17, tzinfo=UTC))
    first, last = (
        frame.group_by("symbol", maintain_order=True).agg(
            getattr(pl.col("open_interest_coin"), edge)().alias("coin"),
            getattr(pl.col("open_interest_usd"), edge)().alias("usd"),
        )
        for edge in ("first", "last")
    )
    assert last["usd"].sum() >= first["usd"].sum()
    assert (last["coin"] >= first["coin"]).all()


def test_as_many_accounts_are_long_as_short(squeeze: tuple[Path, Summary]) -> None:
    ratio = bitcoin(squeeze[0])["accounts_ratio"].mean()
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_longs_sell_while_the_price_falls(squeeze: tuple[Path, Summary]) -> None:
    orders = messages(squeeze[0], LAST)
    # The fall is from 02:30 to 10:00.
    start = int(datetime(2021, 1, 17, 3, tzinfo=UTC).timestamp() * 1000)
    fall = [o for o in orders if start < int(o["T"]) < start + 7 * 3_600_000]
    assert len(fall) > 3000
    sold = sum(float(o["z"]) * float(o["ap"]) for o in fall if o["S"] == "SELL")
    bought = sum(float(o["z"]) * float(o["ap"]) for o in fall if o["S"] == "BUY")
    assert sold > 20 * bought
    # A forced seller's limit is below what he got.
    assert all((float(o["p"]) < float(o["ap"])) == (o["S"] == "SELL") for o in orders)


def test_recording_without_its_quirks_is_the_truth(squeeze: tuple[Path, Summary]) -> None:
    root, _ = squeeze
    orders = messages(root, LAST)
    # Repeats are equal as numbers; of an order in parts the last message counts.
    distinct = {
        (o["s"], o["S"], int(o["T"]), float(o["q"]), float(o["p"]), float(o["z"]))
        for o in orders
        if o["X"] == "FILLED"
    }
    truth = pl.read_parquet(root / TRUTH / f"liquidations-{LAST}.parquet").filter(product="um")
    assert len(distinct) == truth.height < len(orders)
    expected = {
        (symbol, "SELL" if position == "long" else "BUY", stamp, quantity, limit, quantity)
        for symbol, position, stamp, quantity, limit in truth.select(
            "symbol", "position", pl.col("at").dt.epoch("ms"), "quantity", "limit_price"
        ).iter_rows()
    }
    assert distinct == expected


def test_parts_of_an_order_grow(squeeze: tuple[Path, Summary]) -> None:
    orders = messages(squeeze[0], LAST)
    parts = [o for o in orders if o["X"] == "PARTIALLY_FILLED"]
    whole = {(o["s"], o["S"], float(o["q"]), o["p"]): o for o in orders if o["X"] == "FILLED"}
    assert len(parts) > 20
    for part in parts:
        final = whole[part["s"], part["S"], float(part["q"]), part["p"]]
        assert 0 < float(part["z"]) < float(final["z"])
        assert 0 < int(final["T"]) - int(part["T"]) < 60_000


def test_from_april_2021_on_one_order_a_second(tmp_path: Path) -> None:
    plan = Plan(
        date(2021, 4, 26), date(2021, 4, 27), symbols=2, scenario="long-squeeze", kline_kinds=()
    )
    simulate(plan, tmp_path)

    def busiest(day: date) -> int:
        # One order can be told twice; that is a fault of the recorder.
        told = {(o["s"], int(o["T"]) // 1000, o["T"]) for o in messages(tmp_path, day)}
        return max(Counter((symbol, second) for symbol, second, _ in told).values())

    dropped = {
        day: pl.read_parquet(tmp_path / TRUTH / f"liquidations-{day}.parquet")["published"]
        for day in (plan.first, plan.last)
    }
    assert dropped[plan.first].all()
    assert not dropped[plan.last].all()
    assert busiest(plan.first) > 1
    assert busiest(plan.last) == 1


def test_deleveraging_closes_a_third_of_all_positions(tmp_path: Path) -> None:
    plan = Plan(LAST, LAST, symbols=2, scenario="deleveraging", kline_kinds=())
    simulate(plan, tmp_path)
    coins = bitcoin(tmp_path)["open_interest_coin"]
    # 1.02 falls to 0.68 of the usual.
    assert coins[-1] / coins[0] == pytest.approx(2 / 3, rel=0.02)


def test_calm_is_calm(month: tuple[Path, Summary]) -> None:
    root, _ = month
    total = liquidations(root).group_by(pl.col("at").dt.date()).agg(pl.col("amount_usd").sum())
    assert total.height == 14
    assert total["amount_usd"].max() < 120e6  # type: ignore[operator]
    assert total["amount_usd"].min() > 5e6  # type: ignore[operator]
    rates = pl.read_parquet(root / TRUTH / "settlements.parquet").filter(symbol="BTCUSDT")
    assert rates["funding_rate"].cast(pl.Float64).median() == pytest.approx(0.0001)


# ---- The article's claims, across the exchanges -------------------------------------------------


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("article")
    simulate(ARTICLE, out)
    return out


def told(root: Path, kind: str) -> pl.DataFrame:
    """Of all five exchanges and all days, with `venue`."""
    files = sorted(root.glob(f"truth/*/{kind}*.parquet"))
    assert {file.parent.name for file in files} == set(VENUES)
    return pl.concat(
        pl.read_parquet(file).with_columns(venue=pl.lit(file.parent.name)) for file in files
    )


def at_start(root: Path, day: date) -> pl.DataFrame:
    """Coins and dollars by venue and symbol in the first sample of a day that all have."""
    first = datetime(day.year, day.month, day.day, 0, 5, tzinfo=UTC)
    rows = told(root, f"samples-{day}").filter(pl.col("sampled_at") == first)
    return rows.select("venue", "symbol", "open_interest_coin", "open_interest_usd")


def test_binance_has_the_largest_open_interest(article: Path) -> None:
    rows = at_start(article, LAST).group_by("venue").agg(pl.col("open_interest_usd").sum())
    usd = dict(rows.iter_rows())
    assert usd.keys() == set(VENUES)
    second = max(value for venue, value in usd.items() if venue != "binance")
    assert usd["binance"] > 1.5 * second


def test_half_a_billion_in_24_hours_over_all_exchanges_and_nearly_all_longs(article: Path) -> None:
    """Of what is published, which is less than there was: OKX tells one a second and contract."""
    events = told(article, "liquidations").filter("published").sort("at")
    amount = pl.col("amount_usd")
    sums = (
        events.rolling("at", period="24h", closed="right")
        .agg(amount.sum().alias("all"), amount.filter(position="long").sum().alias("longs"))
        .filter(pl.col("at").dt.date() == LAST)
    )
    # The day itself, and its worst 24 hours, which begin in the calm afternoon before.
    assert sums["all"][-1] == pytest.approx(0.5e9, rel=0.05)
    worst = sums.row(sums["all"].arg_max() or 0, named=True)
    assert 0.5e9 < worst["all"] < 0.6e9
    assert worst["longs"] / worst["all"] > 0.8
    last = events.filter(pl.col("at").dt.date() == LAST)
    longs = last.filter(position="long")
    assert longs["amount_usd"].sum() / last["amount_usd"].sum() > 0.85
    assert set(last["venue"]) == set(VENUES)
    # Not of bitcoin alone.
    assert last.filter(~pl.col("symbol").str.contains("BTC|XBT"))["amount_usd"].sum() > 0.1e9


def test_two_days_of_a_billion_the_week_before_over_all_exchanges(article: Path) -> None:
    events = told(article, "liquidations").filter("published")
    by_day = dict(
        events.group_by(pl.col("at").dt.date()).agg(pl.col("amount_usd").sum()).iter_rows()
    )
    billions = {day for day, usd in by_day.items() if usd > 0.9e9}
    assert billions == {date(2021, 1, 10), date(2021, 1, 11)}
    assert max(by_day.values()) < 1.15e9


@pytest.mark.parametrize("venue", VENUES)
def test_funding_is_seven_times_the_typical_on_every_exchange(article: Path, venue: str) -> None:
    """Per 8 hours: Deribit settles by the hour."""
    rates = pl.read_parquet(article / "truth" / venue / "settlements.parquet")
    bitcoin = rates.filter(pl.col("symbol").str.contains("^(BTC|XBT)"))
    eighths = bitcoin.with_columns(
        rate=pl.col("funding_rate").cast(pl.Float64) * 8 / pl.col("interval_hours")
    )
    typical = eighths.filter(pl.col("settled_at") < datetime(2021, 1, 8, tzinfo=UTC))
    assert typical["rate"].median() == pytest.approx(0.0001, abs=0.00001)
    # Settled just before the run's end: 23 to 4 h, of intervals of up to 8 hours.
    crowded = eighths.filter(
        pl.col("settled_at").is_between(
            datetime(2021, 1, 16, 23, tzinfo=UTC), datetime(2021, 1, 17, 4, tzinfo=UTC)
        )
    )
    assert crowded["symbol"].n_unique() == bitcoin["symbol"].n_unique()
    assert crowded["rate"].mean() == pytest.approx(0.0007, abs=0.00005)


def test_the_price_is_one_on_all_exchanges(article: Path) -> None:
    """35,500 on the evening before, almost 38,000 over night, below 34,000 before noon."""
    rows = told(article, "samples").filter(pl.col("symbol").str.contains("^(BTC|XBT)"))
    prices = rows.group_by("sampled_at").agg(
        pl.col("index_price").min().alias("low"), pl.col("index_price").max().alias("high")
    )
    assert (prices["high"] / prices["low"] - 1).max() < 1e-6  # type: ignore[operator]
    night = prices.filter(
        pl.col("sampled_at").is_between(
            datetime(2021, 1, 16, 18, tzinfo=UTC), datetime(2021, 1, 17, 14, tzinfo=UTC)
        )
    ).sort("sampled_at")
    top = night["high"].arg_max()
    assert isinstance(top, int)
    assert night["high"][top] == pytest.approx(37_900, rel=0.003)
    assert night["low"][:top].min() == pytest.approx(35_500, rel=0.003)
    assert 33_600 < night["low"][top:].min() < 34_000  # type: ignore[operator]


@pytest.mark.parametrize("venue", VENUES)
def test_accounts_are_neutral_on_every_exchange(article: Path, venue: str) -> None:
    rows = told(article, f"samples-{LAST}").filter(venue=venue)
    assert rows.group_by("symbol").agg(pl.col("accounts_ratio").mean())[
        "accounts_ratio"
    ].median() == pytest.approx(1.0, abs=0.1)


def test_open_interest_has_fallen_nowhere_on_the_day_of_the_break(article: Path) -> None:
    rows = told(article, f"samples-{LAST}").sort("sampled_at")
    ends = rows.group_by("venue", "symbol", maintain_order=True).agg(
        pl.col("open_interest_coin", "open_interest_usd").first().name.suffix("_first"),
        pl.col("open_interest_coin", "open_interest_usd").last(),
    )
    assert (ends["open_interest_coin"] >= ends["open_interest_coin_first"]).all()
    by_venue = ends.group_by("venue").agg(pl.col("^open_interest_usd.*$").sum())
    assert by_venue.height == len(VENUES)
    assert (by_venue["open_interest_usd"] >= by_venue["open_interest_usd_first"]).all()


def test_leverage_is_lower_than_a_week_before_though_it_rises(article: Path) -> None:
    """Open interest ÷ exchange reserve, as CryptoQuant's two files of bitcoin have it; so it is
    with open interest of our exchanges, of which its own is a multiple."""
    daily = pl.read_parquet(article / "truth/cryptoquant/daily.parquet")
    coins, reserve = daily["open_interest_coin"], daily["reserve_coin"]
    leverage = dict(zip(daily["date"], coins / reserve, strict=True))
    week_before = [leverage[date(2021, 1, day)] for day in (8, 9, 10)]
    eve, end = leverage[date(2021, 1, 16)], leverage[LAST]
    assert eve < end < min(week_before)
    # Ours at the first moment of days that all have, of the ninth and of the break.
    btc = pl.col("symbol").str.contains("^(BTC|XBT)")
    ours = {
        day: at_start(article, day).filter(btc)["open_interest_coin"].sum()
        for day in (date(2021, 1, 9), LAST)
    }
    assert ours[LAST] < 0.95 * ours[date(2021, 1, 9)]


def test_nothing_leaves_the_exchanges_on_chain_before_the_break(article: Path) -> None:
    daily = pl.read_parquet(article / "truth/cryptoquant/daily.parquet")
    assert daily["date"].to_list() == [
        ARTICLE.first + timedelta(days=n) for n in range((LAST - ARTICLE.first).days + 2)
    ]
    before = daily.filter(pl.col("date") < LAST)["reserve_coin"]
    assert (before.diff().drop_nulls() >= 0).all()
    assert before[-1] == pytest.approx(2_400_000, rel=0.001)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_reserves_do_not_fall_before_the_break_whatever_the_seed(seed: int) -> None:
    plan = Plan(LAST, LAST, scenario="long-squeeze", seed=seed)
    midnights = np.array([day_minutes(LAST - timedelta(days=n)) for n in range(29, -1, -1)])
    held = Market(plan).reserve(midnights)
    assert (np.diff(held) > 0).all()
