"""Rows of the venue tables: what they were made from, and whether it comes to them."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest

from flows.explain import raw_files
from flows.explain.inputs import State
from flows.explain.question import VENUE_TABLES
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store
from flows.storage.partitions import Layer
from tests.explain.conftest import Markets
from tests.flows.conftest import DAY, FIRST, LAST, Lake
from tests.raw_files import newest
from transforms.schemas.published import PUBLISHED_TABLES, primary_key

A_FEW = 6
"""Rows of each table that are asked about."""


def keys(lake: Lake, table: str) -> list[tuple[Any, ...]]:
    """Some rows' keys, spread over the table."""
    names = ", ".join(primary_key(PUBLISHED_TABLES[table]))
    every = lake.sql(f"SELECT {names} FROM {table} ORDER BY ALL")  # noqa: S608 - ours
    return every[:: max(1, len(every) // A_FEW)]


@pytest.mark.parametrize("table", VENUE_TABLES)
def test_every_row_comes_out_of_its_rows_again(markets: Markets, table: str) -> None:
    asked = keys(markets, table)
    assert asked
    for key in asked:
        said = markets.explain(table, *key)
        assert said["found"]
        assert said["inputs"] == said["inputs"] | {"as_built": True, "differing": []}
        assert [each for each in said["recomputed"] if not each["equal"]] == []
        columns = set(PUBLISHED_TABLES[table].columns()) - set(said["key"])
        assert {each["column"] for each in said["recomputed"]} == columns
        assert said["raw_files"]
        assert said["raw_is_sound"]
        assert {file["found"] for file in said["raw_files"]} == {"same bytes"}
        # Each row is a record of one of the files, and the other way round.
        rows = sorted((row["raw_key"], row["raw_row"]) for row in said["rows"])
        listed = [(file["key"], n) for file in said["raw_files"] for n in file["records"]]
        assert sorted(listed) == rows


def test_a_sum_is_that_of_the_rows_shown(markets: Markets) -> None:
    said = markets.explain("funding_daily", LAST, "binance", "BTCUSDT")
    (total,) = (v["value"] for v in said["values"] if v["column"] == "funding_rate_sum")
    assert len(said["rows"]) == 3
    assert float(sum(row["funding_rate"] for row in said["rows"])) == total
    # The 30 days of January before it: the archive's file is the month's.
    days = [(day["date"], day["rows"]) for day in said["window"]["days"]]
    assert days == [(LAST - n * DAY, 3) for n in reversed(range(1, 31))]


def test_null_is_explained(markets: Markets) -> None:
    said = markets.explain(
        "open_interest_daily", FIRST, "binance", "BTCUSDT", column="open_interest_change_coin"
    )
    (value,) = said["values"]
    assert value["value"] is None
    assert value["null_means"] == "no row for the previous day"
    assert value["formula"] == "open_interest_coin_close − the previous day's"


def test_an_hour_has_the_events_of_that_hour(markets: Markets) -> None:
    ((day, venue, symbol, hour, count),) = markets.sql(
        "SELECT date, venue, symbol, hour, long_count + short_count FROM liquidations_hourly "
        "ORDER BY ALL LIMIT 1"
    )
    said = markets.explain("liquidations_hourly", day, venue, symbol, f"{hour:%H:%M}")
    assert len(said["rows"]) == count
    assert {row["liquidated_at"].hour for row in said["rows"]} == {hour.hour}


def test_records_are_read_from_the_bytes_and_parsed_again(markets: Markets) -> None:
    for venue in ("binance", "bybit"):
        said = markets.explain("open_interest_daily", LAST, venue, "BTCUSDT", raw_rows=2)
        assert len(said["records"]) == 4
        for record in said["records"]:
            assert record["reread"]
            assert record["why"] is None or "together with what stands around" in record["why"]
            (row,) = (
                r
                for r in said["rows"]
                if (r["raw_key"], r["raw_row"]) == (record["raw_key"], record["raw_row"])
            )
            # Every digit of the amount stands in the record as the venue wrote it.
            assert f"{row['open_interest_native']:.10g}" in record["text"]


def test_a_partition_rebuilt_since_is_told(own: Markets) -> None:
    """A parser or a file changed after the publish: the rows are no longer those of the build."""
    store = open_store(own.settings.lake, own.settings.s3.options())
    layer = Layer(store, Ledger(store, "later"), "normalised")
    key = layer.key("funding_rates", "binance", LAST)
    rows = pl.read_parquet(io.BytesIO(store.get(key)))
    doubled = rows.with_columns((pl.col("funding_rate") * 2).cast(rows.schema["funding_rate"]))
    layer.record([layer.write("funding_rates", "binance", LAST, doubled, "other")])

    said = own.explain("funding_daily", LAST, "binance", "BTCUSDT", column="funding_rate_sum")
    assert said["inputs"]["as_built"] is False
    assert [(d["date"], d["state"]) for d in said["inputs"]["differing"]] == [(LAST, State.REBUILT)]
    (differing,) = said["recomputed"]
    assert not differing["equal"]
    assert differing["computed"] == 2 * differing["published"]


def test_a_partition_altered_behind_the_ledger_is_told(own: Markets) -> None:
    path = own.root / f"normalised/funding_rates/venue=binance/date={LAST}/rows.parquet"
    other = path.parent.parent / f"date={LAST - DAY}" / "rows.parquet"
    path.write_bytes(other.read_bytes())
    said = own.explain("funding_daily", LAST, "binance", "BTCUSDT")
    assert [d["state"] for d in said["inputs"]["differing"]] == [State.ALTERED]


def test_files_too_large_to_be_hashed_are_looked_for_in_their_pack(
    own: Markets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_files, "HASHED_BYTES", 0)

    def looked_at() -> dict[str, Any]:
        said = own.explain("funding_daily", LAST, "binance", "BTCUSDT")
        (one,) = said["raw_files"]
        return dict(one)

    assert looked_at()["found"] == "same size, not hashed"
    file = newest(own.root, looked_at()["key"])
    assert file.packed
    file.cut()
    assert looked_at()["found"] == "altered"
    file.file.unlink()
    assert looked_at()["found"] == "gone"


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_raw_file_is_detected(own: Markets, damage: str) -> None:
    whole = own.explain("funding_daily", LAST, "binance", "BTCUSDT")
    assert whole["raw_is_sound"]
    (key,) = {row["raw_key"] for row in whole["rows"]}
    file = newest(own.root, key)
    assert file.packed
    file.file.chmod(0o600)
    if damage == "gone":
        file.file.unlink()
    else:
        file.flip()  # the same size, one bit apart
    said = own.explain("funding_daily", LAST, "binance", "BTCUSDT", raw_rows=0)
    assert {f["key"]: f["found"] for f in said["raw_files"]}[key] == damage
    assert not said["raw_is_sound"]
    assert {record["text"] for record in said["records"]} == {None}
    assert all(damage in record["why"] for record in said["records"])
    # What was normalised from it is still there, and still the build's.
    assert said["inputs"]["as_built"] is True
