"""Long squeezes, written in each venue's raw format, come out of `normalise` as squeezed longs.

Two readings of the same formats meet here: the simulator's, which wrote the files from its truth,
and that of `transforms.venues`. What is summed is what the venue published: its throttle drops
some of the truth, and a quanto contract's dollars are not in the message.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from simulator.exchange import discover as exchanges
from simulator.plan import Plan, Summary
from tests.simulator.conftest import EVERYWHERE
from transforms.normalise import normalise, read_instruments
from transforms.payload import Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Venue, discover

FIRST, LAST = EVERYWHERE.first, EVERYWHERE.last
EXCHANGES = exchanges()
VENUES = discover()
TRADED = [name for name, exchange in EXCHANGES.items() if exchange.share]
# By carrier: venue, and the id its files are found by.
CARRIED = {"binance": "binance-futures", "bybit": "bybit", "okx": "okex-swap"}


def payloads(
    venue: Venue, folder: Path, source: SourceKind, dataset: str, carrier: str | None = None
) -> list[Payload]:
    """The files below a source's root that a feed of this dataset reads."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = file.relative_to(folder).as_posix()
        match = venue.feed_for(source, path)
        if match is None or dataset not in match[0].datasets or match[0].carrier != carrier:
            continue
        fetched = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        key = f"raw/{source}/{path}"
        found.append(Payload(key, path, file.read_bytes(), source, match[1], fetched))
    return found


def of_exchange(venue: Venue, root: Path, dataset: str) -> list[Payload]:
    return [
        *payloads(venue, root / "archive" / venue.name, SourceKind.ARCHIVE, dataset),
        *payloads(venue, root / "dumps" / venue.name, SourceKind.DUMP, dataset),
    ]


def rows(venue: Venue, files: list[Payload], answers: list[Payload], dataset: str) -> pl.DataFrame:
    book = read_instruments(venue, answers) if answers else None
    done = normalise(venue, files, FIRST, LAST, book).partitions
    parts = [part for part in done if part.dataset == dataset]
    assert parts, f"no {dataset} of {venue.name}"
    refused = pl.concat([part.quarantined for part in parts])
    assert refused.is_empty(), refused.head().to_dicts()
    return pl.concat([part.rows for part in parts])


def truth(root: Path, venue: str) -> pl.DataFrame:
    files = sorted((root / "truth" / venue).glob("liquidations-*.parquet"))
    assert len(files) == 2
    return pl.concat(pl.read_parquet(file) for file in files).filter("published")


