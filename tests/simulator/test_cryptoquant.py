"""CryptoQuant's exports: what they say of the simulated market, and that the mill reads them so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.settings import Settings
from simulator.exchange import discover
from simulator.exchanges.cryptoquant import OTHERS, export
from simulator.plan import Plan
from simulator.simulate import simulate, tapes_of
from tests.flows.driver import mill_days
from tests.simulator.reading import samples

# Into a new month, over the delivery of dated contracts (2021-03-26), without a script.
CALM = Plan(
    date(2021, 3, 25),
    date(2021, 3, 31),
    symbols=12,
    kline_kinds=(),
    venues=("binance", "deribit", "cryptoquant"),
)
DUMPS = "dumps/cryptoquant"
# File, the truth's column, and how many of the file's units one of the truth is.
FILES = (
    ("BTC_exchange_reserve", "reserve_coin", 1),
    ("open_interest", "open_interest_usd", 1),
    ("funding_fee", "funding_rate_8h", 100),
    ("BTC_price", "price_usd", 1),
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cryptoquant")
    simulate(CALM, out)
    return out


def truth(root: Path) -> pl.DataFrame:
    return pl.read_parquet(root / "truth/cryptoquant/daily.parquet")


def rows(root: Path, name: str) -> list[str]:
    """The lines of an export, by the letter of its description."""
    content = (root / DUMPS / f"{name}.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfDate,Data\n")
    assert b"\r" not in content
    assert not content.endswith(b"\n")
    return content.decode("utf-8-sig").split("\n")[1:]


@pytest.mark.parametrize(("name", "column", "factor"), FILES)
def test_files_hold_the_truth_of_every_day_and_one_that_is_forming(
    calm: Path, name: str, column: str, factor: int
) -> None:
    told = [row.split(",") for row in rows(calm, name)]
    # Seven days of the plan, and the first of April.
    assert [day for day, _ in told] == [
        *(f"2021.3.{number}" for number in range(25, 32)),
        "2021.4.1",
    ]
    values = truth(calm)[column].to_list()
    assert [float(text) for _, text in told] == pytest.approx([factor * x for x in values], 1e-12)
    assert truth(calm)["still_forming"].to_list() == [False] * 7 + [True]


def test_four_files_are_all(calm: Path) -> None:
    found = {path.stem for path in (calm / DUMPS).iterdir()}
    assert found == {name for name, _, _ in FILES}


def test_small_numbers_have_an_exponent() -> None:
    days = [date(2017, 2, 14) + timedelta(days=n) for n in range(5)]
    values = [-0.0000692, 0.00012, 0.0, 34065.63840, -0.0000000123]
    assert export(days, values, 9) == (
        b"\xef\xbb\xbfDate,Data\n2017.2.14,-6.92E-05\n2017.2.15,0.00012\n2017.2.16,0\n"
        b"2017.2.17,34065.6384\n2017.2.18,-1.23E-08"
    )


def test_open_interest_is_that_of_the_exchanges_and_of_others(calm: Path) -> None:
    """At the end of the 27th: what the next day's first samples say, which is the same moment."""
    end = datetime.fromisoformat("2021-03-28T00:00:00+00:00")
    tapes = tapes_of(CALM, discover())
    symbols = [
        (venue, x.symbol)
        for venue, tape in tapes.items()
        for x in tape.listings
        if x.coin == "BTC" and x.trades_on(date(2021, 3, 28))
    ]
    assert {venue for venue, _ in symbols} == {"binance", "deribit"}
    # Delivered on the 26th.
    assert not any(symbol.endswith(("26MAR21", "_210326")) for _, symbol in symbols)
    moments = []
    for venue, symbol in symbols:
        # Binance's USDⓈ-M has the sample of 24:00 in the file of the day that ends.
        um = venue == "binance" and tapes[venue].listing(symbol).product == "um"
        file = calm / "truth" / venue / f"samples-2021-03-{27 if um else 28}.parquet"
        found = pl.read_parquet(file).filter(symbol=symbol, sampled_at=end)
        assert found.height == 1, symbol
        moments.append(found)
    known = pl.concat(moments)
    row = truth(calm).row(2, named=True)
    assert row["date"] == date(2021, 3, 27)
    for unit in ("coin", "usd"):
        ours = known[f"open_interest_{unit}"].sum()
        assert row[f"open_interest_{unit}"] == pytest.approx(ours / (1 - OTHERS), rel=1e-6)
    assert row["price_usd"] == pytest.approx(
        samples(calm, "deribit", "BTC-PERPETUAL", end)["index_price"], rel=1e-8
    )


