"""What a recording of one instrument says of the others: nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from transforms.daily.grain import IDENTITY
from transforms.daily.liquidation_feed import covered
from transforms.instruments import InstrumentBook
from transforms.normalise import normalise
from transforms.payload import Payload
from transforms.schemas.column import SourceKind
from transforms.venues.binance import VENUE

DAY = date(2025, 1, 26)


def symbol_of(path: str) -> str | None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None, path
    assert found[0].name == "dump-forceOrder"
    return found[1].symbol


@pytest.mark.parametrize(
    "path",
    [
        "ws-forceOrder/BTCUSDT.jsonl",
        "ws-forceOrder/BTCUSDT/2025-01-26.jsonl.gz",
        "ws-forceOrder/2025-01-26/BTCUSDT.jsonl",
        "ws-forceOrder/BTCUSDT-2025-01-26.jsonl",
        "ws-forceOrder/btcusdt@forceOrder.jsonl",
    ],
)
def test_the_instrument_is_in_the_path(path: str) -> None:
    assert symbol_of(path) == "BTCUSDT"


@pytest.mark.parametrize(
    "path",
    [
        "ws-forceOrder/2025-01-26.jsonl",
        "ws-forceOrder/2025-01-26_2025-02-06.jsonl",
        "ws-forceOrder/2025-06-23-a-big.jsonl",
        "ws-forceOrder/all.jsonl",
        "ws-forceOrder/!forceOrder@arr.jsonl",
        "ws-forceOrder/usdt/segment-000001.jsonl.zst",
    ],
)
def test_any_other_name_is_the_whole_market(path: str) -> None:
    assert symbol_of(path) is None


def order(symbol: str) -> str:
    stamp = int(datetime(2025, 1, 26, 9, tzinfo=UTC).timestamp()) * 1000
    said = {"s": symbol, "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "2", "p": "9", "ap": "10"}
    return json.dumps(
        {"e": "forceOrder", "E": stamp, "o": said | {"X": "FILLED", "l": "2", "z": "2", "T": stamp}}
    )


@pytest.mark.parametrize(
    ("path", "heard", "known"),
    [
        ("ws-forceOrder/BTCUSDT/2025-01-26.jsonl", ["BTCUSDT"], ["BTCUSDT"]),
        # Its name does not say so, but only one instrument can be heard in it.
        ("ws-forceOrder/2025-01-26.jsonl", ["BTCUSDT"], ["BTCUSDT"]),
        # The market, and so a zero for ETHUSDT.
        (
            "ws-forceOrder/2025-01-26.jsonl",
            ["BTCUSDT", "XRPUSDT"],
            ["BTCUSDT", "ETHUSDT", "XRPUSDT"],
        ),
    ],
)
def test_only_a_recording_of_the_market_knows_zeros(
    path: str, heard: list[str], known: list[str]
) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None
    content = "\n".join(map(order, heard)).encode()
    payload = Payload("raw/one", path, content, SourceKind.DUMP, found[1], datetime.now(UTC))
    (partition,) = normalise(VENUE, [payload], DAY, DAY, None).partitions
    assert partition.rows.height == len(heard)
    events = partition.rows.select(
        "symbol", "side", *IDENTITY, date=pl.lit(DAY), raw_key=pl.lit("raw/one")
    )
    accounting = partition.accounting.with_columns(date=pl.lit(DAY))
    listed = InstrumentBook.of(VENUE, None, ["BTCUSDT", "ETHUSDT", "XRPUSDT"]).table()
    listed = listed.with_columns(listing=pl.lit(1)) if "listing" not in listed.columns else listed
    assert covered(events, accounting, listed)["symbol"].sort().to_list() == known
