"""Recorded Binance files through the whole way; totals as the recordings' catalogue states them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from transforms.normalise import Partition, normalise, read_instruments, survey
from transforms.payload import Payload
from transforms.schemas.column import SourceKind
from transforms.venues.binance import VENUE

_DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
_ROOTS = {
    SourceKind.ARCHIVE: _DATA / "archives" / "binance",
    SourceKind.DUMP: _DATA / "dumps" / "binance",
}

pytestmark = pytest.mark.skipif(not _DATA.is_dir(), reason="recorded data are not beside the repo")


def recorded(source: SourceKind, pattern: str) -> list[Payload]:
    """All recorded files below the source's root that match; there must be one."""
    payloads = []
    for file in sorted(_ROOTS[source].glob(pattern)):
        path = file.relative_to(_ROOTS[source]).as_posix()
        found = VENUE.feed_for(source, path)
        assert found is not None, path
        fetched = datetime(2026, 8, 22, tzinfo=UTC)
        payloads.append(
            Payload(f"raw/{source}/{path}", path, file.read_bytes(), source, found[1], fetched)
        )
    assert payloads, f"no file matches {pattern}"
    return payloads


def partitions(*payloads: Payload) -> list[Partition]:
    """Over all days the files touch."""
    spans = [span for span in (survey(VENUE, p) for p in payloads) if span is not None]
    first, last = min(s[0] for s in spans), max(s[1] for s in spans)
    found = normalise(VENUE, payloads, first, last, None).partitions
    assert not any(p.quarantined.height for p in found)
    return found


def rows(found: list[Partition]) -> pl.DataFrame:
    return pl.concat([p.rows for p in found])


def counted(found: list[Partition]) -> dict[str, tuple[int, int, int]]:
    """Per raw file: records read, kept, folded away."""
    totals = (
        pl.concat([p.accounting for p in found])
        .group_by("raw_key")
        .agg(pl.col("rows_read", "rows_kept", "rows_duplicate").sum())
    )
    return {
        Path(key).name: (read, kept, duplicate) for key, read, kept, duplicate in totals.iter_rows()
    }


def test_doubled_force_orders_count_once() -> None:
    found = partitions(*recorded(SourceKind.DUMP, "ws-forceOrder/2025-01-26_2025-02-06.jsonl"))
    # 3510 lines, of which 1,673 repeat another exactly
    assert counted(found) == {"2025-01-26_2025-02-06.jsonl": (3510, 1837, 1673)}
    # Nine days within the file's span have no line at all: nothing is known of them.
    assert [p.date for p in found] == [date(2025, 1, 26), date(2025, 1, 27), date(2025, 2, 6)]
    totals = rows(found).group_by("side").agg(pl.col("amount_usd").sum()).sort("side")
    assert totals["side"].to_list() == ["long", "short"]
    assert totals["amount_usd"].to_list() == pytest.approx([2835648.57046655, 710713.62196159])


def test_a_recording_that_contains_another_adds_nothing_twice() -> None:
    found = partitions(*recorded(SourceKind.DUMP, "ws-forceOrder/2025-06-23*.jsonl"))
    assert counted(found) == {
        "2025-06-23-a-big.jsonl": (453, 453, 0),
        "2025-06-23-a.jsonl": (445, 0, 445),
    }
    dated = rows(found).filter(pl.col("symbol") == "BTCUSDT_250627")
    assert set(dated["contract_kind"]) == {"dated"}
    assert set(rows(found)["price_kind"]) == {"limit"}  # these messages carry no average price


def test_archived_funding_has_the_known_sums_day_by_day() -> None:
    found = partitions(
        *recorded(SourceKind.ARCHIVE, "**/BTCUSDT-fundingRate-2021-01.zip"),
        *recorded(SourceKind.ARCHIVE, "**/AXSUSDT-fundingRate-2026-01.zip"),
    )
    sums = dict(
        rows(found)
        .group_by("symbol", pl.col("settled_at").dt.date())
        .agg(pl.col("funding_rate").sum(), pl.len())
        .select(pl.concat_str("symbol", "settled_at", separator=" "), "funding_rate")
        .iter_rows()
    )
    assert sums["BTCUSDT 2021-01-16"] == Decimal("0.00111069")
    assert sums["BTCUSDT 2021-01-17"] == Decimal("0.00073385")
    assert sums["AXSUSDT 2026-01-17"] == Decimal("-0.04092171")  # 10 settlements: 8 h, then 1 h
    assert sums["AXSUSDT 2026-01-26"] == Decimal("-0.02472737")  # 12 settlements: 1 h, then 4 h


def test_api_answers_of_archived_settlements_agree_and_are_not_counted_twice() -> None:
    pattern = "**/BTCUSDT-fundingRate-2026-0[1-3].zip"
    archive = recorded(SourceKind.ARCHIVE, pattern)
    both = partitions(*archive, *recorded(SourceKind.DUMP, "fapi-v1-fundingRate/BTCUSDT.json"))
    alone = rows(partitions(*archive))
    assert not any(p.conflicts.height for p in both)
    kept = rows(both)
    assert kept.filter(pl.col("source") == "archive").equals(alone)
    read, new, duplicate = counted(both)["BTCUSDT.json"]
    assert (read, new) == (200, kept.height - alone.height)
    assert duplicate == read - new > 0


def test_daily_and_four_hourly_open_interest_are_one_series() -> None:
    found = partitions(
        *recorded(SourceKind.DUMP, "futures-data-openInterestHist/*/BTCUSDT.json"),
        *recorded(SourceKind.DUMP, "futures-data-openInterestHist/*/1000PEPEUSDT.json"),
    )
    assert not any(p.conflicts.height for p in found)
    day = rows([p for p in found if p.date == date(2026, 3, 1)])
    assert set(day["sample_interval_minutes"]) == {240}
    btc = day.filter(pl.col("symbol") == "BTCUSDT")
    assert btc.height == 6
    assert btc["open_interest_coin"][0] == 77361.251
    assert btc["open_interest_usd"][-1] == 5206763286.093143
    pepe = day.filter(pl.col("symbol") == "1000PEPEUSDT")
    assert set(pepe["base_asset"]) == {"PEPE"}
    assert pepe["open_interest_coin"].equals(
        (pepe["open_interest_native"] * 1000).alias("open_interest_coin")
    )


def test_instrument_answers_state_contract_sizes() -> None:
    answers = read_instruments(VENUE, recorded(SourceKind.DUMP, "instruments.json"))
    sizes = dict(answers.select("symbol", "contract_size").iter_rows())
    assert len(sizes) == 36
    assert (sizes["BTCUSD_PERP"], sizes["ETHUSD_PERP"]) == (100.0, 10.0)