def totals(frame: pl.DataFrame, side: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Coins and US dollars by symbol and side."""
    summed = frame.group_by("symbol", side).agg(pl.col("amount_coin", "amount_usd").sum())
    return {
        (symbol, position): (coin, usd)
        for symbol, position, coin, usd in summed.select(
            "symbol", side, "amount_coin", "amount_usd"
        ).iter_rows()
    }


def agree(
    found: dict[tuple[str, str], tuple[float, float]],
    expected: dict[tuple[str, str], tuple[float, float]],
) -> None:
    assert found.keys() == expected.keys()
    for key, amounts in expected.items():
        assert found[key] == pytest.approx(amounts, rel=1e-6), key


@pytest.fixture
def root(everywhere: tuple[Path, Summary]) -> Path:
    return everywhere[0]


def test_binance_at_least_is_read() -> None:
    assert "binance" in VENUES
    assert "binance" in TRADED


@pytest.mark.parametrize("name", TRADED)
def test_longs_are_squeezed_for_what_they_held(root: Path, name: str) -> None:
    if name not in VENUES:
        pytest.skip(f"transforms.venues has no {name} yet")
    venue = VENUES[name]
    files = of_exchange(venue, root, "liquidations")
    assert files, "no file has a feed"
    found = rows(venue, files, of_exchange(venue, root, "instruments"), "liquidations")
    expected = truth(root, name)
    assert found.height == expected.height > 500
    assert set(found["symbol"]) == set(expected["symbol"])

    linear = found.filter(pl.col("amount_usd").is_not_null())
    quanto = {x.symbol for x in EXCHANGES[name].listings(Plan(FIRST, LAST)) if x.margin == "quanto"}
    assert set(found["symbol"]) - set(linear["symbol"]) <= quanto
    known = expected.filter(pl.col("symbol").is_in(linear["symbol"].unique().implode()))
    agree(totals(linear, "side"), totals(known, "position"))
    if name == "bitmex":
        assert quanto == {"ETHUSD", "XRPUSD"}
    sides = dict(linear.group_by("side").agg(pl.col("amount_usd").sum()).iter_rows())
    # The script has 90 % long on the day of the break and 45 % on the day before, a quarter of it.
    last = linear.filter(pl.col("liquidated_at").dt.date() == LAST)
    broken = dict(last.group_by("side").agg(pl.col("amount_usd").sum()).iter_rows())
    assert sides["long"] > 2 * sides["short"]
    assert broken["long"] > 5 * broken["short"]


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_carried_by_tardis_longs_are_long_too(root: Path, name: str) -> None:
    if name not in VENUES:
        pytest.skip(f"transforms.venues has no {name} yet")
    venue = VENUES[name]
    files = payloads(
        venue, root / "archive/tardis", SourceKind.ARCHIVE, "liquidations", carrier="tardis"
    )
    if not files:
        pytest.skip(f"transforms.venues.{name} reads nothing that Tardis carries yet")
    answers = of_exchange(venue, root, "instruments")
    found = rows(venue, files, answers, "liquidations")
    # Split by arrival: what came within the last seconds is in a file of the day after.
    settled = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC) + timedelta(
        hours=23, minutes=59
    )
    expected = truth(root, name).filter(pl.col("at") < settled)
    found = found.filter(pl.col("liquidated_at") < settled)
    expected = expected.filter(pl.col("symbol").is_in(found["symbol"].unique().implode()))
    assert found.height == expected.height > 500
    if name == "binance":
        # Its price is the order's limit, not what was paid.
        usd = pl.col("quantity") * pl.col("limit_price")
        expected = expected.with_columns(amount_usd=usd)
    agree(totals(found, "side"), totals(expected, "position"))


@pytest.mark.parametrize("name", TRADED)
def test_open_interest_is_that_of_one_side(root: Path, name: str) -> None:
    if name not in VENUES:
        pytest.skip(f"transforms.venues has no {name} yet")
    venue = VENUES[name]
    files = of_exchange(venue, root, "open_interest")
    if not files:
        pytest.skip(f"transforms.venues.{name} reads no open interest yet")
    found = rows(venue, files, of_exchange(venue, root, "instruments"), "open_interest")
    snapshots = pl.concat(
        pl.read_parquet(file) for file in sorted((root / "truth" / name).glob("samples-*.parquet"))
    )
    # Polls are stamped a few ms after their moment; quanto needs a price from elsewhere.
    at = pl.col("sampled_at").dt.round("1m")
    quanto = [x.symbol for x in EXCHANGES[name].listings(EVERYWHERE) if x.margin == "quanto"]
    both = (
        found.filter(~pl.col("symbol").is_in(quanto))
        .with_columns(at=at)
        .join(snapshots.with_columns(at=at), on=["symbol", "at"], suffix="_true")
    )
    assert both.height > 300
    for unit in ("coin", "usd"):
        ratio = both[f"open_interest_{unit}"] / both[f"open_interest_{unit}_true"]
        known = ratio.drop_nulls()
        assert not known.is_empty()
        assert (known - 1.0).abs().max() < 1e-6  # type: ignore[operator]


@pytest.mark.parametrize("name", TRADED)
def test_settlements_are_as_they_were_settled(root: Path, name: str) -> None:
    if name not in VENUES or name == "binance":
        pytest.skip(f"{name} has no files of this month's settlements")
    venue = VENUES[name]
    found = rows(venue, of_exchange(venue, root, "funding_rates"), [], "funding_rates")
    true = pl.read_parquet(root / "truth" / name / "settlements.parquet").filter(
        pl.col("settled_at").dt.date() >= FIRST
    )
    both = found.join(true, on=["symbol", "settled_at"], how="left", suffix="_true")
    off = (pl.col("funding_rate") - pl.col("funding_rate_true")).cast(pl.Float64).abs()
    # BitMEX's binary numbers are off in the seventeenth digit.
    assert both.select(off.max()).item() < 1e-15
    assert both["funding_rate_true"].null_count() == 0
    # A dump may lack one settlement of a symbol.
    symbols = true["symbol"].n_unique()
    assert true.height - symbols <= found.height <= true.height
