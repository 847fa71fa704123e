"""Files handed to a venue's feeds, one by one or all the way to normalised rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from transforms.normalise import Partition, normalise, read_instruments
from transforms.payload import Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Feed, Request, Venue, Window

DATA = Path(__file__).parents[3] / "shared" / "data"
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)


def payload(
    venue: Venue,
    path: str,
    content: bytes | object,
    *,
    source: SourceKind = SourceKind.DUMP,
    fetched_at: datetime = datetime(2026, 9, 1, tzinfo=UTC),
) -> Payload:
    """A file of `venue`; content that is not bytes is written as JSON."""
    found = venue.feed_for(source, path)
    assert found is not None, f"no {source} feed of {venue.name} reads {path}"
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Payload(f"raw/{path}", path, text, source, found[1], fetched_at)


def lines(*messages: object) -> bytes:
    return "".join(json.dumps(message) + "\n" for message in messages).encode()


def parsed(venue: Venue, path: str, content: bytes | object) -> Parsed:
    """What the feed of a dump's path makes of one file; rows and rejected add up to what was
    read."""
    given = payload(venue, path, content)
    feed = feed_of(venue, SourceKind.DUMP, path)
    result = feed.parse([given])
    for dataset, rows in result.rows.items():
        read = result.read.filter(pl.col("dataset") == dataset)["rows_read"].sum()
        rejected = result.rejected.filter(pl.col("dataset") == dataset).height
        assert rows.height + rejected == read
    return result


def feed_of(venue: Venue, source: SourceKind, path: str) -> Feed:
    found = venue.feed_for(source, path)
    assert found is not None
    return found[0]


def recorded(venue: Venue, folder: str) -> dict[str, Parsed]:
    """Every recorded file below `dumps/{folder}`, read by the feed of its path."""
    root = DATA / "dumps" / folder
    found = {
        file.relative_to(root).as_posix(): parsed(
            venue, file.relative_to(root).as_posix(), file.read_bytes()
        )
        for file in sorted(root.rglob("*.json*"))
    }
    assert found
    return found


def messages(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "messages" / name).read_text().splitlines()]


def day_sum(rows: pl.DataFrame, day: date) -> Decimal:
    """Of the settlements of a UTC day, exactly."""
    return sum(of_day(rows, day).values(), Decimal())


def of_day(rows: pl.DataFrame, day: date) -> dict[str, Decimal]:
    found = rows.filter(pl.col("settled_at").dt.date() == day).sort("settled_at")
    stamps = found["settled_at"].dt.strftime("%H:%M")
    return dict(zip(stamps, found["funding_rate"], strict=True))


def steps_hours(rows: pl.DataFrame) -> dict[float, int]:
    """How often each distance between settlements occurs, in hours."""
    steps = rows["settled_at"].sort().diff().drop_nulls().dt.total_minutes() / 60
    return dict(steps.value_counts().sort("settled_at").iter_rows())


def normalised(
    venue: Venue,
    files: list[Payload],
    first: date,
    last: date | None = None,
    *,
    instruments: list[Payload] | None = None,
) -> dict[str, Partition]:
    """Partitions of one or several days by dataset; of several days the last one."""
    answers = read_instruments(venue, instruments) if instruments else None
    result = normalise(venue, files, first, last or first, answers)
    return {partition.dataset: partition for partition in result.partitions}


def asked(venue: Venue, feed: str, window: Window) -> list[Request]:
    """A feed's questions; each lies where its own feed finds it, within the venue's limits."""
    [asking] = [f for f in venue.feeds if f.name == feed]
    assert asking.requests is not None
    requests = list(asking.requests(window))
    assert len({request.path for request in requests}) == len(requests)
    for request in requests:
        check_own(venue, asking, request)
    return requests


def check_own(venue: Venue, feed: Feed, request: Request) -> None:
    found = venue.feed_for(SourceKind.API, request.path)
    assert found is not None
    assert found[0] is feed
    assert request.host in venue.api_hosts
    assert request.weight <= venue.rate_limits[request.pool].weight
