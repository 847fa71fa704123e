"""Files made up in a test as a venue's feeds are given them, parsed and normalised."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl

from tests.venues import recorded
from tests.venues.recorded import DATA, dumps, feed_of
from transforms.normalise import normalise, read_instruments
from transforms.payload import Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Venue


def payload(
    venue: Venue, path: str, content: bytes | str, source: SourceKind = SourceKind.DUMP
) -> Payload:
    text = content.encode() if isinstance(content, str) else content
    return recorded.payload(venue, path, text, source)


def parse(venue: Venue, *payloads: Payload) -> Parsed:
    """All payloads through the one feed that reads them."""
    [feed] = {feed.name: feed for feed in (feed_of(venue, p) for p in payloads)}.values()
    return feed.parse(payloads)


def lines(*messages: object) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def normalised(venue: Venue, dataset: str, day: date, *payloads: Payload) -> pl.DataFrame:
    """The rows of one day, with the instruments that the payloads list."""
    listing = [p for p in payloads if "instruments" in feed_of(venue, p).datasets]
    answers = read_instruments(venue, listing) if listing else None
    done = normalise(venue, payloads, day, day, answers)
    return pl.concat([p.rows for p in done.partitions if p.dataset == dataset])


def recorded_payloads(venue: Venue, below: str = "") -> list[Payload]:
    """Recorded dump files whose paths begin with `below`."""
    found = [p for files in dumps(venue).values() for p in files if p.path.startswith(below)]
    assert found
    return found


def messages(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Recorded messages of a channel file, each with what was published about it."""
    root = DATA / "messages"
    told = (root / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    expected = (root / f"{name}.expected.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(told) == len(expected) > 0
    return [(json.loads(m), json.loads(e)) for m, e in zip(told, expected, strict=True)]


def settlements(parsed: Parsed, symbol: str) -> pl.DataFrame:
    return parsed.rows["funding_rates"].filter(pl.col("symbol") == symbol).sort("settled_at")