def test_funding_is_the_mean_of_what_was_settled(calm: Path) -> None:
    """Binance 3 perpetuals (USDT, USDC, coin) × 3 settlements of 8 hours, Deribit 2 × 24 of one:
    each perpetual has the same 24 hours."""
    expected = []
    for venue, names in (
        ("binance", ("BTCUSDT", "BTCUSDC", "BTCUSD_PERP")),
        ("deribit", ("BTC-PERPETUAL", "BTC_USDC-PERPETUAL")),
    ):
        settled = pl.read_parquet(calm / "truth" / venue / "settlements.parquet").filter(
            pl.col("settled_at").dt.date() == date(2021, 3, 30)
        )
        for name in names:
            own = settled.filter(symbol=name)["funding_rate"]
            assert len(own) == (3 if venue == "binance" else 24)
            expected.append(float(own.sum()) / 3)
    row = truth(calm).row(5, named=True)
    assert row["date"] == date(2021, 3, 30)
    assert row["funding_rate_8h"] == pytest.approx(sum(expected) / 5, abs=1e-11)


def test_reserves_drift_slowly(calm: Path) -> None:
    held = truth(calm)["reserve_coin"]
    assert ((held / 2_400_000 - 1).abs() < 0.02).all()
    steps = held.pct_change().drop_nulls().abs()
    assert 0 < steps.min() < steps.max() < 0.003  # type: ignore[operator]


def test_finished_days_are_the_same_in_every_plan_that_has_them(calm: Path, tmp_path: Path) -> None:
    """A file holds all days, so that the export of a later day is another file; its rows of days
    that were over before are the same bytes, the row of the day that was forming is not."""
    later = replace(CALM, first=date(2021, 3, 27), last=date(2021, 4, 2))
    simulate(later, tmp_path / "later")
    for name, _, _ in FILES:
        before, after = rows(calm, name), rows(tmp_path / "later", name)
        # 27 to 31 March are in both.
        assert before[2:7] == after[:5], name
        assert before[7].startswith("2021.4.1,")
        assert after[5].startswith("2021.4.1,")
        if name != "funding_fee":
            assert before[7] != after[5], name
    simulate(CALM, tmp_path / "again")
    for name, _, _ in FILES:
        assert rows(tmp_path / "again", name) == rows(calm, name)


def test_it_is_no_exchange(tmp_path: Path) -> None:
    """Liquidations are shared among exchanges as if it were not there."""
    known = discover()
    alone = tapes_of(replace(CALM, venues=("binance", "deribit")), known)
    beside = tapes_of(CALM, known)
    assert {name: tape.market.share for name, tape in beside.items()} == {
        # 0.40 ÷ (0.40 + 0.07), 0.07 ÷ 0.47
        "binance": pytest.approx(40 / 47),
        "deribit": pytest.approx(7 / 47),
    }
    assert {name: tape.market.share for name, tape in alone.items()} == {
        name: tape.market.share for name, tape in beside.items()
    }
    with pytest.raises(ValueError, match="cryptoquant tells of exchanges: venues must name one"):
        simulate(replace(CALM, venues=("cryptoquant",)), tmp_path)


def test_the_mill_reads_what_is_true(calm: Path, tmp_path: Path) -> None:
    """Through `transforms.venues.cryptoquant` into the published tables: equal to the last bit for
    amounts, and to that of a percent's decimals for the rate. The day that is forming is in none.
    """
    settings = Settings(
        lake=f"file:{tmp_path}/lake",
        cache=tmp_path / "cache",
        sources=[{"venue": "cryptoquant", "dumps": f"file:{calm}/{DUMPS}"}],
    )
    done = mill_days(settings, CALM.first, CALM.last + timedelta(days=1))
    assert done.pointer is not None
    # One raw file each, none ignored.
    assert done.fetched == len(FILES)
    with duckdb.connect(str(tmp_path / "lake" / done.pointer.build), read_only=True) as connection:
        reserves = connection.execute(
            "SELECT date, reserve_coin FROM reserves_daily WHERE provider = 'cryptoquant' "
            "AND base_asset = 'BTC' AND reference_venue IS NULL ORDER BY date"
        ).fetchall()
        references = connection.execute(
            "SELECT metric, unit, list(value ORDER BY date), list(date ORDER BY date) "
            "FROM reference_daily GROUP BY metric, unit"
        ).fetchall()
        refused = connection.execute(
            "SELECT count(*), sum(rows_read - rows_kept) FROM raw_files"
        ).fetchone()
    finished = truth(calm).filter(~pl.col("still_forming"))
    assert reserves == finished.select("date", "reserve_coin").rows()
    assert {metric: (unit, values) for metric, unit, values, _ in references} == {
        "open_interest_usd": ("USD", finished["open_interest_usd"].to_list()),
        "price_usd": ("USD", finished["price_usd"].to_list()),
        "funding_rate": (
            "fraction",
            pytest.approx(finished["funding_rate_8h"].to_list(), rel=1e-12),
        ),
    }
    assert all(days == finished["date"].to_list() for _, _, _, days in references)
    assert refused == (len(FILES), 0)
