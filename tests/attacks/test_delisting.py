"""What a venue stopped listing is not asked for for ever."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.run import Days
from flows.stages.ingest.symbols import listed_symbols
from flows.storage import raw_shelf
from tests.stages.given import run_of
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venues.binance import VENUE

NO_END = 4133404800000  # 2100-12-25, as exchangeInfo has it for perpetuals


def milliseconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def answer(day: str, *listed: tuple[str, str, int]) -> tuple[str, bytes]:
    """An exchangeInfo served on `day`: symbol, onboard day, delivery in ms."""
    symbols = [
        {
            "symbol": symbol,
            "baseAsset": symbol.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "onboardDate": milliseconds(onboard),
            "deliveryDate": delivery,
        }
        for symbol, onboard, delivery in listed
    ]
    said = {"serverTime": milliseconds(day), "symbols": symbols}
    return f"fapi-v1-exchangeInfo/{day}.json", json.dumps(said).encode()


ANSWERS = [
    answer("2025-01-01", ("BTCUSDT", "2019-09-08", NO_END), ("OLDUSDT", "2021-03-01", NO_END)),
    # The end is announced: 2025-02-03 09:00.
    answer(
        "2025-02-01",
        ("BTCUSDT", "2019-09-08", NO_END),
        ("OLDUSDT", "2021-03-01", milliseconds("2025-02-03") + 9 * 3_600_000),
    ),
    # The name is given to another coin.
    answer("2025-06-02", ("BTCUSDT", "2019-09-08", NO_END), ("OLDUSDT", "2025-06-01", NO_END)),
]


@pytest.mark.parametrize(
    ("day", "listed"),
    [
        (date(2024, 12, 1), ["BTCUSDT", "OLDUSDT"]),
        (date(2025, 2, 3), ["BTCUSDT", "OLDUSDT"]),  # until 09:00
        (date(2025, 2, 4), ["BTCUSDT"]),
        (date(2025, 5, 31), ["BTCUSDT"]),
        (date(2025, 6, 1), ["BTCUSDT", "OLDUSDT"]),
    ],
)
def test_an_announced_end_counts_from_then_on(tmp_path: Path, day: date, listed: list[str]) -> None:
    run = run_of(tmp_path, VENUE, api="https://fapi.example")
    records = []
    for path, content in ANSWERS:
        found = VENUE.feed_for(SourceKind.API, path)
        assert found is not None
        feed, facts = found
        file = raw_shelf.described(
            venue=VENUE.name,
            source=SourceKind.API,
            path=path,
            content=content,
            source_url=path,
            checksum=ChecksumVerdict.ABSENT,
            etag=None,
            fetched_at=datetime(2025, 6, 2, tzinfo=UTC),
            feed=feed.name,
            facts=facts,
        )
        records.append(raw_shelf.shelve(run.store, file, content))
    raw_shelf.record(run.ledger, records)
    assert listed_symbols(run, VENUE.name, Days(day, day)) == listed
